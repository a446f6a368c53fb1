//! One simulated tab: a socket, the decoder of what it receives, and where the tab is.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use memchr::memmem;
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::command::{Setup, Transport};
use super::cookies::cookies;
use super::decode::{Decoder, Framing};
use super::websocket;

/// Pages that tabs move between.
pub(super) const PAGES: usize = 200;

/// Another page, which will be invalidated.
pub(super) const PLACED: usize = PAGES;

/// A browser's, since servers leave bots out of the counts.
pub(super) const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// The path of a page.
pub(super) fn route_name(page: usize) -> String {
    if page == PLACED {
        "/invalidated/page".to_owned()
    } else {
        format!("/shop/page-{page:03}")
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    /// Where it is connected to.
    pub(super) server: SocketAddr,
    pub(super) transport: Transport,
    pub(super) decoder: Decoder,
    pub(super) setup: Setup,
    /// What its browser says that it is, and what its page says when it comes back: the end of the query.
    pub(super) query: String,
    /// The server's name for it; empty until its first message.
    pub(super) id: String,
    pub(super) page: usize,
    pub(super) requested: bool,
    pub(super) watching: bool,
    /// Told of a version since the mark.
    pub(super) told: bool,
    /// The stream has ended, or could not be opened.
    pub(super) ended: bool,
    /// What it must say when it comes back.
    pub(super) resume: String,
    /// When the server wants it back.
    pub(super) return_at: Option<Duration>,
}

impl Connection {
    /// A connection that was begun to `server`.
    pub(super) fn new(
        (socket, server): (TcpStream, SocketAddr),
        transport: Transport,
        setup: Setup,
        page: usize,
    ) -> Self {
        let framing = match transport {
            Transport::Sse => Framing::Sse,
            Transport::WebSocket => Framing::WebSocket,
        };
        Self {
            socket,
            server,
            transport,
            decoder: Decoder::new(framing),
            setup,
            query: String::new(),
            id: String::new(),
            page,
            requested: false,
            watching: false,
            told: false,
            ended: false,
            resume: String::new(),
            return_at: None,
        }
    }

    pub(super) fn is_websocket(&self) -> bool {
        matches!(self.decoder, Decoder::WebSocket(_))
    }

    /// Whether it waits for its first message.
    pub(super) fn is_begun(&self) -> bool {
        self.id.is_empty() && !self.ended
    }

    /// Sends the opening request, once the socket is connected.
    pub(super) fn request(&mut self) -> io::Result<()> {
        let (server, query) = (self.server, &self.query);
        let (endpoint, upgrade) = match self.decoder {
            Decoder::Head(Framing::WebSocket, _) | Decoder::WebSocket(_) => (
                "ws",
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            ),
            Decoder::Head(Framing::Sse, _) | Decoder::Sse(_) => ("sse", "Accept: text/event-stream\r\n"),
        };
        let cookies = cookies(self.setup, self.socket.local_addr()?);
        let route = route_name(self.page).replace('/', "%2F");
        let request = format!(
            "GET /__skew/{endpoint}?route={route}{query} HTTP/1.1\r\nHost: {server}\r\nOrigin: http://{server}\r\n\
             User-Agent: {USER_AGENT}\r\nCookie: {cookies}\r\n{upgrade}\r\n"
        );
        self.requested = true;
        send_all(&mut self.socket, request.as_bytes())
    }

    /// Sends one WebSocket frame.
    pub(super) fn send_frame(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        websocket::frame(opcode, payload, &mut bytes);
        send_all(&mut self.socket, &bytes)
    }
}

/// Writes a message that fits any socket buffer which is being drained; anything less is a failure of the server's.
pub(super) fn send_all(socket: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    match socket.write(bytes)? {
        written if written == bytes.len() => Ok(()),
        _ => Err(io::ErrorKind::WouldBlock.into()),
    }
}

/// How far `connect` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connecting {
    /// The socket becomes writable once it is connected.
    Begun,
    /// The call waits until it is.
    Finished,
}

/// Connects from an address of the loader's own: so no run is short of ports, and a tab's POSTs come from where its stream does.
pub(super) fn connect(server: SocketAddr, source: Ipv4Addr, how: Connecting) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(how == Connecting::Begun)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => return Err(error),
        Ok(()) | Err(_) => socket.set_nonblocking(true)?,
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// What a message from the server says, as far as a loader cares.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    Connected {
        id: &'a str,
        resume: &'a str,
    },
    Version,
    /// With the total, where that is in it.
    Stats {
        total: Option<u64>,
    },
    /// The stream ends soon: come back after so many milliseconds.
    Reconnect {
        after_ms: u64,
    },
    Other,
}

impl<'a> Said<'a> {
    /// Reads the beginning of a message.
    pub(super) fn read(head: &'a [u8]) -> Self {
        match value_after(head, br#""type":""#) {
            Some("connected") => {
                let resume = value_after(head, br#""resume":""#).unwrap_or_default();
                value_after(head, br#""connectionId":""#)
                    .map_or(Self::Other, |id| Self::Connected { id, resume })
            }
            Some("version") => Self::Version,
            Some("stats" | "stats-delta") => Self::Stats {
                total: number_after(head, br#""total":"#),
            },
            Some("reconnect") => Self::Reconnect {
                after_ms: number_after(head, br#""after":"#).unwrap_or_default(),
            },
            Some(_) | None => Self::Other,
        }
    }
}

fn value_after<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let value = &head[memmem::find(head, name)? + name.len()..];
    std::str::from_utf8(&value[..memchr::memchr(b'"', value)?]).ok()
}

fn number_after(head: &[u8], name: &[u8]) -> Option<u64> {
    let value = &head[memmem::find(head, name)? + name.len()..];
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // A number that is cut off would be another one.
    value.get(digits)?;
    std::str::from_utf8(&value[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_of_messages_are_told_apart() {
        let connected =
            br#"{"type":"connected","version":"v2","connectionId":"abc","timestamp":1,"resume":"4.7"}"#;
        let (id, resume) = ("abc", "4.7");
        assert_eq!(Said::read(connected), Said::Connected { id, resume });
        assert_eq!(
            Said::read(br#"{"type":"version","version":"v3","id":4}"#),
            Said::Version
        );
        for (said, total) in [
            (&br#"{"type":"stats-delta","seq":8}"#[..], None),
            (
                br#"{"type":"stats-delta","seq":8,"total":41,"visible":40}"#,
                Some(41),
            ),
            (br#"{"type":"stats","seq":8,"total":41"#, None),
        ] {
            assert_eq!(Said::read(said), Said::Stats { total });
        }
        let after_ms = 250;
        assert_eq!(
            Said::read(br#"{"type":"reconnect","after":250}"#),
            Said::Reconnect { after_ms }
        );
        assert_eq!(Said::read(br#"{"type":"stats-unauthorized"}"#), Said::Other);
    }
}
