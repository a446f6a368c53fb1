//! What a shard has to say to the rest of the process, and where it says it.
//!
//! All of these are bounded queues, and a shard waits for none of them. Who listens is not its business.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use headcount_core::stats::{Form, Report, Row};
use tokio::sync::mpsc;

use super::tap::Tapped;
use crate::authorize::{AuthorizeRequest, Credentials};
use crate::clock;
use crate::metrics::{Count, Meters};
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

/// Something that happened to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Opened(Row),
    Moved { key: ConnectionKey, route: Arc<str> },
    Closed(ConnectionKey),
}

impl Happening {
    /// Where the connection is or was held.
    pub(super) fn slot(&self) -> u32 {
        match self {
            Self::Opened(row) => row.key.slot,
            Self::Moved { key, .. } | Self::Closed(key) => key.slot,
        }
    }
}

impl Clone for Outlets {
    /// The same ways out. Taps are one shard's own.
    fn clone(&self) -> Self {
        Self {
            reports: self.reports.clone(),
            subscribing: self.subscribing.clone(),
            witness: Witness {
                hooks: self.witness.hooks.clone(),
                taps: Vec::new(),
            },
            handoff: self.handoff.clone(),
        }
    }
}

/// The observer of connections. Without an observer, which is the default, no event is built.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// The hooks of an embedding app.
    hooks: Option<(SyncSender<Happening>, Arc<AtomicU64>)>,
    /// Readers that come and go.
    taps: Vec<Tapped>,
}

impl Witness {
    /// An observer that reads this queue; `dropped` counts the events that did not fit.
    pub(crate) fn new(queue: SyncSender<Happening>, dropped: Arc<AtomicU64>) -> Self {
        Self {
            hooks: Some((queue, dropped)),
            taps: Vec::new(),
        }
    }

    pub(super) fn taps(&mut self) -> &mut Vec<Tapped> {
        &mut self.taps
    }

    /// Tells what `make` builds, or drops it where the hooks' queue is full.
    pub(super) fn tell(&mut self, meters: &Meters, make: impl FnOnce() -> Option<Happening>) {
        if self.hooks.is_none() && self.taps.is_empty() {
            return;
        }
        let Some(happening) = make() else { return };
        self.taps.retain(|tap| tap.tell(&happening));
        if let Some((queue, dropped)) = &self.hooks
            && queue.try_send(happening).is_err()
        {
            dropped.fetch_add(1, Ordering::Relaxed);
            meters.one(Count::HookDropped);
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
