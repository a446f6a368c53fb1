//! What a shard is told.

use std::sync::Arc;

use headcount_core::cluster::{MovedTab, TabBooks};
use headcount_core::connection::{ConnectionKey, NodeId};
use headcount_core::feed::Tick;
use headcount_core::invalidation::Standing;
use headcount_core::protocol::stats::StatsMessage;
use headcount_core::questions::{Answer, Question};
use headcount_core::registry::Reach;
use headcount_core::stats::Form;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::census::Seat;
use crate::credentials::Credentials;
use crate::guests::Request;
use crate::link::RemoteLink;
use crate::mark::Mark;
use crate::newcomer::Newcomer;
use crate::tap::Tap;

/// Something a shard is told.
#[derive(Debug)]
#[expect(missing_docs, reason = "the words of a variant name its fields")]
pub enum Mail {
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
    /// These tabs are at another node of the cluster now: their connections here are closed. `newest` is the generation of the newest connection here
    /// whose coming the hub had heard of by then: later ones stay.
    LetGo {
        to: NodeId,
        tabs: Vec<MovedTab>,
        newest: u32,
    },
    /// What these tabs of this shard were told at another node.
    TakeOver { tabs: Vec<TabBooks> },
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
#[derive(Debug)]
pub struct NewStanding {
    /// What stands from now on.
    pub standing: Arc<Standing>,
    /// A message for all tabs.
    pub broadcast: Option<String>,
    /// The position of a rule whose matching tabs are told now.
    pub position: Option<usize>,
    /// Where to say how far that rule reaches.
    pub reply: oneshot::Sender<Reach>,
}

/// A connection that may open, and how to reach its tab.
#[derive(Debug)]
pub struct Arrival {
    /// What its request says.
    pub newcomer: Newcomer,
    /// Its place in the census.
    pub place: Seat,
    /// The way to it.
    pub link: NewLink,
    /// Bytes to send before anything else: the head of the HTTP answer, or nothing if that was sent.
    pub greeting: Vec<u8>,
    /// Bytes the client already sent after its request.
    pub early: Vec<u8>,
}

/// How to reach a tab.
#[derive(Debug)]
pub enum NewLink {
    /// A socket that the shard takes over.
    Socket(mio::net::TcpStream),
    /// A task elsewhere that owns the socket.
    Remote(RemoteLink),
}
