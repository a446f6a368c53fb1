//! How far the sign-outs of other nodes were read, and who is asked next.
//!
//! One node at a time is asked, because what one tells is mostly what all know.

use std::collections::BTreeMap;

use crate::cluster::{Members, NODES_MAX, RequestId};
use crate::connection::NodeId;

/// How long another node may take to say what it knows, before the next one is asked.
pub(super) const ANSWER_MS: u32 = 2_000;

#[derive(Debug, Default)]
pub(super) struct Readings {
    /// The number of the last sign-out that was read of each node, also of some that are lost.
    read: BTreeMap<NodeId, u64>,
    /// The node that was asked last.
    last: Option<NodeId>,
    /// The question that waits for its answer, and until when.
    waits: Option<(RequestId, u64)>,
}

impl Readings {
    /// The node to ask now, and how far it was read. `digest` is the checksum of what is known here.
    pub(super) fn next(&mut self, members: &Members, digest: u64, now_ms: u64) -> Option<(NodeId, u64)> {
        let mut behind = Vec::new();
        for (node, member) in members.iter() {
            let there = member.heartbeat.signed_out;
            let read = self.read.get(&node).copied().unwrap_or_default();
            if there.number <= read {
                continue;
            }
            if there.digest == digest {
                self.note_read(node, there.number);
            } else {
                behind.push((node, read));
            }
        }
        let is_there = self.last.is_some_and(|last| members.knows(last));
        if is_there && self.waits.is_some_and(|(_, until_ms)| now_ms < until_ms) {
            return None;
        }
        // The next one after the last, so that one that does not answer holds up nothing.
        let is_after = |(node, _): &(NodeId, u64)| self.last.is_none_or(|last| *node > last);
        behind.iter().copied().find(is_after).or(behind.first().copied())
    }

    /// A node is asked.
    pub(super) fn ask(&mut self, node: NodeId, request: RequestId, now_ms: u64) {
        self.last = Some(node);
        self.waits = Some((request, now_ms + u64::from(ANSWER_MS)));
    }

    /// A node says how many it knows. Whether that is the answer that was waited for.
    pub(super) fn answered(&mut self, from: NodeId, request: RequestId, number: u64) -> bool {
        let is_waited_for = self.waits.is_some_and(|(waits, _)| waits == request);
        if self.last != Some(from) || !is_waited_for {
            return false;
        }
        self.waits = None;
        self.note_read(from, number);
        true
    }

    /// A node has ended.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.read.remove(&node);
    }

    fn note_read(&mut self, node: NodeId, number: u64) {
        self.read.insert(node, number);
        if self.read.len() > 2 * NODES_MAX {
            // Of a node that is there, it is read once more.
            self.read.pop_first();
        }
    }
}
