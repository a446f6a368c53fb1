//! Accepting sockets.
//!
//! With one listener per shard the kernel spreads connections, and nothing passes between threads. With fewer listeners
//! than shards, the listening shards give sockets to all shards in rotation.

use std::io::{ErrorKind, Read, Write};

use mio::net::{TcpListener, TcpStream};

use crate::guests::Request;
use crate::log::LOG;
use crate::meters::{Count, Meters};
use crate::spare::{Shortage, Spare};
use crate::token::Ready;
use crate::wire::Wire;

/// Sockets accepted before others are heard again.
const ACCEPTED_AT_ONCE: usize = 64;

/// How long to wait when the process has no file descriptor left: in that time the requests arrive of those that will be refused.
const EXHAUSTED_MS: u64 = 50;

/// A listener of a shard.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    /// Whether what is accepted is spread over all shards.
    pub(super) share: bool,
    full_answer: &'static [u8],
    /// When to accept again although nothing new is said to have come: there was more, or no descriptor was left.
    again_ms: Option<u64>,
    shortage: Shortage,
    /// Whether no descriptor was left when this was last tried.
    is_short: bool,
}

/// Answers `503` to waiting sockets, with the one descriptor that is kept for this. Returns how many.
fn refuse_waiting(listener: &TcpListener, spare: &Spare, full_answer: &[u8]) -> u64 {
    let refuse_one = || {
        let accepted = || listener.accept().map(|(stream, _)| refuse(stream, full_answer));
        spare.lend(accepted).is_some_and(|accepted| accepted.is_ok())
    };
    let told = std::iter::repeat_with(refuse_one).take(ACCEPTED_AT_ONCE);
    told.take_while(|told| *told).count() as u64
}

/// Answers `503`, and closes.
fn refuse(mut stream: TcpStream, full_answer: &[u8]) {
    // Unread bytes would make the system reset the socket, and its peer might not see the answer.
    let _nothing_yet = stream.read(&mut [0; 4_096]);
    let _taken_or_not = stream.write(full_answer);
    let _gone = stream.shutdown(std::net::Shutdown::Write);
}

impl Listener {
    /// Accepts on this socket from now on. `None` where it cannot be waited for.
    pub(super) fn new(
        mut socket: TcpListener,
        share: bool,
        wire: &Wire,
        full_answer: &'static [u8],
    ) -> Option<Self> {
        if let Err(error) = wire.watch(&mut socket, Ready::Listener) {
            tracing::error!(target: LOG, %error, "a listener cannot be waited for");
            return None;
        }
        Some(Self {
            socket,
            share,
            full_answer,
            again_ms: None,
            shortage: Shortage::default(),
            is_short: false,
        })
    }

    /// When to accept again although nothing new is said to have come.
    pub(super) fn again_ms(&self) -> Option<u64> {
        self.again_ms
    }

    /// Accepts what has come.
    pub(super) fn accept(&mut self, now_ms: u64, spare: &Spare, meters: &Meters) -> Vec<Request> {
        if self.is_short && self.again_ms.is_some_and(|again_ms| now_ms < again_ms) {
            return Vec::new();
        }
        let was_short = std::mem::take(&mut self.is_short);
        self.again_ms = Some(now_ms);
        let mut accepted = Vec::new();
        while accepted.len() < ACCEPTED_AT_ONCE {
            match self.socket.accept() {
                Ok((stream, peer)) if spare.is_there() => {
                    accepted.push(Request::new(stream, peer));
                }
                Ok((stream, _)) => {
                    refuse(stream, self.full_answer);
                    spare.restore();
                    meters.one(Count::RefusedDescriptors);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.again_ms = None;
                    break;
                }
                // The peer was gone before we came to it.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) => {}
                Err(error) => {
                    let refused = if was_short {
                        refuse_waiting(&self.socket, spare, self.full_answer)
                    } else {
                        0
                    };
                    self.shortage.note(now_ms, refused, &error, meters);
                    self.is_short = true;
                    self.again_ms = Some(now_ms + EXHAUSTED_MS);
                    break;
                }
            }
        }
        accepted
    }
}
