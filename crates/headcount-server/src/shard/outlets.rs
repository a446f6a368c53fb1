//! What a shard has to say to the rest of the process, and where it says it.
//!
//! All of these are bounded queues, and a shard waits for none of them. Who listens is not its business.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::stats::Form;
use headcount_core::stats::{Changes, Row};
use tokio::sync::mpsc;

use crate::authorize::Credentials;
use crate::metrics::{Count, Meters};

/// Where a shard says what it has to say.
#[derive(Clone, Debug)]
pub(crate) struct Outlets {
    pub(crate) reports: mpsc::Sender<Report>,
    pub(crate) witness: Witness,
    pub(crate) handoff: mpsc::Sender<Handoff>,
}

/// Something for those who keep the numbers and admit to them.
#[derive(Debug)]
pub(crate) enum Report {
    /// What changed in a shard; the answer to a question, if it has a number.
    Changes {
        shard: usize,
        changes: Changes,
        question: Option<u64>,
    },
    /// A connection wants stats.
    Authorize(AuthorizeJob),
    /// An admitted subscriber needs the numbers of this moment: it begins, or has caught up.
    Wants { key: ConnectionKey, form: Form },
    /// A subscriber is gone, or wants no more stats.
    Left(ConnectionKey),
}

/// A question to the authorizers.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizeJob {
    pub(crate) key: ConnectionKey,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) credentials: Arc<Credentials>,
}

/// Something that happened to a connection.
#[derive(Debug)]
pub(crate) enum Happening {
    Opened(Row),
    Moved { key: ConnectionKey, route: Arc<str> },
    Closed(ConnectionKey),
}

/// Whoever wants to learn what happens to connections. Nobody, by default: then nothing is even built.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witness(Option<(SyncSender<Happening>, Arc<AtomicU64>)>);

impl Witness {
    /// A witness at the far end of this queue, who finds the number of those that did not fit in `dropped`.
    pub(crate) fn new(queue: SyncSender<Happening>, dropped: Arc<AtomicU64>) -> Self {
        Self(Some((queue, dropped)))
    }

    /// Tells what `make` builds, or drops it where the queue is full.
    pub(super) fn tell(&self, meters: &Meters, make: impl FnOnce() -> Option<Happening>) {
        let Some((queue, dropped)) = &self.0 else { return };
        if make().is_some_and(|happening| queue.try_send(happening).is_err()) {
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
