//! All the tabs of one loader, on one thread and one `mio::Poll`.
//!
//! Invariant: a connection's token is its index; the lanes' tokens follow from [`LANE_TOKENS`], the waker's is the last.
//! Sockets are registered once, edge-triggered, so every readable event is read until the socket is empty.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token, Waker};

use super::command::{Setup, Transport};
use super::connection::{Connecting, Connection, connect};
use super::lane::{LANES, Lane};
use super::returns::Returns;
use super::tally::{Tally, take};
use crate::clock;

const LANE_TOKENS: usize = 1 << 30;
const WAKER_TOKEN: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 1 << 18;

/// Tabs that come back in one turn: the queue of a listener takes them.
const RETURNS_MAX: usize = 64;

pub(super) struct Fleet {
    poll: Poll,
    events: Events,
    /// Connections go to one after the other, and POSTs to the first.
    pub(super) servers: Vec<SocketAddr>,
    pub(super) source: Ipv4Addr,
    pub(super) connections: Vec<Connection>,
    lanes: Vec<Lane>,
    posts: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
    pub(super) tally: Tally,
    pub(super) returns: Returns,
}

impl Fleet {
    /// A fleet that connects to these servers, of which there is one at least.
    pub(super) fn new(servers: Vec<SocketAddr>, source: Ipv4Addr) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1_024),
            servers,
            source,
            connections: Vec::new(),
            lanes: Vec::new(),
            posts: VecDeque::new(),
            buffer: vec![0; BUFFER_BYTES],
            tally: Tally::default(),
            returns: Returns::default(),
        })
    }

    /// What ends a turn from another thread.
    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER_TOKEN)
    }

    /// Begins to open one connection more.
    pub(super) fn start(&mut self, transport: Transport, setup: Setup, page: usize) -> io::Result<()> {
        let index = self.connections.len();
        let server = self.servers[index % self.servers.len()];
        let socket = self.begin(index, server)?;
        let mut connection = Connection::new((socket, server), transport, setup, page);
        if setup == Setup::Tabs {
            connection.query = format!("&tab={}-{index}", self.source);
        }
        self.connections.push(connection);
        Ok(())
    }

    /// Begins to connect the tab of this index.
    pub(super) fn begin(&self, index: usize, server: SocketAddr) -> io::Result<TcpStream> {
        let mut socket = connect(server, self.source, Connecting::Begun)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut socket, Token(index), interest)?;
        Ok(socket)
    }

    /// Sends a POST on a free lane, now or later.
    pub(super) fn post(&mut self, request: Vec<u8>) -> io::Result<()> {
        for index in 0..LANES {
            if index == self.lanes.len() {
                let lane = self.open_lane(index)?;
                self.lanes.push(lane);
            } else if self.lanes[index].ended {
                self.lanes[index] = self.open_lane(index)?;
            }
        }
        self.posts.push_back(request);
        self.send_posts()
    }

    fn open_lane(&self, index: usize) -> io::Result<Lane> {
        let mut socket = connect(self.servers[0], self.source, Connecting::Finished)?;
        self.poll
            .registry()
            .register(&mut socket, Token(LANE_TOKENS + index), Interest::READABLE)?;
        Ok(Lane::new(socket))
    }

    /// Whether every POST was answered.
    pub(super) fn posts_done(&self) -> bool {
        self.posts.is_empty() && !self.lanes.iter().any(|lane| lane.busy)
    }

    fn send_posts(&mut self) -> io::Result<()> {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.busy && !lane.ended) {
            let Some(request) = self.posts.pop_front() else {
                break;
            };
            lane.send(&request)?;
        }
        Ok(())
    }

    /// Ends every connection as a closing tab does. The next come from an address whose ports are all free: those of the
    /// ended wait out `TIME_WAIT`, and to look for one among thousands of them takes the kernel longer than a connection.
    pub(super) fn close(&mut self) {
        let [first, second, third, fourth] = self.source.octets();
        self.source = Ipv4Addr::new(first, second.wrapping_add(1), third, fourth);
        for mut connection in self.connections.drain(..) {
            if connection.is_websocket() {
                // Status 1001, "going away". A peer that is gone already needs no goodbye.
                drop(connection.send_frame(0x8, &[0x03, 0xe9]));
            }
        }
        self.lanes.clear();
        self.posts.clear();
        self.tally = Tally::default();
        self.returns = Returns::default();
    }

    /// Waits for events, at most so long, and handles them.
    pub(super) fn turn(&mut self, wait: Option<Duration>) -> io::Result<()> {
        self.come_back()?;
        let wait = wait.into_iter().chain(self.returns.wait(clock::now())).min();
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, wait);
        for event in &events {
            match event.token() {
                WAKER_TOKEN => (),
                Token(lane) if lane >= LANE_TOKENS => self.lane_ready(lane - LANE_TOKENS)?,
                Token(index) => self.ready(index, event.is_writable()),
            }
        }
        self.events = events;
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Opens the connections of tabs that come back now.
    fn come_back(&mut self) -> io::Result<()> {
        for _ in 0..RETURNS_MAX {
            let Some((index, server)) = self.returns.next(clock::now()) else {
                break;
            };
            let socket = self.begin(index, server)?;
            let gone = &self.connections[index];
            let mut back = Connection::new((socket, server), gone.transport, gone.setup, gone.page);
            back.told = gone.told;
            back.resume.clone_from(&gone.resume);
            if gone.setup == Setup::Tabs {
                let tab = gone.query.split("&since=").next().unwrap_or_default();
                back.query = format!("{tab}&since={}", gone.resume);
            }
            self.connections[index] = back;
        }
        Ok(())
    }

    fn lane_ready(&mut self, index: usize) -> io::Result<()> {
        let Some(lane) = self.lanes.get_mut(index) else {
            return Ok(());
        };
        match lane.receive() {
            Ok(None) => return Ok(()),
            Ok(Some(true)) => (),
            Ok(Some(false)) => self.tally.refused += 1,
            Err(_) => {
                // A server may end a lane that was idle for long; one that ends it within a request refuses that request.
                self.tally.refused += usize::from(lane.busy);
                lane.end();
            }
        }
        self.send_posts()
    }

    fn ready(&mut self, index: usize, writable: bool) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if connection.ended {
            return;
        }
        let failed = writable && !connection.requested && connection.request().is_err();
        if failed || connection.requested && !self.read(index) {
            self.end(index);
        }
    }

    /// Takes a connection out of the poll. It keeps its place: the tokens of the others are indices.
    fn end(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        drop(self.poll.registry().deregister(&mut connection.socket));
        connection.ended = true;
        if connection.id.is_empty() {
            self.tally.failed += 1;
        } else {
            self.tally.lost += 1;
        }
        self.returns.ended(index, connection, clock::now());
    }

    /// Reads a socket empty. False once the stream has ended.
    fn read(&mut self, index: usize) -> bool {
        let connection = &mut self.connections[index];
        let tally = &mut self.tally;
        loop {
            match connection.socket.read(&mut self.buffer) {
                Ok(0) => return false,
                Ok(read) => {
                    if !take(connection, &self.buffer[..read], tally) {
                        return false;
                    }
                    if read < self.buffer.len() {
                        return true;
                    }
                }
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }
}
