//! The floor: the cost of the kernel alone, which every server has.
//!
//! Two threads, each with its own listener on one address (`SO_REUSEPORT`) and a `mio::Poll`. A socket is accepted,
//! registered once, read once for each time it is ready, answered with fixed bytes as long as headcount's, and closed.
//! A `POST` of a release makes both threads write one fixed message to every tab. So an event costs the necessary
//! system calls, and almost nothing else: figures of a server are compared with these rather than with those of another
//! machine.
//!
//! Deliberately absent: parsing beyond the end of a head, identities, counts, verdicts, limits, timers, keepalives, requests
//! that arrive in pieces (none does on the loopback; one that did would be answered once its end came).

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use memchr::memmem;
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use socket2::{Domain, Socket, Type};

const THREADS: usize = 2;
const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const EVENTS_AT_ONCE: usize = 1_024;
const BUFFER_BYTES: usize = 65_536;
const BACKLOG: i32 = 4_096;

const SSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache, no-transform\r\n\
    x-accel-buffering: no\r\nconnection: close\r\n\r\nid: 1;\ndata: {\"type\":\"connected\",\"version\":\"v2\",\
    \"connectionId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"timestamp\":1795320112742}\n\n";

/// `sec-websocket-accept` answers the one key that the loaders send. The frame's text has 101 bytes.
const WEBSOCKET: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x65{\"type\":\"connected\",\"version\":\"v2\",\
    \"connectionId\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"timestamp\":1795320112742}";

const POSTED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\
    date: Sun, 22 Nov 2026 08:00:00 GMT\r\n\r\n{\"ok\":true}";

const RELEASE_SSE: &[u8] = b"data: {\"type\":\"version\",\"version\":\"v3-0\",\"force\":false,\"id\":2}\n\n";
const RELEASE_WEBSOCKET: &[u8] =
    b"\x81\x38{\"type\":\"version\",\"version\":\"v3-0\",\"force\":false,\"id\":2}";

/// Runs the server until the process is ended. Prints `listening on http://…` on stderr, as headcount does.
pub(crate) fn run(listen: SocketAddr) -> io::Result<()> {
    let first = bind(listen)?;
    let address = first.local_addr()?;
    let mut workers = vec![Worker::new(first)?];
    while workers.len() < THREADS {
        workers.push(Worker::new(bind(address)?)?);
    }
    let wakers: Arc<[_]> = workers.iter().map(|worker| Arc::clone(&worker.waker)).collect();
    writeln!(io::stderr(), "listening on http://{address}")?;
    // The first thread that fails ends the process, and so the other.
    let (ended, outcome) = sync_channel(THREADS);
    for worker in workers {
        let (wakers, ended) = (Arc::clone(&wakers), ended.clone());
        thread::spawn(move || ended.send(worker.run(&wakers)));
    }
    outcome.recv().unwrap_or_else(|_| Err(ErrorKind::Other.into()))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// What a socket is for, known by its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unknown,
    Sse,
    WebSocket,
}

struct Worker {
    poll: Poll,
    listener: TcpListener,
    sockets: Slab<(TcpStream, Kind)>,
    buffer: Vec<u8>,
    waker: Arc<Waker>,
}

impl Worker {
    fn new(mut listener: TcpListener) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            sockets: Slab::new(),
            buffer: vec![0; BUFFER_BYTES],
            waker,
        })
    }

    fn run(mut self, wakers: &[Arc<Waker>]) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                Ok(()) | Err(_) => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    WAKER => self.tell_all(),
                    Token(_) => self.on_ready(event, wakers)?,
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let place = self.sockets.vacant_entry();
            let token = Token(place.key());
            self.poll
                .registry()
                .register(&mut socket, token, Interest::READABLE)?;
            place.insert((socket, Kind::Unknown));
        }
    }

    fn on_ready(&mut self, event: &Event, wakers: &[Arc<Waker>]) -> io::Result<()> {
        let place = event.token().0;
        let Some((socket, kind)) = self.sockets.get_mut(place) else {
            return Ok(());
        };
        let read = socket.read(&mut self.buffer).unwrap_or_default();
        let read = &self.buffer[..read];
        let open = match kind {
            _ if read.is_empty() || event.is_read_closed() => false,
            Kind::Unknown => answer(socket, kind, read, wakers)?,
            // A frame that closes (RFC 6455, section 5.5.1) ends the connection; anything else is thrown away.
            Kind::WebSocket => read[0] != 0x88,
            Kind::Sse => true,
        };
        if !open {
            self.sockets.remove(place);
        }
        Ok(())
    }

    fn tell_all(&mut self) {
        for (_, (socket, kind)) in &mut self.sockets {
            let message = match kind {
                Kind::Unknown => continue,
                Kind::Sse => RELEASE_SSE,
                Kind::WebSocket => RELEASE_WEBSOCKET,
            };
            // The reader counts what comes, and so notices a socket that accepts no more.
            drop(socket.write(message));
        }
    }
}

/// Answers a request, once its head has ended. Whether the socket stays open.
fn answer(socket: &mut TcpStream, kind: &mut Kind, read: &[u8], wakers: &[Arc<Waker>]) -> io::Result<bool> {
    if memmem::find(read, b"\r\n\r\n").is_none() {
        return Ok(true);
    }
    let is_release = read.starts_with(b"POST /api/");
    let answer = if read.starts_with(b"POST ") {
        POSTED
    } else if read.starts_with(b"GET /__skew/ws") {
        *kind = Kind::WebSocket;
        WEBSOCKET
    } else {
        *kind = Kind::Sse;
        SSE
    };
    if is_release {
        wakers.iter().try_for_each(|waker| waker.wake())?;
    }
    Ok(socket.write(answer)? == answer.len() && !is_release)
}
