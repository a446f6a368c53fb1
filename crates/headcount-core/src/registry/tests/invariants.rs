//! What must hold after every step, and after every report.

use std::collections::{BTreeMap, BTreeSet};

use super::life::Life;
use super::model::Tab;
use crate::connection::ConnectionKey;
use crate::intern::{NO_SLOT, Names, OTHER};
use crate::protocol::client::Outcome;
use crate::registry::Outcomes;
use crate::stats::{Counts, Row};

impl Life {
    /// Everything that must hold after every step.
    pub(super) fn check(&self) {
        self.check_counts();
        self.check_chains();
        self.check_connections();
        self.check_outcomes();
    }

    fn check_outcomes(&self) {
        let counted: BTreeMap<_, _> = self.registry.outcomes().into_iter().collect();
        assert_eq!(counted.len(), self.model.rules.len());
        for id in self.model.rules.values().map(|rule| rule.id) {
            let last = |outcome| {
                let tabs = self.model.tabs.iter();
                tabs.filter(|tab| tab.outcomes.get(&id) == Some(&outcome)).count() as u64
            };
            let told = |tab: &&Tab| self.model.pages[tab.page].told.contains(&id);
            let expected = Outcomes {
                matched: self.model.matched.get(&id).copied().unwrap_or_default(),
                told: 0,
                reloaded: 0,
                here: self.model.tabs.iter().filter(told).count() as u64,
                held: last(Outcome::Held),
                prompted: last(Outcome::Prompted),
                stuck: last(Outcome::Stuck),
                current: last(Outcome::Current),
            };
            assert_eq!(counted[&id], expected, "rule {id}");
        }
    }

    fn check_counts(&self) {
        let total = self.model.tabs.len() as u64;
        assert_eq!(self.registry.len() as u64, total);
        for (names, model) in [
            (&self.registry.versions, &self.model.versions),
            (&self.registry.routes, &self.model.routes),
        ] {
            let counts = counts(names);
            assert_eq!(counts.values().sum::<u64>(), total);
            assert_eq!(&counts, model.counts());
            let held = names.iter().filter(|(id, _)| *id != OTHER);
            assert_eq!(
                held.map(|(_, name)| &*name.text).collect::<BTreeSet<_>>(),
                model.held()
            );
        }
        let in_order = self.registry.routes_in_order.keys();
        assert_eq!(
            in_order.map(|route| &**route).collect::<BTreeSet<_>>(),
            self.model.routes.held()
        );
    }

    /// Each open slot is reached exactly once, from its own route.
    fn check_chains(&self) {
        let mut reached = BTreeSet::new();
        for (id, name) in self.registry.routes.iter() {
            let (mut slot, mut previous, mut length) = (name.first, NO_SLOT, 0);
            while let Some(entry) = self.registry.slots.get(slot) {
                assert!(reached.insert(slot), "slot {slot} is reached twice");
                assert_eq!((entry.route, entry.previous), (id, previous));
                (previous, slot, length) = (slot, entry.next, length + 1);
            }
            assert_eq!(
                (slot, length),
                (NO_SLOT, name.count),
                "the chain of {}",
                name.text
            );
        }
        assert_eq!(reached, self.model.tabs.iter().map(|tab| tab.key.slot).collect());
    }

    fn check_connections(&self) {
        for tab in &self.model.tabs {
            let slot = tab.key.slot;
            assert_eq!(self.registry.find(tab.key), Some(slot));
            assert_eq!(self.registry.key(slot), Some(tab.key));
            assert_eq!(self.registry.peer(slot), Some(&tab.page));
            assert_eq!(self.registry.row(slot), Some(self.row(tab)));
        }
        for key in self.model.closed.iter().rev().take(64) {
            assert_eq!(self.registry.find(*key), None, "{key:?} is closed");
        }
        for hash in 0..5 {
            let held = self.model.by_hash.get(&hash).map(|key| key.slot);
            assert_eq!(self.registry.slot_of_tab(hash), held, "tab {hash}");
        }
    }

    /// Each connection is tallied once, under its route and version.
    fn check_tally(&self) {
        let mut expected: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for tab in &self.model.tabs {
            *expected.entry((&tab.route, &tab.version)).or_default() += 1;
        }
        let (mut from, mut tallied) = (Some(0), BTreeMap::new());
        while let Some(slot) = from {
            let tally = self.registry.tally(slot);
            for one in tally.counts {
                *tallied.entry((one.route, one.version)).or_default() += one.tabs;
            }
            from = tally.next;
        }
        let tallied = tallied
            .iter()
            .map(|((route, version), tabs)| ((&**route, &**version), *tabs));
        assert_eq!(tallied.collect::<BTreeMap<_, _>>(), expected);
    }

    /// The row of an open connection.
    fn row(&self, tab: &Tab) -> Row {
        Row {
            key: tab.key,
            version: tab.version.as_str().into(),
            route: self.model.track_routes.then(|| tab.route.as_str().into()),
            ip: tab.ip,
            hidden: tab.hidden,
        }
    }

    /// Sums up a report, and compares the sum.
    pub(super) fn report(&mut self) {
        let before: BTreeSet<ConnectionKey> = self.sum.rows().map(|row| row.key).collect();
        self.sum.apply(0, self.registry.take_changes());
        self.model.versions.report();
        self.model.routes.report();
        assert!(!self.registry.has_changes(), "everything was reported");
        assert_eq!(self.sum.total(), self.model.tabs.len() as u64);
        let visible = self.model.tabs.iter().filter(|tab| !tab.hidden).count();
        assert_eq!(self.sum.visible(), visible as u64);
        assert_eq!(&owned(self.sum.versions()), self.model.versions.counts());
        if self.model.track_routes {
            assert_eq!(&owned(self.sum.routes()), self.model.routes.counts());
        } else {
            assert!(self.sum.routes().is_empty());
        }
        self.check_sample(&before);
        self.check_tally();
    }

    fn check_sample(&self, before: &BTreeSet<ConnectionKey>) {
        let max = self.limits.stats_connections_max as usize;
        assert_eq!(
            self.sum.rows().count(),
            max.min(self.model.tabs.len()),
            "the sample is as full as it can be"
        );
        for row in self.sum.rows() {
            let tab = self.model.tabs.iter().find(|tab| tab.key == row.key);
            assert_eq!(
                Some(row),
                tab.map(|tab| self.row(tab)).as_ref(),
                "only open connections are listed"
            );
        }
        let now: BTreeSet<ConnectionKey> = self.sum.rows().map(|row| row.key).collect();
        let stayed = self
            .model
            .tabs
            .iter()
            .map(|tab| tab.key)
            .filter(|key| before.contains(key));
        assert!(
            stayed.into_iter().all(|key| now.contains(&key)),
            "who is listed stays listed"
        );
    }
}

fn counts(names: &Names) -> BTreeMap<String, u64> {
    names
        .iter()
        .filter(|(_, name)| name.count > 0)
        .map(|(_, name)| (name.text.to_string(), name.count.into()))
        .collect()
}

fn owned(counts: &Counts) -> BTreeMap<String, u64> {
    counts
        .iter()
        .map(|(name, count)| (name.to_string(), *count))
        .collect()
}
