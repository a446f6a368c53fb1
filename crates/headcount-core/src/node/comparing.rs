//! How nodes compare: how far each is behind the log, and how far its clock is off.

use super::Node;
use crate::command_log::LogIndex;
use crate::connection::NodeId;

impl Node {
    /// How many commands a node that has `read` this far is behind, at most [`LAG_MAX`](super::LAG_MAX). Commands of the last two to three seconds do not count.
    pub fn behind(&self, read: LogIndex) -> u64 {
        self.log_ends.behind(self.log_end(), read)
    }

    /// The last entry of the log that any node has read.
    pub(super) fn log_end(&self) -> LogIndex {
        let others = self.members.iter();
        let read = others.map(|(_, member)| member.heartbeat.read);
        read.fold(self.read, LogIndex::max)
    }

    /// What time of day it is here: what must be added to the clock that is never set. Told with the next heartbeat.
    pub fn set_clock(&mut self, offset_ms: i64) {
        self.wall_clocks.here = Some(offset_ms);
    }

    /// How many milliseconds the clock of a node is ahead of the time of the cluster (negative: behind it), if these are more than
    /// [`CLOCK_OFF_MS`](super::CLOCK_OFF_MS).
    pub fn clock_off(&self, node: NodeId) -> Option<i64> {
        let clock = if node == self.here {
            self.wall_clocks.here
        } else {
            self.wall_clocks.others.get(&node).copied()
        };
        self.wall_clocks.off(clock)
    }

    /// The time of the cluster, where the clock of this node is wrong: what must be added to the clock that is never set.
    pub fn corrected_clock(&self) -> Option<i64> {
        self.clock_off(self.here)?;
        self.wall_clocks.cluster.map(|(offset_ms, _)| offset_ms)
    }

    pub(super) fn unix_ms(&self, now_ms: u64) -> Option<u64> {
        self.wall_clocks
            .here
            .map(|offset_ms| now_ms.saturating_add_signed(offset_ms))
    }
}
