//! Tabs that changed their node.
//!
//! A tab that connects here may still have a connection at its earlier node, if that has not noticed that its socket is dead. A browser may also copy a
//! tab with its id, so that two pages have it: as at one node, the newer connection stays. So this node tells all others of every tab that comes,
//! and they let go. It tells them twice, because a message may be lost, and each at most every [`FLUSH_MS`].
//!
//! A tab may come back before the message about its earlier move does. So the message says when the tab opened there, and the connection that it has
//! here stays if it was opened later ([`order`](super::order)). The other node is then told of it once more, for it may have missed that. Both nodes
//! compare the same values, so one of two connections stays, whenever the messages come; of two that opened within the time of the fastest message,
//! either. A connection whose opening is no longer remembered is older than [`REMEMBERED_MS`] or one of too many, and counts as older than the message.
//! What was let go is told no more. A message that took longer than [`LATE_MS`] is not believed: somebody who has recorded it may send it again, when
//! the opening here, which is newer, is forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::cluster::MovedTab;

/// Between two messages.
pub(super) const FLUSH_MS: u64 = 100;

/// After how long a tab is told again.
const AGAIN_MS: u64 = 1_000;

/// Tabs in one message.
pub(super) const TABS_MAX: usize = 4_096;

/// Tabs that wait to be told. Of more, the first ones are not told again, or not at all: they are closed when their silence is noticed.
const WAITING_MAX: usize = 16 * TABS_MAX;

/// How long the opening of a connection is remembered, and of how many.
pub(super) const REMEMBERED_MS: u64 = 60_000;
const REMEMBERED_MAX: usize = 131_072;

/// How long ago a message may have been sent at most. Half of [`REMEMBERED_MS`]: what it is compared with is remembered then.
pub(super) const LATE_MS: i64 = 30_000;

/// A tab to tell the others of.
#[derive(Clone, Debug)]
struct Move {
    tab: u64,
    opening: Opening,
}

/// When a tab opened its newest connection here, and the rules for which it says that its page was reloaded.
#[derive(Clone, Debug)]
struct Opening {
    at_ms: u64,
    reloaded: Arc<[u32]>,
    /// A later one, at another node, was heard of.
    let_go: bool,
}

/// What becomes of tabs that another node tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// They left: the opening there is the later one, as far as is remembered.
    pub(super) left: Vec<MovedTab>,
    /// They are here: what the other node must know of them.
    pub(super) here: Vec<MovedTab>,
}

#[derive(Debug, Default)]
pub(super) struct Moves {
    /// The newest openings of tabs here, and when they were, in that order.
    opened: HashMap<u64, Opening>,
    in_order: VecDeque<(u64, u64)>,
    /// Tabs to tell the others of.
    first: VecDeque<Move>,
    again: VecDeque<Move>,
    /// Before this, nothing is told.
    flush_ms: u64,
}

impl Moves {
    /// A tab has opened a connection here.
    pub(super) fn came(&mut self, tab: u64, reloaded: Arc<[u32]>, now_ms: u64) {
        let opening = Opening {
            at_ms: now_ms,
            reloaded,
            let_go: false,
        };
        self.opened.insert(tab, opening.clone());
        self.in_order.push_back((tab, now_ms));
        self.forget_old(now_ms);
        if self.first.len() >= WAITING_MAX {
            self.first.pop_front();
        }
        self.first.push_back(Move { tab, opening });
    }

    /// Gives back the memory of what was forgotten.
    pub(super) fn look(&mut self, now_ms: u64) {
        self.forget_old(now_ms);
        let wanted = 2 * self.in_order.len();
        if self.in_order.capacity() > 2 * wanted.max(TABS_MAX) {
            self.in_order.shrink_to(wanted);
            self.opened.shrink_to(wanted);
        }
    }

    fn forget_old(&mut self, now_ms: u64) {
        while let Some((tab, opened_ms)) = self.in_order.front().copied()
            && (self.in_order.len() > REMEMBERED_MAX || now_ms.saturating_sub(opened_ms) > REMEMBERED_MS)
        {
            self.in_order.pop_front();
            if self
                .opened
                .get(&tab)
                .is_some_and(|newest| newest.at_ms == opened_ms)
            {
                self.opened.remove(&tab);
            }
        }
    }

    /// The tabs of the next message, if one is due. Those that were let go or forgotten are not told.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<Vec<MovedTab>> {
        if self.next_ms().is_none_or(|next_ms| now_ms < next_ms) {
            return None;
        }
        let mut tabs = Vec::new();
        while tabs.len() < TABS_MAX
            && let Some(one) = self.first.pop_front()
        {
            if !self.is_told(one.tab) {
                continue;
            }
            if self.again.len() >= WAITING_MAX {
                self.again.pop_front();
            }
            tabs.push(one.told(now_ms));
            self.again.push_back(one);
        }
        while tabs.len() < TABS_MAX
            && let Some(one) = self
                .again
                .pop_front_if(|one| now_ms >= one.opening.at_ms + AGAIN_MS)
        {
            if self.is_told(one.tab) {
                tabs.push(one.told(now_ms));
            }
        }
        if tabs.is_empty() {
            return None;
        }
        self.flush_ms = now_ms + FLUSH_MS;
        Some(tabs)
    }

    /// Where these tabs are, which another node tells. Those that left are let go, and not told any more. `is_here`: whether an opening at this moment,
    /// here, is later than the one that is told.
    pub(super) fn judge(
        &mut self,
        told: Vec<MovedTab>,
        now_ms: u64,
        is_here: impl Fn(u64, &MovedTab) -> bool,
    ) -> Judged {
        let mut judged = Judged::default();
        for there in told {
            let tab = there.tab;
            match self.opened.get_mut(&tab) {
                Some(here) if is_here(here.at_ms, &there) => {
                    // What was let go meanwhile is nothing to tell of.
                    judged.here.extend((!here.let_go).then(|| here.told(tab, now_ms)));
                }
                here => {
                    if let Some(here) = here {
                        here.let_go = true;
                    }
                    judged.left.push(there);
                }
            }
        }
        judged
    }

    fn is_told(&self, tab: u64) -> bool {
        self.opened.get(&tab).is_some_and(|newest| !newest.let_go)
    }

    /// Of how many tabs the opening is remembered, and for how many there is room.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, usize) {
        (self.opened.len(), self.opened.capacity())
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        let first_ms = (!self.first.is_empty()).then_some(self.flush_ms);
        let again_ms = self.again.front().map(|one| one.opening.at_ms + AGAIN_MS);
        let again_ms = again_ms.map(|again_ms| again_ms.max(self.flush_ms));
        first_ms.into_iter().chain(again_ms).min()
    }
}

impl Move {
    fn told(&self, now_ms: u64) -> MovedTab {
        self.opening.told(self.tab, now_ms)
    }
}

impl Opening {
    fn told(&self, tab: u64, now_ms: u64) -> MovedTab {
        MovedTab {
            tab,
            ago_ms: u32::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(u32::MAX),
            reloaded: Arc::clone(&self.reloaded),
        }
    }
}
