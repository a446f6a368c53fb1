//! Server-sent events, as little of them as a loader needs: chunked or plain body, one `data` line an event.

use memchr::memchr;

use super::event::{Event, HEAD_BYTES};

/// Takes a body of server-sent events apart.
#[derive(Debug)]
pub(super) struct SseDecoder {
    chunk: Chunk,
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
}

/// Where in the transfer coding the next byte stands.
#[derive(Debug)]
enum Chunk {
    /// No transfer coding: the body ends with the connection.
    Plain,
    /// In the line that says the length of the next chunk.
    Length(usize),
    /// So many bytes of the chunk are to come.
    Data(usize),
    /// In the line break after a chunk.
    End,
    /// After the last chunk.
    Ended,
}

impl SseDecoder {
    pub(super) fn new(chunked: bool) -> Self {
        Self {
            chunk: if chunked { Chunk::Length(0) } else { Chunk::Plain },
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
        }
    }

    pub(super) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        while let Some(&next) = bytes.first() {
            match self.chunk {
                Chunk::Plain => {
                    self.body(bytes, sink);
                    return;
                }
                Chunk::Length(0) if next == b'\n' => {
                    self.chunk = Chunk::Ended;
                    sink(Event::Closed);
                }
                Chunk::Ended => return,
                Chunk::Length(length) => {
                    self.chunk = length_after(length, next);
                    bytes = &bytes[1..];
                }
                Chunk::Data(rest) => {
                    let (data, after) = bytes.split_at(rest.min(bytes.len()));
                    self.body(data, sink);
                    self.chunk = if data.len() == rest {
                        Chunk::End
                    } else {
                        Chunk::Data(rest - data.len())
                    };
                    bytes = after;
                }
                Chunk::End => {
                    self.chunk = if next == b'\n' {
                        Chunk::Length(0)
                    } else {
                        Chunk::End
                    };
                    bytes = &bytes[1..];
                }
            }
        }
    }

    fn body(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(Event<'_>)) {
        while let Some(end) = memchr(b'\n', bytes) {
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            self.finish_line(sink);
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        // Room for the field's name beside the beginning of its value.
        let room = HEAD_BYTES + "data: ".len() - self.line.len();
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish_line(&mut self, sink: &mut impl FnMut(Event<'_>)) {
        if self.line.is_empty() {
            if std::mem::take(&mut self.has_data) {
                sink(Event::Text(&self.data));
            }
        } else if let Some(value) = self.line.strip_prefix(b"data:") {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            self.data.clear();
            self.data.extend_from_slice(&value[..value.len().min(HEAD_BYTES)]);
            self.has_data = true;
        }
        self.line.clear();
    }
}

/// The state after one more byte of a length line.
fn length_after(length: usize, byte: u8) -> Chunk {
    match char::from(byte).to_digit(16) {
        Some(digit) => Chunk::Length(length * 16 + usize::try_from(digit).unwrap_or_default()),
        None if byte == b'\n' => Chunk::Data(length),
        None => Chunk::Length(length),
    }
}
