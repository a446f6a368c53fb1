//! All the tabs of one loader, on one thread and one `mio::Poll`.
//!
//! Invariant: a connection's token is its index; the lanes' tokens follow from [`LANE_TOKENS`], the waker's is the last.
//! Sockets are registered once, edge-triggered, so every readable event is read until the socket is empty.

use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::{Events, Interest, Poll, Token, Waker};

use super::command::{Setup, Transport};
use super::connection::{Connecting, Connection, Said, connect};
use super::event::Event;
use super::lane::{LANES, Lane};
use crate::clock;

const LANE_TOKENS: usize = 1 << 30;
const WAKER_TOKEN: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 1 << 18;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Connections that had their first message.
    pub(super) opened: usize,
    /// Connections that were refused or could not be made.
    pub(super) failed: usize,
    /// Connections that the server ended.
    pub(super) lost: usize,
    /// Posts whose answer was not `"ok":true`, and frames that could not be sent.
    pub(super) refused: usize,
    /// Distinct tabs told of a version since the mark, and when the last was.
    pub(super) told: usize,
    pub(super) told_at: Duration,
    /// What the subscribed connection received.
    pub(super) stats: u64,
    pub(super) stats_at: Duration,
    pub(super) stats_bytes: u64,
}

pub(super) struct Fleet {
    poll: Poll,
    events: Events,
    pub(super) server: SocketAddr,
    source: Ipv4Addr,
    pub(super) connections: Vec<Connection>,
    lanes: Vec<Lane>,
    posts: VecDeque<Vec<u8>>,
    buffer: Vec<u8>,
    pub(super) tally: Tally,
}

impl Fleet {
    pub(super) fn new(server: SocketAddr, source: Ipv4Addr) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1_024),
            server,
            source,
            connections: Vec::new(),
            lanes: Vec::new(),
            posts: VecDeque::new(),
            buffer: vec![0; BUFFER_BYTES],
            tally: Tally::default(),
        })
    }

    /// What ends a turn from another thread.
    pub(super) fn waker(&self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKER_TOKEN)
    }

    /// Begins to open one connection more.
    pub(super) fn start(&mut self, transport: Transport, setup: Setup, page: usize) -> io::Result<()> {
        let mut socket = connect(self.server, self.source, Connecting::Begun)?;
        let token = Token(self.connections.len());
        self.poll
            .registry()
            .register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        self.connections
            .push(Connection::new(socket, transport, setup, page));
        Ok(())
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
        let mut socket = connect(self.server, self.source, Connecting::Finished)?;
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
    }

    /// Waits for events, at most so long, and handles them.
    pub(super) fn turn(&mut self, wait: Option<Duration>) -> io::Result<()> {
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
        if writable && !connection.requested && connection.request(self.server).is_err() {
            self.tally.failed += 1;
            return;
        }
        if connection.requested && !self.read(index) {
            let Some(connection) = self.connections.get_mut(index) else {
                return;
            };
            // Taken out of the poll, kept in its place: the tokens of the others are indices.
            drop(self.poll.registry().deregister(&mut connection.socket));
            if connection.id.is_empty() {
                self.tally.failed += 1;
            } else {
                self.tally.lost += 1;
            }
        }
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

/// Takes what a connection received. False if the stream has ended.
fn take(connection: &mut Connection, bytes: &[u8], tally: &mut Tally) -> bool {
    let Connection {
        socket,
        decoder,
        id,
        watching,
        told,
        ..
    } = connection;
    if *watching {
        tally.stats_bytes += u64::try_from(bytes.len()).unwrap_or_default();
    }
    let mut open = true;
    let mut pong = Vec::new();
    let fed = decoder.feed(bytes, &mut |event| match event {
        Event::Text(head) => match Said::read(head) {
            Said::Connected { id: named } => {
                named.clone_into(id);
                tally.opened += 1;
            }
            Said::Version if !*told => {
                *told = true;
                tally.told += 1;
                tally.told_at = clock::now();
            }
            Said::Stats => {
                tally.stats += 1;
                tally.stats_at = clock::now();
            }
            Said::Version | Said::Other => (),
        },
        Event::Ping(payload) => super::websocket::frame(0xa, payload, &mut pong),
        Event::Closed => open = false,
    });
    let ponged = pong.is_empty() || super::connection::send_all(socket, &pong).is_ok();
    open && ponged && fed.is_ok()
}
