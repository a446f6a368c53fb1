//! What a shard has to say to the rest of the process, and where it says it.
//!
//! All of these are bounded queues, and a shard waits for none of them. Who listens is not its business.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use headcount_core::cluster::TabBooks;
use headcount_core::connection::{ConnectionKey, NodeId};
use headcount_core::stats::{Form, Report};
use tokio::sync::mpsc;

use crate::credentials::Credentials;
use crate::peer::Subscription;
use crate::witness::Witness;

/// Where a shard says what it has to say.
#[derive(Debug)]
pub struct Outlets {
    /// To the hub.
    pub reports: mpsc::Sender<ShardEvent>,
    /// Apart from the other events, so that requests for stats crowd out nothing.
    pub subscribing: mpsc::Sender<Subscribing>,
    /// To those who observe connections.
    pub witness: Witness,
    /// To the generic door.
    pub handoff: mpsc::Sender<Handoff>,
}

/// Something the hub is told by shards.
#[derive(Debug)]
#[expect(missing_docs, reason = "the words of a variant name its fields")]
pub enum ShardEvent {
    /// What changed in a shard; the answer to a question, if it has a number. A report is made once there is room for it in the queue, and the
    /// queue keeps the order. So none is missing, and the hub never asks for a whole one.
    Report {
        shard: u16,
        report: Report,
        question: Option<u64>,
    },
    /// A connection wants stats, and an authorizer that answers at once admits it.
    Admitted {
        job: AuthorizeJob,
        until_ms: u64,
        by: usize,
    },
    /// A tab has opened a connection. Only in a cluster: another node may hold an older one of this tab, or of a tab that was copied with its id,
    /// and what it was told there. `reloaded` are the rules for which it says that its page was reloaded.
    Came {
        key: ConnectionKey,
        tab: u64,
        reloaded: Arc<[u32]>,
    },
    /// Tabs are at another node now: what they were told here.
    HandOver { to: NodeId, tabs: Vec<TabBooks> },
    /// An admitted subscriber needs the numbers of this moment: it begins, or has caught up.
    Wants { key: ConnectionKey, form: Form },
    /// A subscriber is gone, or wants no more stats than it asked for up to this turn.
    Left { key: ConnectionKey, turn: u64 },
}

/// Something about a connection that wants stats and is not admitted.
#[derive(Debug)]
#[expect(missing_docs, reason = "the words of a variant name its fields")]
pub enum Subscribing {
    /// Authorizers must be waited for.
    Asks(AuthorizeJob),
    /// It is gone, or wants none of what it asked for up to this turn.
    Left { key: ConnectionKey, turn: u64 },
}

/// A question to the authorizers.
#[derive(Clone, Debug)]
pub struct AuthorizeJob {
    /// The connection that asks.
    pub key: ConnectionKey,
    /// Its address, if that may be kept.
    pub ip: Option<IpAddr>,
    /// What its browser showed.
    pub credentials: Arc<Credentials>,
    /// Counts the questions of its shard. Questions and departures reach the hub over two queues, so their order does not
    /// show which came first.
    pub turn: u64,
}

impl Outlets {
    /// Tells the hub that a subscriber, or a connection that asked to be one, is gone; `turn` counts the questions so far. If the
    /// queue is full, the hub learns it from the answer to its verdict.
    pub(super) fn say_left(&self, key: ConnectionKey, before: Subscription, turn: u64) {
        let _learned_later = match before {
            Subscription::Admitted(_) => self.reports.try_send(ShardEvent::Left { key, turn }).is_ok(),
            Subscription::None | Subscription::Asked(_) => {
                let left = Subscribing::Left { key, turn };
                self.subscribing.try_send(left).is_ok()
            }
        };
    }
}

impl Clone for Outlets {
    /// The same ways out. Taps are one shard's own.
    fn clone(&self) -> Self {
        Self {
            reports: self.reports.clone(),
            subscribing: self.subscribing.clone(),
            witness: self.witness.for_another(),
            handoff: self.handoff.clone(),
        }
    }
}

/// A socket that the lean door does not keep, with what was read of it.
#[derive(Debug)]
pub struct Handoff {
    /// The socket.
    pub stream: std::net::TcpStream,
    /// The address of its other end.
    pub peer: SocketAddr,
    /// What was read of it.
    pub read: Bytes,
}
