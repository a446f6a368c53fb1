//! Wake-ups that a shard owes to others.
//!
//! A posted route of a tab on another shard is left in that shard's mailbox. Waking a sleeping thread costs more than
//! the navigation itself, so it is done at the end of a turn, once for everything that was left, and then not again for
//! [`APART_MS`]: a single navigation is handled at once, a stream of them in batches. A shard that is busy with its own
//! sockets wakes anyway and empties its mailbox; then no wake-up is needed.
//!
//! Nothing is lost while the sending shard lives: it waits for its sockets no longer than until a wake-up is due.

/// Least time between two wake-ups of the same shard. A fifth of a default tick of stats, and below what anybody sees.
const APART_MS: u64 = 20;

#[derive(Clone, Copy, Debug, Default)]
struct Nudge {
    owed: bool,
    not_before_ms: u64,
}

/// What one shard owes to each shard.
#[derive(Debug)]
pub(super) struct Nudges(Box<[Nudge]>);

impl Nudges {
    pub(super) fn new(shards: usize) -> Self {
        Self(vec![Nudge::default(); shards].into())
    }

    /// Something was left for this shard.
    pub(super) fn owe(&mut self, shard: usize) {
        if let Some(nudge) = self.0.get_mut(shard) {
            nudge.owed = true;
        }
    }

    /// When the first wake-up is due; `None` without a wake-up.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let owed = self.0.iter().filter(|nudge| nudge.owed);
        owed.map(|nudge| nudge.not_before_ms).min()
    }

    /// Wakes the shards whose wake-up is due, and forgets those that emptied their mailbox themselves: for them nothing
    /// `waits` any more.
    pub(super) fn settle(&mut self, now_ms: u64, waits: impl Fn(usize) -> bool, mut wake: impl FnMut(usize)) {
        for (shard, nudge) in self.0.iter_mut().enumerate().filter(|(_, nudge)| nudge.owed) {
            if !waits(shard) {
                nudge.owed = false;
            } else if nudge.not_before_ms <= now_ms {
                *nudge = Nudge {
                    owed: false,
                    not_before_ms: now_ms + APART_MS,
                };
                wake(shard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shards that a turn at `now_ms` wakes, while something waits for all of them.
    fn woken(nudges: &mut Nudges, now_ms: u64) -> Vec<usize> {
        let mut woken = Vec::new();
        nudges.settle(now_ms, |_| true, |shard| woken.push(shard));
        woken
    }

    #[test]
    fn the_first_is_woken_at_once_and_the_next_in_time() {
        let mut nudges = Nudges::new(3);
        assert_eq!(nudges.next_ms(), None);
        nudges.owe(1);
        assert_eq!(woken(&mut nudges, 1_000), [1]);
        assert_eq!(nudges.next_ms(), None);
        nudges.owe(1);
        nudges.owe(2);
        assert_eq!(woken(&mut nudges, 1_001), [2]);
        assert_eq!(nudges.next_ms(), Some(1_000 + APART_MS));
        assert_eq!(woken(&mut nudges, 1_000 + APART_MS), [1]);
    }

    #[test]
    fn a_shard_that_came_by_itself_is_not_woken() {
        let mut nudges = Nudges::new(2);
        nudges.owe(0);
        nudges.settle(5, |_| false, |shard| panic!("{shard} was woken"));
        assert_eq!(nudges.next_ms(), None);
    }
}
