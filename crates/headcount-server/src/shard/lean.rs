//! The lean door: a fresh socket, read just far enough to see what it wants.
//!
//! Only the exact happy path stays here: a well-formed `GET` over HTTP/1.1 for our stream, from a browser that may connect,
//! while there is room. Everything else, errors included, goes to the generic door with the bytes already read, so that
//! every answer has one implementation.

use std::io::{ErrorKind, Read};
use std::net::SocketAddr;

use bytes::Bytes;
use headcount_core::websocket;
use mio::net::TcpStream;

use super::guests::Head;
use super::reactor::Shard;
use super::{Arrival, Command, Handoff, NewLink};
use crate::admission::{self, Candidate, Transport};
use crate::head::Head as _;
use crate::metrics::Count;
use crate::site::Place;

/// Header lines looked at; a request with more goes to the generic door.
const HEADERS_MAX: usize = 64;

/// What to do with a socket, going by what was read of it.
enum Decision {
    /// The head is not complete.
    Wait,
    /// Not for us, or not simple.
    HandOver,
    /// A stream that may open.
    Open {
        candidate: Box<Candidate>,
        place: Place,
        greeting: Vec<u8>,
        head_bytes: usize,
    },
}

impl Shard {
    /// Takes in a socket that was just accepted. Its request has usually arrived by now.
    pub(super) fn on_accept(&mut self, stream: TcpStream, peer: SocketAddr) {
        let head = Head {
            stream,
            peer,
            read: Vec::new(),
        };
        if let Some(head) = self.read_head(head) {
            self.await_head(head);
        }
    }

    /// Reads on. Gives the head back while it is incomplete.
    pub(super) fn read_head(&mut self, mut head: Head) -> Option<Head> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let outcome = self.read_head_into(&mut head, &mut scratch);
        let unfinished = match outcome {
            Outcome::Wait => Some(head),
            Outcome::Gone => None,
            Outcome::Decided(read) => {
                self.decide(head, &scratch[..read]);
                None
            }
        };
        self.scratch = scratch;
        unfinished
    }

    fn read_head_into(&mut self, head: &mut Head, scratch: &mut [u8]) -> Outcome {
        let max = self.limits().head_bytes_max as usize;
        loop {
            let before = head.read.len();
            scratch[..before].copy_from_slice(&head.read);
            match head.stream.read(&mut scratch[before..]) {
                Ok(0) => return Outcome::Gone,
                Ok(read) => {
                    let total = before + read;
                    // Only a line's end can complete a head: anything else would be parsed for nothing.
                    let may_be_complete = scratch[before..total].contains(&b'\n');
                    let is_full = total > max || total == scratch.len();
                    if is_full || may_be_complete && !is_incomplete(&scratch[..total]) {
                        return Outcome::Decided(total);
                    }
                    head.read.extend_from_slice(&scratch[before..total]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Wait,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Outcome::Gone,
            }
        }
    }

    fn decide(&mut self, head: Head, read: &[u8]) {
        match self.judge(read, head.peer) {
            Decision::Open {
                candidate,
                place,
                greeting,
                head_bytes,
            } => {
                let number = self.shards.number_for_lean(candidate.tab, self.number);
                let arrival = Arrival {
                    candidate: *candidate,
                    place,
                    link: NewLink::Socket(head.stream),
                    greeting,
                    early: read[head_bytes..].to_vec(),
                };
                if number == self.number {
                    self.on_arrival(arrival);
                } else {
                    self.pass_on(number, head.peer, arrival);
                }
            }
            Decision::Wait | Decision::HandOver => self.hand_over(head.stream, head.peer, read),
        }
    }

    /// A tab always lives on the same shard, so that its old connection is found when it returns.
    fn pass_on(&self, number: u16, peer: SocketAddr, arrival: Arrival) {
        let Some(handle) = self.shards.get(usize::from(number)) else {
            return;
        };
        let mut arrival = Box::new(arrival);
        if let NewLink::Socket(stream) = &mut arrival.link {
            // A guest's token must not be heard here any more.
            let _not_registered = self.poll.registry().deregister(stream);
        }
        if handle.offer(Command::Open(arrival)).is_err() {
            tracing::warn!(%peer, "a shard is too far behind; a connection is dropped");
            self.meters.one(Count::CommandDropped);
        }
    }

    fn hand_over(&self, mut stream: TcpStream, peer: SocketAddr, read: &[u8]) {
        let _not_registered = self.poll.registry().deregister(&mut stream);
        let handoff = Handoff {
            stream: stream.into(),
            peer,
            read: Bytes::copy_from_slice(read),
        };
        if self.outlets.handoff.try_send(handoff).is_err() {
            self.meters.one(Count::RefusedHandoffFull);
        }
    }

    fn judge(&self, read: &[u8], peer: SocketAddr) -> Decision {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let head_bytes = match request.parse(read) {
            Ok(httparse::Status::Complete(bytes)) if bytes > self.limits().head_bytes_max as usize => {
                return Decision::HandOver;
            }
            Ok(httparse::Status::Complete(bytes)) => bytes,
            Ok(httparse::Status::Partial) => return Decision::Wait,
            Err(_) => return Decision::HandOver,
        };
        let Some((transport, accept)) = self.wanted_stream(&request) else {
            return Decision::HandOver;
        };
        if !self.site.is_ready() {
            return Decision::HandOver;
        }
        let Ok(candidate) = admission::judge(&self.site, &request, transport, Some(peer.ip())) else {
            return Decision::HandOver;
        };
        let Ok(place) = Place::take(&self.site, candidate.address) else {
            return Decision::HandOver;
        };
        let greeting = greeting(&candidate.header_lines(&self.site), accept.as_deref());
        Decision::Open {
            candidate: Box::new(candidate),
            place,
            greeting,
            head_bytes,
        }
    }

    /// The stream that a plain request is for; for a WebSocket with the answer to its key.
    fn wanted_stream(&self, request: &httparse::Request<'_, '_>) -> Option<(Transport, Option<String>)> {
        let plain = request.method == Some("GET")
            && request.version == Some(1)
            && request.header("host").is_some()
            && request.header("content-length").is_none()
            && request.header("transfer-encoding").is_none()
            && request.header("expect").is_none();
        if !plain {
            return None;
        }
        let path = request.path();
        if path == self.site.sse_path && request.header("upgrade").is_none() {
            return Some((Transport::Sse, None));
        }
        if path == self.site.websocket_path {
            return Some((Transport::WebSocket, Some(websocket_accept(request)?)));
        }
        None
    }
}

enum Outcome {
    Wait,
    Gone,
    Decided(usize),
}

/// The answer to a WebSocket handshake's key; `None` where the request is no handshake that we accept.
pub(crate) fn websocket_accept(head: &dyn crate::head::Head) -> Option<String> {
    let has_token = |name: &str, token: &str| {
        let mut found = false;
        head.each_value(name, &mut |value| {
            found |= value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token));
        });
        found
    };
    let asked = has_token("upgrade", "websocket")
        && has_token("connection", "upgrade")
        && head
            .header("sec-websocket-version")
            .is_some_and(|version| version.trim() == "13");
    if !asked {
        return None;
    }
    let accept = websocket::accept_key(head.header("sec-websocket-key")?.trim())?;
    std::str::from_utf8(&accept).ok().map(str::to_owned)
}

fn is_incomplete(read: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    matches!(
        httparse::Request::new(&mut headers).parse(read),
        Ok(httparse::Status::Partial)
    )
}

/// The head of the answer that opens a stream.
fn greeting(header_lines: &str, accept: Option<&str>) -> Vec<u8> {
    let (start, end) = match accept {
        Some(accept) => (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ",
            [accept, "\r\n", header_lines, "\r\n"],
        ),
        None => (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache, no-transform\r\n\
             x-accel-buffering: no\r\nconnection: close\r\n",
            ["", "", header_lines, "\r\n"],
        ),
    };
    let mut greeting = Vec::with_capacity(256 + header_lines.len());
    greeting.extend_from_slice(start.as_bytes());
    for part in end {
        greeting.extend_from_slice(part.as_bytes());
    }
    greeting
}
