//! Time passes: signs of life, deadlines, and the end.
//!
//! No connection has a timer. One pass over the table takes `limits.keepalive_ms`, a few slots at a time, and visiting a
//! connection *is* its timer: a client that was heard since the last visit is asked for a sign of life, one that was not
//! is gone. So keepalives are spread out by themselves, and a silent peer leaves within two passes.

use headcount_core::backoff;
use headcount_core::limits::Limits;
use headcount_core::protocol::server;
use headcount_core::{sse, websocket};

use super::arrive::Cause;
use super::reactor::Shard;
use crate::admission::Transport;
use crate::clock;
use crate::metrics::Count;

/// How often connections with something pending are looked at.
const LOOK_MS: u64 = 100;

/// Slots visited in one turn of the loop, so that sockets are heard in between.
const VISITS_MAX: u32 = 2_048;

/// Connections closed per millisecond of a drain, at least: a small server need not use its whole window.
const DRAIN_PER_MS: u64 = 2;

/// Where the pass over the table stands.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    next: u32,
    began_ms: u64,
    looked_ms: u64,
}

/// A server that is about to stop.
#[derive(Debug)]
pub(super) struct Drain {
    began_ms: u64,
    /// How long closing takes.
    closing_ms: u64,
    spread_ms: u32,
    told: u32,
    closed: u32,
}

impl Drain {
    pub(super) fn new(now_ms: u64, connections: usize, limits: &Limits) -> Self {
        let window_ms = u64::from(limits.drain_ms) * 8 / 10;
        Self {
            began_ms: now_ms,
            closing_ms: window_ms.min(connections as u64 / DRAIN_PER_MS).max(1),
            spread_ms: limits.reconnect_spread_ms,
            told: 0,
            closed: 0,
        }
    }

    /// When a client shall come back.
    pub(super) fn random_return_ms(&self) -> u32 {
        let mut random = [0_u8; 4];
        // Without a random source clients come back together, which a drain must not fail over.
        let _no_random = getrandom::fill(&mut random);
        backoff::spread_ms(
            self.spread_ms,
            f64::from(u32::from_ne_bytes(random)) / (f64::from(u32::MAX) + 1.0),
        )
    }
}

impl Shard {
    pub(super) fn next_sweep_ms(&self) -> Option<u64> {
        let end = u64::from(self.registry.end());
        if self.registry.is_empty() {
            return None;
        }
        let per_slot_ms = u64::from(self.limits().keepalive_ms) / end.max(1);
        Some(self.sweep.looked_ms + per_slot_ms.max(LOOK_MS))
    }

    pub(super) fn next_deferred_ms(&self) -> Option<u64> {
        (!self.deferred.is_empty() || self.readers.has_missed()).then_some(self.sweep.looked_ms + LOOK_MS)
    }

    pub(super) fn next_drain_ms(&self) -> Option<u64> {
        self.drain
            .as_ref()
            .filter(|_| !self.registry.is_empty())
            .map(|_| self.now_ms + 1)
    }

    /// Does what is due by now.
    pub(super) fn on_time(&mut self) {
        self.end_visits();
        self.handshakes.expire(self.now_ms);
        self.go_on_draining();
        if self.now_ms < self.sweep.looked_ms + LOOK_MS {
            return;
        }
        self.sweep.looked_ms = self.now_ms;
        self.apply_deferred();
        self.catch_up_missed();
        self.go_on_sweeping();
    }

    fn go_on_sweeping(&mut self) {
        let pass_ms = u64::from(self.limits().keepalive_ms);
        let end = self.registry.end();
        let elapsed_ms = (self.now_ms - self.sweep.began_ms).min(pass_ms);
        // At most `end`, which is a u32.
        let target = u32::try_from(u64::from(end) * elapsed_ms / pass_ms).unwrap_or(end);
        let keepalive = sse::event(&server::keepalive(clock::unix_ms()));
        let ping = websocket::ping(&[]);
        let mut visits = 0;
        while self.sweep.next < target && visits < VISITS_MAX {
            self.visit(self.sweep.next, &keepalive, &ping);
            self.sweep.next += 1;
            visits += 1;
        }
        if elapsed_ms == pass_ms && self.sweep.next >= target {
            self.sweep.next = 0;
            self.sweep.began_ms = self.now_ms;
        }
    }

    fn visit(&mut self, slot: u32, keepalive: &[u8], ping: &[u8]) {
        let (now_ms, outbox_ms) = (self.now_ms, u64::from(self.limits().outbox_ms));
        let Some(peer) = self.registry.peer_mut(slot) else {
            return;
        };
        let stuck = peer
            .outbox
            .as_ref()
            .is_some_and(|outbox| now_ms.saturating_sub(outbox.moved_ms) > outbox_ms);
        let was_heard = std::mem::replace(&mut peer.heard, false);
        match peer.transport {
            _ if stuck => self.close(slot, Cause::Slow),
            Transport::WebSocket if !was_heard => self.close(slot, Cause::Silent),
            Transport::WebSocket => {
                self.send_own(slot, ping);
            }
            Transport::Sse => {
                self.meters.one(Count::SentKeepalive);
                self.send_own(slot, keepalive);
            }
        }
    }

    /// Tells everybody when to return, then closes them, evenly over the window.
    fn go_on_draining(&mut self) {
        let Some(mut drain) = self.drain.take() else {
            return;
        };
        let end = self.registry.end();
        let mut steps = 0;
        while drain.told < end && steps < VISITS_MAX {
            self.send_reconnect(drain.told, drain.random_return_ms());
            drain.told += 1;
            steps += 1;
        }
        let elapsed_ms = (self.now_ms - drain.began_ms).min(drain.closing_ms);
        let target = u32::try_from(u64::from(end) * elapsed_ms / drain.closing_ms)
            .unwrap_or(end)
            .min(drain.told);
        while drain.closed < target {
            self.close(drain.closed, Cause::Drained);
            drain.closed += 1;
        }
        self.drain = Some(drain);
    }
}
