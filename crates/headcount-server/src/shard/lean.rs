//! The lean door: a socket, read just far enough to see what it wants.
//!
//! Only exact happy paths stay here: over HTTP/1.1, a well-formed `GET` of a stream from a browser that may connect
//! while there is room, and a `POST` of a route or a sign of life. Everything else, errors included, goes to the
//! generic door with the bytes already read, so that every answer has one implementation. One exception: the answer of
//! a full server is sent here.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use headcount_core::websocket;
use mio::net::TcpStream;

use super::guests::{Guest, Request};
use super::posts::Post;
use super::reactor::{SCRATCH_BYTES, Shard};
use super::receive::READS_AT_ONCE;
use super::{Arrival, Command, Handoff, NewLink};
use crate::admission::{self, Candidate, Transport};
use crate::error::FULL_ANSWER;
use crate::head::{Head, names_host, only};
use crate::metrics::{Count, Meters};
use crate::site::{Full, Place, Site};

/// Header lines looked at; a request with more goes to the generic door.
const HEADERS_MAX: usize = 64;

/// What the lean door decides by: nothing of a shard but what all shards share, so that it can be judged alone.
pub(crate) struct Judge<'a> {
    pub(crate) site: &'a Arc<Site>,
    pub(crate) meters: &'a Meters,
}

/// What to do with a socket, going by what was read of it.
pub(crate) enum Decision {
    /// The request is not complete.
    Wait,
    /// Not for us, or not simple.
    HandOver,
    /// A stream for which there is no room.
    Refuse,
    /// A stream that may open.
    Open(Box<Opening>),
    /// A route or a sign of life, posted: so many bytes of what was read.
    Post { post: Post, bytes: usize },
}

pub(crate) struct Opening {
    pub(crate) candidate: Candidate,
    place: Place,
    greeting: Vec<u8>,
    pub(crate) head_bytes: usize,
}

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
                    Decision::Wait => break,
                    Decision::Open(opening) => {
                        self.open_lean(*opening, request, &scratch[..have]);
                        return None;
                    }
                    Decision::Refuse => {
                        self.linger(request.stream, FULL_ANSWER);
                        return None;
                    }
                    Decision::HandOver => {
                        self.hand_over(request.stream, request.peer, &scratch[..have]);
                        return None;
                    }
                    Decision::Post { post, bytes } => {
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

    fn open_lean(&mut self, opening: Opening, request: Request, read: &[u8]) {
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
        self.tell_shard(usize::from(number), Command::Open(Box::new(arrival)));
    }

    pub(super) fn tell_shard(&self, number: usize, command: Command) {
        let told = self.shards.get(number).map(|shard| shard.offer(command));
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

impl Judge<'_> {
    /// What these bytes of a socket ask for.
    pub(crate) fn decide(&self, read: &[u8], peer: SocketAddr) -> Decision {
        // Where nothing more can be read, the generic door says what is wrong with that.
        let full = read.len() >= self.head_bytes_max();
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let head_bytes = match request.parse(read) {
            Ok(httparse::Status::Complete(bytes)) if bytes <= self.head_bytes_max() => bytes,
            Ok(httparse::Status::Partial) if !full => return Decision::Wait,
            Ok(_) => {
                self.meters.one(Count::RefusedLongHead);
                return Decision::HandOver;
            }
            Err(_) => return Decision::HandOver,
        };
        let plain = request.version == Some(1)
            && request.path.is_some_and(is_plain_target)
            && only(&request, "host").is_some_and(|host| names_host(host.as_bytes()))
            && request.count("transfer-encoding") == 0
            && request.count("expect") == 0
            && self.site.hosts.admit(&request);
        match request.method {
            Some("GET") if plain && request.count("content-length") == 0 => {
                self.decide_stream(&request, peer, head_bytes)
            }
            Some("POST") if plain => self.decide_post(&request, head_bytes, &read[head_bytes..]),
            _ => Decision::HandOver,
        }
    }

    /// Half the buffer is for the head at most, so that a body fits behind it.
    fn head_bytes_max(&self) -> usize {
        (self.site.config.limits.head_bytes_max as usize).min(SCRATCH_BYTES / 2)
    }

    fn decide_stream(
        &self,
        request: &httparse::Request<'_, '_>,
        peer: SocketAddr,
        head_bytes: usize,
    ) -> Decision {
        let Some((transport, accept)) = self.wanted_stream(request) else {
            return Decision::HandOver;
        };
        if !self.site.is_ready() {
            return Decision::HandOver;
        }
        let Ok(candidate) = admission::judge(self.site, request, transport, Some(peer.ip())) else {
            return Decision::HandOver;
        };
        let place = match Place::take(self.site, candidate.address) {
            Ok(place) => place,
            // A full server has no descriptors to spare, and the generic door would hold each for a while.
            Err(Full::Server) => {
                self.meters.one(Count::RefusedFull);
                return Decision::Refuse;
            }
            Err(Full::Address) => return Decision::HandOver,
        };
        let greeting = greeting(&candidate.header_lines(self.site), accept.as_deref());
        Decision::Open(Box::new(Opening {
            candidate,
            place,
            greeting,
            head_bytes,
        }))
    }

    /// The stream that a plain request is for; for a WebSocket with the answer to its key.
    fn wanted_stream(&self, request: &dyn Head) -> Option<(Transport, Option<String>)> {
        let path = request.path();
        if path == self.site.sse_path && request.count("upgrade") == 0 {
            return Some((Transport::Sse, None));
        }
        if path == self.site.websocket_path {
            return Some((Transport::WebSocket, Some(websocket_accept(request)?)));
        }
        None
    }
}

/// Whether a request target has nothing in it that hyper refuses in a query (`"`, `<`, `>`) or cuts off (`#`). Browsers encode those.
fn is_plain_target(target: &str) -> bool {
    target
        .bytes()
        .all(|byte| matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'~'))
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

/// The answer to a WebSocket handshake's key; `None` if the request is not a handshake that the server accepts.
pub(crate) fn websocket_accept(head: &dyn Head) -> Option<String> {
    let has_token = |name: &str, token: &str| {
        let mut found = false;
        head.each_value(name, &mut |value| {
            found |= value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token));
        });
        found
    };
    // A second key or version would be read by one reader and not by another; a body, as frames or as the next request.
    let asked = has_token("upgrade", "websocket")
        && has_token("connection", "upgrade")
        && head.count("sec-websocket-key") == 1
        && head.count("sec-websocket-version") == 1
        && head.count("transfer-encoding") == 0
        && only(head, "content-length").is_none_or(|length| length == "0")
        && head.count("content-length") <= 1
        && head
            .header("sec-websocket-version")
            .is_some_and(|version| version.trim() == "13");
    if !asked {
        return None;
    }
    let accept = websocket::accept_key(head.header("sec-websocket-key")?.trim())?;
    std::str::from_utf8(&accept).ok().map(str::to_owned)
}

/// The head of the answer that opens a stream.
fn greeting(header_lines: &str, accept: Option<&str>) -> Vec<u8> {
    let (start, accept) = match accept {
        Some(accept) => (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ",
            [accept, "\r\n"],
        ),
        None => (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache, no-transform\r\n\
             x-accel-buffering: no\r\nconnection: close\r\n",
            ["", ""],
        ),
    };
    [start, accept[0], accept[1], header_lines, "\r\n"]
        .concat()
        .into_bytes()
}
