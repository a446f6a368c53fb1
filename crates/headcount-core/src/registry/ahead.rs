//! Pages that know commands which this table does not stand by yet.
//!
//! Servers that share a log read it at their own pace. A page that was told a command by one of them may reconnect to another that has not read it,
//! and must not be told it again when that one has. So what the page knows beyond the newest command here is kept until the table gets there.
//!
//! Until then such a page is told nothing. A rule that stands here may have been replaced by the one that the page was told, and then the page no longer
//! names it among those that it knows.
//!
//! A table that shares its commands with no other has nothing here: its server does not call `Registry::note_ahead`, because a page that
//! names a command that was never given is wrong there.

use std::collections::HashMap;

use crate::invalidation::POSITIONS;

/// Connections of which that is kept. A further page may be told a command again.
const CONNECTIONS_MAX: usize = 65_536;

/// What a page knows beyond the newest command of its table.
#[derive(Clone, Debug)]
struct Known {
    /// The newest command when it was loaded.
    since: u32,
    /// Commands beyond the table's newest one that it was told: the newest ones, as many as can stand.
    told: Vec<u32>,
}

/// Connections whose pages are ahead, by slot.
#[derive(Debug, Default)]
pub(super) struct Ahead(HashMap<u32, Known>);

impl Ahead {
    /// Whether the page in a slot was told a command that does not stand here yet.
    pub(super) fn is_told_more(&self, slot: u32) -> bool {
        self.told(slot).next().is_some()
    }

    pub(super) fn forget(&mut self, slot: u32) {
        if !self.0.is_empty() {
            self.0.remove(&slot);
        }
    }

    /// The newest command when the page in a slot was loaded, if that is ahead.
    pub(super) fn since(&self, slot: u32) -> Option<u32> {
        self.0.get(&slot).map(|known| known.since)
    }

    /// The commands ahead that the page in a slot was told.
    pub(super) fn told(&self, slot: u32) -> impl Iterator<Item = u32> {
        let told = self.0.get(&slot).map_or(&[][..], |known| &known.told);
        told.iter().copied()
    }

    /// Notes what the page in a slot knows, as far as that is beyond the newest command here.
    pub(super) fn note(&mut self, slot: u32, since: u32, told: &[u32], head: u32) {
        let mut told: Vec<u32> = told.iter().copied().filter(|id| *id > head).collect();
        told.sort_unstable();
        told.dedup();
        told.drain(..told.len().saturating_sub(POSITIONS));
        let is_ahead = since > head || !told.is_empty();
        if is_ahead && self.0.len() < CONNECTIONS_MAX {
            self.0.insert(slot, Known { since, told });
        }
    }

    /// The newest command here is another one: `take` is given each slot, the newest command when its page was loaded, and what that was told.
    /// The slots whose pages were told no more than what stands here now.
    pub(super) fn catch_up(&mut self, head: u32, mut take: impl FnMut(u32, u32, &[u32])) -> Vec<u32> {
        let mut caught_up = Vec::new();
        self.0.retain(|slot, known| {
            take(*slot, known.since.min(head), &known.told);
            let was_told_more = !known.told.is_empty();
            known.told.retain(|id| *id > head);
            if was_told_more && known.told.is_empty() {
                caught_up.push(*slot);
            }
            known.since > head || !known.told.is_empty()
        });
        if self.0.is_empty() && self.0.capacity() > 0 {
            self.0 = HashMap::new();
        }
        caught_up
    }
}
