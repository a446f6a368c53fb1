//! Accepting sockets.
//!
//! With a listener of its own for every shard the kernel spreads connections and nothing passes between threads. Where
//! there are fewer listeners than shards, those that listen hand every shard its turn.

use std::io::ErrorKind;

use mio::net::TcpListener;
use mio::{Interest, Token};

use super::Command;
use super::guests::Request;
use super::reactor::{LISTENER, Shard};

/// Sockets accepted before others are heard again.
const ACCEPTED_AT_ONCE: usize = 64;

/// How long to wait when the process has no file descriptor left.
const EXHAUSTED_MS: u64 = 50;

/// A listener of a shard.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    share: bool,
    /// When to accept again although nothing new is said to have come: there was more, or no descriptor was left.
    again_ms: Option<u64>,
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
        let share = listener.share;
        listener.again_ms = Some(now_ms);
        let mut accepted = Vec::new();
        while accepted.len() < ACCEPTED_AT_ONCE {
            match listener.socket.accept() {
                Ok((stream, peer)) => accepted.push(Request::new(stream, peer)),
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
                    tracing::warn!(%error, "a connection cannot be accepted; trying again shortly");
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
                self.tell_shard(number, Command::Serve(request));
            }
        }
    }
}
