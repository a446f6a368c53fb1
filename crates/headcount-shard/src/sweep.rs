//! Time passes: signs of life.
//!
//! No connection has a timer. One pass over the table takes `limits.keepalive_ms`, a few slots at a time, and visiting a
//! connection *is* its timer: a client that was heard since the last visit is asked for a sign of life, one that was not
//! is gone. So keepalives are spread out by themselves, and a silent peer leaves within two passes.

use std::ops::Range;

use bytes::Bytes;
use headcount_core::protocol::server;
use headcount_core::{sse, websocket};

use crate::cause::Cause;
use crate::meters::Count;
use crate::newcomer::Transport;
use crate::tabs::Tabs;

/// How often connections with something pending are looked at.
const LOOK_MS: u64 = 100;

/// Slots visited in one turn of the loop, so that sockets are heard in between.
const VISITS_MAX: u32 = 2_048;

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
    /// When connections with something pending are looked at next.
    pub(super) fn next_look_ms(&self) -> u64 {
        self.looked_ms + LOOK_MS
    }

    /// When slots of a table that ends at `end` are due next.
    pub(super) fn next_ms(&self, now_ms: u64, end: u32, pass_ms: u64) -> u64 {
        if self.is_behind {
            return now_ms;
        }
        let per_slot_ms = pass_ms / u64::from(end).max(1);
        self.looked_ms + per_slot_ms.max(LOOK_MS)
    }

    /// Whether it is time to look at connections with something pending; if so, they are looked at now.
    pub(super) fn look(&mut self, now_ms: u64) -> bool {
        let is_time = now_ms >= self.next_look_ms();
        if is_time {
            self.looked_ms = now_ms;
        }
        is_time
    }

    /// Whether more slots are due than one turn of the loop may visit.
    pub(super) fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Visits the connections that are due.
    pub(super) fn go_on(&mut self, tabs: &mut Tabs) {
        let pass_ms = u64::from(tabs.limits().keepalive_ms);
        let signs = Signs::of(tabs.terms.server.unix_ms());
        for slot in self.due(tabs.now_ms, tabs.table.end(), pass_ms) {
            visit(tabs, slot, &signs);
        }
    }

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

fn visit(tabs: &mut Tabs, slot: u32, signs: &Signs) {
    let (now_ms, outbox_ms) = (tabs.now_ms, u64::from(tabs.limits().outbox_ms));
    let Some(peer) = tabs.table.peer_mut(slot) else {
        return;
    };
    let stuck = peer.untouched_ms(now_ms) > outbox_ms;
    let was_heard = peer.life.take();
    match peer.transport {
        _ if stuck => tabs.close(slot, Cause::Slow),
        Transport::Sse if !was_heard && peer.life.owes() => tabs.close(slot, Cause::Silent),
        Transport::WebSocket if !was_heard => tabs.close(slot, Cause::Silent),
        Transport::WebSocket if !peer.life.owes() => {
            tabs.send_own(slot, &signs.ping);
        }
        Transport::WebSocket => {
            tabs.meters.one(Count::SentKeepalive);
            tabs.send_own(slot, &signs.ping_and_keepalive);
        }
        Transport::Sse => {
            tabs.meters.one(Count::SentKeepalive);
            tabs.send_own(slot, &signs.event);
        }
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
