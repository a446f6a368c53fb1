//! A connection opens, and ends.

use std::io::Write;

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::server;
use headcount_core::registry::Opening;
use headcount_core::session::Session;
use headcount_core::sse;
use headcount_core::websocket::{self, CloseCode, Decoder};
use mio::Interest;

use super::peer::{Extras, Life, Link, Peer, Sent, Subscription};
use super::reactor::Shard;
use super::{Arrival, Happening, NewLink};
use crate::admission::{Browser, Candidate, Transport};
use crate::clock;
use crate::mark::Mark;
use crate::metrics::Count;

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Peer,
    /// The peer closed its WebSocket properly, and is answered.
    Answered(CloseCode),
    Replaced,
    Silent,
    Slow,
    Violation(CloseCode),
    Flood,
    /// It asked for stats by message, and what its handshake showed is not kept any more.
    ShowAnew,
    Drained,
}

impl Cause {
    fn count(self) -> Count {
        match self {
            Self::Peer | Self::Answered(_) => Count::ClosedByPeer,
            Self::Replaced => Count::ClosedReplaced,
            Self::Silent => Count::ClosedSilent,
            Self::Slow => Count::ClosedSlow,
            Self::Violation(_) => Count::ClosedViolation,
            Self::Flood => Count::ClosedFlood,
            Self::ShowAnew => Count::ClosedShowAnew,
            Self::Drained => Count::ClosedDrained,
        }
    }

    /// The reason for a WebSocket client; `None` if the client is gone.
    fn code(self) -> Option<CloseCode> {
        match self {
            Self::Peer | Self::Silent | Self::Slow => None,
            Self::Replaced => Some(CloseCode::REPLACED),
            Self::Answered(code) | Self::Violation(code) => Some(code),
            Self::Flood => Some(CloseCode::POLICY),
            Self::ShowAnew => Some(CloseCode::SHOW_ANEW),
            Self::Drained => Some(CloseCode::RESTART),
        }
    }
}

impl Shard {
    /// Takes in a connection: entry, greeting and first message in one write.
    pub(super) fn on_arrival(&mut self, arrival: Arrival) {
        let Arrival {
            candidate,
            place,
            link,
            greeting,
            early,
        } = arrival;
        if let Some(old) = candidate.tab.and_then(|tab| self.registry.slot_of_tab(tab)) {
            self.close(old, Cause::Replaced);
        }
        let transport = candidate.transport;
        let is_announced = self.is_announced(candidate.version.as_deref());
        let peer = self.new_peer(&candidate, place.keep(), link);
        let key = self.open(&candidate, peer);
        self.keep_handshake(key, candidate.credentials);
        let slot = key.slot;
        self.handle.roll.open(key);
        self.meters.one(match transport {
            Transport::Sse => Count::OpenedSse,
            Transport::WebSocket => Count::OpenedWebSocket,
        });
        if !self.connect(key) || !self.greet(slot, greeting, is_announced) {
            return;
        }
        self.outlets.witness.tell(&self.meters, || {
            self.registry.own_row(slot).map(Happening::Opened)
        });
        self.deliver_due(slot);
        if let Some(drain) = &self.drain {
            let after_ms = drain.random_return_ms();
            self.send_reconnect(slot, after_ms);
        }
        if !early.is_empty() {
            self.on_bytes(slot, early);
        }
    }

    /// Whether this build is a release; a tab that names none runs the current one.
    fn is_announced(&self, version: Option<&str>) -> bool {
        let releases = &self.registry.standing().releases;
        version.is_none_or(|version| releases.contains(version))
    }

    fn new_peer(&self, candidate: &Candidate, address: Option<u64>, link: NewLink) -> Peer {
        let browser = match &candidate.browser {
            Browser::Any => Mark::NONE,
            Browser::Known(mark) => *mark,
            Browser::New(value) => self.site.mark(value),
        };
        let extras = address.is_some().then(|| {
            Box::new(Extras {
                address,
                credentials: None,
            })
        });
        Peer {
            link: match link {
                NewLink::Socket(socket) => Link::Socket(socket),
                NewLink::Remote(link) => Link::Remote(link),
            },
            transport: candidate.transport,
            life: Life::new(candidate.owes),
            stats: Subscription::None,
            browser,
            shown: candidate.shown,
            session: Session::new(self.now_ms, self.limits()),
            decoder: Decoder::default(),
            outbox: None,
            extras,
        }
    }

    fn open(&mut self, candidate: &Candidate, peer: Peer) -> ConnectionKey {
        let current = self.registry.standing().releases.current();
        let resume = candidate.resume.as_ref();
        let resume = resume.map(|resume| resume.within(self.site.epoch));
        let opening = Opening {
            version: candidate.version.as_deref().unwrap_or(&current),
            route: &candidate.route,
            tab: candidate.tab,
            since: resume.map(|(since, _)| since),
            told: resume.map_or(&[], |(_, told)| told),
            ip: candidate.ip,
            hidden: candidate.hidden,
        };
        self.site.faults.on_route(&candidate.route);
        let reloaded = candidate.reloaded.within(self.site.epoch);
        self.registry.note_reloaded(candidate.tab, reloaded);
        self.registry.open(&opening, peer)
    }

    /// Sends `connected`, and the bytes that must precede it, in one write.
    fn greet(&mut self, slot: u32, mut greeting: Vec<u8>, is_announced: bool) -> bool {
        let Some(key) = self.registry.key(slot) else {
            return false;
        };
        let current = self.registry.standing().releases.current();
        let resume = self.resume_id(slot, None);
        let keepalive_ms = self.limits().keepalive_ms;
        let text = server::connected(
            &current,
            self.site.cipher.id(key),
            clock::unix_ms(),
            &resume,
            keepalive_ms,
            self.site.epoch,
            is_announced,
        );
        let Some(peer) = self.registry.peer_mut(slot) else {
            return false;
        };
        greeting.extend_from_slice(&match peer.transport {
            Transport::Sse => sse::event_with_id(&resume, &text),
            Transport::WebSocket => websocket::text(&text),
        });
        self.send_own(slot, &greeting)
    }

    /// Makes the tab and its connection known to each other: readiness for a socket, the key for a task. Whether the tab is
    /// still there.
    fn connect(&mut self, key: ConnectionKey) -> bool {
        let Some(peer) = self.registry.peer_mut(key.slot) else {
            return false;
        };
        let (registry, token) = (self.poll.registry(), Self::token(key.slot));
        let connected = match &mut peer.link {
            Link::Remote(link) => link.open(key),
            // A socket that was a guest is registered already.
            Link::Socket(socket) => registry
                .register(socket, token, Interest::READABLE)
                .or_else(|_| registry.reregister(socket, token, Interest::READABLE))
                .is_ok(),
        };
        self.after_send(key.slot, if connected { Sent::Yes } else { Sent::Broken })
    }

    /// Ends a connection. Its entry and its counts are gone when this returns.
    pub(super) fn close(&mut self, slot: u32, cause: Cause) {
        let Some(key) = self.registry.key(slot) else {
            return;
        };
        let Some(peer) = self.registry.close(slot) else {
            return;
        };
        self.handle.roll.close(key);
        self.meters.one(cause.count());
        self.site
            .census
            .leave(peer.extras.as_ref().and_then(|extras| extras.address));
        if peer.stats != Subscription::None {
            self.end_reading(key);
            self.say_left(key, peer.stats);
        }
        self.outlets
            .witness
            .tell(&self.meters, || Some(Happening::Closed(key)));
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
}

#[cfg(test)]
mod tests;
