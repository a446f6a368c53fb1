//! Time passes: signs of life, deadlines, and the end.
//!
//! No connection has a timer. One pass over the table takes `limits.keepalive_ms`, a few slots at a time, and visiting a
//! connection *is* its timer: a client that was heard since the last visit is asked for a sign of life, one that was not
//! is gone. So keepalives are spread out by themselves, and a silent peer leaves within two passes.

use std::ops::Range;

use bytes::Bytes;
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
    /// Whether more slots are due than one turn of the loop may visit.
    is_behind: bool,
}

impl Sweep {
    /// The slots to visit now, of a table that ends at `end` and is passed once every `pass_ms`. A pass begins when the one before
    /// should have ended, so that passes do not grow longer; but a slot is never visited again much sooner than `pass_ms` later, since
    /// its client must have the time to answer.
    fn due(&mut self, now_ms: u64, end: u32, pass_ms: u64) -> Range<u32> {
        let elapsed_ms = now_ms.saturating_sub(self.began_ms).min(pass_ms);
        // At most `end`, which is a u32.
        let target = u32::try_from(u64::from(end) * elapsed_ms / pass_ms).unwrap_or(end);
        let due = self.next..target.clamp(self.next, self.next.saturating_add(VISITS_MAX));
        self.next = due.end;
        self.is_behind = due.end < target;
        if elapsed_ms == pass_ms && !self.is_behind {
            let on_time_ms = self.began_ms + pass_ms;
            let is_late = now_ms - on_time_ms > pass_ms / 8;
            self.began_ms = if is_late { now_ms } else { on_time_ms };
            self.next = 0;
        }
        due
    }
}

/// What connections are sent when they are visited.
struct Signs {
    /// Over SSE.
    event: Bytes,
    /// Over WebSocket: browsers answer it, and show it to no page.
    ping: Bytes,
    /// The same, and a message that the page sees.
    ping_and_keepalive: Vec<u8>,
}

impl Signs {
    fn of(unix_ms: u64) -> Self {
        let keepalive = server::keepalive(unix_ms);
        let ping = websocket::ping(&[]);
        Self {
            event: sse::event(&keepalive),
            ping_and_keepalive: [&ping[..], &websocket::text(&keepalive)].concat(),
            ping,
        }
    }
}

/// A server that is stopping.
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
        if self.sweep.is_behind {
            return Some(self.now_ms);
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

    /// Does the work that is due by now.
    pub(super) fn on_time(&mut self) {
        self.end_visits();
        self.handshakes.expire(self.now_ms);
        self.go_on_draining();
        if self.now_ms < self.sweep.looked_ms + LOOK_MS {
            if self.sweep.is_behind {
                self.go_on_sweeping();
            }
            return;
        }
        self.sweep.looked_ms = self.now_ms;
        self.apply_deferred();
        self.catch_up_missed();
        self.go_on_sweeping();
    }

    fn go_on_sweeping(&mut self) {
        let pass_ms = u64::from(self.limits().keepalive_ms);
        let signs = Signs::of(clock::unix_ms());
        let (now_ms, end) = (self.now_ms, self.registry.end());
        for slot in self.sweep.due(now_ms, end, pass_ms) {
            self.visit(slot, &signs);
        }
    }

    fn visit(&mut self, slot: u32, signs: &Signs) {
        let (now_ms, outbox_ms) = (self.now_ms, u64::from(self.limits().outbox_ms));
        let Some(peer) = self.registry.peer_mut(slot) else {
            return;
        };
        let stuck = peer.untouched_ms(now_ms) > outbox_ms;
        let was_heard = peer.life.take();
        match peer.transport {
            _ if stuck => self.close(slot, Cause::Slow),
            Transport::Sse if !was_heard && peer.life.owes() => self.close(slot, Cause::Silent),
            Transport::WebSocket if !was_heard => self.close(slot, Cause::Silent),
            Transport::WebSocket if !peer.life.owes() => {
                self.send_own(slot, &signs.ping);
            }
            Transport::WebSocket => {
                self.meters.one(Count::SentKeepalive);
                self.send_own(slot, &signs.ping_and_keepalive);
            }
            Transport::Sse => {
                self.meters.one(Count::SentKeepalive);
                self.send_own(slot, &signs.event);
            }
        }
    }

    /// Tells all clients when to reconnect, then closes their streams, evenly over the window.
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

#[cfg(test)]
mod tests {
    use super::*;

    const PASS_MS: u64 = 30_000;

    /// Sweeps a table with a turn of the loop every so many milliseconds. The shortest and the longest time between two visits.
    fn gaps(end: u32, turns_ms: impl Fn(u64) -> u64) -> (u64, u64) {
        let mut sweep = Sweep::default();
        let mut visited = vec![None; end as usize];
        let (mut now_ms, mut shortest, mut longest) = (0, u64::MAX, 0);
        while now_ms < 5 * PASS_MS {
            for slot in sweep.due(now_ms, end, PASS_MS) {
                if let Some(before) = visited[slot as usize].replace(now_ms) {
                    (shortest, longest) = (shortest.min(now_ms - before), longest.max(now_ms - before));
                }
            }
            now_ms += if sweep.is_behind { 10 } else { turns_ms(now_ms) };
        }
        assert!(visited.iter().all(Option::is_some));
        (shortest, longest)
    }

    #[test]
    fn each_slot_is_visited_in_time_however_many_there_are() {
        for end in [1, 7, 1_000, 20_000, 1_000_000] {
            let (shortest, longest) = gaps(end, |_| LOOK_MS + 3);
            assert!(
                shortest >= PASS_MS - 300 && longest <= PASS_MS + 300,
                "{end}: {shortest} to {longest}"
            );
        }
    }

    #[test]
    fn a_shard_that_was_busy_does_not_hurry_its_clients() {
        // Now and then it is busy for twelve seconds.
        let (shortest, _) = gaps(1_000, |now_ms| if now_ms % 40_000 < 150 { 12_000 } else { 100 });
        assert!(shortest >= PASS_MS / 2, "{shortest}");
    }
}
