//! Shards: threads that hold connections, one per core.
//!
//! A shard owns its sockets, its table and its counts, and shares nothing: everything it is told comes through its mailbox,
//! everything it has to say goes to the hub, the hooks or the generic door over bounded queues, and it waits for none of
//! them. A connection at rest is one table entry and one socket: no task, no buffer, no timer.
//!
//! - `reactor`: the loop. `guests`: sockets before their stream opens, or after it closes. `judge`, `posted`: what a request
//!   asks for. `lean`, `posts`: reading it and acting on it.
//! - `arrive`: a connection opens. `receive`: a client speaks. `deliver`: messages go out. `readers`: stats do. `sweep`:
//!   time passes. `questions`: questions about its table.

mod arrive;
#[cfg(test)]
pub(crate) mod busy;
mod deferred;
mod deliver;
mod guests;
mod handshakes;
mod judge;
mod lean;
mod listen;
mod mail;
mod mailbox;
mod nudges;
mod outlets;
mod peer;
mod posted;
mod posts;
mod questions;
mod reactor;
mod readers;
mod receive;
pub(crate) mod remote;
mod roll;
mod spread;
mod sweep;
mod tap;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use headcount_core::connection::ConnectionKey;
use headcount_core::feed::Tick;
use headcount_core::invalidation::Standing;
use headcount_core::protocol::stats::StatsMessage;
use headcount_core::questions::{Answer, Question};
use headcount_core::registry::Reach;
use headcount_core::route;
use headcount_core::stats::Form;
use mio::{Poll, Token, Waker};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::admission::Candidate;
use crate::authorize::Credentials;
use crate::mark::Mark;
use crate::metrics::{Count, Meters};
use crate::site::{Seat, Site};
use guests::Request;
use mailbox::Mailbox;
use remote::RemoteLink;
use roll::Roll;

pub(crate) use judge::websocket_accept;
#[cfg(test)]
pub(crate) use judge::{Judge, Judgement};
pub(crate) use outlets::{AuthorizeJob, Handoff, Happening, Outlets, ShardEvent, Subscribing, Witness};
pub(crate) use tap::{SLICE_ROWS, Tap, TapNews, Wants};

/// Commands that may wait for a shard before further ones are turned away.
const MAILBOX_MAX: usize = 65_536;

/// Something a shard is told.
pub(crate) enum Mail {
    /// Accept on this listener from now on, and share what is accepted with shards that have none.
    Listen {
        listener: mio::net::TcpListener,
        share: bool,
    },
    /// Accept no more.
    StopListening,
    /// A socket to serve: just accepted, or partly read by another shard.
    Serve(Request),
    /// A connection that may open.
    Open(Box<Arrival>),
    /// Text that the client of a remote link sent, or any client by POST.
    Received { key: ConnectionKey, text: Box<str> },
    /// A client sent what asks for nothing, or has had its answer: a sign of life by POST, or what a remote link took care of.
    Spent { key: ConnectionKey },
    /// A remote link ended.
    Gone { key: ConnectionKey },
    /// A tab is on another page, said by POST.
    Navigate { key: ConnectionKey, route: Box<str> },
    /// A browser asks by POST for stats on this connection.
    Subscribe {
        key: ConnectionKey,
        form: Form,
        credentials: Option<Arc<Credentials>>,
        browser: Mark,
    },
    /// A subscription was admitted by these credentials: the shard says in which form it wants stats, and they follow.
    Admitted {
        key: ConnectionKey,
        credentials: Arc<Credentials>,
    },
    /// An admission ended and the authorizer is asked again: no stats until it answers.
    Suspend { key: ConnectionKey },
    /// A subscription was refused, or its admission ended.
    Refused { key: ConnectionKey },
    /// What changed, for all that are subscribed.
    Tick(Arc<Tick>),
    /// The numbers of a moment, for these subscribers.
    Snapshot {
        message: Arc<StatsMessage>,
        readers: Vec<ConnectionKey>,
    },
    /// A text for one tab.
    Send { key: ConnectionKey, text: Arc<str> },
    /// Other rules or releases.
    Standing(Box<NewStanding>),
    /// A question about its table. One that no one waits for any more is not answered.
    Ask {
        question: Question,
        reply: oneshot::Sender<Answer>,
    },
    /// Tell this reader what is open, slice by slice, and what happens.
    Tap(Tap),
    /// The reader of this tap has read a slice: tell the next.
    Replay { tap: u64 },
    /// The task of a remote link has told all that it read, and reads on when this is dropped.
    EndTurn(OwnedSemaphorePermit),
    /// Report changes to the hub now.
    Report { question: u64 },
    /// Tell everyone when to return, then close them, a slice at a time.
    Drain,
    /// Close what is left and end.
    Stop,
}

/// Other rules or releases, and what follows at once.
pub(crate) struct NewStanding {
    pub(crate) standing: Arc<Standing>,
    /// A message for all tabs.
    pub(crate) broadcast: Option<String>,
    /// The position of a rule whose matching tabs are told now.
    pub(crate) position: Option<usize>,
    /// Where to say how far that rule reaches.
    pub(crate) reply: oneshot::Sender<Reach>,
}

/// A connection that may open, and how to reach its tab.
pub(crate) struct Arrival {
    pub(crate) candidate: Candidate,
    pub(crate) place: Seat,
    pub(crate) link: NewLink,
    /// Bytes to send before anything else: the head of the HTTP answer, or nothing if that was sent.
    pub(crate) greeting: Vec<u8>,
    /// Bytes the client already sent after its request.
    pub(crate) early: Vec<u8>,
}

/// How to reach a tab.
pub(crate) enum NewLink {
    /// A socket that the shard takes over.
    Socket(mio::net::TcpStream),
    /// A task elsewhere that owns the socket.
    Remote(RemoteLink),
}

/// What a shard and its hub look at without asking.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Whether anyone is subscribed to stats.
    pub(crate) watched: AtomicBool,
    /// Whether the shard may report changes now.
    pub(crate) may_report: AtomicBool,
    /// Whether the shard has changes that it may not report yet.
    pub(crate) has_more: AtomicBool,
    /// Connections of this shard that are subscribed.
    pub(crate) subscribers: AtomicUsize,
}

/// One shard, seen from outside.
#[derive(Clone)]
pub(crate) struct Handle {
    mailbox: Arc<Mailbox<Mail>>,
    pub(crate) signals: Arc<Signals>,
    pub(crate) meters: Arc<Meters>,
    roll: Arc<Roll>,
}

impl Handle {
    /// Tells the shard something, unless too much waits already.
    pub(crate) fn offer(&self, mail: Mail) -> Result<(), Mail> {
        self.mailbox.offer(mail)
    }

    /// Tells the shard something that must not be lost. Only for what the sender bounds. False where the shard has ended.
    pub(crate) fn force(&self, mail: Mail) -> bool {
        self.mailbox.force(mail)
    }

    /// Whether the shard holds this connection now.
    pub(crate) fn holds(&self, key: ConnectionKey) -> bool {
        self.roll.is_open(key)
    }

    /// Lets the shard report its next changes.
    pub(crate) fn allow_report(&self) -> bool {
        self.signals.may_report.store(true, Ordering::SeqCst);
        let has_more = self.signals.has_more.load(Ordering::SeqCst);
        if has_more {
            self.mailbox.wake();
        }
        has_more
    }
}

/// All shards of a process.
#[derive(Clone)]
pub(crate) struct Shards {
    handles: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
    send_bytes_max: usize,
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards")
            .field("len", &self.handles.len())
            .finish_non_exhaustive()
    }
}

impl Shards {
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Handle> {
        self.handles.iter()
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Handle> {
        self.handles.get(number)
    }

    /// Asks a shard about its table. The question is dropped where there is no shard of this number, or it has ended.
    pub(crate) fn ask(&self, number: usize, question: impl Into<Question>) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        if let Some(shard) = self.get(number) {
            let question = question.into();
            shard.force(Mail::Ask { question, reply });
        }
        answer
    }

    /// The shard that holds this connection.
    pub(crate) fn of(&self, key: ConnectionKey) -> Option<&Handle> {
        self.handles.get(usize::from(key.shard))
    }

    /// Whether this very connection is open, or was a moment ago.
    #[cfg(feature = "bridge")]
    pub(crate) fn is_open(&self, key: ConnectionKey) -> bool {
        self.of(key).is_some_and(|shard| shard.roll.is_open(key))
    }

    /// Puts a connection on the route that was posted for it, soon. Whether it is open, the route is one, and its shard is
    /// not too far behind.
    pub(crate) fn post_route(&self, key: ConnectionKey, route: &str, route_bytes_max: u16) -> bool {
        let shard = self.leave_route(key, route, route_bytes_max);
        shard.is_some_and(|shard| {
            shard.mailbox.wake_for_waiting();
            true
        })
    }

    /// As [`Shards::post_route`], but lets the shard sleep. Returns the shard that must be woken; `None` if it has nothing
    /// to do.
    fn leave_route(&self, key: ConnectionKey, route: &str, route_bytes_max: u16) -> Option<&Handle> {
        let shard = self.of(key).filter(|shard| shard.holds(key))?;
        let Ok(route) = route::normalise(route, route_bytes_max.into()) else {
            shard.meters.one(Count::ReceivedBadRoute);
            return None;
        };
        let route = route.into();
        let left = shard.mailbox.leave(Mail::Navigate { key, route });
        left.ok().map(|()| shard)
    }

    /// Leaves a sign of life for a connection; lets its shard sleep. Whether it is open, and its shard is not too far behind.
    fn leave_sign(&self, key: ConnectionKey) -> bool {
        let shard = self.of(key).filter(|shard| shard.holds(key));
        shard.is_some_and(|shard| {
            shard.meters.one(Count::ReceivedOther);
            shard.mailbox.leave(Mail::Spent { key }).is_ok()
        })
    }

    /// The number of the shard for a new connection: always the same for one tab id; without one, the shards take turns.
    pub(crate) fn number_for(&self, tab: Option<u64>) -> usize {
        match tab {
            Some(tab) => usize::try_from(tab % self.handles.len() as u64).unwrap_or_default(),
            None => self.next.fetch_add(1, Ordering::Relaxed) % self.handles.len(),
        }
    }

    /// As [`Shards::number_for`], for a socket that shard `here` already holds: one without a tab id stays.
    pub(crate) fn number_for_lean(&self, tab: Option<u64>, here: u16) -> u16 {
        tab.map_or(here, |tab| {
            u16::try_from(self.number_for(Some(tab))).unwrap_or(here)
        })
    }

    /// The shard for a new connection.
    pub(crate) fn for_new(&self, tab: Option<u64>) -> &Handle {
        &self.handles[self.number_for(tab)]
    }

    pub(crate) fn send_bytes_max(&self) -> usize {
        self.send_bytes_max
    }
}

/// Starts the shards' threads. They end on [`Mail::Stop`].
pub(crate) fn start(
    site: &Arc<Site>,
    standing: &Arc<Standing>,
    outlets: &Outlets,
) -> std::io::Result<Shards> {
    let count = site.config.shards_count();
    let mut polls = Vec::with_capacity(count);
    let mut handles = Vec::with_capacity(count);
    for _ in 0..count {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Token(reactor::WAKER))?;
        handles.push(Handle {
            mailbox: Arc::new(Mailbox::new(waker, MAILBOX_MAX)),
            signals: Arc::default(),
            meters: Arc::default(),
            roll: Arc::new(Roll::new(site.config.limits.connections_max)),
        });
        polls.push(poll);
    }
    let shards = Shards {
        handles: handles.into(),
        next: Arc::default(),
        send_bytes_max: site.config.limits.send_bytes_max as usize,
    };
    for (number, poll) in polls.into_iter().enumerate() {
        // The number of cores of a machine fits.
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let shard = reactor::Shard::new(number, poll, &shards, site, standing, outlets);
        let (site, mailbox) = (
            Arc::clone(site),
            Arc::clone(&shards.handles[usize::from(number)].mailbox),
        );
        std::thread::Builder::new()
            .name(format!("headcount-shard-{number}"))
            .spawn(move || {
                site.vitals.run(&format!("shard {number}"), || shard.run());
                // After a panic, every waiting asker sees its question dropped.
                drop(mailbox.close());
            })?;
    }
    Ok(shards)
}
