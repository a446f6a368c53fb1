//! The connection on which the tabs of an SSE run send their POSTs: keep-alive, one request at a time.

use std::io::{self, Read as _};
use std::net::SocketAddr;

use memchr::memmem;
use mio::net::TcpStream;

use super::connection::{USER_AGENT, send_all};
use super::cookies::VERSION;
use super::decode::Response;

/// Lanes a loader opens; a browser opens up to six to one site.
pub(super) const LANES: usize = 6;

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) socket: TcpStream,
    /// A request is on its way, its answer is not here yet.
    pub(super) busy: bool,
    /// The server ended it.
    pub(super) ended: bool,
    answer: Vec<u8>,
}

impl Lane {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            busy: false,
            ended: false,
            answer: Vec::new(),
        }
    }

    pub(super) fn end(&mut self) {
        self.busy = false;
        self.ended = true;
    }

    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.busy = true;
        send_all(&mut self.socket, request)
    }

    /// Reads what has come. `Some` once an answer is complete: whether it says `"ok":true`, or has status 202 as nchan's where a channel has no
    /// subscriber.
    pub(super) fn receive(&mut self) -> io::Result<Option<bool>> {
        let mut buffer = [0; 2_048];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.answer.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let malformed = |_| io::Error::from(io::ErrorKind::InvalidData);
        let Some(response) = Response::parse(&self.answer).map_err(malformed)? else {
            return Ok(None);
        };
        if self.answer.len() < response.head_bytes + response.content_length.unwrap_or_default() {
            return Ok(None);
        }
        let accepted = response.status == 202 || memmem::find(&self.answer, br#""ok":true"#).is_some();
        self.answer.clear();
        self.busy = false;
        Ok(Some(accepted))
    }
}

/// One POST to a client endpoint.
pub(super) fn post(server: SocketAddr, endpoint: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /__skew/{endpoint} HTTP/1.1\r\nHost: {server}\r\nOrigin: http://{server}\r\nUser-Agent: {USER_AGENT}\r\n\
         Cookie: {VERSION}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
