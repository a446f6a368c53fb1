//! How far nodes are behind the log of commands.
//!
//! A node says once a second how far it has read, so what was just appended tells nothing yet. Only entries that were known two seconds ago count.

use crate::command_log::LogIndex;

/// The most commands that a node is said to be behind. What a node says of itself may be wrong.
pub const LAG_MAX: u64 = 100_000;

/// The end of the log at each of the last heartbeats of this node, the newest last.
#[derive(Debug, Default)]
pub(super) struct LogEnds([LogIndex; 3]);

impl LogEnds {
    pub(super) fn note(&mut self, end: LogIndex) {
        let [_, before, last] = self.0;
        self.0 = [before, last, end];
    }

    /// Entries that were known for two seconds, and that a node has not read. A log that lost its end is as long as it is now.
    pub(super) fn behind(&self, now: LogIndex, read: LogIndex) -> u64 {
        let known = self.0.into_iter().fold(now, LogIndex::min);
        known.0.saturating_sub(read.0).min(LAG_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_appended_is_no_lag_and_what_stays_unread_is() {
        let mut ends = LogEnds::default();
        let [old, new] = [LogIndex(7), LogIndex(9)];
        (0..3).for_each(|_| ends.note(old));
        for _ in 0..3 {
            assert_eq!(ends.behind(new, old), 0);
            ends.note(new);
        }
        assert_eq!(ends.behind(new, old), 2);
        assert_eq!(ends.behind(new, new), 0, "it has read it since");
        assert_eq!(ends.behind(old, old), 0, "the broker has lost the end of the log");
    }

    #[test]
    fn a_forged_reading_shows_no_absurd_numbers() {
        let mut ends = LogEnds::default();
        (0..3).for_each(|_| ends.note(LogIndex(u64::MAX)));
        assert_eq!(ends.behind(LogIndex(u64::MAX), LogIndex(3)), LAG_MAX);
        assert_eq!(ends.behind(LogIndex(3), LogIndex(u64::MAX)), 0);
    }
}
