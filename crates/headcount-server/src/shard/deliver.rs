//! Messages go out.
//!
//! Every message to a client goes through [`Shard::after_send`]. A message to many clients is encoded once and sent in
//! pieces of a few hundred; sockets are served in between. So a broadcast to fifteen thousand tabs delays no socket by
//! more than a millisecond or two.
//!
//! Nothing is decided ahead. A round visits the slots where a rule matched and sends what is due there at that moment.
//! So a rule that was lifted since is not sent, a tab that moved away gets nothing, and one that came in between is
//! told once. A rule counts as told once it was written; an event id names the rules that were written before it, and
//! itself.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use headcount_core::invalidation::{Standing, positions};
use headcount_core::protocol::client::Resume;
use headcount_core::protocol::server;
use headcount_core::sse;
use headcount_core::websocket;
use mio::Interest;

use super::arrive::Cause;
use super::peer::{Flushed, Link, Part, Sent};
use super::reactor::Shard;
use crate::admission::Transport;
use crate::metrics::Count;

/// Messages sent before sockets are heard again.
const PIECE: usize = 256;

/// What looking for due rules may cost before sockets are heard again, in looks at a slot: 0.1 to 0.3 ms.
const WORK: u32 = 4_096;

/// A release on its way to all tabs.
pub(super) struct Broadcast {
    websocket: Bytes,
    sse: Bytes,
    next: u32,
    end: u32,
    /// The newest connection when it began: those that came later were greeted with the release.
    newest: u32,
}

/// A round that sends due rules.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Slots to go by. Never more than there are connections: where they would be, all slots are gone by instead.
    hits: VecDeque<u32>,
    next: u32,
    /// Slots still to go by from `next` on.
    left: u32,
}

impl Round {
    /// The next slot.
    fn step(&mut self, end: u32) -> Option<u32> {
        if let Some(slot) = self.hits.pop_front() {
            return Some(slot);
        }
        self.left = self.left.checked_sub(1)?;
        let slot = if self.next < end { self.next } else { 0 };
        self.next = slot + 1;
        Some(slot)
    }
}

/// A rule as it is sent, encoded once for many.
struct Framed {
    position: usize,
    text: String,
    websocket: Bytes,
}

impl Shard {
    /// Starts to tell all tabs of a release. It replaces one that is still on its way: tabs need only the latest.
    pub(super) fn broadcast(&mut self, text: &str) {
        self.broadcast = Some(Broadcast {
            websocket: websocket::text(text),
            sse: sse::event(text),
            next: 0,
            end: self.registry.end(),
            newest: self.registry.generation(),
        });
    }

    /// Goes by these slots as well, soon.
    pub(super) fn go_by(&mut self, hits: Vec<u32>) {
        let round = &mut self.round;
        if round.left > 0 || round.hits.len() + hits.len() > self.registry.len() {
            self.go_by_all();
        } else {
            round.hits.extend(hits);
        }
    }

    /// Goes by every slot, soon.
    pub(super) fn go_by_all(&mut self) {
        self.round.hits = VecDeque::new();
        self.round.left = self.registry.end();
    }

    /// Whether anything is on its way to many.
    pub(super) fn is_delivering(&self) -> bool {
        self.broadcast.is_some() || self.round.left > 0 || !self.round.hits.is_empty()
    }

    /// Sends a piece of what is on its way: a release first, for a tab to hear of it before it is asked to run it.
    pub(super) fn deliver_some(&mut self) {
        match self.broadcast.take() {
            Some(broadcast) => self.broadcast_some(broadcast),
            None => self.go_round(),
        }
    }

    fn broadcast_some(&mut self, mut broadcast: Broadcast) {
        let mut sent = 0;
        while broadcast.next < broadcast.end {
            if sent == PIECE {
                self.broadcast = Some(broadcast);
                return;
            }
            let slot = broadcast.next;
            broadcast.next += 1;
            sent += 1;
            let Some(transport) = self.registry.peer(slot).map(|peer| peer.transport) else {
                continue;
            };
            if self.registry.opened_after(slot, broadcast.newest) {
                continue;
            }
            self.meters.one(Count::SentVersion);
            self.send(
                slot,
                &[Part::Shared(match transport {
                    Transport::WebSocket => &broadcast.websocket,
                    Transport::Sse => &broadcast.sse,
                })],
            );
        }
    }

    fn go_round(&mut self) {
        let standing = Arc::clone(self.registry.standing());
        let (mut framed, mut sent, mut work) = (Vec::new(), 0, 0);
        while sent < PIECE && work < WORK {
            let Some(slot) = self.round.step(self.registry.end()) else {
                self.round.hits = VecDeque::new();
                return;
            };
            let due = self.registry.due(slot, &mut work);
            let due = self.due_now(slot, due);
            if due != 0 {
                sent += due.count_ones() as usize;
                self.tell(slot, due, &standing, &mut framed);
            }
        }
    }

    /// Tells a connection the standing rules that concern it and that it was not told.
    pub(super) fn deliver_due(&mut self, slot: u32) {
        let due = self.registry.due(slot, &mut 0);
        let due = self.due_now(slot, due);
        if due != 0 {
            let standing = Arc::clone(self.registry.standing());
            self.tell(slot, due, &standing, &mut Vec::new());
        }
    }

    fn tell(&mut self, slot: u32, due: u64, standing: &Standing, framed: &mut Vec<Framed>) {
        for position in positions(due) {
            let Some(rule) = standing.rule(position) else {
                continue;
            };
            let known = framed.iter().position(|framed| framed.position == position);
            let at = known.unwrap_or_else(|| {
                let text = server::invalidated(&rule.release, rule.id, rule.mode, self.site.epoch);
                framed.push(Framed {
                    position,
                    websocket: websocket::text(&text),
                    text,
                });
                framed.len() - 1
            });
            let Some(framed) = framed.get(at) else { return };
            let Some(transport) = self.registry.peer(slot).map(|peer| peer.transport) else {
                return;
            };
            self.registry.note_matched(position);
            self.meters.one(Count::SentVersion);
            let sent = match transport {
                Transport::WebSocket => self.send(slot, &[Part::Shared(&framed.websocket)]),
                Transport::Sse => {
                    let event = sse::event_with_id(&self.resume_id(slot, Some(rule.id)), &framed.text);
                    self.send_own(slot, &event)
                }
            };
            if !sent {
                return;
            }
            self.registry.note_told(slot, position);
        }
    }

    /// What a page must give back when it reconnects: the newest command when it was loaded, and what it was told since, with
    /// the one that is being told.
    pub(super) fn resume_id(&self, slot: u32, telling: Option<u32>) -> String {
        Resume::write(
            self.site.epoch,
            self.registry.since(slot).unwrap_or_default(),
            self.registry.told(slot).chain(telling),
        )
    }

    /// Sends one text to one connection. Whether the connection is still there.
    pub(super) fn send_text(&mut self, slot: u32, text: &str) -> bool {
        let framed = match self.registry.peer(slot).map(|peer| peer.transport) {
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

    pub(super) fn send(&mut self, slot: u32, parts: &[Part<'_>]) -> bool {
        let (now_ms, bytes_max) = (self.now_ms, self.limits().outbox_bytes_max as usize);
        let Some(peer) = self.registry.peer_mut(slot) else {
            return false;
        };
        let was_clear = peer.outbox.is_none();
        let mut sent = peer.send(parts, now_ms, bytes_max);
        if was_clear && peer.outbox.is_some() && !self.listen_for_room(slot) {
            sent = Sent::Broken;
        }
        self.after_send(slot, sent)
    }

    /// Registers a socket for writability too, which also reports unread bytes again. Most sockets never need it, and
    /// at the start every socket would report at once that it is writable.
    pub(super) fn listen_for_room(&mut self, slot: u32) -> bool {
        let Some(Link::Socket(socket)) = self.registry.peer_mut(slot).map(|peer| &mut peer.link) else {
            return true;
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .reregister(socket, Self::token(slot), both)
            .is_ok()
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
        let now_ms = self.now_ms;
        let Some(peer) = self.registry.peer_mut(slot) else {
            return;
        };
        match peer.flush(now_ms) {
            Ok(Flushed::Empty | Flushed::Waiting) => {}
            Ok(Flushed::StatsMissed) => {
                if let Some(key) = self.registry.key(slot) {
                    self.want_snapshot(key);
                }
            }
            Err(_) => self.close(slot, Cause::Peer),
        }
    }

    /// Asks a client to come back after a while.
    pub(super) fn send_reconnect(&mut self, slot: u32, after_ms: u32) -> bool {
        let text = server::reconnect(after_ms);
        match self.registry.peer(slot).map(|peer| peer.transport) {
            Some(Transport::Sse) => {
                // Browsers obey `retry:` by themselves.
                let mut bytes = sse::retry(after_ms).to_vec();
                bytes.extend_from_slice(&sse::event(&text));
                self.send_own(slot, &bytes)
            }
            Some(Transport::WebSocket) => self.send_text(slot, &text),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
