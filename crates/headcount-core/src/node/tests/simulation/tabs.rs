//! The tabs of a run: what a browser remembers, and what it must never see.

use std::collections::{BTreeMap, BTreeSet};

use crate::connection::ConnectionKey;
use crate::invalidation::{Audience, Mode, Rule};

pub(super) const ROUTES: [&str; 4] = ["/", "/shop", "/shop/cart", "/about"];

/// Where the connection of a tab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) server: usize,
    pub(super) key: ConnectionKey,
    /// Counts the connections of the tab.
    pub(super) number: u64,
}

/// What a page remembers of commands, to resume.
#[derive(Clone, Debug, Default)]
pub(super) struct Resume {
    pub(super) since: u32,
    pub(super) told: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Tab {
    pub(super) hash: u64,
    /// How often it took another id.
    pub(super) renamed: u32,
    pub(super) version: String,
    pub(super) route: &'static str,
    pub(super) hidden: bool,
    pub(super) connection: Option<Connection>,
    pub(super) connections: u64,
    /// When it connects; `None`: it is connected, or closed.
    pub(super) connects_ms: Option<u64>,
    /// `None`: the page was loaded just now.
    pub(super) resume: Option<Resume>,
    /// Every rule that this page load was told.
    told: BTreeSet<u32>,
    /// Rules that it reloaded for.
    pub(super) reloaded_for: Vec<u32>,
    /// How often it got each message of the app.
    got: BTreeMap<u64, u32>,
    /// The rules that it reloads for at its next step.
    pub(super) reloads_for: Vec<u32>,
    /// Rules for all tabs that it reloaded for.
    for_all: BTreeSet<u32>,
}

impl Tab {
    pub(super) fn new(hash: u64, version: String, route: &'static str, now_ms: u64) -> Self {
        Self {
            hash,
            renamed: 0,
            version,
            route,
            hidden: false,
            connection: None,
            connections: 0,
            connects_ms: Some(now_ms),
            resume: None,
            told: BTreeSet::new(),
            reloaded_for: Vec::new(),
            got: BTreeMap::new(),
            reloads_for: Vec::new(),
            for_all: BTreeSet::new(),
        }
    }

    /// It is told that a newer connection has its id: another tab may be a copy of it.
    pub(super) fn take_another_id(&mut self) {
        self.renamed += 1;
        self.hash += 1 << 32;
    }

    /// Whether it will be connected when nothing goes wrong any more.
    pub(super) fn is_open(&self) -> bool {
        self.connection.is_some() || self.connects_ms.is_some()
    }

    /// It is told a rule, which `stands` or has ended. A rule that has ended may be told twice: servers that know that it has ended forget who was
    /// told, and one that does not know it yet tells it again.
    pub(super) fn hear_rule(&mut self, rule: &Rule, stands: bool, reloads: bool) {
        assert!(
            self.told.insert(rule.id) || !stands,
            "tab {} was told rule {} twice",
            self.hash,
            rule.id
        );
        let earlier = rule.continues.iter().flat_map(|continued| &continued.told);
        for id in earlier {
            assert!(
                !stands || !self.told.contains(id),
                "tab {} was told rule {}, and then {}, which asks the same",
                self.hash,
                id,
                rule.id
            );
        }
        assert!(
            !stands || rule.is_open_to(self.hash),
            "tab {} was told rule {} before its wave",
            self.hash,
            rule.id
        );
        assert!(
            rule.audience == Audience::Outdated || !stands || !self.for_all.contains(&rule.first()),
            "tab {} reloaded for rule {} and was told it again",
            self.hash,
            rule.id
        );
        if let Some(resume) = &mut self.resume {
            resume.told.push(rule.id);
        }
        if rule.mode == Mode::Force && reloads {
            self.reloads_for.push(rule.id);
            if rule.audience == Audience::All {
                self.for_all.insert(rule.first());
            }
        }
    }

    /// Whether this page load was told a rule, or one before that asked the same.
    pub(super) fn was_told(&self, rule: &Rule) -> bool {
        self.told.iter().any(|id| rule.is_told_by(*id))
    }

    /// The app sends it a message with this number.
    pub(super) fn hear_message(&mut self, number: u64) {
        let times = self.got.entry(number).or_default();
        *times += 1;
        assert_eq!(*times, 1, "tab {} got message {number} twice", self.hash);
    }

    /// How many messages of the app it got.
    pub(super) fn received(&self) -> usize {
        self.got.len()
    }

    /// It loads the page again, as this version.
    pub(super) fn reload(&mut self, version: String, now_ms: u64) {
        self.reloaded_for.append(&mut self.reloads_for);
        self.version = version;
        self.resume = None;
        self.told.clear();
        self.connection = None;
        self.connects_ms = Some(now_ms);
    }
}
