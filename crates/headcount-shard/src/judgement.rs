//! What to do with a socket, going by what was read of it. The server judges; here is what it can say.

use headcount_core::connection::ConnectionKey;

use crate::census::Seat;
use crate::newcomer::Newcomer;

/// Bytes read from a socket at once. One buffer serves all sockets of a shard.
pub const SCRATCH_BYTES: usize = 65_536;

/// What to do with a socket, going by what was read of it.
#[derive(Debug)]
pub enum Judgement {
    /// The request is not complete.
    Wait,
    /// Not for us, or not simple.
    HandOver,
    /// A stream for which there is no room.
    Refuse,
    /// A stream that may open.
    Open(Box<StreamOpening>),
    /// A route or a sign of life, posted: so many bytes of what was read.
    Post {
        /// What was posted.
        post: Post,
        /// The length of the request.
        bytes: usize,
    },
}

/// A stream that may open.
#[derive(Debug)]
pub struct StreamOpening {
    /// What its request says.
    pub newcomer: Newcomer,
    /// Its place in the census.
    pub place: Seat,
    /// The head of the answer.
    pub greeting: Vec<u8>,
    /// The length of the request's head.
    pub head_bytes: usize,
}

/// Which connection posted something, and what; `None` where the body says neither.
pub type Post = Option<(ConnectionKey, Posted)>;

/// What the lean door answers by itself.
#[derive(Debug)]
pub enum Posted {
    /// The tab shows this page.
    Route(String),
    /// The tab is still there.
    Alive,
}
