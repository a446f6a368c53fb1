//! Which node has the wrong time of day.
//!
//! Each heartbeat has the time of day of its node. The time of the cluster is the median of those of all nodes that are there, this one too; of an even number
//! the lower of the two in the middle. So one wrong clock of three or more is outvoted. Of two that differ nobody knows which is right: the one that
//! is behind counts, so that nothing ends before its time by either.
//!
//! Times of day are kept as what must be added to the clock of this node, which is never set.

use std::collections::BTreeMap;

use crate::connection::NodeId;

/// A node whose clock differs by more from the time of the cluster is wrong, milliseconds.
pub const CLOCK_OFF_MS: u64 = 10_000;

/// How long the time of the cluster holds after the others were heard last.
const REMEMBERED_MS: u64 = 10 * 60 * 1_000;

#[derive(Debug, Default)]
pub(super) struct WallClocks {
    /// `None` until it is told.
    pub(super) here: Option<i64>,
    pub(super) others: BTreeMap<NodeId, i64>,
    /// The time of the cluster, and when it was known last.
    pub(super) cluster: Option<(i64, u64)>,
}

impl WallClocks {
    /// A node says what time it is there. `at_ms`: when that was, by the clock of this node.
    pub(super) fn hear(&mut self, node: NodeId, unix_ms: Option<u64>, at_ms: i64) {
        match unix_ms {
            Some(unix_ms) => {
                let there = i64::try_from(unix_ms).unwrap_or(i64::MAX).saturating_sub(at_ms);
                self.others.insert(node, there);
            }
            None => drop(self.others.remove(&node)),
        }
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.others.remove(&node);
    }

    pub(super) fn look(&mut self, now_ms: u64) {
        if !self.others.is_empty() {
            let mut all: Vec<i64> = self.others.values().copied().chain(self.here).collect();
            all.sort_unstable();
            self.cluster = Some((all[(all.len() - 1) / 2], now_ms));
        }
        let is_old = |(_, known_ms): &(i64, u64)| now_ms.saturating_sub(*known_ms) >= REMEMBERED_MS;
        self.cluster = self.cluster.filter(|cluster| !is_old(cluster));
    }

    /// How far this clock is ahead of the time of the cluster, if that is too far.
    pub(super) fn off(&self, clock: Option<i64>) -> Option<i64> {
        let ahead_ms = clock?.saturating_sub(self.cluster?.0);
        (ahead_ms.unsigned_abs() > CLOCK_OFF_MS).then_some(ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    /// What a node with the first of these clocks takes for its own error.
    fn off(clocks: &[i64]) -> Option<i64> {
        let mut known = WallClocks {
            here: Some(clocks[0]),
            ..WallClocks::default()
        };
        for (number, clock) in (2..).zip(&clocks[1..]) {
            let at_ms = 5_000;
            known.hear(NodeId(number), u64::try_from(clock + at_ms).ok(), at_ms);
        }
        known.look(0);
        known.off(known.here)
    }

    #[test]
    fn the_clock_that_most_others_contradict_is_wrong() {
        assert_eq!(off(&[7]), None, "alone");
        assert_eq!(off(&[7, HOUR_MS, 9]), None);
        assert_eq!(off(&[HOUR_MS, 7, 9]), Some(HOUR_MS - 9));
        assert_eq!(off(&[0, HOUR_MS, HOUR_MS + 5]), Some(-HOUR_MS));
        assert_eq!(off(&[9_000, 0, 5]), None, "near enough");
        assert_eq!(off(&[0, i64::MAX - 9_999, 3]), None, "absurd");
    }

    #[test]
    fn of_two_clocks_the_one_that_is_behind_counts() {
        assert_eq!(off(&[0, HOUR_MS]), None);
        assert_eq!(off(&[HOUR_MS, 0]), Some(HOUR_MS));
        assert_eq!(off(&[0, 0, HOUR_MS, HOUR_MS]), None);
    }

    #[test]
    fn what_the_others_said_holds_for_a_while_after_they_left() {
        let mut known = WallClocks {
            here: Some(HOUR_MS),
            ..WallClocks::default()
        };
        known.hear(NodeId(2), Some(1_000), 1_000);
        known.look(1_000);
        known.forget(NodeId(2));
        known.look(REMEMBERED_MS);
        assert_eq!(known.off(known.here), Some(HOUR_MS));
        known.look(REMEMBERED_MS + 1_000);
        assert_eq!(known.off(known.here), None);
    }
}
