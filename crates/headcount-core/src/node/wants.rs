//! Which nodes are asked for everything that they count, and which are answered.
//!
//! A request or its answer may be lost, so it is repeated: after half a second, then after twice as long each time, up to four seconds. Everything may
//! take long to send, so a request that comes soon after another of the same node is answered later. Each is answered once the shards have said what
//! they count.

use std::collections::{BTreeMap, BTreeSet};

use crate::connection::NodeId;

/// The first pause before a request is repeated, and the longest.
const PAUSE_MS: u64 = 500;
const PAUSE_MS_MAX: u64 = 4_000;

/// Between two answers to the same node.
const ANSWERED_MS: u64 = 200;

#[derive(Debug, Default)]
pub(super) struct Wants {
    /// Nodes that were asked: when they are asked again, and how long the pause is then.
    asked: BTreeMap<NodeId, (u64, u64)>,
    /// When each node was answered last.
    answered: BTreeMap<NodeId, u64>,
    /// Nodes whose answer is due at these times.
    later: BTreeMap<NodeId, u64>,
    /// Nodes whose answer is due.
    due: BTreeSet<NodeId>,
}

impl Wants {
    /// The nodes to ask now, of these, which are all that are lacking.
    pub(super) fn due(&mut self, lacking: impl IntoIterator<Item = NodeId>, now_ms: u64) -> Vec<NodeId> {
        let mut before = std::mem::take(&mut self.asked);
        let mut due = Vec::new();
        for node in lacking {
            let (next_ms, pause_ms) = before.remove(&node).unwrap_or((now_ms, PAUSE_MS));
            let next = if now_ms >= next_ms {
                due.push(node);
                (now_ms + pause_ms, (2 * pause_ms).min(PAUSE_MS_MAX))
            } else {
                (next_ms, pause_ms)
            };
            self.asked.insert(node, next);
        }
        due
    }

    /// A node asks for everything.
    pub(super) fn hear(&mut self, node: NodeId, now_ms: u64) {
        let last_ms = self.answered.get(&node);
        let due_ms = last_ms.map_or(now_ms, |last_ms| last_ms + ANSWERED_MS);
        if due_ms <= now_ms {
            self.due.insert(node);
        } else {
            self.later.insert(node, due_ms);
        }
    }

    /// Notes whose answers are due by now.
    pub(super) fn look(&mut self, now_ms: u64) {
        let due = self.later.extract_if(.., |_, due_ms| *due_ms <= now_ms);
        self.due.extend(due.map(|(node, _)| node));
    }

    /// Whether a node is to be answered.
    pub(super) fn are_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The nodes that are to be answered. They then are.
    pub(super) fn take_due(&mut self, now_ms: u64) -> BTreeSet<NodeId> {
        let due = std::mem::take(&mut self.due);
        self.answered.extend(due.iter().map(|node| (*node, now_ms)));
        due
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.asked.remove(&node);
        self.answered.remove(&node);
        self.later.remove(&node);
        self.due.remove(&node);
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        let asked = self.asked.values().map(|(next_ms, _)| next_ms);
        asked.chain(self.later.values()).min().copied()
    }
}
