//! The connections of a shard, with all that ends when one of them does.
//!
//! Every message to a client goes through [`Tabs::send`], and every connection ends in [`Tabs::close`]: where it is in the
//! table, its socket is held, and its readers, its place in the census and its observers know it.

use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use headcount_core::limits::Limits;
use headcount_core::protocol::server;
use headcount_core::session::Spent;
use headcount_core::sse;
use headcount_core::websocket;
use mio::net::TcpStream;

use crate::cause::Cause;
use crate::guests::{Guest, Guests, Visit};
use crate::meters::Meters;
use crate::newcomer::Transport;
use crate::outbox::{Flushed, Part, Sent};
use crate::outlets::Outlets;
use crate::peer::{Link, Peer, Subscription};
use crate::readers::Readers;
use crate::surroundings::Terms;
use crate::table::Table;
use crate::token::Ready;
use crate::wire::Wire;
use headcount_core::happening::Happening;

/// How long a socket may linger after its last word.
const LINGER_MS: u64 = 2_000;

/// Sockets that may linger at once; a further one is closed without waiting.
const LINGERING_MAX: usize = 1_024;

/// Connections, the ways to them, and what hears of them.
#[derive(Debug)]
pub(super) struct Tabs {
    pub(super) number: u16,
    pub(super) terms: Arc<Terms>,
    pub(super) meters: Arc<Meters>,
    pub(super) table: Table<Peer>,
    pub(super) wire: Wire,
    pub(super) guests: Guests,
    pub(super) readers: Readers,
    pub(super) outlets: Outlets,
    /// Milliseconds since the shard started, at the beginning of this turn of the loop.
    pub(super) now_ms: u64,
}

impl Tabs {
    pub(super) fn limits(&self) -> &Limits {
        &self.terms.limits
    }

    /// This shard's share of what all shards may keep together, bytes.
    pub(super) fn share_of(&self, bytes_max: u32) -> usize {
        bytes_max as usize / self.terms.shards.max(1)
    }

    pub(super) fn transport(&self, slot: u32) -> Option<Transport> {
        self.table.peer(slot).map(|peer| peer.transport)
    }

    /// Sends one text to one connection. Whether the connection is still there.
    pub(super) fn send_text(&mut self, slot: u32, text: &str) -> bool {
        let framed = match self.transport(slot) {
            Some(Transport::Sse) => sse::event(text),
            Some(Transport::WebSocket) => websocket::text(text),
            None => return false,
        };
        self.send_own(slot, &framed)
    }

    /// Sends bytes that are already framed.
    pub(super) fn send_own(&mut self, slot: u32, bytes: &[u8]) -> bool {
        self.send(slot, &[Part::Own(bytes)])
    }

    /// Sends a message of at most four parts. Whether the connection is still there.
    pub(super) fn send(&mut self, slot: u32, parts: &[Part<'_>]) -> bool {
        let Some(peer) = self.table.peer_mut(slot) else {
            return false;
        };
        let sent = self.wire.send(peer, slot, parts, self.now_ms);
        self.after_send(slot, sent)
    }

    /// Closes a connection that could not be sent to. Whether it is still there.
    pub(super) fn after_send(&mut self, slot: u32, sent: Sent) -> bool {
        match sent {
            Sent::Yes => return true,
            Sent::TooSlow => self.close(slot, Cause::Slow),
            Sent::Broken => self.close(slot, Cause::Peer),
        }
        false
    }

    /// A socket takes bytes again.
    pub(super) fn on_writable(&mut self, slot: u32) {
        let Some(peer) = self.table.peer_mut(slot) else {
            return;
        };
        match peer.flush(self.now_ms) {
            Ok(Flushed::Empty | Flushed::Waiting) => {}
            Ok(Flushed::StatsMissed) => {
                if let Some(key) = self.table.key(slot) {
                    self.want_snapshot(key);
                }
            }
            Err(_) => self.close(slot, Cause::Peer),
        }
    }

    /// Asks the hub for a whole message for a reader, now or soon.
    pub(super) fn want_snapshot(&mut self, key: ConnectionKey) {
        self.readers.want(key, &self.outlets.reports, self.now_ms);
    }

    /// The one place where anything but a message's text is paid for, whichever way it came: a frame, a part of one, a POST. The
    /// connection of a client that floods is closed when this returns. A text is paid for by [`Session::receive`].
    ///
    /// [`Session::receive`]: headcount_core::session::Session::receive
    pub(super) fn spend(&mut self, slot: u32) -> Spent {
        let Some(peer) = self.table.peer_mut(slot) else {
            return Spent::Flood;
        };
        peer.life.note();
        let spent = peer.session.spend(self.now_ms, &self.terms.limits);
        if spent == Spent::Flood {
            self.close(slot, Cause::Flood);
        }
        spent
    }

    /// Ends a connection. Its entry and its counts are gone when this returns.
    pub(super) fn close(&mut self, slot: u32, cause: Cause) {
        let Some((key, peer)) = self.table.close(slot) else {
            return;
        };
        self.meters.one(cause.count());
        self.terms
            .census
            .leave(peer.extras.as_ref().and_then(|extras| extras.address));
        if peer.stats != Subscription::None {
            self.readers.end(key);
            self.say_left(key, peer.stats);
        }
        self.outlets
            .witness
            .tell(&self.meters, || Some(Happening::Closed(key)));
        self.take_leave(peer, cause);
    }

    /// Tells the hub that a subscriber, or a connection that asked to be one, is gone.
    pub(super) fn say_left(&self, key: ConnectionKey, before: Subscription) {
        self.outlets.say_left(key, before, self.readers.turn());
    }

    /// Says the last word to a tab that is in the table no more.
    fn take_leave(&mut self, peer: Peer, cause: Cause) {
        // Where bytes are queued, the socket may have taken half a frame, and another must not begin inside it.
        let is_behind = peer.outbox.is_some();
        match (peer.link, peer.transport, cause.code()) {
            (Link::Socket(mut socket), Transport::WebSocket, Some(code)) if !is_behind => {
                let farewell = websocket::close(code, "");
                if let Cause::Answered(_) = cause {
                    // Both have said goodbye: nothing unread is left that closing now could destroy (RFC 6455, 7.1.1).
                    let _already_gone = socket.write(&farewell);
                } else {
                    self.linger(socket, &farewell);
                }
            }
            (Link::Socket(socket), Transport::Sse, _) if cause == Cause::Replaced && !is_behind => {
                self.linger(socket, &sse::event(server::REPLACED));
            }
            (Link::Socket(socket), _, Some(_)) => self.linger(socket, &[]),
            (Link::Socket(_), _, None) => {}
            (Link::Remote(link), transport, code) => {
                let farewell = match (transport, code) {
                    (Transport::WebSocket, Some(code)) => websocket::close(code, ""),
                    (Transport::Sse, _) if cause == Cause::Replaced => sse::event(server::REPLACED),
                    _ => Bytes::new(),
                };
                link.end(&farewell);
            }
        }
    }

    /// Sends a last word and closes once the peer has, or after a moment: closing at once could destroy what it has not
    /// read yet.
    pub(super) fn linger(&mut self, mut stream: TcpStream, last_word: &[u8]) {
        if stream.write(last_word).is_err() || stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        if self.guests.lingering() >= LINGERING_MAX.min(self.guests_max()) {
            return;
        }
        let visit = self
            .guests
            .insert(Guest::Lingering(stream), self.now_ms + LINGER_MS);
        self.watch_guest(visit);
    }

    /// Hears of what comes from a guest, from now on. One that cannot be heard leaves.
    pub(super) fn watch_guest(&mut self, visit: Visit) {
        let Some(stream) = self.guests.stream(visit) else {
            return;
        };
        // One that was a connection is registered already, under its slot.
        if self.wire.watch(stream, Ready::Guest(visit.place)).is_err() {
            self.guests.take_visit(visit);
            self.guests.leave(visit.place);
        }
    }

    pub(super) fn guests_max(&self) -> usize {
        self.terms.server.guests_max()
    }
}
