//! A client speaks.

use std::io::{ErrorKind, Read};
use std::sync::Arc;

use headcount_core::protocol::server;
use headcount_core::route;
use headcount_core::session::{Spent, Step};
use headcount_core::stats::Form;
use headcount_core::websocket::{self, CloseCode, Event, Flow};

use super::arrive::Cause;
use super::peer::{Link, Subscription};
use super::reactor::Shard;
use super::{AuthorizeJob, Happening, ShardEvent, Subscribing};
use crate::admission::Transport;
use crate::authorize::{Credentials, Decision};
use crate::metrics::Count;

/// Reads of a full buffer from one socket before others are heard again.
pub(super) const READS_AT_ONCE: usize = 16;

impl Shard {
    /// A socket has something to read, or was closed by its peer.
    pub(super) fn on_readable(&mut self, slot: u32, closed: bool) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut more = true;
        for _ in 0..READS_AT_ONCE {
            more = more && self.read_once(slot, closed, &mut scratch);
        }
        self.scratch = scratch;
        if more {
            // Registering again reports unread bytes, after the other sockets have had their turn.
            self.listen_for_room(slot);
        }
    }

    /// Reads once. Whether there may be more.
    fn read_once(&mut self, slot: u32, closed: bool, scratch: &mut [u8]) -> bool {
        let Some(peer) = self.registry.peer_mut(slot) else {
            return false;
        };
        let Link::Socket(socket) = &mut peer.link else {
            return false;
        };
        match socket.read(scratch) {
            Ok(read @ 1..) => {
                peer.life.note();
                let open = match peer.transport {
                    Transport::WebSocket => self.on_frames(slot, &mut scratch[..read]),
                    // What an SSE client sends after its request means nothing, and is not free.
                    Transport::Sse => self.spend(slot) != Spent::Flood,
                };
                // A short read has drained the socket, unless its end is still unread.
                open && (read == scratch.len() || closed)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Ok(0) | Err(_) => {
                self.close(slot, Cause::Peer);
                false
            }
        }
    }

    /// Bytes that came with the request.
    pub(super) fn on_bytes(&mut self, slot: u32, mut bytes: Vec<u8>) {
        if self
            .registry
            .peer(slot)
            .is_some_and(|peer| peer.transport == Transport::WebSocket)
        {
            self.on_frames(slot, &mut bytes);
        }
    }

    /// Takes in bytes of a WebSocket. Whether the connection is still there.
    fn on_frames(&mut self, slot: u32, bytes: &mut [u8]) -> bool {
        let Some(key) = self.registry.key(slot) else {
            return false;
        };
        let Some(peer) = self.registry.peer_mut(slot) else {
            return false;
        };
        let mut decoder = std::mem::take(&mut peer.decoder);
        let message_bytes_max = self.limits().message_bytes_max as usize;
        let mut is_whole = false;
        let outcome = decoder.feed(bytes, message_bytes_max, |event| {
            is_whole = true;
            self.on_frame(slot, &event)
        });
        // A read that completes nothing costs as much as one that does: else a byte at a time would be free.
        if !is_whole && outcome.is_ok() {
            self.spend(slot);
        }
        if self.registry.find(key).is_none() {
            return false;
        }
        if let Err(violation) = outcome {
            self.meters.one(Count::ReceivedMalformed);
            self.close(slot, Cause::Violation(violation.close_code()));
            return false;
        }
        if let Some(peer) = self.registry.peer_mut(slot) {
            peer.decoder = decoder;
        }
        true
    }

    fn on_frame(&mut self, slot: u32, event: &Event<'_>) -> Flow {
        match event {
            Event::Text(text) => {
                let Some(key) = self.registry.key(slot) else {
                    return Flow::Stop;
                };
                self.on_text(slot, text);
                if self.registry.find(key).is_some() {
                    Flow::Continue
                } else {
                    Flow::Stop
                }
            }
            Event::Binary(_) => {
                self.meters.one(Count::ReceivedMalformed);
                self.spend_on_frame(slot)
            }
            Event::Ping(payload) => {
                let pong = websocket::pong(payload);
                if self.spend_on_frame(slot) == Flow::Stop || !self.send_own(slot, &pong) {
                    return Flow::Stop;
                }
                Flow::Continue
            }
            Event::Pong(_) | Event::Fragment => self.spend_on_frame(slot),
            Event::Close(code) => {
                let echo = code.map_or(CloseCode::NORMAL, CloseCode::new);
                self.close(slot, Cause::Answered(echo));
                Flow::Stop
            }
        }
    }

    fn spend_on_frame(&mut self, slot: u32) -> Flow {
        match self.spend(slot) {
            Spent::Within | Spent::TooFast => Flow::Continue,
            Spent::Flood => Flow::Stop,
        }
    }

    /// The one place where anything but a message's text is paid for, whichever way it came: a frame, a part of one, a POST. The
    /// connection of a client that floods is closed when this returns. A text is paid for by [`Session::receive`].
    ///
    /// [`Session::receive`]: headcount_core::session::Session::receive
    pub(super) fn spend(&mut self, slot: u32) -> Spent {
        let (now_ms, site) = (self.now_ms, Arc::clone(&self.site));
        let Some(peer) = self.registry.peer_mut(slot) else {
            return Spent::Flood;
        };
        peer.life.note();
        let spent = peer.session.spend(now_ms, &site.config.limits);
        if spent == Spent::Flood {
            self.close(slot, Cause::Flood);
        }
        spent
    }

    /// Takes in a message of a client, whichever way it came.
    pub(super) fn on_text(&mut self, slot: u32, text: &str) {
        let site = Arc::clone(&self.site);
        let now_ms = self.now_ms;
        let Some(peer) = self.registry.peer_mut(slot) else {
            return;
        };
        peer.life.note();
        match peer.session.receive(text, now_ms, &site.config.limits) {
            Step::Navigate(route) => {
                self.forget_deferred(slot);
                self.navigate(slot, &route);
            }
            Step::NavigateLater(route) => self.defer_navigation(slot, &route),
            Step::Visibility { hidden } => {
                self.meters.one(Count::ReceivedOther);
                self.registry.set_hidden(slot, hidden);
            }
            Step::Acknowledge { id, outcome } => {
                self.meters.one(Count::ReceivedOther);
                self.registry.acknowledge(slot, id, outcome);
            }
            Step::Subscribe(asked) => {
                self.meters.one(Count::ReceivedOther);
                self.subscribe_by_message(slot, asked.into());
            }
            Step::Unsubscribe => {
                self.meters.one(Count::ReceivedOther);
                self.unsubscribe(slot);
            }
            Step::Alive => self.meters.one(Count::ReceivedOther),
            Step::Pong => {
                self.meters.one(Count::ReceivedOther);
                self.send_text(slot, server::PONG);
            }
            Step::IgnoreUnknown => self.meters.one(Count::ReceivedUnknown),
            Step::IgnoreMalformed => self.meters.one(Count::ReceivedMalformed),
            Step::IgnoreFlood => self.meters.one(Count::ReceivedFlood),
            Step::CloseFlood => self.close(slot, Cause::Flood),
        }
    }

    /// Puts a connection on another page. Whether that is one.
    pub(super) fn navigate(&mut self, slot: u32, route: &str) -> bool {
        let Ok(route) = route::normalise(route, usize::from(self.limits().route_bytes_max)) else {
            self.meters.one(Count::ReceivedBadRoute);
            return false;
        };
        self.meters.one(Count::ReceivedNavigation);
        if self.registry.navigate(slot, &route) == Some(true) {
            self.outlets.witness.tell(&self.meters, || {
                let key = self.registry.key(slot)?;
                Some(Happening::Moved {
                    key,
                    route: route.as_ref().into(),
                })
            });
            self.deliver_due(slot);
        }
        true
    }

    /// Asks whether a connection may see stats, going by what its browser showed. It will see them in this form; until the
    /// answer is there, one that is admitted already goes on with the form that it has.
    pub(super) fn ask_authorizers(&mut self, slot: u32, form: Form, credentials: Option<Arc<Credentials>>) {
        let Some(row) = self.registry.row(slot) else {
            return;
        };
        let credentials = match credentials {
            Some(credentials) => credentials,
            None if self.site.reads.needs_nothing || self.site.reads.anew => Arc::default(),
            None => return self.refuse(slot, Count::SubscribeRefused),
        };
        if !self.site.config.connection_tracking {
            return self.refuse(slot, Count::SubscribeRefused);
        }
        if let Some(peer) = self.registry.peer_mut(slot)
            && let Subscription::Asked(wanted) = &mut peer.stats
        {
            *wanted = form;
            return;
        }
        let job = AuthorizeJob {
            key: row.key,
            ip: row.ip,
            credentials,
            turn: self.next_turn(),
        };
        if !self.bring_to_authorizers(slot, job) {
            return;
        }
        if let Some(peer) = self.registry.peer_mut(slot) {
            peer.stats = match peer.stats {
                Subscription::Admitted(_) => Subscription::Admitted(form),
                Subscription::None | Subscription::Asked(_) => Subscription::Asked(form),
            };
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// Has a question answered at once where that can be, and passes it on where not. False where it was answered with a refusal.
    fn bring_to_authorizers(&mut self, slot: u32, job: AuthorizeJob) -> bool {
        let is_told = match self.site.authorizers.at_once(&job.question(&self.site)) {
            Some(Decision::Refused) => {
                self.refuse(slot, Count::SubscribeRefused);
                return false;
            }
            Some(Decision::Admitted { until_ms, by }) => {
                let admitted = ShardEvent::Admitted { job, until_ms, by };
                self.outlets.reports.try_send(admitted).is_ok()
            }
            Some(Decision::Unavailable) | None => {
                let asks = Subscribing::Asks(job);
                self.outlets.subscribing.try_send(asks).is_ok()
            }
        };
        if !is_told {
            self.refuse(slot, Count::SubscribeUnavailable);
        }
        is_told
    }
}
