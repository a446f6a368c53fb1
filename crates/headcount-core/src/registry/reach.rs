//! How far a rule reaches: how many tabs it applies to, on which routes, and of how many that cannot be known.
//!
//! The table is walked in pieces, between which its owner can hear its sockets. Routes come first, by name, so that a rule for
//! one path costs what is on it; a pattern is matched once for each of them. Connections on a route are counted along its chain,
//! unless they are too many for one piece: then the walk goes on over all slots, for the crowded routes alone. A connection that
//! stays where it is all the while is counted exactly once.

use std::collections::BTreeSet;
use std::iter::Sum;
use std::ops::Bound;
use std::sync::Arc;

use super::due::match_work;
use super::{Occupant, Registry};
use crate::intern::{NO_SLOT, OTHER};
use crate::invalidation::{Applies, POSITIONS, Rule};

/// What one piece of a walk may cost, in looks at a slot: 0.1 to 0.3 ms.
const PIECE: u32 = 4_096;

/// How far a rule reaches now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Open tabs it applies to.
    pub tabs: u64,
    /// Open tabs of which that cannot be known: their route or version is not kept, and the rule asks for it.
    pub unknown: u64,
    /// The routes of the tabs it applies to, each once.
    pub routes: Vec<Arc<str>>,
}

/// How far a rule reaches over several tables: a route that is in more than one of them comes once.
///
/// ```
/// use headcount_core::registry::Reach;
///
/// let reach = |tabs, routes: &[&str]| Reach {
///     tabs,
///     unknown: 1,
///     routes: routes.iter().map(|route| (*route).into()).collect(),
/// };
/// let both: Reach = [reach(3, &["/", "/a"]), reach(2, &["/a"])].into_iter().sum();
/// assert_eq!((both.tabs, both.unknown, both.routes.len()), (5, 2, 2));
/// ```
impl Sum for Reach {
    fn sum<I: Iterator<Item = Self>>(reaches: I) -> Self {
        let (mut sum, mut routes) = (Self::default(), BTreeSet::new());
        for reach in reaches {
            sum.tabs += reach.tabs;
            sum.unknown += reach.unknown;
            routes.extend(reach.routes);
        }
        sum.routes = routes.into_iter().collect();
        sum
    }
}

/// A walk that finds out how far a rule reaches.
#[derive(Clone, Debug, Default)]
pub struct ReachWalk {
    reach: Reach,
    /// The route that was looked at last.
    after: Option<Arc<str>>,
    /// Routes with too many connections for one piece, and whether one of those was a hit.
    crowded: Vec<(Arc<str>, bool)>,
    stage: Stage,
    /// The slots of the tabs it applies to, as far as they were found and not taken; `None`: not wanted.
    hits: Option<Vec<u32>>,
}

impl ReachWalk {
    /// A walk that collects the slots of the tabs that the rule applies to. By the time they are looked at they may be others'.
    pub fn with_hits() -> Self {
        Self {
            hits: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// The slots that were found since the last call.
    pub fn take_hits(&mut self) -> Vec<u32> {
        self.hits.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn hit(&mut self, slot: u32) {
        if let Some(hits) = &mut self.hits {
            hits.push(slot);
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Unnamed,
    Routes,
    /// All slots from this one on.
    Slots(u32),
    Done,
}

/// A walk that counts, for each position, the connections of which it cannot be known whether the rule there applies to them.
#[derive(Clone, Debug)]
pub struct Unknowns {
    counts: [u64; POSITIONS],
    next: u32,
}

impl Default for Unknowns {
    fn default() -> Self {
        Self {
            counts: [0; POSITIONS],
            next: 0,
        }
    }
}

/// Whether a rule applies to versions, each decided once for a piece.
struct Versions(Vec<Option<Applies>>);

impl<P> Registry<P> {
    /// How far a rule would reach now. Touches nothing.
    pub fn reach(&self, rule: &Rule) -> Reach {
        let mut walk = ReachWalk::default();
        loop {
            if let Some(reach) = self.walk_reach(rule, &mut walk) {
                return reach;
            }
        }
    }

    /// A piece of a walk. How far the rule reaches, at its end.
    pub fn walk_reach(&self, rule: &Rule, walk: &mut ReachWalk) -> Option<Reach> {
        let mut versions = Versions(vec![None; self.versions.end()]);
        let mut work = 0;
        if walk.stage == Stage::Unnamed {
            walk.stage = Stage::Routes;
            work += self.walk_route(rule, OTHER, walk, &mut versions);
        }
        if walk.stage == Stage::Routes {
            self.walk_routes(rule, walk, &mut versions, &mut work);
        }
        if let Stage::Slots(from) = walk.stage {
            self.walk_slots(rule, from, walk, &mut versions, work);
        }
        (walk.stage == Stage::Done).then(|| std::mem::take(&mut walk.reach))
    }

    fn walk_routes(&self, rule: &Rule, walk: &mut ReachWalk, versions: &mut Versions, work: &mut u32) {
        let beginning = rule.pattern.literal_prefix();
        let after = walk.after.take();
        let from = match &after {
            Some(after) => Bound::Excluded(&**after),
            None => Bound::Included(beginning),
        };
        let range = self.routes_in_order.range::<str, _>((from, Bound::Unbounded));
        for (name, route) in range.take_while(|(name, _)| name.starts_with(beginning)) {
            *work += match_work(name, 1);
            if rule.concerns_route(name) {
                *work += self.walk_route(rule, *route, walk, versions);
            }
            if *work >= PIECE {
                walk.after = Some(Arc::clone(name));
                return;
            }
        }
        walk.stage = if walk.crowded.is_empty() {
            Stage::Done
        } else {
            Stage::Slots(0)
        };
    }

    /// Counts the connections on a route along its chain. What that cost.
    fn walk_route(&self, rule: &Rule, route: u32, walk: &mut ReachWalk, versions: &mut Versions) -> u32 {
        let name = self.routes.get(route);
        if name.count > PIECE {
            walk.crowded.push((Arc::clone(&name.text), false));
            return 0;
        }
        let applies = rule.judge_route(self.routes.known(route));
        let (mut slot, mut hit) = (name.first, false);
        while let Some(entry) = self.slots.get(slot) {
            if self.count(rule, entry, applies, &mut walk.reach, versions) {
                hit = true;
                walk.hit(slot);
            }
            slot = entry.next;
        }
        if hit {
            walk.reach.routes.push(Arc::clone(&name.text));
        }
        debug_assert!(slot == NO_SLOT, "a chain ends");
        name.count
    }

    fn walk_slots(&self, rule: &Rule, from: u32, walk: &mut ReachWalk, versions: &mut Versions, work: u32) {
        // Ids are looked up again in every piece: a name may be gone since, and its id may belong to another.
        let found = walk.crowded.iter().zip(0..);
        let mut crowded: Vec<(u32, usize)> = found
            .filter_map(|((text, _), place)| Some((self.routes.find(text)?, place)))
            .collect();
        crowded.sort_unstable();
        let end = self
            .end()
            .min(from.saturating_add(PIECE.saturating_sub(work).max(1)));
        for slot in from..end {
            let Some(entry) = self.slots.get(slot) else {
                continue;
            };
            let Ok(found) = crowded.binary_search_by_key(&entry.route, |(route, _)| *route) else {
                continue;
            };
            // Those that are known were judged on the way here.
            let applies = match entry.route {
                OTHER => rule.judge_route(None),
                _ => Applies::Yes,
            };
            if !self.count(rule, entry, applies, &mut walk.reach, versions) {
                continue;
            }
            walk.hit(slot);
            if let Some((route, hit)) = crowded
                .get(found)
                .and_then(|(_, place)| walk.crowded.get_mut(*place))
                && !std::mem::replace(hit, true)
            {
                walk.reach.routes.push(Arc::clone(route));
            }
        }
        walk.stage = if end < self.end() {
            Stage::Slots(end)
        } else {
            Stage::Done
        };
    }

    /// Counts a connection on a route to which the rule applies so. Whether the rule applies to it.
    fn count(
        &self,
        rule: &Rule,
        entry: &Occupant<P>,
        on_route: Applies,
        reach: &mut Reach,
        versions: &mut Versions,
    ) -> bool {
        let on_version = versions.0.get_mut(entry.version as usize).map(|known| {
            *known.get_or_insert_with(|| {
                rule.judge_version(self.versions.known(entry.version), &self.standing.releases)
            })
        });
        match on_route.min(on_version.unwrap_or(Applies::No)) {
            Applies::No => false,
            Applies::Unknown => {
                reach.unknown += 1;
                false
            }
            Applies::Yes => {
                reach.tabs += 1;
                true
            }
        }
    }

    /// A piece of a walk that counts the connections that the standing rules cannot judge. By position, at its end.
    pub fn walk_unknowns(&self, walk: &mut Unknowns) -> Option<[u64; POSITIONS]> {
        let has_unknowns = self.routes.get(OTHER).count > 0 || self.versions.get(OTHER).count > 0;
        let end = if has_unknowns {
            self.end().min(walk.next.saturating_add(PIECE))
        } else {
            self.end()
        };
        if has_unknowns {
            for slot in walk.next..end {
                if let Some(entry) = self.slots.get(slot) {
                    self.count_unknown(entry, &mut walk.counts);
                }
            }
        }
        walk.next = end;
        (end >= self.end()).then_some(walk.counts)
    }

    fn count_unknown(&self, entry: &Occupant<P>, counts: &mut [u64; POSITIONS]) {
        if entry.route != OTHER && entry.version != OTHER {
            return;
        }
        let route = self.routes.known(entry.route);
        let version = self.versions.known(entry.version);
        for (position, rule) in self.standing.rules() {
            // What a page was told, or need not be told, is nothing to wonder about.
            if entry.told & 1 << position != 0 || !rule.concerns_page_load(entry.since) {
                continue;
            }
            let applies = rule
                .judge_route(route)
                .min(rule.judge_version(version, &self.standing.releases));
            if applies == Applies::Unknown
                && let Some(count) = counts.get_mut(position)
            {
                *count += 1;
            }
        }
    }
}
