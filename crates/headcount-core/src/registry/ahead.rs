//! Pages that know commands which this table does not stand by yet.
//!
//! Servers that share a log read it at their own pace. A page that was told a command by one of them may reconnect to another that has not read it,
//! and must not be told it again when that one has. So what the page knows beyond the newest command here is kept until the table gets there.
//!
//! A table that shares its commands with no other has nothing here: its server does not call [`Registry::note_ahead`], because a page that
//! names a command that was never given is wrong there.

use std::collections::HashMap;

use super::Registry;
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
}

impl<P> Registry<P> {
    /// Notes what the page of a connection knows beyond the newest command here, and was told by another server that has read the same log further:
    /// the newest command when it was loaded, and the commands it was told. A page that was reloaded for a command was loaded after that one.
    ///
    /// Until this table stands by these commands too, [`Registry::since`] and [`Registry::told`] say what is noted here, and when it does, they
    /// count as told. Has no effect for what is not ahead.
    pub fn note_ahead(&mut self, slot: u32, since: u32, told: &[u32]) {
        let head = self.standing.head;
        let mut told: Vec<u32> = told.iter().copied().filter(|id| *id > head).collect();
        told.sort_unstable();
        told.dedup();
        told.drain(..told.len().saturating_sub(POSITIONS));
        let is_ahead = since > head || !told.is_empty();
        if is_ahead && self.slots.get(slot).is_some() && self.ahead.0.len() < CONNECTIONS_MAX {
            self.ahead.0.insert(slot, Known { since, told });
        }
    }

    /// Other commands stand now: pages are taken at their word as far as the table got.
    pub(super) fn catch_up(&mut self) {
        let (standing, slots, ledger) = (&self.standing, &mut self.slots, &mut self.ledger);
        self.ahead.0.retain(|slot, known| {
            let Some(entry) = slots.get_mut(*slot) else {
                return false;
            };
            entry.since = entry.since.max(known.since.min(standing.head));
            let told = standing.told_mask(&known.told) & !entry.told;
            entry.told |= told;
            ledger.came(entry.tab, told);
            known.told.retain(|id| *id > standing.head);
            known.since > standing.head || !known.told.is_empty()
        });
        if self.ahead.0.is_empty() {
            self.ahead = Ahead::default();
        }
    }
}
