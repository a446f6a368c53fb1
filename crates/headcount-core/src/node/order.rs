//! Which of two openings of a tab, at two nodes, is the later one.
//!
//! Clocks of nodes began at different moments. So each node adds to its clock what makes it at least as far as every other clock it has heard of, to
//! within the time of the fastest message ([`clocks`](super::clocks)). By the sum, which is the *common time*, openings are compared, and at the same
//! millisecond by the ids of their nodes. The node that hears of an opening compares the same two values as the one that told it, so only one of them
//! lets its connection go.
//!
//! What a node adds can grow between two messages: by much when it first hears of a node that has run for longer, later by a few milliseconds. Its own
//! openings are later then than it has told. Still the two nodes never both let go. A node that lets go tells that opening no more, so all values that
//! it has told are at most the one that lost, and the other node, whose values only grow, lets go for none of them. Both may keep their connections for
//! a while: then a node that hears of an opening that is earlier than its own answers with its own, and one of them gives way.

/// The most that is added, milliseconds: 8,900 years. A clock that says more is not believed.
const AHEAD_MS_MAX: u64 = 1 << 48;

/// What a node adds to its clock, milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) ahead_ms: u64,
}

impl Order {
    /// Another node adds `ahead_ms`, or at least as much, to its clock. That one is `difference_ms` behind the clock of this node, at the most.
    pub(super) fn hear(&mut self, ahead_ms: u64, difference_ms: i64) {
        let ahead_ms = ahead_ms.saturating_add_signed(difference_ms.saturating_neg());
        if ahead_ms <= AHEAD_MS_MAX {
            self.ahead_ms = self.ahead_ms.max(ahead_ms);
        }
    }

    /// A moment of the clock to which this is added, in the time that all nodes have.
    pub(super) fn common_ms(self, clock_ms: u64) -> u64 {
        clock_ms.saturating_add(self.ahead_ms)
    }
}
