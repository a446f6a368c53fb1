//! A client that sends any bytes it is told to, and reads frames as a strict peer would.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Far above anything that works takes: running out means broken, not slow.
const PATIENCE: Duration = Duration::from_secs(20);
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// First byte of a frame: the last, or only, one of its message.
pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// A frame as a client sends it: `first` is its first byte, and the length takes no more room than it must.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ ..126 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        medium @ 126..65_536 => {
            bytes.push(0x80 | 0x7e);
            bytes.extend(u16::try_from(medium).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// A close frame with a code and a reason.
pub(crate) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A frame that came from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// The whole first byte: a server that fragments, or sets a reserved bit, is not taken for one that does not.
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

/// An open WebSocket.
pub(crate) struct Client {
    stream: TcpStream,
}

impl Client {
    /// Opens the WebSocket at `path`.
    pub(crate) fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, &[])
    }

    /// As [`Client::open`], with `early` sent in the same write as the request.
    pub(crate) fn open_with(address: SocketAddr, path: &str, early: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), early].concat()).unwrap();
        let answer = read_head(&mut stream);
        assert!(answer.starts_with("http/1.1 101 "), "{answer}");
        // Of RFC 6455, section 1.3, for this very key.
        let accept = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";
        assert!(answer.contains(accept), "{answer}");
        Self { stream }
    }

    /// Sends these bytes; false where the server has hung up already, which it may after a violation.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// A second handle on the same socket, to write from another thread.
    pub(crate) fn writer(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// The next frame, or `None` where the server hung up between two frames. A reset is neither.
    pub(crate) fn receive(&mut self) -> Option<Received> {
        let mut start = [0; 2];
        match self.stream.read_exact(&mut start) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
            Err(error) => panic!("instead of a frame or an end: {error}"),
        }
        let [first, len] = start;
        let len = match len {
            126 => u64::from(u16::from_be_bytes(self.exactly())),
            127 => u64::from_be_bytes(self.exactly()),
            // A mask would be in the highest bit, and make this too long.
            short => u64::from(short),
        };
        assert!(
            len < 1 << 30,
            "a server masks nothing, nor sends this much: {len}"
        );
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload).unwrap();
        Some(Received { first, payload })
    }

    /// Everything up to the end.
    pub(crate) fn receive_all(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.receive()).collect()
    }

    fn exactly<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }
}

/// The head of an answer, in lower case. Read byte by byte: what comes behind it is frames.
fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}
