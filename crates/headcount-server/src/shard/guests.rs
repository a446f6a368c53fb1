//! Sockets that are no connections yet, or no longer: those whose request head is still arriving, and those that were sent
//! a last word and are given a moment to read it.
//!
//! Both wait a fixed time, so deadlines come in the order in which guests came, and looking at the front of a queue is
//! enough.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;
use mio::{Interest, Token};

use super::reactor::Shard;
use crate::metrics::Count;

/// Guests' tokens lie above those of slots.
const GUEST: usize = 1 << 33;

/// How long a socket may linger after its last word.
const LINGER_MS: u64 = 2_000;

/// Sockets that may linger at once; a further one is closed without waiting.
const LINGERING_MAX: usize = 1_024;

const TIMEOUT_ANSWER: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Whether a token is that of a guest.
pub(super) fn is_guest(token: usize) -> bool {
    token & GUEST != 0
}

/// A socket whose request head is still arriving.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) read: Vec<u8>,
}

#[derive(Debug)]
enum Guest {
    Head(Head),
    Lingering(TcpStream),
}

/// All guests of a shard, oldest first within their kind.
#[derive(Debug, Default)]
pub(super) struct Guests {
    places: Vec<Option<(u32, Guest)>>,
    free: Vec<usize>,
    /// Place, visit and deadline of each head and each lingering socket; stale where the visit ended.
    heads: VecDeque<(usize, u32, u64)>,
    lingering: VecDeque<(usize, u32, u64)>,
    lingering_count: usize,
    heads_count: usize,
    visits: u32,
}

impl Guests {
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        [self.heads.front(), self.lingering.front()]
            .into_iter()
            .flatten()
            .map(|(.., deadline)| *deadline)
            .min()
    }

    fn insert(&mut self, guest: Guest, deadline_ms: u64) -> usize {
        self.visits = self.visits.wrapping_add(1);
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        match guest {
            Guest::Head(_) => {
                self.heads_count += 1;
                self.heads.push_back((place, self.visits, deadline_ms));
            }
            Guest::Lingering(_) => {
                self.lingering_count += 1;
                self.lingering.push_back((place, self.visits, deadline_ms));
            }
        }
        self.places[place] = Some((self.visits, guest));
        place
    }

    fn remove(&mut self, place: usize) -> Option<Guest> {
        let (_, guest) = self.places.get_mut(place)?.take()?;
        self.free.push(place);
        match guest {
            Guest::Head(_) => self.heads_count -= 1,
            Guest::Lingering(_) => self.lingering_count -= 1,
        }
        Some(guest)
    }

    fn is_visiting(&self, place: usize, visit: u32) -> bool {
        self.places
            .get(place)
            .and_then(Option::as_ref)
            .is_some_and(|(current, _)| *current == visit)
    }

    /// The next head or lingering socket whose time is up, or whose visit ended meanwhile.
    fn take_due(&mut self, now_ms: u64) -> Option<Guest> {
        for queue in [
            Self::heads as fn(&mut Self) -> &mut VecDeque<(usize, u32, u64)>,
            Self::lingering,
        ] {
            while let Some((place, visit, deadline_ms)) = queue(self).front().copied() {
                let ended = !self.is_visiting(place, visit);
                if !ended && deadline_ms > now_ms {
                    break;
                }
                queue(self).pop_front();
                if !ended {
                    return self.remove(place);
                }
            }
        }
        None
    }

    fn heads(&mut self) -> &mut VecDeque<(usize, u32, u64)> {
        &mut self.heads
    }

    fn lingering(&mut self) -> &mut VecDeque<(usize, u32, u64)> {
        &mut self.lingering
    }

    /// Takes out the head that has waited longest.
    fn take_oldest_head(&mut self) -> Option<Guest> {
        while let Some((place, visit, _)) = self.heads.pop_front() {
            if self.is_visiting(place, visit) {
                return self.remove(place);
            }
        }
        None
    }
}

impl Shard {
    /// Waits for the rest of a request head.
    pub(super) fn await_head(&mut self, head: Head) {
        if self.guests.heads_count >= self.limits().heads_pending_max as usize {
            self.meters.one(Count::RefusedHeadsFull);
            drop(self.guests.take_oldest_head());
        }
        let deadline_ms = self.now_ms + u64::from(self.limits().head_ms);
        let place = self.guests.insert(Guest::Head(head), deadline_ms);
        self.register_guest(place);
    }

    /// Sends a last word and closes once the peer has, or after a moment: closing at once could destroy what it has not
    /// read yet.
    pub(super) fn linger(&mut self, mut stream: TcpStream, last_word: &[u8]) {
        if stream.write(last_word).is_err() || stream.shutdown(std::net::Shutdown::Write).is_err() {
            return;
        }
        if self.guests.lingering_count >= LINGERING_MAX {
            return;
        }
        // It may be registered as a connection; a guest has another token.
        let _not_registered = self.poll.registry().deregister(&mut stream);
        let place = self
            .guests
            .insert(Guest::Lingering(stream), self.now_ms + LINGER_MS);
        self.register_guest(place);
    }

    pub(super) fn on_guest(&mut self, token: usize) {
        let place = token & !GUEST;
        let Some(guest) = self.guests.places.get_mut(place) else {
            return;
        };
        match guest.take() {
            // Its deadline stays that of its arrival: a slow head is not faster for sending a byte at a time.
            Some((visit, Guest::Head(head))) => {
                if let Some(head) = self.read_head(head) {
                    self.guests.places[place] = Some((visit, Guest::Head(head)));
                } else {
                    self.guests.heads_count -= 1;
                    self.guests.free.push(place);
                }
            }
            Some((visit, Guest::Lingering(mut stream))) => {
                if has_more_to_discard(&mut stream, &mut self.scratch) {
                    self.guests.places[place] = Some((visit, Guest::Lingering(stream)));
                } else {
                    self.guests.lingering_count -= 1;
                    self.guests.free.push(place);
                }
            }
            None => {}
        }
    }

    /// Ends the visits whose time is up.
    pub(super) fn end_visits(&mut self) {
        while let Some(guest) = self.guests.take_due(self.now_ms) {
            if let Guest::Head(head) = guest {
                self.meters.one(Count::RefusedSlowHead);
                self.linger(head.stream, TIMEOUT_ANSWER);
            }
        }
    }

    fn register_guest(&mut self, place: usize) {
        let token = Token(place | GUEST);
        let registered = match self.guests.places.get_mut(place).and_then(Option::as_mut) {
            Some((_, Guest::Head(Head { stream, .. }) | Guest::Lingering(stream))) => {
                self.poll.registry().register(stream, token, Interest::READABLE)
            }
            None => return,
        };
        if registered.is_err() {
            self.guests.remove(place);
        }
    }
}

/// Reads and drops what a peer still sends. Whether there may be more later.
fn has_more_to_discard(stream: &mut TcpStream, scratch: &mut [u8]) -> bool {
    loop {
        match stream.read(scratch) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}
