//! The shards of a process, seen from outside.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use headcount_core::connection::ConnectionKey;
use headcount_core::questions::{Answer, Question};
use headcount_core::route;
use tokio::sync::oneshot;

use crate::mail::Mail;
use crate::mailbox::Mailbox;
use crate::meters::{Count, Meters};
use crate::roll::Roll;
use crate::signals::Signals;

/// One shard, seen from outside.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) mailbox: Arc<Mailbox<Mail>>,
    /// What the hub and this shard look at without asking.
    pub signals: Arc<Signals>,
    /// What this shard counts.
    pub meters: Arc<Meters>,
    pub(super) roll: Arc<Roll>,
}

impl Handle {
    /// Tells the shard something.
    ///
    /// # Errors
    ///
    /// Too much waits already, or the shard has ended: the mail comes back.
    pub fn offer(&self, mail: Mail) -> Result<(), Mail> {
        self.mailbox.offer(mail)
    }

    /// Tells the shard something that must not be lost. Only for what the sender bounds. False where the shard has ended.
    pub fn force(&self, mail: Mail) -> bool {
        self.mailbox.force(mail)
    }

    /// Whether the shard holds this connection now.
    pub fn holds(&self, key: ConnectionKey) -> bool {
        self.roll.is_open(key)
    }

    /// Whether anything waits for the shard.
    pub(super) fn has_waiting(&self) -> bool {
        self.mailbox.has_waiting()
    }

    /// Wakes the shard if anything waits that it was not woken for.
    pub(super) fn wake_for_waiting(&self) {
        self.mailbox.wake_for_waiting();
    }

    /// Lets the shard report its next changes.
    pub fn allow_report(&self) -> bool {
        self.signals.may_report.store(true, Ordering::SeqCst);
        let has_more = self.signals.has_more.load(Ordering::SeqCst);
        if has_more {
            self.mailbox.wake();
        }
        has_more
    }
}

/// All shards of a process.
#[derive(Clone, Default)]
pub struct Shards {
    pub(super) handles: Arc<[Handle]>,
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
    /// These shards. A text for one tab has at most `send_bytes_max` bytes.
    pub(super) fn new(handles: Vec<Handle>, send_bytes_max: u32) -> Self {
        Self {
            handles: handles.into(),
            next: Arc::default(),
            send_bytes_max: send_bytes_max as usize,
        }
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Handle> {
        self.handles.iter()
    }

    /// The one with this number.
    pub fn get(&self, number: usize) -> Option<&Handle> {
        self.handles.get(number)
    }

    /// Asks a shard about its table. The question is dropped where there is no shard of this number, or it has ended.
    pub fn ask(&self, number: usize, question: impl Into<Question>) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        if let Some(shard) = self.get(number) {
            let question = question.into();
            shard.force(Mail::Ask { question, reply });
        }
        answer
    }

    /// The shard that holds this connection.
    pub fn of(&self, key: ConnectionKey) -> Option<&Handle> {
        self.handles.get(usize::from(key.shard))
    }

    /// Whether this very connection is open, or was a moment ago.
    pub fn is_open(&self, key: ConnectionKey) -> bool {
        self.of(key).is_some_and(|shard| shard.roll.is_open(key))
    }

    /// Puts a connection on the route that was posted for it, soon. Whether it is open, the route is one, and its shard is
    /// not too far behind.
    pub fn post_route(&self, key: ConnectionKey, route: &str, route_bytes_max: u16) -> bool {
        let shard = self.leave_route(key, route, route_bytes_max);
        shard.is_some_and(|shard| {
            shard.mailbox.wake_for_waiting();
            true
        })
    }

    /// As [`Shards::post_route`], but lets the shard sleep. Returns the shard that must be woken; `None` if it has nothing
    /// to do.
    pub(super) fn leave_route(
        &self,
        key: ConnectionKey,
        route: &str,
        route_bytes_max: u16,
    ) -> Option<&Handle> {
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
    pub(super) fn leave_sign(&self, key: ConnectionKey) -> bool {
        let shard = self.of(key).filter(|shard| shard.holds(key));
        shard.is_some_and(|shard| {
            shard.meters.one(Count::ReceivedOther);
            shard.mailbox.leave(Mail::Spent { key }).is_ok()
        })
    }

    /// The number of the shard for a new connection: always the same for one tab id; without one, the shards take turns.
    pub fn number_for(&self, tab: Option<u64>) -> usize {
        match tab {
            Some(tab) => usize::try_from(tab % self.handles.len() as u64).unwrap_or_default(),
            None => self.next.fetch_add(1, Ordering::Relaxed) % self.handles.len(),
        }
    }

    /// As [`Shards::number_for`], for a socket that shard `here` already holds: one without a tab id stays.
    pub fn number_for_lean(&self, tab: Option<u64>, here: u16) -> u16 {
        tab.map_or(here, |tab| {
            u16::try_from(self.number_for(Some(tab))).unwrap_or(here)
        })
    }

    /// The shard for a new connection.
    pub fn for_new(&self, tab: Option<u64>) -> &Handle {
        &self.handles[self.number_for(tab)]
    }

    /// The longest text that one tab is sent, bytes.
    pub fn send_bytes_max(&self) -> usize {
        self.send_bytes_max
    }
}
