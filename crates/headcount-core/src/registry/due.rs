//! The rules that a connection must still be told.
//!
//! Each name remembers which standing rules concern it, so deciding takes a few bit operations, and a pattern is matched once
//! for each distinct name and not for each tab. A rule counts as told when it was sent, and not before: what is sent along
//! with it never claims more.

use std::sync::Arc;

use super::{Registry, is_reserved};
use crate::intern::{Name, OTHER};
use crate::invalidation::Standing;

/// What it costs to look at a slot again, as a part of matching all rules against a byte of a name.
const BYTES_PER_UNIT: usize = 16;

impl<P> Registry<P> {
    /// The rules and releases that decide what applies.
    pub fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Goes over to other rules and releases. Positions that hold another rule than before count as untold. The slots of pages that were ahead
    /// and are no longer ([`Registry::note_ahead`]): rules may be due there.
    pub fn set_standing(&mut self, standing: Arc<Standing>) -> Vec<u32> {
        let changed = standing.changed_mask(&self.standing);
        let occupied_before = self
            .standing
            .rules()
            .fold(0_u64, |mask, (position, _)| mask | 1 << position);
        if changed & occupied_before != 0 {
            for entry in self.slots.iter_mut() {
                entry.told &= !changed;
            }
        }
        self.ledger.turn(changed);
        self.standing_generation = self.standing_generation.wrapping_add(1);
        self.standing = standing;
        let caught_up = self.catch_up();
        let releases = &self.standing.releases;
        for shown in self.versions.reserve(|text| is_reserved(text, releases)) {
            self.sample_touch_all(|entry| entry.version == shown);
        }
        caught_up
    }

    /// Notes what the page of a connection knows beyond the newest command here, because another server has read the same log further: the newest
    /// command when it was loaded, and the commands it was told. A page that was reloaded for a command was loaded after that one.
    ///
    /// Until this table stands by these commands too, [`Registry::since`] and [`Registry::told`] say what is noted here, and no rule is due to a
    /// page that was told one of them. When it does, they count as told. Has no effect for what is not ahead.
    pub fn note_ahead(&mut self, slot: u32, since: u32, told: &[u32]) {
        if self.slots.get(slot).is_some() {
            self.ahead.note(slot, since, told, self.standing.head);
        }
    }

    /// Other commands stand now: pages are taken at their word as far as the table got.
    fn catch_up(&mut self) -> Vec<u32> {
        let (standing, slots, ledger) = (&self.standing, &mut self.slots, &mut self.ledger);
        self.ahead.catch_up(standing.head, |slot, since, told| {
            let Some(entry) = slots.get_mut(slot) else {
                return;
            };
            entry.since = entry.since.max(since);
            let told = standing.told_mask(told) & !entry.told;
            entry.told |= told;
            ledger.came(entry.tab, told);
        })
    }

    /// The positions of the rules that apply to a connection, are open to it, and that its page load was not told. Adds to `work` what it cost
    /// to find out, in units of a look at one slot.
    pub fn due(&mut self, slot: u32, work: &mut u32) -> u64 {
        *work += 1;
        let Some(entry) = self.slots.get(slot).filter(|_| !self.ahead.is_told_more(slot)) else {
            return 0;
        };
        let (version, route, told, since) = (entry.version, entry.route, entry.told, entry.since);
        let due = self.route_mask(route, work) & self.version_mask(version, work) & !told;
        if due == 0 {
            return 0;
        }
        let due = due & self.standing.page_load_mask(since);
        self.standing.open_mask(due, self.lot(slot))
    }

    /// Notes that the rule at a position will be sent now to a connection that it applies to.
    pub fn note_matched(&mut self, position: usize) {
        self.ledger.matched(position);
    }

    /// Notes that the rule at a position was sent to a connection: its page load has been told.
    pub fn note_told(&mut self, slot: u32, position: usize) {
        if let Some(entry) = self.slots.get_mut(slot)
            && entry.told & 1 << position == 0
        {
            entry.told |= 1 << position;
            self.ledger.told(position, entry.tab);
        }
    }

    /// What tells this connection's tab from others when their turns are drawn: the hash of its id, and without one the connection
    /// itself.
    pub fn lot(&self, slot: u32) -> u64 {
        self.slots.get(slot).map_or(0, |entry| match entry.tab {
            0 => u64::from(self.shard) << 32 | u64::from(entry.generation),
            tab => tab,
        })
    }

    /// The newest command when this page was loaded. With [`Registry::told`] it is what the page sends back when it
    /// reconnects. It stays the same as long as the page does: a page that was told a newer command is still older than
    /// every command after its load, and must be told those that did not apply to it so far.
    pub fn since(&self, slot: u32) -> Option<u32> {
        let since = self.slots.get(slot).map(|entry| entry.since);
        self.ahead.since(slot).max(since)
    }

    /// The standing commands a connection has been told.
    pub fn told(&self, slot: u32) -> impl Iterator<Item = u32> {
        let told = self.slots.get(slot).map_or(0, |entry| entry.told);
        self.standing
            .rules()
            .filter(move |(position, _)| told & 1 << position != 0)
            .map(|(_, rule)| rule.id)
            .chain(self.ahead.told(slot))
    }

    /// Whether the connection in this slot, if there is one, opened after the moment at which this was the newest
    /// [`Registry::generation`].
    pub fn opened_after(&self, slot: u32, generation: u32) -> bool {
        let opened = self.slots.get(slot).map(|entry| entry.generation);
        // Generations wrap; no two connections are half of them apart.
        opened.is_some_and(|opened| (1..1 << 31).contains(&opened.wrapping_sub(generation)))
    }

    /// The generation of the newest connection.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    fn route_mask(&mut self, route: u32, work: &mut u32) -> u64 {
        let standing = &self.standing;
        let name = self.routes.get_mut(route);
        refresh(
            name,
            self.standing_generation,
            standing,
            work,
            |text| match route {
                OTHER => standing.unnamed_route_mask(),
                _ => standing.route_mask(text),
            },
        )
    }

    fn version_mask(&mut self, version: u32, work: &mut u32) -> u64 {
        let standing = &self.standing;
        let name = self.versions.get_mut(version);
        refresh(
            name,
            self.standing_generation,
            standing,
            work,
            |text| match version {
                OTHER => standing.unnamed_version_mask(),
                _ => standing.version_mask(text),
            },
        )
    }
}

/// What a name remembers, computed again if the rules have changed.
fn refresh(
    name: &mut Name,
    generation: u32,
    standing: &Standing,
    work: &mut u32,
    find_out: impl FnOnce(&str) -> u64,
) -> u64 {
    if name.mask_generation != generation {
        name.mask_generation = generation;
        name.mask = find_out(&name.text);
        *work += match_work(&name.text, standing.rules().count());
    }
    name.mask
}

/// What it costs to match so many rules against a text, in units of a look at one slot.
pub(super) fn match_work(text: &str, rules: usize) -> u32 {
    u32::try_from(rules * (1 + text.len() / BYTES_PER_UNIT)).unwrap_or(u32::MAX / 2)
}
