//! What the bytes of a socket ask for, as far as they were read.
//!
//! Only exact happy paths are for the lean door: over HTTP/1.1, a well-formed `GET` of a stream from a browser that may connect while there
//! is room, and a `POST` of a route or a sign of life. Everything else, errors included, is for the generic door, so that every answer has
//! one implementation. Nothing here touches a socket or a table.

use std::borrow::Cow;
use std::net::SocketAddr;

use headcount_core::connection::Located;
use headcount_core::websocket;
use headcount_shard::{Judgement, Posted, SCRATCH_BYTES, StreamOpening};

use super::posted::{BODY_BYTES_MAX, Said, content_length, read_message, read_route};
use crate::admission::{self, Transport};
use crate::head::{Head, names_host, only};
use crate::metrics::{Count, Meters};
use crate::origin::RequestOrigin;
use crate::site::{Full, Seat, Site};

/// Header lines looked at; a request with more goes to the generic door.
const HEADERS_MAX: usize = 64;

/// What the lean door decides by: nothing of a shard but what all shards share, so that it can be judged alone.
pub(crate) struct Judge<'a> {
    pub(crate) site: &'a Site,
    pub(crate) meters: &'a Meters,
}

impl Judge<'_> {
    /// What these bytes of a socket ask for.
    pub(crate) fn decide(&self, read: &[u8], peer: SocketAddr) -> Judgement {
        // Half the buffer is for the head at most, so that a body fits behind it.
        let head_bytes_max = (self.site.config.limits.head_bytes_max as usize).min(SCRATCH_BYTES / 2);
        // Where nothing more can be read, the generic door says what is wrong with that.
        let full = read.len() >= head_bytes_max;
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let head_bytes = match request.parse(read) {
            Ok(httparse::Status::Complete(bytes)) if bytes <= head_bytes_max => bytes,
            Ok(httparse::Status::Partial) if !full => return Judgement::Wait,
            Ok(_) => {
                self.meters.one(Count::RefusedLongHead);
                return Judgement::HandOver;
            }
            Err(_) => return Judgement::HandOver,
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
            _ => Judgement::HandOver,
        }
    }

    fn decide_stream(
        &self,
        request: &httparse::Request<'_, '_>,
        peer: SocketAddr,
        head_bytes: usize,
    ) -> Judgement {
        let Some((transport, accept)) = self.wanted_stream(request) else {
            return Judgement::HandOver;
        };
        if !self.site.is_ready() {
            return Judgement::HandOver;
        }
        let Ok(candidate) = admission::judge(self.site, request, transport, Some(peer.ip())) else {
            return Judgement::HandOver;
        };
        let place = match Seat::take(&self.site.census, candidate.address) {
            Ok(place) => place,
            // A full server has no descriptors to spare, and the generic door would hold each for a while.
            Err(Full::Server) => {
                self.meters.one(Count::RefusedFull);
                return Judgement::Refuse;
            }
            Err(Full::Address) => return Judgement::HandOver,
        };
        let greeting = greeting(&candidate.header_lines(self.site), accept.as_deref());
        Judgement::Open(Box::new(StreamOpening {
            newcomer: candidate.newcomer(self.site),
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

    /// What to do with a POST of which this head and this much of the body have arrived.
    fn decide_post(&self, request: &dyn Head, head_bytes: usize, rest: &[u8]) -> Judgement {
        let Some(read) = self.reader_of(request.path()) else {
            return Judgement::HandOver;
        };
        let simple = request
            .header("connection")
            .is_none_or(|value| value.trim().eq_ignore_ascii_case("keep-alive"))
            && request.count("connection") <= 1
            && request.count("upgrade") == 0
            && matches!(
                self.site.origins.classify(request),
                RequestOrigin::SameOrigin | RequestOrigin::NotABrowser
            );
        let body_bytes_max = BODY_BYTES_MAX.min(self.site.config.limits.body_bytes_max as usize);
        let length = content_length(request).filter(|length| *length <= body_bytes_max);
        let (true, true, Some(length)) = (simple, self.site.is_ready(), length) else {
            return Judgement::HandOver;
        };
        let Some(body) = rest.get(..length) else {
            return Judgement::Wait;
        };
        let (connection_id, posted) = match std::str::from_utf8(body).map_or(Said::Nothing, read) {
            Said::Route { connection_id, route } => (connection_id, Some(Posted::Route(route.into_owned()))),
            Said::Alive { connection_id } => (connection_id, Some(Posted::Alive)),
            Said::Nothing => (Cow::Borrowed(""), None),
            Said::Other => return Judgement::HandOver,
        };
        let key = match self.site.cipher.locate(&connection_id) {
            Located::Here(key) => Some(key),
            // Another node of the cluster may hold it.
            Located::At(..) if self.site.is_joined => return Judgement::HandOver,
            Located::At(..) | Located::Unknown => None,
        };
        let post = key.zip(posted);
        Judgement::Post {
            post,
            bytes: head_bytes + length,
        }
    }

    /// How to read a body posted to this path; `None` if the shard does not answer it.
    fn reader_of(&self, path: &str) -> Option<fn(&str) -> Said<'_>> {
        match path.strip_prefix(self.site.config.base_path.as_str())? {
            "/route" => Some(read_route),
            "/message" => Some(read_message),
            _ => None,
        }
    }
}

/// Whether a request target has nothing in it that hyper refuses in a query (`"`, `<`, `>`) or cuts off (`#`). Browsers encode those.
fn is_plain_target(target: &str) -> bool {
    target
        .bytes()
        .all(|byte| matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'~'))
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
