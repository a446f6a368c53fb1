//! What a shard has to say to the rest of the process, and where it says it.
//!
//! All of these are bounded queues, and a shard waits for none of them. Who listens is not its business.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use headcount_core::stats::{Form, Report};
use tokio::sync::mpsc;

use super::peer::Subscription;
use super::witness::Witness;
use crate::authorize::{AuthorizeRequest, Credentials};
use crate::clock;
use crate::site::Site;

/// Where a shard says what it has to say.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) reports: mpsc::Sender<ShardEvent>,
    /// Apart from the other events, so that requests for stats crowd out nothing.
    pub(crate) subscribing: mpsc::Sender<Subscribing>,
    pub(crate) witness: Witness,
    pub(crate) handoff: mpsc::Sender<Handoff>,
}

/// Something the hub is told by shards.
#[derive(Debug)]
pub(crate) enum ShardEvent {
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
    /// An admitted subscriber needs the numbers of this moment: it begins, or has caught up.
    Wants { key: ConnectionKey, form: Form },
    /// A subscriber is gone, or wants no more stats than it asked for up to this turn.
    Left { key: ConnectionKey, turn: u64 },
}

/// Something about a connection that wants stats and is not admitted.
#[derive(Debug)]
pub(crate) enum Subscribing {
    /// Authorizers must be waited for.
    Asks(AuthorizeJob),
    /// It is gone, or wants none of what it asked for up to this turn.
    Left { key: ConnectionKey, turn: u64 },
}

/// A question to the authorizers.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizeJob {
    pub(crate) key: ConnectionKey,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) credentials: Arc<Credentials>,
    /// Counts the questions of its shard. Questions and departures reach the hub over two queues, so their order does not
    /// show which came first.
    pub(crate) turn: u64,
}

impl AuthorizeJob {
    /// The question, asked now.
    pub(crate) fn question(&self, site: &Site) -> AuthorizeRequest {
        AuthorizeRequest {
            credentials: Arc::clone(&self.credentials),
            connection_id: site.cipher.id(self.key).to_string(),
            ip: self.ip,
            now_ms: clock::unix_ms(),
        }
    }
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
pub(crate) struct Handoff {
    pub(crate) stream: std::net::TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) read: Bytes,
}
