//! Guests: sockets without an open stream. Their request is still arriving, or they wait for a further request, or they
//! were sent a last answer and have a moment to read it.
//!
//! Guests of a kind wait a fixed time, so their deadlines come in the order in which the waits began, and looking at the
//! front of a queue is enough.

use std::collections::VecDeque;
use std::net::SocketAddr;

use mio::net::TcpStream;

/// A socket that speaks HTTP.
#[derive(Debug)]
pub struct Request<S = TcpStream> {
    pub(super) stream: S,
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

impl<S> Request<S> {
    /// Of a socket of which nothing was read yet.
    pub(super) fn new(stream: S, peer: SocketAddr) -> Self {
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

    /// What was read is answered, and the next request may follow.
    pub(super) fn note_answered(&mut self) {
        self.looked_at = 0;
        self.reads = 0;
        self.answered = true;
    }

    /// As a guest that waits for more than `read`.
    pub(super) fn wait(mut self, read: &[u8]) -> Guest<S> {
        if read.is_empty() && self.answered {
            return Guest::Kept(self);
        }
        self.read.extend_from_slice(read);
        Guest::Arriving(self)
    }
}

/// A socket without an open stream.
#[derive(Debug)]
pub(super) enum Guest<S = TcpStream> {
    /// A request is arriving.
    Arriving(Request<S>),
    /// Answered, and kept for a further request.
    Kept(Request<S>),
    /// Was sent its last word.
    Lingering(S),
}

/// A guest's place and visit: enough to find it again, and to see that it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Visit {
    pub(super) place: usize,
    number: u32,
}

#[derive(Debug, Default)]
struct Queue {
    /// Oldest first; stale where the visit ended.
    deadlines: VecDeque<(Visit, u64)>,
    count: usize,
}

/// All guests of a shard.
#[derive(Debug)]
pub(super) struct Guests<S = TcpStream> {
    places: Vec<Option<(u32, Guest<S>)>>,
    free: Vec<usize>,
    queues: [Queue; 3],
    visits: u32,
}

impl<S> Guest<S> {
    /// The queue of its kind.
    fn queue(&self) -> usize {
        match self {
            Self::Arriving(_) => 0,
            Self::Kept(_) => 1,
            Self::Lingering(_) => 2,
        }
    }

    fn stream(&mut self) -> &mut S {
        match self {
            Self::Arriving(request) | Self::Kept(request) => &mut request.stream,
            Self::Lingering(stream) => stream,
        }
    }
}

impl<S> Default for Guests<S> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            queues: Default::default(),
            visits: 0,
        }
    }
}

impl<S> Guests<S> {
    /// When the time of the next guest is over.
    pub(super) fn next_deadline_ms(&self) -> Option<u64> {
        self.queues
            .iter()
            .filter_map(|queue| queue.deadlines.front())
            .map(|(_, deadline_ms)| *deadline_ms)
            .min()
    }

    /// Begins a visit.
    pub(super) fn insert(&mut self, guest: Guest<S>, deadline_ms: u64) -> Visit {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.begin(place, guest, deadline_ms)
    }

    /// Begins a visit in this place.
    pub(super) fn begin(&mut self, place: usize, guest: Guest<S>, deadline_ms: u64) -> Visit {
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
    pub(super) fn take(&mut self, place: usize) -> Option<(Visit, Guest<S>)> {
        let (number, guest) = self.places.get_mut(place)?.take()?;
        self.queues[guest.queue()].count -= 1;
        Some((Visit { place, number }, guest))
    }

    /// Puts back a guest that was taken out, its deadline as before.
    pub(super) fn put_back(&mut self, visit: Visit, guest: Guest<S>) {
        self.queues[guest.queue()].count += 1;
        self.places[visit.place] = Some((visit.number, guest));
    }

    /// The guest that was taken out of this place does not come back.
    pub(super) fn leave(&mut self, place: usize) {
        self.free.push(place);
    }

    /// Takes out the guest of this visit, unless it left.
    pub(super) fn take_visit(&mut self, visit: Visit) -> Option<Guest<S>> {
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
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<Guest<S>> {
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
    pub(super) fn evict_request(&mut self) -> Option<Guest<S>> {
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

    /// Guests that may still ask something.
    pub(super) fn requests(&self) -> usize {
        self.queues[0].count + self.queues[1].count
    }

    /// Guests that were sent their last word.
    pub(super) fn lingering(&self) -> usize {
        self.queues[2].count
    }

    /// The socket of a guest that is here.
    pub(super) fn stream(&mut self, visit: Visit) -> Option<&mut S> {
        match self.places.get_mut(visit.place) {
            Some(Some((number, guest))) if *number == visit.number => Some(guest.stream()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(number: u32) -> Request<u32> {
        Request::new(number, SocketAddr::from(([127, 0, 0, 1], 9)))
    }

    fn arriving(number: u32) -> Guest<u32> {
        Guest::Arriving(request(number))
    }

    fn kept(number: u32) -> Guest<u32> {
        Guest::Kept(Request {
            answered: true,
            ..request(number)
        })
    }

    #[test]
    fn each_guest_leaves_when_its_time_is_over_and_no_other() {
        let mut guests = Guests::default();
        let first = guests.insert(arriving(1), 100);
        guests.insert(kept(2), 90);
        guests.insert(Guest::Lingering(3), 95);
        assert_eq!((guests.requests(), guests.lingering()), (2, 1));
        assert_eq!(guests.next_deadline_ms(), Some(90));
        assert!(guests.take_due(89).is_none());
        assert_eq!(*guests.take_due(99).unwrap().stream(), 2);
        assert_eq!(*guests.take_due(99).unwrap().stream(), 3);
        assert!(guests.take_due(99).is_none());
        // One that was looked at and put back keeps its deadline; one that began another wait has another.
        let (visit, guest) = guests.take(first.place).unwrap();
        guests.put_back(visit, guest);
        let (visit, _) = guests.take(first.place).unwrap();
        guests.begin(visit.place, kept(1), 200);
        assert!(guests.take_due(199).is_none());
        assert_eq!(*guests.take_due(200).unwrap().stream(), 1);
        assert_eq!(guests.requests(), 0);
    }

    #[test]
    fn a_place_that_is_used_again_is_another_visit() {
        let mut guests = Guests::default();
        let first = guests.insert(arriving(1), 100);
        guests.take(first.place).unwrap();
        guests.leave(first.place);
        let second = guests.insert(arriving(2), 200);
        assert_eq!(first.place, second.place);
        assert!(guests.stream(first).is_none() && guests.take_visit(first).is_none());
        assert!(
            guests.take_due(150).is_none(),
            "the deadline of the first is not that of the second"
        );
        assert_eq!(guests.stream(second), Some(&mut 2));
    }

    #[test]
    fn where_there_is_no_room_those_that_wait_for_nothing_leave_first() {
        let mut guests = Guests::default();
        guests.insert(arriving(1), 100);
        guests.insert(kept(2), 100);
        guests.insert(Guest::Lingering(3), 100);
        assert!(matches!(guests.evict_request(), Some(Guest::Kept(_))));
        assert!(matches!(guests.evict_request(), Some(Guest::Arriving(_))));
        assert!(guests.evict_request().is_none());
        assert_eq!(guests.lingering(), 1);
    }

    #[test]
    fn one_that_was_answered_and_sent_nothing_more_is_kept() {
        assert!(matches!(request(1).wait(b""), Guest::Arriving(_)));
        let answered = || Request {
            answered: true,
            ..request(1)
        };
        assert!(matches!(answered().wait(b""), Guest::Kept(_)));
        let Guest::Arriving(request) = answered().wait(b"GET") else {
            panic!("it asks again")
        };
        assert_eq!(request.read, b"GET");
    }
}
