//! Who on this shard gets stats, and how they go out.
//!
//! What a reader is told next is decided by its [`Follower`]; here is whether it can be told now. One that is behind, with bytes
//! queued or no room in its queue, misses what comes, and asks the hub for a whole message once it has caught up. So nothing
//! queues up behind a slow reader but the message that it is reading.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use headcount_core::connection::{ConnectionKey, IdCipher};
use headcount_core::feed::{Follower, Text, Tick};
use headcount_core::protocol::stats::StatsMessage;
use headcount_core::stats::{Form, Row};
use headcount_core::websocket::{self, Opcode};

use super::ShardEvent;
use super::arrive::Cause;
use super::peer::{Link, Part};
use super::reactor::Shard;
use crate::admission::Transport;
use crate::metrics::Count;

/// The admitted subscribers of a shard. Few, and looked up rarely.
#[derive(Debug, Default)]
pub(super) struct Readers {
    followers: HashMap<ConnectionKey, Follower>,
    /// Those that need a whole message and could not be given one, and since when: they are looked at again soon.
    missed: Vec<(ConnectionKey, u64)>,
    /// Until when those are sent no whole message that were sent a long one.
    pauses: HashMap<ConnectionKey, u64>,
}

impl Readers {
    /// Whether a reader must be visited again.
    pub(super) fn has_missed(&self) -> bool {
        !self.missed.is_empty()
    }

    /// Whether this connection is sent no whole message yet.
    fn pauses(&self, key: ConnectionKey, now_ms: u64) -> bool {
        self.pauses.get(&key).is_some_and(|until_ms| now_ms < *until_ms)
    }

    /// This connection must pause, also if it unsubscribes and subscribes again during that time.
    fn pause(&mut self, key: ConnectionKey, now_ms: u64, pause_ms: u64) {
        if self.pauses.len() >= 16 + 2 * self.followers.len() {
            self.pauses.retain(|_, until_ms| now_ms < *until_ms);
        }
        self.pauses.insert(key, now_ms + pause_ms);
    }

    fn note_missed(&mut self, key: ConnectionKey, now_ms: u64) {
        if !self.missed.iter().any(|(missed, _)| *missed == key) {
            self.missed.push((key, now_ms));
        }
    }
}

impl Shard {
    /// A connection gets stats in this form from now on, a whole message first.
    pub(super) fn begin_reading(&mut self, key: ConnectionKey, form: Form) {
        self.readers.followers.insert(key, Follower::new(form));
        self.count_readers();
        self.want_snapshot(key);
    }

    /// A connection gets no more stats.
    pub(super) fn end_reading(&mut self, key: ConnectionKey) {
        if self.readers.followers.remove(&key).is_some() {
            self.count_readers();
        }
    }

    fn count_readers(&self) {
        let readers = self.readers.followers.len();
        self.handle.signals.subscribers.store(readers, Ordering::Relaxed);
    }

    /// Asks the hub for a whole message, now or, where its queue is full, soon.
    pub(super) fn want_snapshot(&mut self, key: ConnectionKey) {
        let Some(follower) = self.readers.followers.get(&key) else {
            return;
        };
        let form = follower.form();
        if self
            .outlets
            .reports
            .try_send(ShardEvent::Wants { key, form })
            .is_err()
        {
            self.readers.note_missed(key, self.now_ms);
        }
    }

    /// Tells readers what changed.
    pub(super) fn on_tick(&mut self, tick: &Tick) {
        let readers: Vec<_> = self.readers.followers.keys().copied().collect();
        for key in readers {
            self.tell_tick(key, tick);
        }
    }

    fn tell_tick(&mut self, key: ConnectionKey, tick: &Tick) {
        let Some(follower) = self.readers.followers.get(&key) else {
            return;
        };
        if follower.needs_whole() {
            self.meters.one(Count::StatsSkipped);
        } else if follower.hears(tick) && self.has_turn(key) && self.has_room(key) {
            self.send_stats(key, |follower, row, cipher| follower.go_on(tick, row, cipher));
            let missed = self
                .readers
                .followers
                .get(&key)
                .is_some_and(Follower::needs_whole);
            if missed {
                self.want_snapshot(key);
            }
        }
    }

    /// Sends these readers a whole message.
    pub(super) fn on_snapshot(&mut self, message: &StatsMessage, readers: Vec<ConnectionKey>) {
        for key in readers {
            if self.readers.followers.contains_key(&key) && self.has_turn(key) && self.has_room(key) {
                self.send_stats(key, |follower, row, cipher| follower.begin(message, row, cipher));
            }
        }
    }

    /// Whether a reader may be sent a whole message, if it is one that it is sent now. One that may not gets one later.
    fn has_turn(&mut self, key: ConnectionKey) -> bool {
        let is_whole = |follower: &Follower| follower.needs_whole() || follower.form() == Form::Whole;
        let pauses = self.readers.pauses(key, self.now_ms);
        match self.readers.followers.get_mut(&key) {
            Some(follower) if pauses && is_whole(follower) => follower.miss(),
            _ => return true,
        }
        self.meters.one(Count::StatsSkipped);
        self.readers.note_missed(key, self.now_ms);
        false
    }

    /// Whether a reader takes a message now. One that does not needs a whole one later.
    fn has_room(&mut self, key: ConnectionKey) -> bool {
        let bytes_max = self.limits().outbox_bytes_max as usize;
        let Some(peer) = self
            .registry
            .find(key)
            .and_then(|slot| self.registry.peer_mut(slot))
        else {
            return false;
        };
        match (&mut peer.outbox, &peer.link) {
            (Some(outbox), _) => outbox.stats_missed = true,
            (None, Link::Remote(link)) if !link.keeps_up(bytes_max) => {
                self.readers.note_missed(key, self.now_ms);
            }
            (None, _) => return true,
        }
        self.meters.one(Count::StatsSkipped);
        if let Some(follower) = self.readers.followers.get_mut(&key) {
            follower.miss();
        }
        false
    }

    /// Sends what `say` makes of a reader's own row.
    fn send_stats(
        &mut self,
        key: ConnectionKey,
        say: impl FnOnce(&mut Follower, &Row, &IdCipher) -> Option<Text>,
    ) {
        let Some((slot, row)) = self
            .registry
            .find(key)
            .and_then(|slot| Some((slot, self.registry.row(slot)?)))
        else {
            return;
        };
        let follower = self.readers.followers.get_mut(&key);
        let Some(text) = follower.and_then(|follower| say(follower, &row, &self.site.cipher)) else {
            return;
        };
        self.meters.one(Count::SentStats);
        let limits = &self.site.config.limits;
        let pause_ms = limits.stats_pause_ms(text.beginning.len() + text.end.len());
        if pause_ms > u64::from(limits.tick_ms) {
            // A little less: the hub paces ticks by the same measure and another clock.
            self.readers.pause(key, self.now_ms, pause_ms * 7 / 8);
        }
        let (beginning, end) = (Part::Shared(&text.beginning), Part::Own(text.end.as_bytes()));
        match self.registry.peer(slot).map(|peer| peer.transport) {
            Some(Transport::Sse) => {
                self.send(slot, &[Part::Own(b"data: "), beginning, end, Part::Own(b"\n\n")]);
            }
            Some(Transport::WebSocket) => {
                let mut header = [0; 10];
                let length = text.beginning.len() + text.end.len();
                let header_bytes = websocket::header(Opcode::Text, length, &mut header);
                self.send(slot, &[Part::Own(&header[..header_bytes]), beginning, end]);
            }
            None => {}
        }
    }

    /// Asks for whole messages for those that missed one and take one now, and closes remote links that stay behind.
    pub(super) fn catch_up_missed(&mut self) {
        let limits = self.limits();
        let (patience_ms, bytes_max) = (u64::from(limits.outbox_ms), limits.outbox_bytes_max as usize);
        for (key, since_ms) in std::mem::take(&mut self.readers.missed) {
            let Some(slot) = self.registry.find(key) else {
                continue;
            };
            let Some(peer) = self.registry.peer(slot) else {
                continue;
            };
            if self.readers.pauses(key, self.now_ms) {
                self.readers.missed.push((key, since_ms));
                continue;
            }
            let keeps_up = match &peer.link {
                Link::Remote(link) => link.keeps_up(bytes_max),
                Link::Socket(_) => true,
            };
            if keeps_up {
                self.want_snapshot(key);
            } else if peer.untouched_ms(self.now_ms) > patience_ms {
                self.close(slot, Cause::Slow);
            } else {
                self.readers.missed.push((key, since_ms));
            }
        }
    }
}
