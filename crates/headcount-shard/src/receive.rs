//! A client speaks.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::server;
use headcount_core::route;
use headcount_core::session::{Spent, Step};
use headcount_core::websocket::{self, CloseCode, Event, Flow};

use crate::cause::Cause;
use crate::credentials::Credentials;
use crate::deferred::Deferred;
use crate::deliver::Deliveries;
use crate::handshakes::Handshakes;
use crate::meters::Count;
use crate::newcomer::Transport;
use crate::peer::Link;
use crate::subscribe;
use crate::tabs::Tabs;
use headcount_core::happening::Happening;

/// Reads of a full buffer from one socket before others are heard again.
pub(super) const READS_AT_ONCE: usize = 16;

/// What clients said that has not been acted on yet.
#[derive(Debug, Default)]
pub(super) struct Clients {
    /// Navigations that wait for the allowance of their connections.
    deferred: Deferred,
    /// What WebSockets showed lately.
    handshakes: Handshakes,
}

impl Clients {
    /// Keeps what a WebSocket's handshake showed for a moment.
    pub(super) fn keep_handshake(
        &mut self,
        tabs: &Tabs,
        key: ConnectionKey,
        credentials: Option<Arc<Credentials>>,
    ) {
        let Some(credentials) = credentials else { return };
        let limits = tabs.limits();
        let until_ms = tabs.now_ms + u64::from(limits.handshake_credentials_ms);
        let bytes_max = tabs.share_of(limits.handshake_credentials_bytes_max);
        self.handshakes.keep(key, credentials, until_ms, bytes_max);
    }

    /// Forgets what was shown too long ago.
    pub(super) fn expire_handshakes(&mut self, now_ms: u64) {
        self.handshakes.expire(now_ms);
    }

    /// When something that was shown is forgotten next.
    pub(super) fn next_expiry_ms(&self) -> Option<u64> {
        self.handshakes.next_ms()
    }

    /// Whether navigations wait.
    pub(super) fn has_deferred(&self) -> bool {
        !self.deferred.is_empty()
    }

    /// A socket has something to read, or was closed by its peer.
    pub(super) fn on_readable(
        &mut self,
        tabs: &mut Tabs,
        deliveries: &mut Deliveries,
        slot: u32,
        closed: bool,
        scratch: &mut [u8],
    ) {
        let mut more = true;
        for _ in 0..READS_AT_ONCE {
            more = more && self.read_once(tabs, deliveries, slot, closed, scratch);
        }
        if more {
            // Registering again reports unread bytes, after the other sockets have had their turn.
            if let Some(peer) = tabs.table.peer_mut(slot) {
                tabs.wire.watch_room(peer, slot);
            }
        }
    }

    /// Reads once. Whether there may be more.
    fn read_once(
        &mut self,
        tabs: &mut Tabs,
        deliveries: &mut Deliveries,
        slot: u32,
        closed: bool,
        scratch: &mut [u8],
    ) -> bool {
        let Some(peer) = tabs.table.peer_mut(slot) else {
            return false;
        };
        let Link::Socket(socket) = &mut peer.link else {
            return false;
        };
        match socket.read(scratch) {
            Ok(read @ 1..) => {
                peer.life.note();
                let open = match peer.transport {
                    Transport::WebSocket => self.on_frames(tabs, deliveries, slot, &mut scratch[..read]),
                    // What an SSE client sends after its request means nothing, and is not free.
                    Transport::Sse => tabs.spend(slot) != Spent::Flood,
                };
                // A short read has drained the socket, unless its end is still unread.
                open && (read == scratch.len() || closed)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Ok(0) | Err(_) => {
                tabs.close(slot, Cause::Peer);
                false
            }
        }
    }

    /// Bytes that came with the request.
    pub(super) fn on_bytes(
        &mut self,
        tabs: &mut Tabs,
        deliveries: &mut Deliveries,
        slot: u32,
        mut bytes: Vec<u8>,
    ) {
        if tabs.transport(slot) == Some(Transport::WebSocket) {
            self.on_frames(tabs, deliveries, slot, &mut bytes);
        }
    }

    /// Takes in bytes of a WebSocket. Whether the connection is still there.
    fn on_frames(
        &mut self,
        tabs: &mut Tabs,
        deliveries: &mut Deliveries,
        slot: u32,
        bytes: &mut [u8],
    ) -> bool {
        let Some(key) = tabs.table.key(slot) else {
            return false;
        };
        let Some(peer) = tabs.table.peer_mut(slot) else {
            return false;
        };
        let mut decoder = std::mem::take(&mut peer.decoder);
        let message_bytes_max = tabs.limits().message_bytes_max as usize;
        let mut is_whole = false;
        let outcome = decoder.feed(bytes, message_bytes_max, |event| {
            is_whole = true;
            self.on_frame(tabs, deliveries, slot, &event)
        });
        // A read that completes nothing costs as much as one that does: else a byte at a time would be free.
        if !is_whole && outcome.is_ok() {
            tabs.spend(slot);
        }
        if tabs.table.find(key).is_none() {
            return false;
        }
        if let Err(violation) = outcome {
            tabs.meters.one(Count::ReceivedMalformed);
            tabs.close(slot, Cause::Violation(violation.close_code()));
            return false;
        }
        if let Some(peer) = tabs.table.peer_mut(slot) {
            peer.decoder = decoder;
        }
        true
    }

    fn on_frame(
        &mut self,
        tabs: &mut Tabs,
        deliveries: &mut Deliveries,
        slot: u32,
        event: &Event<'_>,
    ) -> Flow {
        match event {
            Event::Text(text) => {
                let Some(key) = tabs.table.key(slot) else {
                    return Flow::Stop;
                };
                self.on_text(tabs, deliveries, slot, text);
                if tabs.table.find(key).is_some() {
                    Flow::Continue
                } else {
                    Flow::Stop
                }
            }
            Event::Binary(_) => {
                tabs.meters.one(Count::ReceivedMalformed);
                spend_on_frame(tabs, slot)
            }
            Event::Ping(payload) => {
                let pong = websocket::pong(payload);
                if spend_on_frame(tabs, slot) == Flow::Stop || !tabs.send_own(slot, &pong) {
                    return Flow::Stop;
                }
                Flow::Continue
            }
            Event::Pong(_) | Event::Fragment => spend_on_frame(tabs, slot),
            Event::Close(code) => {
                let echo = code.map_or(CloseCode::NORMAL, CloseCode::new);
                tabs.close(slot, Cause::Answered(echo));
                Flow::Stop
            }
        }
    }

    /// Takes in a message of a client, whichever way it came.
    pub(super) fn on_text(&mut self, tabs: &mut Tabs, deliveries: &mut Deliveries, slot: u32, text: &str) {
        let Some(peer) = tabs.table.peer_mut(slot) else {
            return;
        };
        peer.life.note();
        match peer.session.receive(text, tabs.now_ms, &tabs.terms.limits) {
            Step::Navigate(route) => {
                self.forget_deferred(tabs, slot);
                navigate(tabs, deliveries, slot, &route);
            }
            Step::NavigateLater(route) => self.defer_navigation(tabs, slot, &route),
            Step::Visibility { hidden } => {
                tabs.meters.one(Count::ReceivedOther);
                tabs.table.set_hidden(slot, hidden);
            }
            Step::Acknowledge { id, outcome } => {
                tabs.meters.one(Count::ReceivedOther);
                tabs.table.acknowledge(slot, id, outcome);
            }
            Step::Subscribe(asked) => {
                tabs.meters.one(Count::ReceivedOther);
                subscribe::by_message(tabs, &self.handshakes, slot, asked.into());
            }
            Step::Unsubscribe => {
                tabs.meters.one(Count::ReceivedOther);
                subscribe::unsubscribe(tabs, slot);
            }
            Step::Alive => tabs.meters.one(Count::ReceivedOther),
            Step::Pong => {
                tabs.meters.one(Count::ReceivedOther);
                tabs.send_text(slot, server::PONG);
            }
            Step::IgnoreUnknown => tabs.meters.one(Count::ReceivedUnknown),
            Step::IgnoreMalformed => tabs.meters.one(Count::ReceivedMalformed),
            Step::IgnoreFlood => tabs.meters.one(Count::ReceivedFlood),
            Step::CloseFlood => tabs.close(slot, Cause::Flood),
        }
    }

    /// Lets a navigation wait until its connection may speak again.
    fn defer_navigation(&mut self, tabs: &mut Tabs, slot: u32, route: &str) {
        tabs.meters.one(Count::ReceivedFlood);
        let Some(key) = tabs.table.key(slot) else {
            return;
        };
        let limits = tabs.limits();
        let bytes_max = tabs.share_of(limits.deferred_bytes_max);
        let Ok(route) = route::normalise(route, limits.route_bytes_max.into()) else {
            tabs.meters.one(Count::ReceivedBadRoute);
            return;
        };
        if !self.deferred.put(key, &route, bytes_max) {
            tabs.close(slot, Cause::Flood);
        }
    }

    /// A newer page takes the place of one that waits.
    fn forget_deferred(&mut self, tabs: &Tabs, slot: u32) {
        if !self.deferred.is_empty()
            && let Some(key) = tabs.table.key(slot)
        {
            self.deferred.remove(key);
        }
    }

    /// Applies the navigations of clients whose allowance has recovered.
    pub(super) fn apply_deferred(&mut self, tabs: &mut Tabs, deliveries: &mut Deliveries) {
        for key in self.deferred.keys() {
            let found = tabs.table.find(key);
            let Some((slot, peer)) = found.and_then(|slot| Some((slot, tabs.table.peer_mut(slot)?))) else {
                self.deferred.remove(key);
                continue;
            };
            if peer.session.has_recovered(tabs.now_ms, &tabs.terms.limits)
                && let Some(route) = self.deferred.remove(key)
            {
                navigate(tabs, deliveries, slot, &route);
            }
        }
    }

    /// Puts a connection on the route that was posted for it. Whether it is here, and the route is one.
    pub(super) fn navigate_by_post(
        &mut self,
        tabs: &mut Tabs,
        deliveries: &mut Deliveries,
        key: ConnectionKey,
        route: &str,
    ) -> bool {
        let Some(slot) = tabs.table.find(key) else {
            return false;
        };
        match tabs.spend(slot) {
            Spent::Within => {
                self.forget_deferred(tabs, slot);
                navigate(tabs, deliveries, slot, route)
            }
            Spent::TooFast => {
                self.defer_navigation(tabs, slot, route);
                true
            }
            Spent::Flood => false,
        }
    }
}

fn spend_on_frame(tabs: &mut Tabs, slot: u32) -> Flow {
    match tabs.spend(slot) {
        Spent::Within | Spent::TooFast => Flow::Continue,
        Spent::Flood => Flow::Stop,
    }
}

/// Notes that a connection gave a sign of life. Whether it is here.
pub(super) fn hear_by_post(tabs: &mut Tabs, key: ConnectionKey) -> bool {
    let Some(slot) = tabs.table.find(key) else {
        return false;
    };
    tabs.meters.one(Count::ReceivedOther);
    tabs.spend(slot) != Spent::Flood
}

/// Puts a connection on another page. Whether that is one.
fn navigate(tabs: &mut Tabs, deliveries: &mut Deliveries, slot: u32, route: &str) -> bool {
    let Ok(route) = route::normalise(route, usize::from(tabs.limits().route_bytes_max)) else {
        tabs.meters.one(Count::ReceivedBadRoute);
        return false;
    };
    tabs.meters.one(Count::ReceivedNavigation);
    if tabs.table.navigate(slot, &route) == Some(true) {
        tabs.outlets.witness.tell(&tabs.meters, || {
            let key = tabs.table.key(slot)?;
            Some(Happening::Moved {
                key,
                route: route.as_ref().into(),
            })
        });
        deliveries.deliver_due(tabs, slot);
    }
    true
}
