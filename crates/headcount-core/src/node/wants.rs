//! Which nodes are asked for everything that they count, and which are answered.
//!
//! A request or its answer may be lost, so it is repeated: after half a second, then after twice as long each time, up to four seconds. Everything may
//! take long to send, so a request that comes soon after another of the same node is not answered. The others are answered with the next report: by
//! then the shards have said what they count.

use std::collections::{BTreeMap, BTreeSet};

use crate::connection::NodeId;

/// The first pause before a request is repeated, and the longest.
const PAUSE_MS: u64 = 500;
const PAUSE_MS_MAX: u64 = 4_000;

/// A request that comes sooner after another of the same node means nothing.
const ANSWERED_MS: u64 = 200;

#[derive(Debug, Default)]
pub(super) struct Wants {
    /// Nodes that were asked: when they are asked again, and how long the pause is then.
    asked: BTreeMap<NodeId, (u64, u64)>,
    /// When the last request of each node came that is answered.
    heard: BTreeMap<NodeId, u64>,
    /// Nodes that wait for their answer.
    waiting: BTreeSet<NodeId>,
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

    /// A node asks for everything.
    pub(super) fn hear(&mut self, node: NodeId, now_ms: u64) {
        let last_ms = self.heard.get(&node);
        if last_ms.is_none_or(|last_ms| now_ms.saturating_sub(*last_ms) >= ANSWERED_MS) {
            self.heard.insert(node, now_ms);
            self.waiting.insert(node);
        }
    }

    /// Whether a node waits for its answer.
    pub(super) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The nodes that are to be answered now.
    pub(super) fn take_waiting(&mut self) -> BTreeSet<NodeId> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.asked.remove(&node);
        self.heard.remove(&node);
        self.waiting.remove(&node);
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        self.asked.values().map(|(next_ms, _)| *next_ms).min()
    }
}
