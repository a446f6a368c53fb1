//! Guests: sockets without an open stream. Their request is still arriving, or they wait for a further request, or they
//! were sent a last answer and have a moment to read it.
//!
//! Guests of a kind wait a fixed time, so their deadlines come in the order in which the waits began, and looking at the
//! front of a queue is enough.

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

/// Reads that one request may take. The longest that are looked at come in some twenty packets.
const READS_MAX: u16 = 1_024;

/// Whether a token is that of a guest.
pub(super) fn is_guest(token: usize) -> bool {
    token & GUEST != 0
}

/// A socket that speaks HTTP.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    /// What was read and is not answered yet.
    pub(super) read: Vec<u8>,
    /// How often something was read of what is not answered yet.
    pub(super) reads: u16,
    /// How much of that was found incomplete.
    pub(super) looked_at: usize,
    /// Whether an earlier request on it was answered.
    pub(super) answered: bool,
    /// Whether its peer said that nothing more comes.
    pub(super) ended: bool,
}

impl Request {
    /// Of a socket of which nothing was read yet.
    pub(super) fn new(stream: TcpStream, peer: SocketAddr) -> Self {
        Self {
            stream,
            peer,
            read: Vec::new(),
            reads: 0,
            looked_at: 0,
            answered: false,
            ended: false,
        }
    }

    /// As a guest that waits for more than `read`.
    pub(super) fn wait(mut self, read: &[u8]) -> Guest {
        if read.is_empty() && self.answered {
            return Guest::Kept(self);
        }
        self.read.extend_from_slice(read);
        Guest::Arriving(self)
    }
}

#[derive(Debug)]
pub(super) enum Guest {
    /// A request is arriving.
    Arriving(Request),
    /// Answered, and kept for a further request.
    Kept(Request),
    /// Was sent its last word.
    Lingering(TcpStream),
}

/// A guest's place and visit: enough to find it again, and to see that it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Visit {
    place: usize,
    number: u32,
}

#[derive(Debug, Default)]
struct Queue {
    /// Oldest first; stale where the visit ended.
    deadlines: VecDeque<(Visit, u64)>,
    count: usize,
}

/// All guests of a shard.
#[derive(Debug, Default)]
pub(super) struct Guests {
    places: Vec<Option<(u32, Guest)>>,
    free: Vec<usize>,
    queues: [Queue; 3],
    visits: u32,
}

impl Guest {
    /// The queue of its kind.
    fn queue(&self) -> usize {
        match self {
            Self::Arriving(_) => 0,
            Self::Kept(_) => 1,
            Self::Lingering(_) => 2,
        }
    }

    fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::Arriving(request) | Self::Kept(request) => &mut request.stream,
            Self::Lingering(stream) => stream,
        }
    }
}

impl Guests {
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.queues
            .iter()
            .filter_map(|queue| queue.deadlines.front())
            .map(|(_, deadline_ms)| *deadline_ms)
            .min()
    }

    /// Begins a visit.
    fn insert(&mut self, guest: Guest, deadline_ms: u64) -> Visit {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.begin(place, guest, deadline_ms)
    }

    fn begin(&mut self, place: usize, guest: Guest, deadline_ms: u64) -> Visit {
        self.visits = self.visits.wrapping_add(1);
        let visit = Visit {
            place,
            number: self.visits,
        };
        let queue = &mut self.queues[guest.queue()];
        queue.count += 1;
        queue.deadlines.push_back((visit, deadline_ms));
        self.places[place] = Some((visit.number, guest));
        visit
    }

    /// Takes a guest out, to put it back or to drop it.
    fn take(&mut self, place: usize) -> Option<(u32, Guest)> {
        let (number, guest) = self.places.get_mut(place)?.take()?;
        self.queues[guest.queue()].count -= 1;
        Some((number, guest))
    }

    /// Puts back a guest that was taken out, its deadline as before.
    fn put_back(&mut self, visit: Visit, guest: Guest) {
        self.queues[guest.queue()].count += 1;
        self.places[visit.place] = Some((visit.number, guest));
    }

    fn leave(&mut self, place: usize) {
        self.free.push(place);
    }

    /// Takes out the guest of this visit, unless it left.
    fn take_visit(&mut self, visit: Visit) -> Option<Guest> {
        let here = self
            .places
            .get(visit.place)?
            .as_ref()
            .is_some_and(|(number, _)| *number == visit.number);
        if here {
            self.take(visit.place).map(|(_, guest)| guest)
        } else {
            None
        }
    }

    /// Takes out a guest whose time is over.
    fn take_due(&mut self, now_ms: u64) -> Option<Guest> {
        for queue in 0..self.queues.len() {
            while let Some((visit, deadline_ms)) = self.queues[queue].deadlines.front().copied() {
                let here = matches!(self.places.get(visit.place), Some(Some((number, _))) if *number == visit.number);
                if here && deadline_ms > now_ms {
                    break;
                }
                self.queues[queue].deadlines.pop_front();
                if let Some(guest) = self.take_visit(visit) {
                    self.leave(visit.place);
                    return Some(guest);
                }
            }
        }
        None
    }

    /// Makes room for a request: idle sockets are dropped before those that are still sending.
    fn evict_request(&mut self) -> Option<Guest> {
        for queue in [1, 0] {
            while let Some((visit, _)) = self.queues[queue].deadlines.pop_front() {
                if let Some(guest) = self.take_visit(visit) {
                    self.leave(visit.place);
                    return Some(guest);
                }
            }
        }
        None
    }

    fn requests(&self) -> usize {
        self.queues[0].count + self.queues[1].count
    }
}

impl Shard {
    /// Lets a new socket wait.
    pub(super) fn receive_guest(&mut self, guest: Guest) {
        self.trim_guests(1);
        let deadline_ms = self.request_deadline_ms();
        let visit = self.guests.insert(guest, deadline_ms);
        self.register_guest(visit);
    }

    /// Lets the oldest requests leave until there is room for so many `more`.
    pub(super) fn trim_guests(&mut self, more: usize) {
        let max = self.guests_max();
        while self.guests.requests() + more > max
            && let Some(left) = self.guests.evict_request()
        {
            if let Guest::Arriving(_) = left {
                self.meters.one(Count::RefusedHeadsFull);
            }
        }
    }

    fn guests_max(&self) -> usize {
        self.site.room.guests(self.site.census.open()) as usize
    }

    /// Lets a socket that was taken out wait again. Its deadline stays that of its arrival while its request does: a slow
    /// request is not faster for sending a byte at a time.
    fn keep_guest(&mut self, visit: Visit, was_arriving: bool, guest: Guest) {
        if was_arriving && matches!(guest, Guest::Arriving(_)) {
            self.guests.put_back(visit, guest);
            return;
        }
        let deadline_ms = self.request_deadline_ms();
        self.guests.begin(visit.place, guest, deadline_ms);
    }

    fn request_deadline_ms(&self) -> u64 {
        self.now_ms + u64::from(self.limits().head_ms)
    }

    /// Sends a last word and closes once the peer has, or after a moment: closing at once could destroy what it has not
    /// read yet.
    pub(super) fn linger(&mut self, mut stream: TcpStream, last_word: &[u8]) {
        if stream.write(last_word).is_err() || stream.shutdown(std::net::Shutdown::Write).is_err() {
            return;
        }
        if self.guests.queues[2].count >= LINGERING_MAX.min(self.guests_max()) {
            return;
        }
        let visit = self
            .guests
            .insert(Guest::Lingering(stream), self.now_ms + LINGER_MS);
        self.register_guest(visit);
    }

    /// A guest's socket is ready.
    pub(super) fn on_guest(&mut self, token: usize, ended: bool) {
        let place = token & !GUEST;
        match self.guests.take(place) {
            Some((number, Guest::Arriving(request))) => {
                self.go_on(Visit { place, number }, true, Request { ended, ..request });
            }
            Some((number, Guest::Kept(request))) => {
                self.go_on(Visit { place, number }, false, Request { ended, ..request });
            }
            Some((number, Guest::Lingering(mut stream))) => {
                if has_more_to_discard(&mut stream, &mut self.scratch) {
                    self.guests
                        .put_back(Visit { place, number }, Guest::Lingering(stream));
                } else {
                    self.guests.leave(place);
                }
            }
            None => {}
        }
    }

    fn go_on(&mut self, visit: Visit, was_arriving: bool, mut request: Request) {
        request.reads += 1;
        if request.reads > READS_MAX {
            self.guests.leave(visit.place);
            self.refuse_slow(request);
            return;
        }
        match self.read_request(request) {
            Some(guest) => self.keep_guest(visit, was_arriving, guest),
            None => self.guests.leave(visit.place),
        }
    }

    /// Drops the guests whose time is over.
    pub(super) fn end_visits(&mut self) {
        self.trim_guests(0);
        while let Some(guest) = self.guests.take_due(self.now_ms) {
            let Guest::Arriving(request) = guest else { continue };
            // Browsers open sockets ahead of need; one that never asked anything is not refused anything.
            if !request.read.is_empty() {
                self.refuse_slow(request);
            }
        }
    }

    fn refuse_slow(&mut self, request: Request) {
        self.meters.one(Count::RefusedSlowHead);
        self.linger(request.stream, TIMEOUT_ANSWER);
    }

    fn register_guest(&mut self, visit: Visit) {
        let token = Token(visit.place | GUEST);
        let Some(Some((_, guest))) = self.guests.places.get_mut(visit.place) else {
            return;
        };
        let (registry, stream) = (self.poll.registry(), guest.stream());
        // One that was a connection is registered already, under its slot.
        let registered = registry
            .register(stream, token, Interest::READABLE)
            .or_else(|_| registry.reregister(stream, token, Interest::READABLE));
        if registered.is_err() {
            self.guests.take_visit(visit);
            self.guests.leave(visit.place);
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
