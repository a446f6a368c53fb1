//! Messages go out.
//!
//! Everything that reaches a client passes [`Shard::after_send`]. What goes to many is encoded once, and sent in pieces of
//! a few hundred, between which sockets are heard: a broadcast to fifteen thousand tabs delays nobody by more than a
//! millisecond or two.

use std::sync::Arc;

use bytes::Bytes;
use headcount_core::connection::ConnectionKey;
use headcount_core::invalidation::{Rule, positions};
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

/// One message on its way to many.
pub(super) struct Job {
    text: String,
    /// Of an invalidation: its number.
    rule: Option<u32>,
    websocket: Bytes,
    /// For SSE, where it is the same for all: a release. What an invalidation's event says of its page is each page's own.
    sse: Option<Bytes>,
    targets: Targets,
}

enum Targets {
    /// Slots from here to there.
    All {
        next: u32,
        end: u32,
    },
    These(std::vec::IntoIter<ConnectionKey>),
}

impl Shard {
    /// Starts telling everybody.
    pub(super) fn broadcast(&mut self, text: String) {
        self.jobs.push_back(Job {
            websocket: websocket::text(&text),
            sse: Some(sse::event(&text)),
            text,
            rule: None,
            targets: Targets::All {
                next: 0,
                end: self.registry.end(),
            },
        });
    }

    /// Starts telling the connections in these slots.
    pub(super) fn tell(&mut self, rule: &Rule, slots: Vec<u32>) {
        let keys: Vec<_> = slots
            .into_iter()
            .filter_map(|slot| self.registry.key(slot))
            .collect();
        let text = server::invalidated(&rule.release, rule.id, rule.mode);
        self.jobs.push_back(Job {
            websocket: websocket::text(&text),
            sse: None,
            text,
            rule: Some(rule.id),
            targets: Targets::These(keys.into_iter()),
        });
    }

    /// Sends a piece of what is on its way.
    pub(super) fn deliver_some(&mut self) {
        let Some(mut job) = self.jobs.pop_front() else {
            return;
        };
        for _ in 0..PIECE {
            let slot = match &mut job.targets {
                Targets::All { next, end } => {
                    if *next >= *end {
                        return;
                    }
                    *next += 1;
                    Some(*next - 1)
                }
                Targets::These(keys) => match keys.next() {
                    Some(key) => self.registry.find(key),
                    None => return,
                },
            };
            if let Some(slot) = slot {
                self.send_job(slot, &job);
            }
        }
        self.jobs.push_front(job);
    }

    fn send_job(&mut self, slot: u32, job: &Job) {
        let Some(transport) = self.registry.peer(slot).map(|peer| peer.transport) else {
            return;
        };
        self.meters.one(Count::SentVersion);
        let sent = match (transport, &job.sse) {
            (Transport::WebSocket, _) => self.send(slot, &[Part::Shared(&job.websocket)]),
            (Transport::Sse, Some(event)) => self.send(slot, &[Part::Shared(event)]),
            (Transport::Sse, None) => self.send_resumable(slot, &job.text),
        };
        if let Some(id) = job.rule.filter(|_| sent) {
            self.registry.note_told(id);
        }
    }

    /// Sends a text to an SSE client with what its page must give back when it reconnects.
    fn send_resumable(&mut self, slot: u32, text: &str) -> bool {
        let event = sse::event_with_id(&self.resume_id(slot), text);
        self.send_own(slot, &event)
    }

    /// What a page must give back when it reconnects: the newest command when it was loaded, and what it was told since.
    pub(super) fn resume_id(&self, slot: u32) -> String {
        Resume::write(
            self.registry.since(slot).unwrap_or_default(),
            self.registry.told(slot),
        )
    }

    /// Tells a connection the standing rules that concern it and that it was not told.
    pub(super) fn deliver_due(&mut self, slot: u32) {
        let due = self.registry.take_due(slot);
        if due == 0 {
            return;
        }
        let standing = Arc::clone(self.registry.standing());
        for rule in positions(due).filter_map(|position| standing.rule(position)) {
            let text = server::invalidated(&rule.release, rule.id, rule.mode);
            self.meters.one(Count::SentVersion);
            let sent = match self.registry.peer(slot).map(|peer| peer.transport) {
                Some(Transport::Sse) => self.send_resumable(slot, &text),
                Some(Transport::WebSocket) => self.send_text(slot, &text),
                None => false,
            };
            if !sent {
                return;
            }
            self.registry.note_told(rule.id);
        }
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

    /// Asks to be told when a socket takes bytes again, and of what it holds unread. Most sockets never need it, so it is not
    /// asked for at the start, where every socket would answer at once that it takes some.
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
