//! What shards are given: the terms of all connections, and a way to ask the server around them.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use headcount_core::connection::IdCipher;
use headcount_core::limits::Limits;

use crate::census::Census;
use crate::credentials::Credentials;
use crate::decision::Decision;
use crate::judgement::{Judgement, SCRATCH_BYTES};
use crate::mark::Mark;
use crate::meters::Meters;
use crate::outlets::AuthorizeJob;
use crate::spare::Spare;

/// What every connection depends on, fixed at start and shared by all shards.
#[derive(Debug)]
pub struct Terms {
    /// How many shards there are, 1 at least.
    pub shards: usize,
    /// Every bound.
    pub limits: Limits,
    /// Whether tabs say which page they show.
    pub route_tracking: bool,
    /// Makes connection ids.
    pub cipher: IdCipher,
    /// Whether the server is a node of a cluster, so that tabs may come from others.
    pub is_joined: bool,
    /// Who may ask for stats.
    pub asking: Asking,
    /// Counts the connections of all shards.
    pub census: Arc<Census>,
    /// The descriptor with which sockets are accepted if there is no room.
    pub spare: Arc<Spare>,
    /// The whole HTTP answer of a full server.
    pub full_answer: &'static [u8],
    /// The server around the shards.
    pub server: Arc<dyn Surroundings>,
}

impl Terms {
    /// How much of a request's head is read. Half the buffer at most, so that a body fits behind it.
    pub fn head_bytes_max(&self) -> usize {
        (self.limits.head_bytes_max as usize).min(SCRATCH_BYTES / 2)
    }
}

/// Who may ask for stats. Whether they get them, authorizers decide.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Connections may be shown at all. If not, every subscriber is refused.
    pub is_open: bool,
    /// The authorizers are asked about a browser that shows nothing.
    pub without_credentials: bool,
    /// A POST that asks for stats must come from the browser that opened the stream.
    pub same_browser: bool,
}

/// The server around the shards. None of this may wait.
pub trait Surroundings: fmt::Debug + Send + Sync {
    /// The time of day: milliseconds since the Unix epoch.
    fn unix_ms(&self) -> u64;

    /// Milliseconds of a clock that is never set.
    fn steady_ms(&self) -> u64;

    /// What these bytes of a socket ask for.
    fn judge(&self, read: &[u8], peer: SocketAddr, meters: &Meters) -> Judgement;

    /// What the authorizers say that answer at once; `None` if others must be asked.
    fn decide(&self, job: &AuthorizeJob) -> Option<Decision>;

    /// The mark of what a browser shows.
    fn mark(&self, shown: &Credentials) -> Mark;

    /// Sockets without an open stream that a shard may hold now.
    fn guests_max(&self) -> usize;

    /// A client asked for stats by message when what its handshake showed was forgotten.
    fn note_late_subscription(&self) {}

    /// A tab opened on this route. Tests order faults by it.
    fn on_route(&self, _route: &str) {}

    /// A part begins to do something. Tests let parts fail here.
    fn on_turn(&self, _part: &str) {}

    /// Runs a part on this thread, until its end. An error or a panic is an end before its time.
    fn run(&self, part: &str, run: Box<dyn FnOnce() -> std::io::Result<()> + Send>);
}
