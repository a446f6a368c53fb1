//! One shard's table: every open connection, and the counts by version and by route.
//!
//! The slot of a connection *is* its registry entry; `P` is what the owner keeps beside it (its socket). Counts are kept up
//! to date on every step, so at any moment the counts by version sum to the number of connections, and so do those by
//! route. Connections on one route are chained through their slots, and route names are kept in order, so that finding the
//! connections under a path costs what is found, not what is held.
//!
//! Deliberately absent: sockets, time, and sending. A step returns what the owner must act on.

mod ahead;
mod due;
mod find;
mod ledger;
mod outcomes;
mod reach;
mod report;
mod sample;
mod sampling;
mod slots;
mod tally;
#[cfg(test)]
mod tests;

use core::net::IpAddr;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::connection::ConnectionKey;
use crate::intern::{NO_SLOT, Names, OTHER, Released};
use crate::invalidation::Standing;
use crate::limits::Limits;
use crate::release::{ReleaseLog, UNRELEASED};
use crate::stats::Row;

pub use crate::intern::OTHER_TEXT;
use ahead::Ahead;
pub use find::{ConnectionsPage, Filter};
use ledger::Ledger;
pub use ledger::{BACK_MS, Outcomes, RuleOutcomes};
pub use reach::{Reach, ReachWalk, Unknowns};
use sample::Sample;
use slots::Slots;
pub use tally::{Tallied, Tally};

/// What a connection says of itself when it opens. `route` and `version` are already in their normal form.
#[derive(Clone, Debug, Default)]
pub struct Opening<'a> {
    /// The build the tab runs.
    pub version: &'a str,
    /// The page it shows. Ignored with route tracking off.
    pub route: &'a str,
    /// A hash of the tab's own random id; a connection with the same one is replaced.
    pub tab: Option<u64>,
    /// For a page that was here before: the newest command when it was loaded. `None`: the page was loaded just now.
    pub since: Option<u32>,
    /// For a page that was here before: the commands it was told.
    pub told: &'a [u32],
    /// The client address, if it may be kept.
    pub ip: Option<IpAddr>,
    /// The tab is hidden.
    pub hidden: bool,
}

#[derive(Debug)]
struct Occupant<P> {
    generation: u32,
    version: u32,
    route: u32,
    /// Neighbours in the chain of the route's connections.
    previous: u32,
    next: u32,
    /// The newest command when the page was loaded.
    since: u32,
    /// Positions of the standing rules this page load was told.
    told: u64,
    /// Zero: none.
    tab: u64,
    ip: Option<Box<IpAddr>>,
    /// Place in the sample; `u32::MAX`: none.
    sampled: u32,
    /// The tab is hidden.
    hidden: bool,
    peer: P,
}

/// One shard's connections and counts.
#[derive(Debug)]
pub struct Registry<P> {
    shard: u16,
    track_routes: bool,
    slots: Slots<Occupant<P>>,
    /// The generation of the newest entry, never 0. One counter for all slots: no two connections ever share a key.
    generation: u32,
    versions: Names,
    routes: Names,
    routes_in_order: BTreeMap<Arc<str>, u32>,
    tabs: HashMap<u64, u32>,
    sample: Sample,
    /// Connections of hidden tabs, now and as last reported.
    hidden: u32,
    hidden_reported: u32,
    ledger: Ledger,
    ahead: Ahead,
    standing: Arc<Standing>,
    /// Which `standing` that is: what a name remembers about rules holds for this one only.
    standing_generation: u32,
}

impl<P> Registry<P> {
    /// An empty table for the shard of this number.
    pub fn new(shard: u16, track_routes: bool, limits: &Limits, standing: Arc<Standing>) -> Self {
        Self {
            shard,
            track_routes,
            slots: Slots::new(),
            generation: 0,
            versions: Names::new(limits.versions_max, limits.unnamed_bytes_max),
            routes: Names::new(limits.routes_max, limits.unnamed_bytes_max),
            routes_in_order: BTreeMap::new(),
            tabs: HashMap::new(),
            sample: Sample::new(limits.stats_connections_max),
            hidden: 0,
            hidden_reported: 0,
            ledger: Ledger::new(limits.outcomes_max),
            ahead: Ahead::default(),
            standing,
            // Names start with 0: nothing remembered.
            standing_generation: 1,
        }
    }

    /// Connections held.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One past the highest slot ever used: what a sweep over all slots goes up to.
    pub fn end(&self) -> u32 {
        self.slots.end()
    }

    /// The slot of the connection that the tab with this hash holds. Close it before the tab opens another.
    pub fn slot_of_tab(&self, tab: u64) -> Option<u32> {
        self.tabs.get(&tab).copied()
    }

    /// Takes in a connection.
    pub fn open(&mut self, opening: &Opening<'_>, peer: P) -> ConnectionKey {
        self.generation = self.generation.wrapping_add(1).max(1);
        // Zero means no tab id in the entry, so a hash of zero becomes one.
        let tab = opening.tab.unwrap_or_default();
        let releases = &self.standing.releases;
        let (version, _) = self
            .versions
            .acquire(opening.version, |text| is_reserved(text, releases));
        let route = self.acquire_route(opening.route);
        let told = self.standing.told_mask(opening.told);
        self.ledger.came(tab, told);
        let slot = self.slots.insert(Occupant {
            generation: self.generation,
            version,
            route,
            previous: NO_SLOT,
            next: NO_SLOT,
            since: opening
                .since
                .unwrap_or(self.standing.head)
                .min(self.standing.head),
            told,
            tab,
            ip: opening.ip.map(Box::new),
            sampled: NO_SLOT,
            hidden: opening.hidden,
            peer,
        });
        self.hidden += u32::from(opening.hidden);
        self.chain(slot, route);
        if tab != 0 {
            self.tabs.insert(tab, slot);
        }
        self.sample_in(slot);
        ConnectionKey {
            shard: self.shard,
            slot,
            generation: self.generation,
        }
    }

    /// Puts a connection on another route. Says whether it was on a different one; `None` if the slot is free.
    pub fn navigate(&mut self, slot: u32, route: &str) -> Option<bool> {
        let before = self.slots.get(slot)?.route;
        if !self.track_routes || self.routes.find(route) == Some(before) && before != OTHER {
            return Some(false);
        }
        // The old route goes first, so that a table that is full has a place for the new one.
        self.unchain(slot);
        self.release_route(before);
        let after = self.acquire_route(route);
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.route = after;
        }
        self.chain(slot, after);
        self.sample_touch(slot);
        // Two routes that are not known are not told apart, so moving between them counts as a move.
        Some(true)
    }

    /// Notes whether a connection's tab is hidden.
    pub fn set_hidden(&mut self, slot: u32, hidden: bool) {
        let Some(entry) = self.slots.get_mut(slot) else {
            return;
        };
        let before = std::mem::replace(&mut entry.hidden, hidden);
        if before != hidden {
            self.hidden = self.hidden - u32::from(before) + u32::from(hidden);
            self.sample_touch(slot);
        }
    }

    /// Lets a connection go and gives back what its owner kept beside it.
    pub fn close(&mut self, slot: u32) -> Option<P> {
        self.slots.get(slot)?;
        self.unchain(slot);
        self.sample_out(slot);
        self.ahead.forget(slot);
        let entry = self.slots.remove(slot)?;
        self.hidden -= u32::from(entry.hidden);
        self.ledger.left(slot, entry.tab, entry.told);
        let released = self.versions.release(entry.version);
        if let Some(shown) = released.shown {
            self.sample_touch_all(|entry| entry.version == shown);
        }
        self.release_route(entry.route);
        if entry.tab != 0 && self.tabs.get(&entry.tab) == Some(&slot) {
            self.tabs.remove(&entry.tab);
        }
        Some(entry.peer)
    }

    /// What the owner keeps beside the connection in this slot.
    pub fn peer(&self, slot: u32) -> Option<&P> {
        self.slots.get(slot).map(|entry| &entry.peer)
    }

    /// As [`Registry::peer`], to change it.
    pub fn peer_mut(&mut self, slot: u32) -> Option<&mut P> {
        self.slots.get_mut(slot).map(|entry| &mut entry.peer)
    }

    /// The slot of this very connection; `None` if it is gone, even where another took its slot.
    pub fn find(&self, key: ConnectionKey) -> Option<u32> {
        (key.shard == self.shard && self.slots.get(key.slot)?.generation == key.generation)
            .then_some(key.slot)
    }

    /// The key of the connection in this slot.
    pub fn key(&self, slot: u32) -> Option<ConnectionKey> {
        let generation = self.slots.get(slot)?.generation;
        Some(ConnectionKey {
            shard: self.shard,
            slot,
            generation,
        })
    }

    /// Version and route of the connection in this slot, as they are counted, and its address.
    pub fn row(&self, slot: u32) -> Option<Row> {
        let entry = self.slots.get(slot)?;
        Some(Row {
            node: None,
            key: self.key(slot)?,
            version: Arc::clone(self.versions.counted_text(entry.version)),
            route: self
                .track_routes
                .then(|| Arc::clone(self.routes.counted_text(entry.route))),
            ip: entry.ip.as_deref().copied(),
            hidden: entry.hidden,
        })
    }

    /// As [`Registry::row`], with the connection's own version and route, as far as they are known, instead of the
    /// names they count under. For readers that hold one row of each connection, and no counts.
    pub fn own_row(&self, slot: u32) -> Option<Row> {
        let entry = self.slots.get(slot)?;
        let row = self.row(slot)?;
        Some(Row {
            version: Arc::clone(&self.versions.get(entry.version).text),
            route: row.route.map(|_| Arc::clone(&self.routes.get(entry.route).text)),
            ..row
        })
    }

    fn acquire_route(&mut self, route: &str) -> u32 {
        let route = if self.track_routes { route } else { OTHER_TEXT };
        let (id, new) = self.routes.acquire(route, |_| false);
        if new {
            self.routes_in_order
                .insert(Arc::clone(&self.routes.get(id).text), id);
        }
        id
    }

    fn release_route(&mut self, id: u32) {
        let Released { gone, shown } = self.routes.release(id);
        if let Some(gone) = gone {
            self.routes_in_order.remove(&gone);
        }
        if let Some(shown) = shown {
            self.sample_touch_all(|entry| entry.route == shown);
        }
    }

    fn chain(&mut self, slot: u32, route: u32) {
        let next = std::mem::replace(&mut self.routes.get_mut(route).first, slot);
        if let Some(neighbour) = self.slots.get_mut(next) {
            neighbour.previous = slot;
        }
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.previous = NO_SLOT;
            entry.next = next;
        }
    }

    fn unchain(&mut self, slot: u32) {
        let Some(entry) = self.slots.get(slot) else { return };
        let (previous, next, route) = (entry.previous, entry.next, entry.route);
        match self.slots.get_mut(previous) {
            Some(neighbour) => neighbour.next = next,
            None => self.routes.get_mut(route).first = next,
        }
        if let Some(neighbour) = self.slots.get_mut(next) {
            neighbour.previous = previous;
        }
    }
}

/// Whether a version always has a place among those that are shown: releases do, and what tabs run before the first one.
fn is_reserved(version: &str, releases: &ReleaseLog) -> bool {
    version == UNRELEASED || releases.contains(version)
}
