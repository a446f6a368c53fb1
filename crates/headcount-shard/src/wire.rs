//! The sockets of a shard: what it waits for, what is written, and what waits to be written.

use std::time::Duration;

use headcount_core::connection::ConnectionKey;
use mio::event::Source;
use mio::{Events, Interest, Poll};

use crate::outbox::{Part, Sent};
use crate::peer::{Link, Peer};
use crate::token::Ready;

/// What a shard waits for, and its measure of what may wait for a socket.
#[derive(Debug)]
pub(super) struct Wire {
    poll: Poll,
    outbox_bytes_max: usize,
}

impl Wire {
    pub(super) fn new(poll: Poll, outbox_bytes_max: u32) -> Self {
        let outbox_bytes_max = outbox_bytes_max as usize;
        Self {
            poll,
            outbox_bytes_max,
        }
    }

    /// Waits until something is ready; no longer than `time`, if there is one.
    pub(super) fn wait(&mut self, events: &mut Events, time: Option<Duration>) -> std::io::Result<()> {
        match self.poll.poll(events, time) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Hears of what comes on a socket. It may be registered already, as something else.
    pub(super) fn watch(&self, socket: &mut impl Source, ready: Ready) -> std::io::Result<()> {
        let (registry, token) = (self.poll.registry(), ready.token());
        registry
            .register(socket, token, Interest::READABLE)
            .or_else(|_| registry.reregister(socket, token, Interest::READABLE))
    }

    /// A socket that leaves may have been registered, and must not be heard any more.
    pub(super) fn forget(&self, socket: &mut impl Source) {
        let _not_registered = self.poll.registry().deregister(socket);
    }

    /// Makes the tab in this slot and its connection known to each other: readiness for a socket, the key for a task. Whether the
    /// tab is still there.
    pub(super) fn connect(&self, peer: &mut Peer, key: ConnectionKey) -> Sent {
        let is_there = match &mut peer.link {
            Link::Remote(link) => link.open(key),
            Link::Socket(socket) => self.watch(socket, Ready::Slot(key.slot)).is_ok(),
        };
        if is_there { Sent::Yes } else { Sent::Broken }
    }

    /// Sends a message of at most four parts to the tab in this slot.
    pub(super) fn send(&self, peer: &mut Peer, slot: u32, parts: &[Part<'_>], now_ms: u64) -> Sent {
        let was_clear = peer.outbox.is_none();
        let sent = peer.send(parts, now_ms, self.outbox_bytes_max);
        if was_clear && peer.outbox.is_some() && !self.watch_room(peer, slot) {
            return Sent::Broken;
        }
        sent
    }

    /// Registers a socket for writability too, which also reports unread bytes again. Most sockets never need it, and
    /// at the start every socket would report at once that it is writable.
    pub(super) fn watch_room(&self, peer: &mut Peer, slot: u32) -> bool {
        let Link::Socket(socket) = &mut peer.link else {
            return true;
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .reregister(socket, Ready::Slot(slot).token(), both)
            .is_ok()
    }

    /// Whether a tab takes what it is sent at once, or nearly so. Where its socket has bytes waiting, those show it.
    pub(super) fn keeps_up(&self, peer: &Peer) -> bool {
        match &peer.link {
            Link::Remote(link) => link.keeps_up(self.outbox_bytes_max),
            Link::Socket(_) => true,
        }
    }
}
