//! Finding connections: those a rule applies to, and pages of a list.

use std::ops::Bound;
use std::sync::Arc;

use super::{Entry, Registry};
use crate::intern::{NO_SLOT, OTHER};
use crate::invalidation::{Rule, Standing};
use crate::stats::Row;

/// Slots looked at for one page of a list; a page may thus be short, or empty, with more behind it.
const PAGE_SCAN_MAX: u32 = 16_384;

/// How far a rule reaches now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Open tabs it applies to.
    pub tabs: u64,
    /// The routes those tabs are on, each once.
    pub routes: Vec<Arc<str>>,
}

/// Which connections a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this route.
    pub route: Option<String>,
    /// Only this version.
    pub version: Option<String>,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The rows, by slot.
    pub rows: Vec<Row>,
    /// The slot to go on from; `None` at the end of the table.
    pub next: Option<u32>,
}

impl<P> Registry<P> {
    /// The rules and releases that verdicts are reached by.
    pub fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Goes over to other rules and releases. Positions that hold another rule than before count as untold.
    pub fn set_standing(&mut self, standing: Arc<Standing>) {
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
        self.ledger.turn(changed, &standing);
        self.standing_generation = self.standing_generation.wrapping_add(1);
        self.standing = standing;
    }

    /// The positions of the rules that apply to a connection and that its page load was not told. Counts them as told.
    pub fn take_due(&mut self, slot: u32) -> u64 {
        let Some(entry) = self.slots.get(slot) else {
            return 0;
        };
        let (version, route, told, since) = (entry.version, entry.route, entry.told, entry.since);
        let mut due = self.route_mask(route) & self.version_mask(version) & !told;
        if due != 0 {
            due &= self.standing.page_load_mask(since);
        }
        if due != 0
            && let Some(entry) = self.slots.get_mut(slot)
        {
            entry.told |= due;
            self.ledger.matched(due);
        }
        due
    }

    /// The newest command when this page was loaded. With [`Registry::told`] it is what the page needs to be judged rightly
    /// when it comes back. It stays as it is for as long as the page does: a page that was told something newer is still one
    /// from before every command after its load, and due those that did not concern it so far.
    pub fn since(&self, slot: u32) -> Option<u32> {
        self.slots.get(slot).map(|entry| entry.since)
    }

    /// The standing commands a connection has been told.
    pub fn told(&self, slot: u32) -> impl Iterator<Item = u32> {
        let told = self.slots.get(slot).map_or(0, |entry| entry.told);
        self.standing
            .rules()
            .filter(move |(position, _)| told & 1 << position != 0)
            .map(|(_, rule)| rule.id)
    }

    /// The connections that the rule at a position applies to and that were not told it. Counts them as told.
    pub fn take_hits(&mut self, position: usize) -> Vec<u32> {
        let Some(rule) = self.standing.rule(position).cloned() else {
            return Vec::new();
        };
        let bit = 1 << position;
        let mut hits = Vec::new();
        self.each_concerned(&rule, |slot, entry| {
            if entry.told & bit == 0 && rule.concerns_page_load(entry.since) {
                hits.push(slot);
            }
        });
        for slot in &hits {
            if let Some(entry) = self.slots.get_mut(*slot) {
                entry.told |= bit;
                self.ledger.matched(bit);
            }
        }
        hits
    }

    /// How far a rule would reach now. Touches nothing.
    pub fn reach(&self, rule: &Rule) -> Reach {
        let mut reach = Reach::default();
        let mut last_route = None;
        self.each_concerned(rule, |_, entry| {
            reach.tabs += 1;
            if last_route.replace(entry.route) != Some(entry.route) {
                reach.routes.push(Arc::clone(&self.routes.get(entry.route).text));
            }
        });
        reach
    }

    /// A page of connections, from slot `from` on, `max` rows at most.
    pub fn page(&self, from: u32, max: usize, filter: &Filter) -> Page {
        let mut page = Page::default();
        let version = filter.version.as_ref().map(|version| self.versions.find(version));
        let route = filter.route.as_ref().map(|route| self.routes.find(route));
        if version == Some(None) || route == Some(None) {
            return page;
        }
        let end = self.end().min(from.saturating_add(PAGE_SCAN_MAX));
        for slot in from..end {
            let Some(entry) = self.slots.get(slot) else {
                continue;
            };
            if page.rows.len() >= max {
                page.next = Some(slot);
                return page;
            }
            let wanted = version.is_none_or(|version| version == Some(entry.version))
                && route.is_none_or(|route| route == Some(entry.route));
            if wanted {
                page.rows.extend(self.row(slot));
            }
        }
        page.next = (end < self.end()).then_some(end);
        page
    }

    /// Every connection whose route and version a rule concerns, route by route.
    fn each_concerned(&self, rule: &Rule, mut each: impl FnMut(u32, &Entry<P>)) {
        let releases = &self.standing.releases;
        self.each_route_concerned(rule, |route| {
            let mut slot = self.routes.get(route).first;
            while let Some(entry) = self.slots.get(slot) {
                let concerned = match entry.version {
                    OTHER => rule.concerns_every_version(),
                    version => rule.concerns_version(&self.versions.get(version).text, releases),
                };
                if concerned {
                    each(slot, entry);
                }
                slot = entry.next;
            }
        });
    }

    fn each_route_concerned(&self, rule: &Rule, mut each: impl FnMut(u32)) {
        if rule.concerns_every_route() {
            each(OTHER);
        }
        let beginning = rule.pattern.literal_prefix();
        let range = self
            .routes_in_order
            .range::<str, _>((Bound::Included(beginning), Bound::Unbounded));
        for (name, route) in range.take_while(|(name, _)| name.starts_with(beginning)) {
            if self.routes.get(*route).first != NO_SLOT && rule.concerns_route(name) {
                each(*route);
            }
        }
    }

    fn route_mask(&mut self, route: u32) -> u64 {
        let standing = &self.standing;
        let name = self.routes.get_mut(route);
        if name.mask_generation != self.standing_generation {
            name.mask_generation = self.standing_generation;
            name.mask = if route == OTHER {
                standing.unnamed_route_mask()
            } else {
                standing.route_mask(&name.text)
            };
        }
        name.mask
    }

    fn version_mask(&mut self, version: u32) -> u64 {
        let standing = &self.standing;
        let name = self.versions.get_mut(version);
        if name.mask_generation != self.standing_generation {
            name.mask_generation = self.standing_generation;
            name.mask = if version == OTHER {
                standing.unnamed_version_mask()
            } else {
                standing.version_mask(&name.text)
            };
        }
        name.mask
    }
}
