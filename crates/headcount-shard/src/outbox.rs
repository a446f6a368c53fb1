//! Writing to the socket of a tab, and the bytes that wait because the socket does not take them.
//!
//! Anything that takes bytes can stand for the socket.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Write};

use bytes::Bytes;

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
    pub(super) fn bytes(&self) -> &[u8] {
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
    /// Sends a message of at most four parts, at once where nothing waits before it and the socket takes it.
    pub(super) fn send(
        waiting: &mut Option<Box<Self>>,
        socket: &mut impl Write,
        parts: &[Part<'_>],
        now_ms: u64,
        bytes_max: usize,
    ) -> Sent {
        let written = match waiting {
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
        let begun = || {
            Box::new(Self {
                moved_ms: now_ms,
                ..Self::default()
            })
        };
        waiting.get_or_insert_with(begun).keep(parts, written, bytes_max)
    }

    /// Sends queued bytes, as far as the socket accepts them. Drops the outbox when it is empty, and returns whether stats
    /// were left out since.
    pub(super) fn flush(
        waiting: &mut Option<Box<Self>>,
        socket: &mut impl Write,
        now_ms: u64,
    ) -> std::io::Result<Flushed> {
        let Some(outbox) = waiting else {
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
        *waiting = None;
        Ok(if missed {
            Flushed::StatsMissed
        } else {
            Flushed::Empty
        })
    }

    /// For how long the socket took nothing.
    pub(super) fn untouched_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.moved_ms)
    }

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
fn write(socket: &mut impl Write, parts: &[Part<'_>]) -> std::io::Result<usize> {
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

    /// A socket with room for so many bytes.
    #[derive(Default)]
    struct Socket {
        room: usize,
        taken: Vec<u8>,
        is_broken: bool,
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.is_broken {
                return Err(ErrorKind::BrokenPipe.into());
            }
            let taken = bytes.len().min(self.room);
            if taken == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.room -= taken;
            self.taken.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_socket_does_not_take_follows_in_order_when_it_does() {
        let (mut waiting, mut socket) = (None, Socket::default());
        socket.room = 3;
        let shared = Bytes::from_static(b"world");
        let parts = [Part::Own(b"hello "), Part::Shared(&shared)];
        assert_eq!(Outbox::send(&mut waiting, &mut socket, &parts, 5, 100), Sent::Yes);
        socket.room = 100;
        let next = [Part::Own(b"!")];
        // Not before what waits, although there is room.
        assert_eq!(Outbox::send(&mut waiting, &mut socket, &next, 7, 100), Sent::Yes);
        assert_eq!(socket.taken, b"hel");
        assert_eq!(waiting.as_ref().unwrap().untouched_ms(9), 4);
        socket.room = 5;
        let flushed = Outbox::flush(&mut waiting, &mut socket, 20).unwrap();
        assert_eq!(flushed, Flushed::Waiting);
        assert_eq!(waiting.as_ref().unwrap().untouched_ms(21), 1);
        waiting.as_mut().unwrap().stats_missed = true;
        socket.room = 100;
        let flushed = Outbox::flush(&mut waiting, &mut socket, 30).unwrap();
        assert_eq!((flushed, waiting.is_none()), (Flushed::StatsMissed, true));
        assert_eq!(socket.taken, b"hello world!");
    }

    #[test]
    fn a_broken_socket_is_said_to_be_so() {
        let (mut waiting, mut socket) = (None, Socket::default());
        socket.is_broken = true;
        let parts = [Part::Own(b"x")];
        assert_eq!(
            Outbox::send(&mut waiting, &mut socket, &parts, 0, 100),
            Sent::Broken
        );
        assert!(waiting.is_none());
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
