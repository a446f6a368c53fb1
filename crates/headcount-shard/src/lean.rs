//! The lean door: a socket, read just far enough to see what it wants.
//!
//! What stays here is decided by the server ([`Judgement`]). Everything else goes to the generic door with the bytes already read. One
//! exception: the answer of a full server is sent here.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;

use bytes::Bytes;
use mio::net::{TcpListener, TcpStream};

use crate::arrive::Connections;
use crate::guests::{Guest, Request, Visit};
use crate::judgement::{Judgement, Post, SCRATCH_BYTES, StreamOpening};
use crate::listen::Listener;
use crate::lobby;
use crate::mail::{Arrival, Mail, NewLink};
use crate::meters::Count;
use crate::outlets::Handoff;
use crate::posts::Posts;
use crate::receive::READS_AT_ONCE;
use crate::shards::Shards;
use crate::tabs::Tabs;

/// Reads that one request may take. The longest that are looked at come in some twenty packets.
const READS_MAX: u16 = 1_024;

/// The way into a shard: its listener, if it has one, and what it needs to read requests and to answer some of them.
#[derive(Debug)]
pub(super) struct Door {
    listener: Option<Listener>,
    pub(super) posts: Posts,
    /// The buffer into which everything is read.
    scratch: Vec<u8>,
}

impl Door {
    pub(super) fn new(number: u16, shards: &Shards) -> Self {
        Self {
            listener: None,
            posts: Posts::new(number, shards),
            scratch: vec![0; SCRATCH_BYTES],
        }
    }

    /// Accepts on this socket from now on.
    pub(super) fn listen(&mut self, tabs: &Tabs, socket: TcpListener, share: bool) {
        if let Some(listener) = Listener::new(socket, share, &tabs.wire, tabs.terms.full_answer) {
            self.listener = Some(listener);
        }
    }

    pub(super) fn stop_listening(&mut self) {
        self.listener = None;
    }

    /// When to accept again although nothing new is said to have come.
    pub(super) fn next_accept_ms(&self) -> Option<u64> {
        self.listener.as_ref().and_then(Listener::again_ms)
    }

    /// Accepts again where that is due.
    pub(super) fn accept_again(&mut self, connections: &mut Connections) {
        let now_ms = connections.tabs.now_ms;
        if self.next_accept_ms().is_some_and(|again_ms| again_ms <= now_ms) {
            self.accept(connections);
        }
    }

    /// Accepts what has come, then reads it: by then the requests of the first have arrived.
    pub(super) fn accept(&mut self, connections: &mut Connections) {
        let Some(listener) = &mut self.listener else {
            return;
        };
        let (tabs, share) = (&connections.tabs, listener.share);
        let here = usize::from(tabs.number);
        for request in listener.accept(tabs.now_ms, &tabs.terms.spare, &tabs.meters) {
            let number = if share {
                self.posts.shards.number_for(None)
            } else {
                here
            };
            if number == here {
                self.serve(connections, request);
            } else {
                self.tell_shard(&connections.tabs, number, Mail::Serve(request));
            }
        }
    }

    /// Takes in a socket: one that was just accepted, or one that another shard had begun to read.
    pub(super) fn serve(&mut self, connections: &mut Connections, request: Request) {
        if let Some(guest) = self.read(connections, request) {
            lobby::receive(&mut connections.tabs, guest);
        }
    }

    /// A connection has something to read, or was closed by its peer.
    pub(super) fn on_readable(&mut self, connections: &mut Connections, slot: u32, closed: bool) {
        let Connections {
            tabs,
            deliveries,
            clients,
            ..
        } = connections;
        clients.on_readable(tabs, deliveries, slot, closed, &mut self.scratch);
    }

    /// A guest's socket is ready.
    pub(super) fn on_guest(&mut self, connections: &mut Connections, place: usize, ended: bool) {
        match connections.tabs.guests.take(place) {
            Some((visit, Guest::Arriving(request))) => {
                self.go_on(connections, visit, true, Request { ended, ..request });
            }
            Some((visit, Guest::Kept(request))) => {
                self.go_on(connections, visit, false, Request { ended, ..request });
            }
            Some((visit, Guest::Lingering(stream))) => {
                lobby::discard(&mut connections.tabs, visit, stream, &mut self.scratch);
            }
            None => {}
        }
    }

    fn go_on(
        &mut self,
        connections: &mut Connections,
        visit: Visit,
        was_arriving: bool,
        mut request: Request,
    ) {
        request.reads += 1;
        if request.reads > READS_MAX {
            connections.tabs.guests.leave(visit.place);
            lobby::refuse_slow(&mut connections.tabs, request);
            return;
        }
        match self.read(connections, request) {
            Some(guest) => lobby::keep(&mut connections.tabs, visit, was_arriving, guest),
            None => connections.tabs.guests.leave(visit.place),
        }
    }

    /// Reads on and acts on what is complete. Gives the socket back while it is a guest.
    fn read(&mut self, connections: &mut Connections, request: Request) -> Option<Guest> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let outcome = self.read_into(connections, request, &mut scratch);
        self.scratch = scratch;
        outcome
    }

    fn read_into(
        &mut self,
        connections: &mut Connections,
        mut request: Request,
        scratch: &mut [u8],
    ) -> Option<Guest> {
        let mut have = request.read.len();
        scratch[..have].copy_from_slice(&request.read);
        request.read.clear();
        let full = connections.tabs.terms.head_bytes_max();
        let mut drained = false;
        for _ in 0..READS_AT_ONCE {
            while have > 0 && (have >= full || may_be_complete(&scratch[..have], request.looked_at)) {
                request.looked_at = have;
                match judge(&connections.tabs, &scratch[..have], request.peer) {
                    Judgement::Wait => break,
                    Judgement::Open(opening) => {
                        self.open(connections, *opening, request, &scratch[..have]);
                        return None;
                    }
                    Judgement::Refuse => {
                        let answer = connections.tabs.terms.full_answer;
                        connections.tabs.linger(request.stream, answer);
                        return None;
                    }
                    Judgement::HandOver => {
                        hand_over(&connections.tabs, request.stream, request.peer, &scratch[..have]);
                        return None;
                    }
                    Judgement::Post { post, bytes } => {
                        if let Some(home) = self.home_of(&request, &post) {
                            self.send_home(&connections.tabs, home, request, &scratch[..have]);
                            return None;
                        }
                        let taken = post.is_some_and(|post| self.posts.act(connections, &post));
                        let unix_ms = connections.tabs.terms.server.unix_ms();
                        if !self.posts.answer(&mut request.stream, taken, unix_ms) {
                            return None;
                        }
                        scratch.copy_within(bytes..have, 0);
                        have -= bytes;
                        request.note_answered();
                    }
                }
            }
            if drained {
                return Some(request.wait(&scratch[..have]));
            }
            match read_some(&mut request.stream, scratch, have) {
                Progress::Read(bytes) => have += bytes,
                Progress::Nothing => return Some(request.wait(&scratch[..have])),
                Progress::Gone => return None,
            }
            // A short read has drained the socket, unless its end is still unread: later bytes are reported.
            drained = have < scratch.len() && !request.ended;
        }
        // A client that sends this much at once is not a browser; the generic door limits its share of time.
        hand_over(&connections.tabs, request.stream, request.peer, &scratch[..have]);
        None
    }

    fn home_of(&self, request: &Request, post: &Post) -> Option<usize> {
        self.posts.home_of(post).filter(|_| !request.answered)
    }

    /// Gives a socket to another shard, with what was read of it.
    fn send_home(&self, tabs: &Tabs, home: usize, mut request: Request, read: &[u8]) {
        tabs.wire.forget(&mut request.stream);
        request.read.extend_from_slice(read);
        request.looked_at = 0;
        self.tell_shard(tabs, home, Mail::Serve(request));
    }

    fn open(&self, connections: &mut Connections, opening: StreamOpening, request: Request, read: &[u8]) {
        let number_here = connections.tabs.number;
        let number = self
            .posts
            .shards
            .number_for_lean(opening.newcomer.tab, number_here);
        let arrival = Arrival {
            newcomer: opening.newcomer,
            place: opening.place,
            link: NewLink::Socket(request.stream),
            greeting: opening.greeting,
            early: read[opening.head_bytes..].to_vec(),
        };
        if number == number_here {
            connections.arrive(arrival);
        } else {
            self.pass_on(&connections.tabs, number, arrival);
        }
    }

    /// A tab always lives on the same shard, so that its old connection is found when it returns.
    fn pass_on(&self, tabs: &Tabs, number: u16, mut arrival: Arrival) {
        if let NewLink::Socket(stream) = &mut arrival.link {
            tabs.wire.forget(stream);
        }
        self.tell_shard(tabs, usize::from(number), Mail::Open(Box::new(arrival)));
    }

    fn tell_shard(&self, tabs: &Tabs, number: usize, mail: Mail) {
        let told = self.posts.shards.get(number).map(|shard| shard.offer(mail));
        if !matches!(told, Some(Ok(()))) {
            tabs.meters.one(Count::CommandDropped);
        }
    }
}

fn hand_over(tabs: &Tabs, mut stream: TcpStream, peer: SocketAddr, read: &[u8]) {
    tabs.wire.forget(&mut stream);
    let handoff = Handoff {
        stream: stream.into(),
        peer,
        read: Bytes::copy_from_slice(read),
    };
    if tabs.outlets.handoff.try_send(handoff).is_err() {
        tabs.meters.one(Count::RefusedHandoffFull);
    }
}

/// What these bytes of a socket ask for.
fn judge(tabs: &Tabs, read: &[u8], peer: SocketAddr) -> Judgement {
    tabs.terms.server.judge(read, peer, &tabs.meters)
}

enum Progress {
    Read(usize),
    /// There is nothing to read now.
    Nothing,
    Gone,
}

fn read_some(stream: &mut TcpStream, scratch: &mut [u8], have: usize) -> Progress {
    loop {
        match stream.read(&mut scratch[have..]) {
            Ok(0) => return Progress::Gone,
            Ok(bytes) => return Progress::Read(bytes),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Progress::Nothing,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Progress::Gone,
        }
    }
}

/// Whether what came after `looked_at` can make a request complete: the end of a line, or a body behind a whole head.
/// Anything else would be parsed for nothing, over and over where a client sends byte by byte.
fn may_be_complete(read: &[u8], looked_at: usize) -> bool {
    let (before, new) = read.split_at(looked_at.min(read.len()));
    looked_at == 0 || new.contains(&b'\n') || before.windows(4).any(|window| window == b"\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::may_be_complete;

    #[test]
    fn a_request_is_parsed_again_only_for_what_may_complete_it() {
        assert!(may_be_complete(b"GET /", 0));
        assert!(!may_be_complete(b"GET /a", 5));
        assert!(may_be_complete(b"GET / HTTP/1.1\n", 5));
        let head = b"POST / HTTP/1.1\r\n\r\n";
        assert!(may_be_complete(&[head, &b"{"[..]].concat(), head.len()));
    }
}
