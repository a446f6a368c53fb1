//! An HTTP/2 client as blunt as the tests need it: frames over one blocking socket (RFC 9113), header names by number (RFC 7541).

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::client::connect;

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

/// Ends a header block; on a ping or settings it is an answer.
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;

pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

pub(super) struct Connection {
    reader: BufReader<TcpStream>,
    address: SocketAddr,
    next: u32,
}

impl Connection {
    /// Sends the preface and its settings.
    pub(super) fn open(address: SocketAddr) -> Self {
        let mut connection = Self {
            reader: BufReader::new(connect(address)),
            address,
            next: 1,
        };
        connection.write(PREFACE);
        connection.frame(SETTINGS, 0, 0, &[]);
        connection
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    pub(super) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.write(&frame(kind, flags, stream, payload));
    }

    /// Begins a GET: the number of its stream.
    pub(super) fn get(&mut self, target: &str) -> u32 {
        let stream = self.next;
        self.next += 2;
        let block = get(self.address, target);
        self.frame(HEADERS, END_HEADERS | END_STREAM, stream, &block);
        stream
    }

    /// As [`Connection::get`], with a secret.
    pub(super) fn get_with_secret(&mut self, target: &str, secret: &str) -> u32 {
        let stream = self.next;
        self.next += 2;
        let mut block = get(self.address, target);
        let bearer = format!("Bearer {secret}");
        // `authorization`, by its number, never indexed.
        block.extend([0x1f, 0x08, u8::try_from(bearer.len()).unwrap()]);
        block.extend(bearer.as_bytes());
        self.frame(HEADERS, END_HEADERS | END_STREAM, stream, &block);
        stream
    }

    /// Begins a POST whose body has yet to come.
    pub(super) fn begin_post(&mut self, target: &str) -> u32 {
        let stream = self.next;
        self.next += 2;
        let mut block = get(self.address, target);
        // `:method: POST`, by its number.
        block[0] = 0x83;
        self.frame(HEADERS, END_HEADERS, stream, &block);
        stream
    }

    /// Begins a GET whose headers have yet to end.
    pub(super) fn begin_get(&mut self, target: &str) -> u32 {
        let stream = self.next;
        self.next += 2;
        let block = get(self.address, target);
        self.frame(HEADERS, END_STREAM, stream, &block);
        stream
    }

    /// The next frame; `None` at the end of the connection.
    pub(super) fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.read(&mut head)?;
        let [a, b, c, kind, _, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.read(&mut payload)?;
        Some(Frame {
            kind,
            stream: u32::from_be_bytes(stream),
            payload,
        })
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.reader.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) =>
            {
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// The next frame that is so. Panics at the end of the connection.
    pub(super) fn until(&mut self, so: impl Fn(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.next().unwrap();
            if so(&frame) {
                return frame;
            }
        }
    }

    /// Waits for the answer on this stream: its status.
    pub(super) fn status(&mut self, stream: u32) -> u16 {
        let headers = self.until(|frame| (frame.kind, frame.stream) == (HEADERS, stream));
        match headers.payload[..] {
            // By number (RFC 7541, appendix A), after what hyper says about its table, if anything.
            [0x88, ..] => 200,
            [0x8d, ..] => 404,
            // Spelled out: of the others these tests meet 503 alone.
            _ => 503,
        }
    }

    /// Reads to the end of the connection. What came.
    pub(super) fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.next()).collect()
    }

    pub(super) fn socket(&self) -> &TcpStream {
        self.reader.get_ref()
    }
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![a, b, c, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn get(address: SocketAddr, target: &str) -> Vec<u8> {
    // `:method: GET` and `:scheme: http`, then `:path` and `:authority` spelled out.
    let mut block = vec![0x82, 0x86];
    for (name, value) in [(0x04, target), (0x01, &*address.to_string())] {
        block.push(name);
        block.push(u8::try_from(value.len()).unwrap());
        block.extend(value.as_bytes());
    }
    block
}
