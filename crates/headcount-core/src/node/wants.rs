//! Which nodes are asked for everything that they count, and which are answered.
//!
//! A request or its answer may be lost, so it is repeated: after half a second, then after twice as long each time, up to four seconds. Everything may
//! take long to send, so a request that comes soon after another of the same node is not answered.

use std::collections::BTreeMap;

use crate::connection::NodeId;

/// The first pause before a request is repeated, and the longest.
const PAUSE_MS: u64 = 500;
const PAUSE_MS_MAX: u64 = 4_000;

/// A request that comes sooner after an answer to the same node means nothing.
const ANSWERED_MS: u64 = 200;

#[derive(Debug, Default)]
pub(super) struct Wants {
    /// Nodes that were asked: when they are asked again, and how long the pause is then.
    asked: BTreeMap<NodeId, (u64, u64)>,
    /// When nodes were answered last.
    answered: BTreeMap<NodeId, u64>,
}

impl Wants {
    /// The nodes to ask now, of these, which are all that are lacking.
    pub(super) fn due(&mut self, lacking: impl Iterator<Item = NodeId>, now_ms: u64) -> Vec<NodeId> {
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

    /// Whether a node that asks is answered.
    pub(super) fn answers(&mut self, node: NodeId, now_ms: u64) -> bool {
        let last_ms = self.answered.get(&node);
        let answers = last_ms.is_none_or(|last_ms| now_ms.saturating_sub(*last_ms) >= ANSWERED_MS);
        if answers {
            self.answered.insert(node, now_ms);
        }
        answers
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.asked.remove(&node);
        self.answered.remove(&node);
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        self.asked.values().map(|(next_ms, _)| *next_ms).min()
    }
}
