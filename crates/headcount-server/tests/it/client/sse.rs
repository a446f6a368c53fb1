//! An event stream, framed by chunks or by the end of its connection.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// The body of an answer.
#[derive(Debug)]
struct Body {
    socket: BufReader<TcpStream>,
    /// Bytes left in the current chunk, where there are chunks.
    chunk: Option<usize>,
}

impl Read for Body {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let Some(left) = self.chunk else {
            return self.socket.read(into);
        };
        let mut left = left;
        while left == 0 {
            let mut line = String::new();
            if self.socket.read_line(&mut line)? == 0 {
                return Ok(0);
            }
            match line.trim() {
                "" => {}
                "0" => return Ok(0),
                size => left = usize::from_str_radix(size, 16).map_err(std::io::Error::other)?,
            }
        }
        let wanted = left.min(into.len());
        let read = self.socket.read(&mut into[..wanted])?;
        self.chunk = Some(left - read);
        Ok(read)
    }
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) data: Option<String>,
    pub(super) id: Option<String>,
    pub(super) retry: Option<String>,
}

#[derive(Debug)]
pub(super) struct Events(BufReader<Body>);

impl Events {
    /// Takes over a connection whose answer's head was read.
    pub(super) fn new(socket: BufReader<TcpStream>, chunked: bool) -> Self {
        Self(BufReader::new(Body {
            socket,
            chunk: chunked.then_some(0),
        }))
    }

    pub(super) fn socket(&self) -> &TcpStream {
        self.0.get_ref().socket.get_ref()
    }

    /// The next event; `None` at the end of the stream.
    pub(super) fn next(&mut self) -> Option<Event> {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            match self.0.read_line(&mut line) {
                Ok(0) => return None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("{error} while waiting for an event"),
                Ok(_) => {}
            }
            let line = line.trim_end_matches(['\r', '\n']);
            match line.split_once(": ") {
                Some(("data", data)) => event.data = Some(data.to_owned()),
                Some(("id", id)) => event.id = Some(id.to_owned()),
                Some(("retry", retry)) => event.retry = Some(retry.to_owned()),
                _ if line.is_empty() && event != Event::default() => return Some(event),
                _ => {}
            }
        }
    }
}
