//! The lean door: a socket, read just far enough to see what it wants.
//!
//! What stays here is decided in [`judge`](super::judge). Everything else goes to the generic door with the bytes already read. One
//! exception: the answer of a full server is sent here.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;

use bytes::Bytes;
use mio::net::TcpStream;

use super::guests::{Guest, Request};
use super::judge::{Judge, Judgement, StreamOpening};
use super::reactor::Shard;
use super::receive::READS_AT_ONCE;
use super::{Arrival, Handoff, Mail, NewLink};
use crate::error::FULL_ANSWER;
use crate::metrics::Count;

impl Shard {
    /// Takes in a socket: one that was just accepted, or one that another shard had begun to read.
    pub(super) fn on_socket(&mut self, request: Request) {
        if let Some(guest) = self.read_request(request) {
            self.receive_guest(guest);
        }
    }

    /// Reads on and acts on what is complete. Gives the socket back while it is a guest.
    pub(super) fn read_request(&mut self, request: Request) -> Option<Guest> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let outcome = self.read_request_into(request, &mut scratch);
        self.scratch = scratch;
        outcome
    }

    fn read_request_into(&mut self, mut request: Request, scratch: &mut [u8]) -> Option<Guest> {
        let mut have = request.read.len();
        scratch[..have].copy_from_slice(&request.read);
        request.read.clear();
        let full = self.judge().head_bytes_max();
        let mut drained = false;
        for _ in 0..READS_AT_ONCE {
            while have > 0 && (have >= full || may_be_complete(&scratch[..have], request.looked_at)) {
                request.looked_at = have;
                match self.judge().decide(&scratch[..have], request.peer) {
                    Judgement::Wait => break,
                    Judgement::Open(opening) => {
                        self.open_lean(*opening, request, &scratch[..have]);
                        return None;
                    }
                    Judgement::Refuse => {
                        self.linger(request.stream, FULL_ANSWER);
                        return None;
                    }
                    Judgement::HandOver => {
                        self.hand_over(request.stream, request.peer, &scratch[..have]);
                        return None;
                    }
                    Judgement::Post { post, bytes } => {
                        if let Some(home) = self.home_of(&request, &post) {
                            self.send_home(home, request, &scratch[..have]);
                            return None;
                        }
                        let taken = post.is_some_and(|(key, posted)| self.post(key, &posted));
                        if !self.send_answer(&mut request.stream, taken) {
                            return None;
                        }
                        scratch.copy_within(bytes..have, 0);
                        have -= bytes;
                        request.looked_at = 0;
                        request.reads = 0;
                        request.answered = true;
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
        self.hand_over(request.stream, request.peer, &scratch[..have]);
        None
    }

    fn open_lean(&mut self, opening: StreamOpening, request: Request, read: &[u8]) {
        let number = self.shards.number_for_lean(opening.candidate.tab, self.number);
        let arrival = Arrival {
            candidate: opening.candidate,
            place: opening.place,
            link: NewLink::Socket(request.stream),
            greeting: opening.greeting,
            early: read[opening.head_bytes..].to_vec(),
        };
        if number == self.number {
            self.on_arrival(arrival);
        } else {
            self.pass_on(number, arrival);
        }
    }

    /// A tab always lives on the same shard, so that its old connection is found when it returns.
    fn pass_on(&self, number: u16, mut arrival: Arrival) {
        if let NewLink::Socket(stream) = &mut arrival.link {
            self.leave_stream(stream);
        }
        self.tell_shard(usize::from(number), Mail::Open(Box::new(arrival)));
    }

    pub(super) fn tell_shard(&self, number: usize, mail: Mail) {
        let told = self.shards.get(number).map(|shard| shard.offer(mail));
        if !matches!(told, Some(Ok(()))) {
            self.meters.one(Count::CommandDropped);
        }
    }

    /// A socket that leaves may have been registered as a guest, and must not be heard as one any more.
    pub(super) fn leave_stream(&self, stream: &mut TcpStream) {
        let _not_registered = self.poll.registry().deregister(stream);
    }

    fn hand_over(&self, mut stream: TcpStream, peer: SocketAddr, read: &[u8]) {
        self.leave_stream(&mut stream);
        let handoff = Handoff {
            stream: stream.into(),
            peer,
            read: Bytes::copy_from_slice(read),
        };
        if self.outlets.handoff.try_send(handoff).is_err() {
            self.meters.one(Count::RefusedHandoffFull);
        }
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            site: &self.site,
            meters: &self.meters,
        }
    }
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
