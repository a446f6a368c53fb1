//! A connection opens, and ends.

use headcount_core::protocol::server;
use headcount_core::registry::Opening;
use headcount_core::session::Session;
use headcount_core::sse;
use headcount_core::websocket::{self, CloseCode, Decoder};
use mio::Interest;

use super::peer::{Extras, Link, Part, Peer, Sent, Subscription};
use super::reactor::Shard;
use super::{Arrival, NewLink, Outgoing};
use crate::admission::{Browser, Candidate, Transport};
use crate::clock;
use crate::hooks::{Closed, HookEvent, Opened};
use crate::metrics::Count;
use crate::tab::Tab;

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
            Self::Drained => Count::ClosedDrained,
        }
    }

    /// What a WebSocket client is told; `None` where nobody is there to be told.
    fn code(self) -> Option<CloseCode> {
        match self {
            Self::Peer | Self::Silent | Self::Slow => None,
            Self::Replaced => Some(CloseCode::REPLACED),
            Self::Answered(code) | Self::Violation(code) => Some(code),
            Self::Flood => Some(CloseCode::POLICY),
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
        let peer = self.new_peer(&candidate, place.keep(), link);
        let slot = self.open(&candidate, peer);
        self.meters.one(match transport {
            Transport::Sse => Count::OpenedSse,
            Transport::WebSocket => Count::OpenedWebSocket,
        });
        if !self.greet(slot, &greeting) {
            return;
        }
        self.announce_open(slot);
        self.deliver_due(slot);
        if let Some(drain) = &self.drain {
            let after_ms = drain.random_return_ms();
            self.send_reconnect(slot, after_ms);
        }
        if !early.is_empty() {
            self.on_bytes(slot, early);
        }
    }

    fn new_peer(&self, candidate: &Candidate, address: Option<u64>, link: NewLink) -> Peer {
        let browser = match &candidate.browser {
            Browser::Any => None,
            Browser::Known(hash) => Some(*hash),
            Browser::New(value) => Some(self.site.hash(value)),
        };
        let credentials = candidate.credentials.clone();
        let extras = (address.is_some() || credentials.is_some() || browser.is_some()).then(|| {
            Box::new(Extras {
                address,
                credentials,
                browser,
                deferred_route: None,
            })
        });
        Peer {
            link: match link {
                NewLink::Socket(socket) => Link::Socket(socket),
                NewLink::Remote(sender) => Link::Remote(Box::new(sender)),
            },
            transport: candidate.transport,
            heard: true,
            stats: Subscription::None,
            session: Session::new(self.now_ms, self.limits()),
            decoder: Decoder::default(),
            outbox: None,
            extras,
        }
    }

    fn open(&mut self, candidate: &Candidate, peer: Peer) -> u32 {
        let current = self.registry.standing().releases.current();
        let opening = Opening {
            version: candidate.version.as_deref().unwrap_or(&current),
            route: &candidate.route,
            tab: candidate.tab,
            since: candidate.resume.as_ref().map(|resume| resume.since),
            told: candidate.resume.as_ref().map_or(&[], |resume| &resume.told),
            ip: candidate.ip,
        };
        self.registry.open(&opening, peer).slot
    }

    /// Sends `connected`, with whatever must come before it, and listens to the socket from now on.
    fn greet(&mut self, slot: u32, greeting: &[u8]) -> bool {
        let Some(key) = self.registry.key(slot) else {
            return false;
        };
        let standing = self.registry.standing();
        let text = server::connected(
            &standing.releases.current(),
            self.site.cipher.id(key),
            clock::unix_ms(),
        );
        let resume = self.resume_id(slot);
        let (now_ms, outbox_bytes_max) = (self.now_ms, self.limits().outbox_bytes_max as usize);
        let Some(peer) = self.registry.peer_mut(slot) else {
            return false;
        };
        let sent = match &mut peer.link {
            Link::Remote(sender) => match sender.try_send(Outgoing::Opened(key)) {
                Ok(()) => Sent::Yes,
                Err(_) => Sent::Broken,
            },
            Link::Socket(socket) => {
                match self.poll.registry().register(
                    socket,
                    Self::token(slot),
                    Interest::READABLE | Interest::WRITABLE,
                ) {
                    Ok(()) => Sent::Yes,
                    // A guest that became a connection is registered already.
                    Err(_) => match self.poll.registry().reregister(
                        socket,
                        Self::token(slot),
                        Interest::READABLE | Interest::WRITABLE,
                    ) {
                        Ok(()) => Sent::Yes,
                        Err(_) => Sent::Broken,
                    },
                }
            }
        };
        let message = match peer.transport {
            Transport::Sse => sse::event_with_id(&resume, &text),
            Transport::WebSocket => websocket::text(&text),
        };
        let sent = match sent {
            Sent::Yes => peer.send(
                &[Part::Own(greeting), Part::Own(&message)],
                now_ms,
                outbox_bytes_max,
            ),
            failed => failed,
        };
        self.after_send(slot, sent)
    }

    fn announce_open(&self, slot: u32) {
        self.outlets.hooks.clone().send(&self.meters, || {
            // The slot was taken a moment ago by this very thread.
            let row = self
                .registry
                .row(slot)
                .unwrap_or_else(|| unreachable!("slot {slot} was just taken"));
            let id = self.site.cipher.id(row.key);
            let tab = Tab {
                key: row.key,
                id,
                shards: self.shards.clone(),
            };
            HookEvent::Opened(Opened {
                id,
                version: row.version,
                route: row.route,
                ip: row.ip,
                tab,
            })
        });
    }

    /// Ends a connection. Its entry and its counts are gone when this returns.
    pub(super) fn close(&mut self, slot: u32, cause: Cause) {
        let Some(key) = self.registry.key(slot) else {
            return;
        };
        let Some(peer) = self.registry.close(slot) else {
            return;
        };
        self.meters.one(cause.count());
        self.site
            .census
            .leave(peer.extras.as_ref().and_then(|extras| extras.address));
        if peer.stats != Subscription::None {
            self.forget_subscriber(key);
            self.say_left(key);
        }
        let id = self.site.cipher.id(key);
        self.outlets
            .hooks
            .send(&self.meters, || HookEvent::Closed(Closed { id }));
        match (peer.link, peer.transport, cause.code()) {
            (Link::Socket(socket), Transport::WebSocket, Some(code)) => {
                self.linger(socket, &websocket::close(code, ""));
            }
            (Link::Socket(socket), Transport::Sse, Some(_)) => self.linger(socket, &[]),
            (Link::Socket(_), _, None) => {}
            (Link::Remote(sender), transport, code) => {
                if let (Transport::WebSocket, Some(code)) = (transport, code) {
                    let _full_or_gone = sender.try_send(Outgoing::Bytes(websocket::close(code, "")));
                }
                // A full queue ends too, when its last sender goes: now.
                let _full_or_gone = sender.try_send(Outgoing::End);
            }
        }
    }
}
