//! What a server sends, taken apart as it arrives: bytes in, events out, no I/O.
//!
//! Payloads are skipped, not kept: of each message only the first [`HEAD_BYTES`](super::event::HEAD_BYTES) bytes are looked at. A stats message of the
//! baseline has a megabyte, and the loader shares the machine with the server it measures.

use super::event::Event;
use super::sse::SseDecoder;
use super::websocket::WebSocketDecoder;

/// Longest response head that is waited for.
const RESPONSE_HEAD_BYTES_MAX: usize = 8_192;

/// The server answered something other than a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// How a stream of messages is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    WebSocket,
    Sse,
}

/// Takes one connection's bytes apart: the response head first, then messages.
#[derive(Debug)]
pub(super) enum Decoder {
    Head(Framing, Vec<u8>),
    WebSocket(WebSocketDecoder),
    Sse(SseDecoder),
}

impl Decoder {
    pub(super) fn new(framing: Framing) -> Self {
        Self::Head(framing, Vec::new())
    }

    /// Takes the next bytes and gives the sink what they complete.
    pub(super) fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) -> Result<(), Refused> {
        match self {
            Self::Head(framing, head) => {
                let framing = *framing;
                head.extend_from_slice(bytes);
                let head = std::mem::take(head);
                self.finish_head(framing, head, sink)
            }
            Self::WebSocket(decoder) => {
                decoder.feed(bytes, sink);
                Ok(())
            }
            Self::Sse(decoder) => {
                decoder.feed(bytes, sink);
                Ok(())
            }
        }
    }

    fn finish_head(
        &mut self,
        framing: Framing,
        head: Vec<u8>,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), Refused> {
        let Some(response) = Response::parse(&head)? else {
            let kept = head.len() <= RESPONSE_HEAD_BYTES_MAX;
            *self = Self::Head(framing, head);
            return if kept { Ok(()) } else { Err(Refused) };
        };
        *self = match (framing, response.status) {
            (Framing::WebSocket, 101) => Self::WebSocket(WebSocketDecoder::default()),
            (Framing::Sse, 200) => Self::Sse(SseDecoder::new(response.chunked)),
            (Framing::WebSocket | Framing::Sse, _) => return Err(Refused),
        };
        sink(Event::Accepted);
        self.feed(&head[response.head_bytes..], sink)
    }
}

/// What the loader needs to know of a response head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head_bytes: usize,
    pub(crate) content_length: Option<usize>,
    pub(crate) chunked: bool,
}

impl Response {
    /// Reads a response head; `None` while it is incomplete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Refused> {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut parsed = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head_bytes) = parsed.parse(bytes).map_err(|_| Refused)? else {
            return Ok(None);
        };
        let value = |name: &str| {
            let found = parsed
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        Ok(Some(Self {
            status: parsed.code.unwrap_or_default(),
            head_bytes,
            content_length: value("content-length").and_then(|length| length.trim().parse().ok()),
            chunked: value("transfer-encoding")
                .is_some_and(|encoding| encoding.eq_ignore_ascii_case("chunked")),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::event::HEAD_BYTES;

    /// What the stream says when it arrives in pieces of every size.
    fn decoded(framing: Framing, stream: &[u8]) -> Vec<String> {
        let mut seen: Option<Vec<String>> = None;
        for size in 1..=stream.len() {
            let mut events = Vec::new();
            let mut decoder = Decoder::new(framing);
            for piece in stream.chunks(size) {
                decoder
                    .feed(piece, &mut |event| {
                        events.push(match event {
                            Event::Accepted => "accepted".to_owned(),
                            Event::Text(text) => format!("text {}", String::from_utf8_lossy(text)),
                            Event::Ping(payload) => format!("ping {}", payload.len()),
                            Event::Closed => "closed".to_owned(),
                        });
                    })
                    .unwrap();
            }
            assert_eq!(
                *seen.get_or_insert_with(|| events.clone()),
                events,
                "in pieces of {size}"
            );
        }
        seen.unwrap()
    }

    #[test]
    fn websocket_messages_arrive_however_the_bytes_are_cut() {
        let mut stream =
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n\x81\x02hi\x89\x01p".to_vec();
        stream.extend([0x81, 126, 1, 44]);
        stream.extend([b'x'; 300]);
        stream.extend([0x88, 0]);
        let long = format!("text {}", "x".repeat(HEAD_BYTES));
        assert_eq!(
            decoded(Framing::WebSocket, &stream),
            ["accepted", "text hi", "ping 1", &long, "closed"]
        );
    }

    #[test]
    fn chunked_events_arrive_however_the_bytes_are_cut() {
        let stream = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\ndata: \r\n5\r\nhi\n\n:\r\nf\r\n\nid: 7\ndata:yo\n\r\n1\r\n\n\r\n0\r\n\r\n";
        assert_eq!(
            decoded(Framing::Sse, stream),
            ["accepted", "text hi", "text yo", "closed"]
        );
    }

    #[test]
    fn events_without_chunks_arrive() {
        let stream = b"HTTP/1.1 200 OK\r\n\r\nretry: 3000\n\ndata: one\n\ndata: two\n\n";
        assert_eq!(
            decoded(Framing::Sse, stream),
            ["accepted", "text one", "text two"]
        );
    }

    #[test]
    fn a_refusal_is_told_apart() {
        let mut decoder = Decoder::new(Framing::Sse);
        let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        let fed = decoder.feed(answer, &mut |event| panic!("{event:?}"));
        assert_eq!(fed, Err(Refused));
    }
}
