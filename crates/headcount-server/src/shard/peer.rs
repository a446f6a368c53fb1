//! What a shard keeps beside a registry entry: the way to the tab, and what is under way on it.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Write};
use std::sync::Arc;

use bytes::Bytes;
use headcount_core::session::Session;
use headcount_core::stats::Form;
use headcount_core::websocket::Decoder;
use mio::net::TcpStream;

use super::remote::{Queued, RemoteLink};
use crate::admission::Transport;
use crate::authorize::Credentials;
use crate::mark::Mark;

/// One tab, as its shard sees it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) link: Link,
    pub(super) transport: Transport,
    pub(super) life: Life,
    pub(super) stats: Subscription,
    /// Of its browser's cookie.
    pub(super) browser: Mark,
    /// Of what else its browser showed when it connected.
    pub(super) shown: Mark,
    pub(super) session: Session,
    pub(super) decoder: Decoder,
    pub(super) outbox: Option<Box<Outbox>>,
    pub(super) extras: Option<Box<Extras>>,
}

/// Whether a tab was heard since it was last visited, and whether it owes a sign of life. In one byte: a peer has no second one to spare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life(u8);

impl Life {
    const HEARD: u8 = 1;
    const OWES: u8 = 2;

    /// Of a tab that was just heard. One that `owes` is sent `keepalive` on either transport and answers it over SSE; over WebSocket
    /// its browser answers the pings.
    pub(super) fn new(owes: bool) -> Self {
        Self(Self::HEARD | if owes { Self::OWES } else { 0 })
    }

    /// It showed a sign of life.
    pub(super) fn note(&mut self) {
        self.0 |= Self::HEARD;
    }

    /// Whether it showed one since this was last asked.
    pub(super) fn take(&mut self) -> bool {
        let was_heard = self.0 & Self::HEARD != 0;
        self.0 &= !Self::HEARD;
        was_heard
    }

    pub(super) fn owes(self) -> bool {
        self.0 & Self::OWES != 0
    }
}

/// What most connections do not have.
#[derive(Debug, Default)]
pub(super) struct Extras {
    /// What its limit per address counts it as.
    pub(super) address: Option<u64>,
    /// The credentials that admitted it, so that it can ask again by message on the same stream. Other connections have
    /// none.
    pub(super) credentials: Option<Arc<Credentials>>,
}

/// Whether it gets stats, and the form that it asked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    None,
    /// The authorizers are being asked.
    Asked(Form),
    Admitted(Form),
}

/// The way to a tab.
#[derive(Debug)]
pub(super) enum Link {
    Socket(TcpStream),
    Remote(RemoteLink),
}

/// Bytes that a socket did not take yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// When the socket last took something, on the shard's clock.
    moved_ms: u64,
    /// Whether stats were left out since, so that a whole message must follow.
    pub(super) stats_missed: bool,
}

/// A piece of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    /// Made for this connection.
    Own(&'a [u8]),
    /// Shared by many: kept without a copy where it must wait.
    Shared(&'a Bytes),
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Taken, or waiting within the limits.
    Yes,
    /// The tab takes too little: close it.
    TooSlow,
    /// The way to the tab is gone: close it.
    Broken,
}

impl Part<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }

    fn keep_from(&self, start: usize) -> Bytes {
        match self {
            Self::Own(bytes) => Bytes::copy_from_slice(bytes.get(start..).unwrap_or_default()),
            Self::Shared(bytes) => bytes.slice(start.min(bytes.len())..),
        }
    }
}

impl Peer {
    pub(super) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Sends a message of at most four parts, at once where the socket takes it.
    pub(super) fn send(&mut self, parts: &[Part<'_>], now_ms: u64, bytes_max: usize) -> Sent {
        match &mut self.link {
            Link::Socket(socket) => {
                let written = match &self.outbox {
                    Some(_) => 0,
                    None => match write(socket, parts) {
                        Ok(written) => written,
                        Err(_) => return Sent::Broken,
                    },
                };
                let total: usize = parts.iter().map(|part| part.bytes().len()).sum();
                if written == total {
                    return Sent::Yes;
                }
                self.outbox
                    .get_or_insert_with(|| {
                        Box::new(Outbox {
                            moved_ms: now_ms,
                            ..Outbox::default()
                        })
                    })
                    .keep(parts, written, bytes_max)
            }
            Link::Remote(link) => match link.send(parts.iter().map(Part::bytes), now_ms, bytes_max) {
                Queued::Yes => Sent::Yes,
                Queued::TooSlow => Sent::TooSlow,
                Queued::Gone => Sent::Broken,
            },
        }
    }

    /// For how long its tab took nothing of what waits for it.
    pub(super) fn untouched_ms(&self, now_ms: u64) -> u64 {
        match (&self.link, &self.outbox) {
            (Link::Remote(link), _) => link.untouched_ms(now_ms),
            (Link::Socket(_), Some(outbox)) => now_ms.saturating_sub(outbox.moved_ms),
            (Link::Socket(_), None) => 0,
        }
    }

    /// Sends queued bytes, as far as the socket accepts them. Drops the outbox when it is empty, and returns whether stats
    /// were left out since.
    pub(super) fn flush(&mut self, now_ms: u64) -> Result<Flushed, std::io::Error> {
        let (Link::Socket(socket), Some(outbox)) = (&mut self.link, &mut self.outbox) else {
            return Ok(Flushed::Empty);
        };
        while let Some(front) = outbox.queue.front_mut() {
            let written = write(socket, &[Part::Shared(front)])?;
            if written == 0 {
                return Ok(Flushed::Waiting);
            }
            outbox.moved_ms = now_ms;
            outbox.bytes -= written;
            if written == front.len() {
                outbox.queue.pop_front();
            } else {
                let _sent = front.split_to(written);
            }
        }
        let missed = outbox.stats_missed;
        self.outbox = None;
        Ok(if missed {
            Flushed::StatsMissed
        } else {
            Flushed::Empty
        })
    }
}

/// What a flush left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Nothing.
    Empty,
    /// Nothing, but the latest stats are due.
    StatsMissed,
    /// Bytes that the socket did not take.
    Waiting,
}

impl Outbox {
    /// Keeps the rest of these parts after the bytes that were sent. One message is always kept, however long: `bytes_max` is for
    /// what piles up behind a socket that does not move, and stats of a large site are longer.
    fn keep(&mut self, parts: &[Part<'_>], mut skip: usize, bytes_max: usize) -> Sent {
        let waited = self.bytes;
        for part in parts {
            let length = part.bytes().len();
            if skip >= length {
                skip -= length;
                continue;
            }
            let rest = part.keep_from(skip);
            skip = 0;
            self.bytes += rest.len();
            self.queue.push_back(rest);
        }
        if waited > 0 && self.bytes > bytes_max {
            Sent::TooSlow
        } else {
            Sent::Yes
        }
    }
}

/// Writes as much as the socket takes: the number of bytes, 0 where it takes none now.
fn write(socket: &mut TcpStream, parts: &[Part<'_>]) -> std::io::Result<usize> {
    let mut slices = [
        IoSlice::new(&[]),
        IoSlice::new(&[]),
        IoSlice::new(&[]),
        IoSlice::new(&[]),
    ];
    debug_assert!(parts.len() <= slices.len());
    for (slice, part) in slices.iter_mut().zip(parts) {
        *slice = IoSlice::new(part.bytes());
    }
    loop {
        let outcome = match parts {
            [part] => socket.write(part.bytes()),
            _ => socket.write_vectored(&slices[..parts.len().min(4)]),
        };
        match outcome {
            Ok(written) => return Ok(written),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_at_rest_keeps_little() {
        assert!(size_of::<Peer>() <= 56, "{}", size_of::<Peer>());
    }

    #[test]
    fn one_message_is_kept_however_long_and_what_piles_up_behind_it_is_not() {
        let mut outbox = Outbox::default();
        assert_eq!(
            outbox.keep(&[Part::Own(b"head"), Part::Own(&[0; 1_000])], 2, 100),
            Sent::Yes
        );
        assert_eq!(outbox.bytes, 1_002);
        assert_eq!(outbox.keep(&[Part::Own(b"next")], 0, 100), Sent::TooSlow);
    }
}
