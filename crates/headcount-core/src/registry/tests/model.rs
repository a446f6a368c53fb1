//! A registry the slow way: tabs in a list, everything computed anew. What the property tests hold the real one to.
//!
//! It shares no code with the registry but the patterns, which have tests of their own.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use crate::connection::ConnectionKey;
use crate::intern::OTHER_TEXT;
use crate::invalidation::{Audience, Rule};
use crate::protocol::client::Outcome;
use crate::release::UNRELEASED;

/// Whether a page's tab is out of sight when it opens.
pub(super) fn is_hidden_at_first(page: usize) -> bool {
    page.is_multiple_of(4)
}

/// Releases that the log remembers.
pub(super) const RELEASES_MAX: usize = 4;

/// Which names a bounded table shows: those that are in use, or whose end was not reported yet.
#[derive(Debug)]
pub(super) struct Naming {
    max: usize,
    counts: BTreeMap<String, u64>,
    reported: BTreeSet<String>,
}

impl Naming {
    pub(super) fn new(max: u32) -> Self {
        Self {
            max: max as usize,
            counts: BTreeMap::new(),
            reported: BTreeSet::new(),
        }
    }

    /// The names that have a place.
    pub(super) fn held(&self) -> BTreeSet<&str> {
        self.counts
            .keys()
            .chain(&self.reported)
            .map(String::as_str)
            .filter(|name| *name != OTHER_TEXT)
            .collect()
    }

    /// What one more `text` is shown as.
    fn acquire(&mut self, text: &str) -> String {
        let held = self.held();
        let fits = held.contains(text) || held.len() < self.max;
        let shown = if fits { text } else { OTHER_TEXT }.to_owned();
        *self.counts.entry(shown.clone()).or_default() += 1;
        shown
    }

    fn release(&mut self, shown: &str) {
        let count = self.counts.get_mut(shown).unwrap();
        *count -= 1;
        if *count == 0 {
            self.counts.remove(shown);
        }
    }

    pub(super) fn report(&mut self) {
        self.reported = self.counts.keys().cloned().collect();
    }

    pub(super) fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }
}

/// A page load. It outlives its connection when the tab only reconnects.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) loaded_at: u32,
    /// Every command it was ever told.
    pub(super) told: BTreeSet<u32>,
}

/// An open connection.
#[derive(Clone, Debug)]
pub(super) struct Tab {
    pub(super) key: ConnectionKey,
    pub(super) version: String,
    pub(super) route: String,
    pub(super) page: usize,
    pub(super) hash: u64,
    pub(super) ip: Option<IpAddr>,
    pub(super) hidden: bool,
    /// The last word about each rule.
    pub(super) outcomes: BTreeMap<u32, Outcome>,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) track_routes: bool,
    pub(super) versions: Naming,
    pub(super) routes: Naming,
    pub(super) pages: Vec<Page>,
    pub(super) tabs: Vec<Tab>,
    pub(super) by_hash: BTreeMap<u64, ConnectionKey>,
    pub(super) closed: Vec<ConnectionKey>,
    /// Every announcement so far that the registry knows of.
    pub(super) releases: Vec<String>,
    pub(super) rules: BTreeMap<usize, Rule>,
    pub(super) head: u32,
    /// How many page loads each rule applied to.
    pub(super) matched: BTreeMap<u32, u64>,
}

impl Model {
    pub(super) fn new(track_routes: bool, versions_max: u32, routes_max: u32) -> Self {
        Self {
            track_routes,
            versions: Naming::new(versions_max),
            routes: Naming::new(routes_max),
            pages: Vec::new(),
            tabs: Vec::new(),
            by_hash: BTreeMap::new(),
            closed: Vec::new(),
            releases: Vec::new(),
            rules: BTreeMap::new(),
            head: 0,
            matched: BTreeMap::new(),
        }
    }

    /// A page was loaded just now.
    pub(super) fn load(&mut self) -> usize {
        self.pages.push(Page {
            loaded_at: self.head,
            told: BTreeSet::new(),
        });
        self.pages.len() - 1
    }

    pub(super) fn open(
        &mut self,
        key: ConnectionKey,
        (version, route): (&str, &str),
        page: usize,
        hash: u64,
        ip: Option<IpAddr>,
    ) {
        let version = self.versions.acquire(version);
        let route = self.acquire_route(route);
        if hash != 0 {
            self.by_hash.insert(hash, key);
        }
        self.tabs.push(Tab {
            key,
            version,
            route,
            page,
            hash,
            ip,
            hidden: is_hidden_at_first(page),
            outcomes: BTreeMap::new(),
        });
    }

    /// What the registry is to answer.
    pub(super) fn navigate(&mut self, at: usize, route: &str) -> bool {
        let before = self.tabs[at].route.clone();
        if !self.track_routes || before == route {
            return false;
        }
        let after = self.acquire_route(route);
        self.routes.release(&before);
        self.tabs[at].route.clone_from(&after);
        before != after || after == OTHER_TEXT
    }

    pub(super) fn close(&mut self, at: usize) -> Tab {
        let tab = self.tabs.swap_remove(at);
        self.versions.release(&tab.version);
        self.routes.release(&tab.route);
        if self.by_hash.get(&tab.hash) == Some(&tab.key) {
            self.by_hash.remove(&tab.hash);
        }
        self.closed.push(tab.key);
        tab
    }

    fn acquire_route(&mut self, route: &str) -> String {
        self.routes
            .acquire(if self.track_routes { route } else { OTHER_TEXT })
    }

    /// Whether a rule concerns what a tab shows and runs.
    pub(super) fn concerns(&self, rule: &Rule, tab: &Tab) -> bool {
        let route = match &*tab.route {
            OTHER_TEXT => {
                ["/", "/**", ".*"].contains(&rule.pattern.source()) && rule.pattern.kind() != "exact"
            }
            route => rule.pattern.matches(route),
        };
        let listed = |versions: &Vec<String>| tab.version != OTHER_TEXT && versions.contains(&tab.version);
        let version = rule.versions.as_ref().is_none_or(listed)
            && match rule.audience {
                Audience::All => true,
                Audience::Outdated => {
                    tab.version != OTHER_TEXT && self.is_behind(&tab.version, &rule.release)
                }
            };
        route && version
    }

    /// Whether a tab is still to be told a rule.
    pub(super) fn is_due(&self, rule: &Rule, tab: &Tab) -> bool {
        let page = &self.pages[tab.page];
        let is_older = page.loaded_at < rule.id;
        self.concerns(rule, tab)
            && (is_older || rule.audience == Audience::Outdated)
            && !page.told.contains(&rule.id)
    }

    fn is_behind(&self, version: &str, target: &str) -> bool {
        let remembered = &self.releases[self.releases.len().saturating_sub(RELEASES_MAX)..];
        let age = |version| remembered.iter().rev().position(|release| release == version);
        if version == target || target == UNRELEASED {
            return false;
        }
        match (age(version), age(target)) {
            (Some(mine), Some(wanted)) => mine > wanted,
            (Some(_), None) => false,
            (None, _) => true,
        }
    }
}
