//! A simple, slow registry: tabs in a list, everything computed from scratch. The property tests compare the real one with
//! it.
//!
//! It shares no code with the registry except the patterns, which have their own tests.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use crate::connection::ConnectionKey;
use crate::intern::{OTHER_TEXT, waiting_cost};
use crate::invalidation::{Audience, Rule};
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::release::UNRELEASED;

/// Whether a page's tab is out of sight when it opens.
pub(super) fn is_hidden_at_first(page: usize) -> bool {
    page.is_multiple_of(4)
}

/// Releases that the log remembers.
pub(super) const RELEASES_MAX: usize = 4;

/// Which names a bounded table knows and shows.
#[derive(Debug)]
pub(super) struct Naming {
    max: usize,
    waiting_bytes_max: usize,
    counts: BTreeMap<String, u64>,
    /// Connections whose name is not known.
    unknown: u64,
    shown: BTreeSet<String>,
    /// Known and not shown, what came first in front.
    waiting: Vec<String>,
    reserved: BTreeSet<String>,
}

impl Naming {
    pub(super) fn new(max: u32, waiting_bytes_max: u32) -> Self {
        Self {
            max: max as usize,
            waiting_bytes_max: waiting_bytes_max as usize,
            counts: BTreeMap::new(),
            unknown: 0,
            shown: BTreeSet::new(),
            waiting: Vec::new(),
            reserved: BTreeSet::new(),
        }
    }

    /// The names that are known.
    pub(super) fn known(&self) -> BTreeSet<&str> {
        self.counts.keys().map(String::as_str).collect()
    }

    fn show_more(&mut self) {
        while !self.waiting.is_empty() && self.shown.difference(&self.reserved).count() < self.max {
            let next = self.waiting.remove(0);
            self.shown.insert(next);
        }
    }

    /// What one more `text` is known as.
    fn acquire(&mut self, text: &str) -> Option<String> {
        let own = text.to_owned();
        if text == OTHER_TEXT {
            self.unknown += 1;
            return None;
        }
        if !self.counts.contains_key(text) {
            let bytes: usize = self.waiting.iter().map(|text| waiting_cost(text)).sum();
            if self.reserved.contains(text) || self.shown.difference(&self.reserved).count() < self.max {
                self.shown.insert(own.clone());
            } else if bytes + waiting_cost(text) <= self.waiting_bytes_max {
                self.waiting.push(own.clone());
            } else {
                self.unknown += 1;
                return None;
            }
        }
        *self.counts.entry(own.clone()).or_default() += 1;
        Some(own)
    }

    fn release(&mut self, name: Option<&str>) {
        let Some(name) = name else {
            self.unknown -= 1;
            return;
        };
        let count = self.counts.get_mut(name).unwrap();
        *count -= 1;
        if *count == 0 {
            self.counts.remove(name);
            self.shown.remove(name);
            self.waiting.retain(|waiting| waiting != name);
            self.show_more();
        }
    }

    fn reserve(&mut self, reserved: &[String]) {
        self.reserved = reserved.iter().cloned().collect();
        for name in &self.reserved {
            if self.counts.contains_key(name) {
                self.shown.insert(name.clone());
                self.waiting.retain(|waiting| waiting != name);
            }
        }
        self.show_more();
    }

    /// What a connection of this name is counted under.
    pub(super) fn counted(&self, name: Option<&str>) -> String {
        name.filter(|name| self.shown.contains(*name))
            .unwrap_or(OTHER_TEXT)
            .to_owned()
    }

    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::from([(OTHER_TEXT.to_owned(), self.unknown)]);
        for (name, count) in &self.counts {
            *counts.entry(self.counted(Some(name))).or_default() += count;
        }
        counts.retain(|_, count| *count > 0);
        counts
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
    /// `None`: not known.
    pub(super) version: Option<String>,
    pub(super) route: Option<String>,
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
    pub(super) books: BTreeMap<u32, Book>,
    pub(super) now_ms: u64,
}

/// What became of a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    pub(super) sent: u64,
    pub(super) reloaded: u64,
    /// Tabs that were told it and left, and when one last left with any rule told.
    pub(super) left: BTreeMap<u64, u64>,
}

impl Model {
    pub(super) fn new(track_routes: bool, limits: &Limits) -> Self {
        let mut versions = Naming::new(limits.versions_max, limits.unnamed_bytes_max);
        versions.reserve(&[UNRELEASED.to_owned()]);
        Self {
            track_routes,
            versions,
            routes: Naming::new(limits.routes_max, limits.unnamed_bytes_max),
            pages: Vec::new(),
            tabs: Vec::new(),
            by_hash: BTreeMap::new(),
            closed: Vec::new(),
            releases: Vec::new(),
            rules: BTreeMap::new(),
            head: 0,
            books: BTreeMap::new(),
            now_ms: 0,
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
        self.come(page, hash);
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
        if !self.track_routes || before.as_deref() == Some(route) {
            return false;
        }
        self.routes.release(before.as_deref());
        self.tabs[at].route = self.acquire_route(route);
        true
    }

    pub(super) fn close(&mut self, at: usize) -> Tab {
        let tab = self.tabs.swap_remove(at);
        self.versions.release(tab.version.as_deref());
        self.routes.release(tab.route.as_deref());
        if self.by_hash.get(&tab.hash) == Some(&tab.key) {
            self.by_hash.remove(&tab.hash);
        }
        let told = &self.pages[tab.page].told;
        if tab.hash != 0 && self.books.keys().any(|id| told.contains(id)) {
            for (id, book) in &mut self.books {
                if told.contains(id) || book.left.contains_key(&tab.hash) {
                    book.left.insert(tab.hash, self.now_ms);
                }
            }
        }
        self.closed.push(tab.key);
        tab
    }

    /// A page comes that says what it was told.
    fn come(&mut self, page: usize, hash: u64) {
        for id in &self.pages[page].told {
            if let Some(book) = self.books.get_mut(id)
                && book.left.remove(&hash).is_none()
            {
                book.sent += 1;
            }
        }
    }

    /// A page connects and says it was reloaded for a rule.
    pub(super) fn reload(&mut self, hash: u64, id: u32) {
        if let Some(book) = self.books.get_mut(&id)
            && book.left.remove(&hash).is_some()
        {
            book.reloaded += 1;
        }
    }

    /// The route and version that a tab is counted under.
    pub(super) fn shown(&self, tab: &Tab) -> (String, String) {
        (
            self.routes.counted(tab.route.as_deref()),
            self.versions.counted(tab.version.as_deref()),
        )
    }

    fn acquire_route(&mut self, route: &str) -> Option<String> {
        self.routes
            .acquire(if self.track_routes { route } else { OTHER_TEXT })
    }

    /// Goes over to other rules and releases.
    pub(super) fn install(&mut self, rules: BTreeMap<usize, Rule>, releases: &[String]) {
        for (position, rule) in &rules {
            self.go_on(self.rules.get(position).map(|before| before.id), rule);
        }
        self.rules = rules;
        self.releases = releases.to_vec();
        let stand: BTreeSet<u32> = self.rules.values().map(|rule| rule.id).collect();
        self.books.retain(|id, _| stand.contains(id));
        for id in stand {
            self.books.entry(id).or_default();
        }
        let mut reserved = self.remembered().to_vec();
        reserved.push(UNRELEASED.to_owned());
        self.versions.reserve(&reserved);
    }

    /// What was told of the rule before counts as told of one that goes on from it, and so does what became of it.
    fn go_on(&mut self, before: Option<u32>, rule: &Rule) {
        let told = rule.continues.iter().flat_map(|continued| &continued.told);
        let Some(before) = before.filter(|before| told.into_iter().any(|id| id == before)) else {
            return;
        };
        let book = self.books.remove(&before).unwrap();
        self.books.insert(rule.id, book);
        for page in &mut self.pages {
            if page.told.contains(&before) {
                page.told.insert(rule.id);
            }
        }
        for tab in &mut self.tabs {
            if let Some(outcome) = tab.outcomes.remove(&before) {
                tab.outcomes.insert(rule.id, outcome);
            }
        }
    }

    /// Whether a rule concerns what a tab shows and runs; `None`: that cannot be known.
    pub(super) fn concerns(&self, rule: &Rule, tab: &Tab) -> Option<bool> {
        let every_route =
            ["/", "/**", ".*"].contains(&rule.pattern.source()) && rule.pattern.kind() != "exact";
        let route = match &tab.route {
            Some(route) => Some(rule.pattern.matches(route)),
            None => every_route.then_some(true),
        };
        let listed = |version: &String| rule.versions.as_ref().map(|versions| versions.contains(version));
        let version = match (&tab.version, rule.audience) {
            (Some(version), Audience::All) => listed(version).or(Some(true)),
            (Some(version), Audience::Outdated) => {
                Some(listed(version) != Some(false) && self.is_behind(version, &rule.release))
            }
            (None, Audience::All) => rule.versions.is_none().then_some(true),
            (None, Audience::Outdated) => (*rule.release == *UNRELEASED).then_some(false),
        };
        match (route, version) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }

    /// Whether a tab must still be told a rule.
    pub(super) fn is_due(&self, rule: &Rule, tab: &Tab, lot: u64) -> bool {
        let page = &self.pages[tab.page];
        let is_older = page.loaded_at < first(rule);
        let is_open = rule
            .waves
            .as_ref()
            .is_none_or(|waves| rule.place(lot) < waves.open.parts());
        self.concerns(rule, tab) == Some(true)
            && (is_older || rule.audience == Audience::Outdated)
            && !page.told.contains(&rule.id)
            && is_open
    }

    /// Whether it cannot be known if a rule applies to a tab, so that it might have to be told.
    pub(super) fn is_unknown(&self, rule: &Rule, tab: &Tab) -> bool {
        let page = &self.pages[tab.page];
        let is_older = page.loaded_at < first(rule);
        self.concerns(rule, tab).is_none()
            && (is_older || rule.audience == Audience::Outdated)
            && !page.told.contains(&rule.id)
    }

    /// Whether a tab is behind the current release, as far as that is known.
    pub(super) fn is_outdated(&self, tab: &Tab) -> bool {
        let current = self.releases.last().map_or(UNRELEASED, String::as_str);
        tab.version
            .as_ref()
            .is_some_and(|version| self.is_behind(version, current))
    }

    fn remembered(&self) -> &[String] {
        &self.releases[self.releases.len().saturating_sub(RELEASES_MAX)..]
    }

    fn is_behind(&self, version: &str, target: &str) -> bool {
        let remembered = self.remembered();
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

/// The number of the command that a rule came of.
fn first(rule: &Rule) -> u32 {
    rule.continues
        .as_ref()
        .map_or(rule.id, |continued| continued.first)
}
