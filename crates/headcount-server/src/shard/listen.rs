//! Accepting sockets.
//!
//! With one listener per shard the kernel spreads connections, and nothing passes between threads. With fewer listeners
//! than shards, the listening shards give sockets to all shards in rotation.

use std::io::{ErrorKind, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};

use super::Mail;
use super::guests::Request;
use super::reactor::{LISTENER, Shard};
use crate::descriptors::{Shortage, Spare};
use crate::error::FULL_ANSWER;
use crate::metrics::Count;

/// Sockets accepted before others are heard again.
const ACCEPTED_AT_ONCE: usize = 64;

/// How long to wait when the process has no file descriptor left: in that time the requests arrive of those that will be refused.
const EXHAUSTED_MS: u64 = 50;

/// A listener of a shard.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    share: bool,
    /// When to accept again although nothing new is said to have come: there was more, or no descriptor was left.
    again_ms: Option<u64>,
    shortage: Shortage,
    /// Whether no descriptor was left when this was last tried.
    is_short: bool,
}

/// Answers `503` to waiting sockets, with the one descriptor that is kept for this. Returns how many.
fn refuse_waiting(listener: &TcpListener, spare: &Spare) -> u64 {
    let refuse_one = || {
        let accepted = || listener.accept().map(|(stream, _)| refuse(stream));
        spare.lend(accepted).is_some_and(|accepted| accepted.is_ok())
    };
    let told = std::iter::repeat_with(refuse_one).take(ACCEPTED_AT_ONCE);
    told.take_while(|told| *told).count() as u64
}

/// Answers `503`, and closes.
fn refuse(mut stream: TcpStream) {
    // Unread bytes would make the system reset the socket, and its peer might not see the answer.
    let _nothing_yet = stream.read(&mut [0; 4_096]);
    let _taken_or_not = stream.write(FULL_ANSWER);
    let _gone = stream.shutdown(std::net::Shutdown::Write);
}

impl Shard {
    pub(super) fn listen(&mut self, mut socket: TcpListener, share: bool) {
        match self
            .poll
            .registry()
            .register(&mut socket, Token(LISTENER), Interest::READABLE)
        {
            Ok(()) => {
                self.listener = Some(Listener {
                    socket,
                    share,
                    again_ms: None,
                    shortage: Shortage::default(),
                    is_short: false,
                });
            }
            Err(error) => tracing::error!(%error, "a listener cannot be waited for"),
        }
    }

    pub(super) fn next_accept_ms(&self) -> Option<u64> {
        self.listener.as_ref().and_then(|listener| listener.again_ms)
    }

    pub(super) fn accept_again(&mut self) {
        if self
            .next_accept_ms()
            .is_some_and(|again_ms| again_ms <= self.now_ms)
        {
            self.accept();
        }
    }

    /// Accepts what has come, then reads it: by then the requests of the first have arrived.
    pub(super) fn accept(&mut self) {
        let now_ms = self.now_ms;
        let Some(listener) = &mut self.listener else {
            return;
        };
        if listener.is_short && listener.again_ms.is_some_and(|again_ms| now_ms < again_ms) {
            return;
        }
        let share = listener.share;
        let was_short = std::mem::take(&mut listener.is_short);
        listener.again_ms = Some(now_ms);
        let mut accepted = Vec::new();
        while accepted.len() < ACCEPTED_AT_ONCE {
            match listener.socket.accept() {
                Ok((stream, peer)) if self.site.spare.is_there() => {
                    accepted.push(Request::new(stream, peer));
                }
                Ok((stream, _)) => {
                    refuse(stream);
                    self.site.spare.restore();
                    self.meters.one(Count::RefusedDescriptors);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    listener.again_ms = None;
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
                        refuse_waiting(&listener.socket, &self.site.spare)
                    } else {
                        0
                    };
                    listener.shortage.note(now_ms, refused, &error, &self.meters);
                    listener.is_short = true;
                    listener.again_ms = Some(now_ms + EXHAUSTED_MS);
                    break;
                }
            }
        }
        for request in accepted {
            let number = if share {
                self.shards.number_for(None)
            } else {
                usize::from(self.number)
            };
            if number == usize::from(self.number) {
                self.on_socket(request);
            } else {
                self.tell_shard(number, Mail::Serve(request));
            }
        }
    }
}
