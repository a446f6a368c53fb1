//! The visitors' end of a WebSocket: just enough of a client (RFC 6455) for texts both ways and pings answered.
//!
//! Deliberately absent: extensions, fragments (our server sends none), and a check of `Sec-WebSocket-Accept`, because
//! what answers is this very process.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Bytes of an answer's head or of a message that are read. `stats` does not come to visitors; what does is short.
const BYTES_MAX: usize = 64 << 10;
/// First byte: this frame ends its message. The other bits are the opcode.
const FINAL: u8 = 0x80;
/// Second byte: a mask follows. The other bits are the length, or one of the two below.
const MASKED: u8 = 0x80;
/// The length is in the next two bytes.
const LENGTH_16: u8 = 126;
/// The length is in the next eight bytes.
const LENGTH_64: u8 = 127;
const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;

/// An open connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: BufReader<TcpStream>,
    /// Bytes of the frame that is being read. Kept here, so that a read that is cancelled in between loses nothing.
    frame: Vec<u8>,
}

impl Socket {
    /// Opens `target` at `address`, with the cookies of a browser.
    pub(super) async fn open(address: SocketAddr, target: &str, cookies: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: aGVhZGNvdW50LWRlbW8hIQ==\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\nCookie: {cookies}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut stream = BufReader::with_capacity(512, stream);
        if read_head(&mut stream).await?.starts_with(b"HTTP/1.1 101 ") {
            Ok(Self {
                stream,
                frame: Vec::new(),
            })
        } else {
            Err(io::Error::other("the server did not switch to WebSocket"))
        }
    }

    /// Sends a text of at most 65,535 bytes.
    pub(super) async fn send(&mut self, text: &str) -> io::Result<()> {
        self.send_frame(TEXT, text.as_bytes()).await
    }

    /// Says goodbye, as a browser does for a tab that closes.
    pub(super) async fn close(mut self) -> io::Result<()> {
        self.send_frame(CLOSE, &1_001_u16.to_be_bytes()).await
    }

    /// The next text; pings before it are answered. Ends with an error when the server closes. May be cancelled.
    pub(super) async fn next(&mut self) -> io::Result<String> {
        loop {
            let (opcode, payload) = self.next_frame().await?;
            match opcode {
                TEXT => return String::from_utf8(payload).map_err(io::Error::other),
                PING => self.send_frame(PONG, &payload).await?,
                CLOSE => return Err(io::ErrorKind::ConnectionAborted.into()),
                _ => {}
            }
        }
    }

    /// The next whole frame: its opcode and its payload.
    async fn next_frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        loop {
            if let Some((header, length)) = measured(&self.frame)
                && self.frame.len() >= header + length
            {
                let opcode = self.frame.first().copied().unwrap_or_default() & 0x0f;
                let payload = self.frame.drain(..header + length).skip(header).collect();
                return Ok((opcode, payload));
            }
            if self.frame.len() > BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.stream.read_buf(&mut self.frame).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    async fn send_frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut frame = vec![FINAL | opcode];
        if payload.len() < usize::from(LENGTH_16) {
            frame.push(MASKED | u8::try_from(payload.len()).map_err(io::Error::other)?);
        } else {
            frame.push(MASKED | LENGTH_16);
            frame.extend(
                u16::try_from(payload.len())
                    .map_err(io::Error::other)?
                    .to_be_bytes(),
            );
        }
        // A mask keeps scripts in a browser from attacking proxies; here its value does not matter.
        let mask = [0x6e, 0x6b, 0x70, 0x76];
        frame.extend(mask);
        frame.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        self.stream.get_mut().write_all(&frame).await
    }
}

/// Bytes of the header and of the payload of the server's frame that begins `bytes`; `None` while that cannot be told.
fn measured(bytes: &[u8]) -> Option<(usize, usize)> {
    match (bytes.get(1)? & !MASKED, bytes.get(2..4), bytes.get(2..10)) {
        (LENGTH_16, Some(&[high, low]), _) => Some((4, usize::from(u16::from_be_bytes([high, low])))),
        (LENGTH_64, _, Some(length)) => {
            let length = u64::from_be_bytes(length.try_into().ok()?);
            Some((10, usize::try_from(length).ok()?))
        }
        (LENGTH_16 | LENGTH_64, ..) => None,
        (length, ..) => Some((2, usize::from(length))),
    }
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() > BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use tungstenite::Message;

    use super::*;

    /// A real WebSocket server on a thread: answers each text with its length and a ping, until the client says goodbye.
    fn server() -> (SocketAddr, std::thread::JoinHandle<Vec<Message>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
            let mut received = Vec::new();
            while let Ok(message) = socket.read() {
                if let Message::Text(text) = &message {
                    let answer = "x".repeat(text.len());
                    socket.send(Message::Ping(vec![7].into())).unwrap();
                    socket.send(Message::Text(answer.into())).unwrap();
                }
                received.push(message);
            }
            received
        });
        (address, thread)
    }

    #[tokio::test]
    async fn texts_of_every_length_form_and_pings_pass() {
        let (address, server) = server();
        let mut socket = Socket::open(address, "/ws?route=/", "__nkpv=v1").await.unwrap();
        for length in [0, 1, 125, 126, 127, 60_000] {
            let text = "y".repeat(length);
            socket.send(&text).await.unwrap();
            assert_eq!(socket.next().await.unwrap().len(), length);
        }
        socket.close().await.unwrap();
        let received = tokio::task::spawn_blocking(|| server.join().unwrap())
            .await
            .unwrap();
        let pongs = received
            .iter()
            .filter(|message| matches!(message, Message::Pong(payload) if payload[..] == [7]));
        assert_eq!(pongs.count(), 6, "{received:?}");
        assert!(
            matches!(received.last(), Some(Message::Close(Some(frame))) if u16::from(frame.code) == 1_001)
        );
    }

    #[tokio::test]
    async fn a_server_that_does_not_switch_is_an_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let opened = tokio::spawn(async move { Socket::open(address, "/ws", "").await.map(|_| ()) });
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
            .await
            .unwrap();
        assert!(opened.await.unwrap().is_err());
    }
}
