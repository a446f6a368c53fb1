//! What must hold after every step, and after every report.

use std::collections::{BTreeMap, BTreeSet};

use super::life::Life;
use super::model::Tab;
use crate::connection::ConnectionKey;
use crate::intern::{NO_SLOT, Names, OTHER, OTHER_TEXT};
use crate::outcome::Outcome;
use crate::registry::{BACK_MS, Outcomes, Unknowns};
use crate::stats::{Counts, Row, SourceId};

impl Life {
    /// Everything that must hold after every step.
    pub(super) fn check(&self) {
        self.check_counts();
        self.check_chains();
        self.check_connections();
        self.check_outcomes();
    }

    fn check_outcomes(&self) {
        let mut unknowns = Unknowns::default();
        let unknown = loop {
            if let Some(unknown) = self.registry.walk_unknowns(&mut unknowns) {
                break unknown;
            }
        };
        let counted = self.registry.outcomes(&unknown);
        assert_eq!(counted.0.len(), self.model.rules.len());
        for rule in self.model.rules.values() {
            let book = &self.model.books[&rule.id];
            let count = |holds: &dyn Fn(&&Tab) -> bool| self.model.tabs.iter().filter(holds).count() as u64;
            let last = |outcome| count(&|tab| tab.outcomes.get(&rule.id) == Some(&outcome));
            let told = |tab: &&Tab| self.model.pages[tab.page].told.contains(&rule.id);
            let expected = Outcomes {
                matched: book.sent,
                told: book.sent,
                reloaded: book.reloaded,
                here: count(&told),
                held: last(Outcome::Held),
                waiting: last(Outcome::Waiting),
                prompted: last(Outcome::Prompted),
                stuck: last(Outcome::Stuck),
                current: last(Outcome::Current),
                unknown: count(&|tab| self.model.is_unknown(rule, tab)),
                leaving: book
                    .left
                    .values()
                    .filter(|left_ms| self.model.now_ms - **left_ms < BACK_MS)
                    .count() as u64,
            };
            assert_eq!(counted.of(rule.id), expected, "rule {}", rule.id);
            assert_eq!(
                expected.told,
                expected.here + expected.reloaded + expected.gone(),
                "rule {}: the books balance",
                rule.id
            );
            let away = book.left.len() as u64;
            assert!(expected.gone() >= away, "rule {}: nobody is forgotten", rule.id);
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
            assert_eq!(counts, model.counts());
            let known = names.iter().filter(|(id, _)| *id != OTHER);
            assert_eq!(
                known.map(|(_, name)| &*name.text).collect::<BTreeSet<_>>(),
                model.known()
            );
        }
        let in_order = self.registry.routes_in_order.keys();
        assert_eq!(
            in_order.map(|route| &**route).collect::<BTreeSet<_>>(),
            self.model.routes.known()
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
            let own = |name: &Option<String>| name.as_deref().unwrap_or(OTHER_TEXT).into();
            let own_row = Row {
                version: own(&tab.version),
                route: self.model.track_routes.then(|| own(&tab.route)),
                ..self.row(tab)
            };
            assert_eq!(self.registry.own_row(slot), Some(own_row));
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
        let mut expected: BTreeMap<(String, String), (u32, u32)> = BTreeMap::new();
        for tab in &self.model.tabs {
            let (tabs, outdated) = expected.entry(self.model.shown(tab)).or_default();
            *tabs += 1;
            *outdated += u32::from(self.model.is_outdated(tab));
        }
        let (mut from, mut tallied) = (Some(0), BTreeMap::new());
        while let Some(slot) = from {
            let tally = self.registry.tally(slot);
            for one in tally.counts {
                let (tabs, outdated) = tallied.entry((one.route, one.version)).or_insert((0, 0));
                *tabs += one.tabs;
                *outdated += one.outdated;
            }
            from = tally.next;
        }
        let tallied = tallied
            .iter()
            .map(|((route, version), tabs)| ((route.to_string(), version.to_string()), *tabs));
        assert_eq!(tallied.collect::<BTreeMap<_, _>>(), expected);
    }

    /// The row of an open connection.
    fn row(&self, tab: &Tab) -> Row {
        let (route, version) = self.model.shown(tab);
        Row {
            node: None,
            key: tab.key,
            version: version.into(),
            route: self.model.track_routes.then(|| route.into()),
            ip: tab.ip,
            hidden: tab.hidden,
        }
    }

    /// Sums up a report, and compares the sum.
    pub(super) fn report(&mut self) {
        let before: BTreeSet<ConnectionKey> = self.sum.rows().map(|row| row.key).collect();
        let report = self.reporter.changes(self.registry.take_changes());
        assert!(self.sum.apply(SourceId(0), report.clone()).is_ok());
        let _only_once_asked = self.asking.apply(SourceId(0), report);
        assert!(!self.registry.has_changes(), "everything was reported");
        assert_eq!(self.sum.total(), self.model.tabs.len() as u64);
        let visible = self.model.tabs.iter().filter(|tab| !tab.hidden).count();
        assert_eq!(self.sum.visible(), visible as u64);
        assert_eq!(owned(self.sum.versions()), self.model.versions.counts());
        if self.model.track_routes {
            assert_eq!(owned(self.sum.routes()), self.model.routes.counts());
        } else {
            assert!(self.sum.routes().is_empty());
        }
        if self.asking.sources().count() > 0 {
            self.compare_sums();
        }
        self.check_sample(&before);
        self.check_tally();
    }

    /// Another receiver asks for a whole report at any time. The next report leads both to the same sum.
    pub(super) fn ask_for_whole(&mut self) {
        if self.reporter.stamp().sequence > 0 {
            self.asking.lose(SourceId(0));
            let whole = self.reporter.whole(self.registry.whole());
            assert!(self.asking.apply(SourceId(0), whole).is_ok());
            assert_eq!(self.asking.total(), self.model.tabs.len() as u64);
            assert_eq!(self.asking.versions().values().sum::<u64>(), self.asking.total());
        }
    }

    fn compare_sums(&self) {
        assert_eq!(self.sum.visible(), self.asking.visible());
        assert_eq!(self.sum.versions(), self.asking.versions());
        assert_eq!(self.sum.routes(), self.asking.routes());
        assert!(self.sum.rows().eq(self.asking.rows()));
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
    let counts = names.counts();
    counts
        .map(|(text, count)| (text.to_string(), count.into()))
        .collect()
}

fn owned(counts: &Counts) -> BTreeMap<String, u64> {
    counts
        .iter()
        .map(|(name, count)| (name.to_string(), *count))
        .collect()
}
