//! The end of a server: all clients are told when to return, then their streams are closed, evenly over a while.
//!
//! A server alone closes soon: its clients return to its successor. A node of a cluster keeps each stream until its client had the time to return to
//! another node, so that the client is counted all the while; there it closes what is left.

use headcount_core::backoff;
use headcount_core::limits::Limits;
use headcount_core::protocol::server;
use headcount_core::sse;

use crate::cause::Cause;
use crate::newcomer::Transport;
use crate::tabs::Tabs;

/// Connections told in one turn of the loop, so that sockets are heard in between.
const TOLD_MAX: u32 = 2_048;

/// Connections closed per millisecond of a drain, at least: a small server need not use its whole window.
const DRAIN_PER_MS: u64 = 2;

/// Milliseconds for each connection of a shard to return to another node, unless the window is too short for that.
const MS_PER_RETURN: u32 = 2;

/// The least time over which clients return to other nodes, milliseconds.
const RETURN_MS_MIN: u32 = 1_000;

/// A server that is stopping.
#[derive(Debug)]
pub(super) struct Drain {
    /// When closing begins.
    closes_ms: u64,
    /// How long closing takes.
    closing_ms: u64,
    spread_ms: u32,
    told: u32,
    closed: u32,
}

impl Drain {
    /// Of this shard, from now on.
    pub(super) fn begin(tabs: &Tabs) -> Self {
        let begin = if tabs.terms.is_joined {
            Self::of_node
        } else {
            Self::new
        };
        begin(tabs.now_ms, tabs.table.len(), tabs.limits())
    }

    /// Of a server alone.
    pub(super) fn new(now_ms: u64, connections: usize, limits: &Limits) -> Self {
        let window_ms = u64::from(limits.drain_ms) * 8 / 10;
        Self {
            closes_ms: now_ms,
            closing_ms: window_ms.min(connections as u64 / DRAIN_PER_MS).max(1),
            spread_ms: limits.reconnect_spread_ms,
            told: 0,
            closed: 0,
        }
    }

    /// Of a node of a cluster: clients return over at most six tenths of the window, and have a tenth more to arrive elsewhere.
    fn of_node(now_ms: u64, connections: usize, limits: &Limits) -> Self {
        let tenth_ms = limits.drain_ms / 10;
        let paced_ms = u32::try_from(connections)
            .unwrap_or(u32::MAX)
            .saturating_mul(MS_PER_RETURN);
        let spread_ms = paced_ms
            .max(RETURN_MS_MIN)
            .min(limits.reconnect_spread_ms)
            .min(6 * tenth_ms);
        Self {
            closes_ms: now_ms + u64::from(spread_ms + tenth_ms),
            closing_ms: u64::from(tenth_ms).max(1),
            spread_ms,
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

    /// Tells some more clients when to reconnect, and closes those whose moment has come.
    pub(super) fn go_on(&mut self, tabs: &mut Tabs) {
        let end = tabs.table.end();
        let mut steps = 0;
        while self.told < end && steps < TOLD_MAX {
            send_reconnect(tabs, self.told, self.random_return_ms());
            self.told += 1;
            steps += 1;
        }
        let target = self.target(tabs.now_ms, end);
        while self.closed < target {
            tabs.close(self.closed, Cause::Drained);
            self.closed += 1;
        }
    }

    /// How many of the slots before `end` are to be closed by now; none whose client was not told.
    fn target(&self, now_ms: u64, end: u32) -> u32 {
        let elapsed_ms = now_ms.saturating_sub(self.closes_ms).min(self.closing_ms);
        u32::try_from(u64::from(end) * elapsed_ms / self.closing_ms)
            .unwrap_or(end)
            .min(self.told)
    }
}

/// Lets every client come back: what it brings then is judged by the epoch that holds now.
pub(super) fn send_all_back(tabs: &mut Tabs) {
    let drain = Drain::new(tabs.now_ms, tabs.table.len(), tabs.limits());
    for slot in 0..tabs.table.end() {
        send_reconnect(tabs, slot, drain.random_return_ms());
        tabs.close(slot, Cause::Drained);
    }
}

/// Asks a client to come back after a while.
pub(super) fn send_reconnect(tabs: &mut Tabs, slot: u32, after_ms: u32) -> bool {
    let text = server::reconnect(after_ms);
    match tabs.transport(slot) {
        Some(Transport::Sse) => {
            // Browsers obey `retry:` by themselves.
            let mut bytes = sse::retry(after_ms).to_vec();
            bytes.extend_from_slice(&sse::event(&text));
            tabs.send_own(slot, &bytes)
        }
        Some(Transport::WebSocket) => tabs.send_text(slot, &text),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_server_closes_soon_and_a_large_one_within_its_window() {
        let limits = Limits::default();
        let window_ms = u64::from(limits.drain_ms) * 8 / 10;
        for (connections, closing_ms) in [(0, 1), (100, 50), (100_000_000, window_ms)] {
            let mut drain = Drain::new(1_000, connections, &limits);
            assert_eq!(
                drain.target(1_000 + closing_ms, 100),
                0,
                "those that were not told stay"
            );
            drain.told = 100;
            assert_eq!(drain.target(1_000, 100), 0);
            assert_eq!(drain.target(1_000 + closing_ms, 100), 100);
            assert!(closing_ms < 2 || drain.target(1_000 + closing_ms / 2, 100) == 50);
        }
    }

    #[test]
    fn a_node_keeps_each_stream_until_its_client_had_the_time_to_return_elsewhere() {
        let limits = Limits::default();
        for (connections, spread_ms) in [(0, 1_000), (100, 1_000), (1_000, 2_000), (100_000_000, 6_000)] {
            let mut drain = Drain::of_node(1_000, connections, &limits);
            drain.told = 100;
            assert!((0..100).all(|_| drain.random_return_ms() <= spread_ms));
            let closes_ms = 1_000 + u64::from(spread_ms) + 1_000;
            assert_eq!(drain.target(closes_ms, 100), 0);
            assert_eq!(drain.target(closes_ms + 500, 100), 50);
            assert_eq!(drain.target(closes_ms + 1_000, 100), 100);
            assert!(closes_ms + 1_000 - 1_000 <= u64::from(limits.drain_ms) * 8 / 10);
        }
        let hurried = limits.with(|limits| limits.reconnect_spread_ms = 300);
        assert!(
            Drain::of_node(0, 1_000, &hurried).random_return_ms() <= 300,
            "the operator's wish"
        );
    }

    #[test]
    fn clients_come_back_within_the_spread() {
        let limits = Limits::default();
        let drain = Drain::new(0, 1, &limits);
        let returns: Vec<u32> = (0..100).map(|_| drain.random_return_ms()).collect();
        assert!(
            returns
                .iter()
                .all(|after_ms| *after_ms <= limits.reconnect_spread_ms)
        );
        assert!(returns.iter().any(|after_ms| *after_ms != returns[0]));
    }
}
