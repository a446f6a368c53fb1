//! Whether a heartbeat with the id of this node is an earlier one of this node, or says that another node has the same id.
//!
//! The broker sends a connection nothing that came over that same connection. But a node that gives up a link makes a new one, and what waited on the
//! old link may still get through: then the node hears itself. Its heartbeats are numbered, and the moment of each is remembered for a while.

use std::collections::VecDeque;

/// Heartbeats whose moments are remembered: a minute of them, and the answers to newcomers.
const REMEMBERED_MAX: usize = 128;

/// The last heartbeats of this node: their numbers, which increase by one, and when each was sent.
#[derive(Debug, Default)]
pub(super) struct Echo(VecDeque<(u64, u64)>);

impl Echo {
    /// This node sends a heartbeat.
    pub(super) fn said(&mut self, number: u64, sent_ms: u64) {
        if self.0.len() >= REMEMBERED_MAX {
            self.0.pop_front();
        }
        self.0.push_back((number, sent_ms));
    }

    /// Whether this node may have said that. An older one than those that are remembered counts as its own: another node with the same id soon
    /// sends one that does not.
    pub(super) fn is_own(&self, number: u64, sent_ms: u64) -> bool {
        let is_forgotten = self.0.front().is_some_and(|(oldest, _)| number < *oldest);
        is_forgotten || self.0.contains(&(number, sent_ms))
    }
}
