//! Invalidations: standing rules that say which tabs must refresh.
//!
//! A rule reads *tabs on routes matching P must run at least release R*. Whether it applies to a connection depends on the
//! rule, the connection's route and version, the order of releases, and (for [`Audience::All`]) on whether the page was
//! loaded before the command. Nothing else: so it can be decided again anywhere, any time, without harm.
//!
//! At most 64 rules stand at once, each at its own position, so that the rules a connection was told fit into one `u64`.

use std::sync::Arc;

use crate::epoch::Epoch;
use crate::pattern::RoutePattern;
use crate::release::{ReleaseLog, UNRELEASED};

#[cfg(test)]
mod tests;

/// Rules that can stand at once: the bits of the word that says what a connection was told.
pub const POSITIONS: usize = 64;

/// Whom a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Tabs whose version is behind the rule's release.
    Outdated,
    /// Every page load from before the command, whatever its version.
    All,
}

/// What a tab that a rule applies to is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Refresh.
    Force,
    /// Offer the refresh to its user.
    Prompt,
}

/// Whether a rule applies to a tab, as far as that is known. Ordered, so that the least of several holds for all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Applies {
    /// It does not.
    No,
    /// Its route or its version is not known, and the rule asks for it.
    Unknown,
    /// It does.
    Yes,
}

impl From<bool> for Applies {
    fn from(applies: bool) -> Self {
        if applies { Self::Yes } else { Self::No }
    }
}

/// One invalidation.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The command's number.
    pub id: u32,
    /// Which routes.
    pub pattern: RoutePattern,
    /// Only tabs on one of these versions, in order ([`in_order`]); `None`: on any.
    pub versions: Option<Vec<String>>,
    /// Whom it is for.
    pub audience: Audience,
    /// What they are asked to do.
    pub mode: Mode,
    /// The release that was current when the command was given: what tabs must at least run.
    pub release: Arc<str>,
    /// When the command was given, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When the rule lapses, milliseconds since the Unix epoch.
    pub expires_ms: u64,
    /// Over how long the tabs that are open when it is given are told, milliseconds; 0: at once.
    pub spread_ms: u32,
}

/// A list of versions as a [`Rule`] holds it: sorted, each once, so that a list of thousands is searched quickly.
pub fn in_order(mut versions: Vec<String>) -> Vec<String> {
    versions.sort_unstable();
    versions.dedup();
    versions
}

/// Every bit of the result depends on every bit of the number (the finalizer of `splitmix64`).
fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Over how long so many tabs are told unless the command says it, milliseconds: none for a single tab, and half a second times the
/// square root of how many come after the first, up to `most_ms`. So 12 tabs take under two seconds, 1,000 a quarter of a minute.
pub fn spread_of(tabs: u64, most_ms: u32) -> u32 {
    let quarter_million = tabs.saturating_sub(1).saturating_mul(250_000);
    u32::try_from(quarter_million.isqrt()).map_or(most_ms, |spread_ms| spread_ms.min(most_ms))
}

impl Rule {
    /// When a tab with this hash is told, milliseconds after the command was given: always at the same moment, wherever it is
    /// asked for, and for each command at another one.
    pub fn moment_ms(&self, tab: u64) -> u64 {
        let mixed = scatter(tab ^ scatter(self.id.into()));
        // The upper half as a fraction of 2^32.
        ((mixed >> 32) * u64::from(self.spread_ms)) >> 32
    }

    /// Whether a tab that shows `route` and runs `version` is concerned, its page load aside.
    pub fn concerns(&self, route: &str, version: &str, releases: &ReleaseLog) -> bool {
        self.concerns_route(route) && self.concerns_version(version, releases)
    }

    /// Whether tabs on `route` are concerned.
    pub fn concerns_route(&self, route: &str) -> bool {
        self.pattern.matches(route)
    }

    /// Whether the rule applies to every route, also to one whose name is not known.
    pub fn concerns_every_route(&self) -> bool {
        self.pattern.matches_everything()
    }

    /// Whether tabs that run `version` are concerned.
    pub fn concerns_version(&self, version: &str, releases: &ReleaseLog) -> bool {
        let listed = self.versions.as_ref().is_none_or(|versions| {
            versions
                .binary_search_by(|listed| (**listed).cmp(version))
                .is_ok()
        });
        let behind = match self.audience {
            Audience::All => true,
            Audience::Outdated => releases.is_behind(version, &self.release),
        };
        listed && behind
    }

    /// Whether the rule applies to every version, also to one whose name is not known. A rule that depends on the
    /// version does not apply to such tabs: one that runs the newest build would be refreshed again and again.
    pub fn concerns_every_version(&self) -> bool {
        self.versions.is_none() && self.audience == Audience::All
    }

    /// Whether the rule applies to no version at all.
    fn concerns_no_version(&self) -> bool {
        self.versions.as_ref().is_some_and(Vec::is_empty)
            || self.audience == Audience::Outdated && &*self.release == UNRELEASED
    }

    /// Whether it applies to a route; `None`: the route is not known.
    pub fn judge_route(&self, route: Option<&str>) -> Applies {
        match route {
            Some(route) => self.concerns_route(route).into(),
            None if self.concerns_every_route() => Applies::Yes,
            None => Applies::Unknown,
        }
    }

    /// Whether it applies to a version; `None`: the version is not known.
    pub fn judge_version(&self, version: Option<&str>, releases: &ReleaseLog) -> Applies {
        match version {
            Some(version) => self.concerns_version(version, releases).into(),
            None if self.concerns_every_version() => Applies::Yes,
            None if self.concerns_no_version() => Applies::No,
            None => Applies::Unknown,
        }
    }

    /// Whether a page that had seen commands up to `since` when it was loaded came before this one. Only rules for all
    /// tabs need this: otherwise they would reload a page that has reloaded.
    pub fn concerns_page_load(&self, since: u32) -> bool {
        self.audience == Audience::Outdated || since < self.id
    }

    /// Whether a newer rule makes this one superfluous: the same tabs, asked for the same.
    pub fn is_replaced_by(&self, new: &Self) -> bool {
        self.id < new.id
            && self.pattern == new.pattern
            && self.versions == new.versions
            && self.audience == new.audience
            && self.mode == new.mode
    }
}

/// Everything that decides whether a rule applies, besides the connection: the standing rules and the releases. It changes by the entries of
/// the log of commands ([`crate::command_log`]).
#[derive(Clone, Debug)]
pub struct Standing {
    /// Whose numbers the commands have. `None`: not known yet, because the server waits for the log that it shares with others.
    pub epoch: Option<Epoch>,
    /// Number of the newest command, of either kind.
    pub head: u32,
    /// The release log.
    pub releases: ReleaseLog,
    rules: Vec<Option<Arc<Rule>>>,
}

impl Default for Standing {
    /// No rules, and no releases.
    fn default() -> Self {
        Self::new(ReleaseLog::default())
    }
}

impl Standing {
    /// No rules, and these releases.
    pub fn new(releases: ReleaseLog) -> Self {
        Self {
            epoch: None,
            head: 0,
            releases,
            rules: vec![None; POSITIONS],
        }
    }

    /// The standing rules with their positions, by position.
    pub fn rules(&self) -> impl Iterator<Item = (usize, &Arc<Rule>)> {
        self.rules
            .iter()
            .enumerate()
            .filter_map(|(position, rule)| rule.as_ref().map(|rule| (position, rule)))
    }

    /// The rule at a position.
    pub fn rule(&self, position: usize) -> Option<&Arc<Rule>> {
        self.rules.get(position)?.as_ref()
    }

    /// The position of the rule with this number.
    pub fn position(&self, id: u32) -> Option<usize> {
        self.rules()
            .find_map(|(position, rule)| (rule.id == id).then_some(position))
    }

    /// Adds a rule. Returns its position, and the rules that no longer stand because of it: those it replaces, and the
    /// oldest if `max` stood already.
    pub(crate) fn add(&mut self, rule: Rule, max: u32) -> (usize, Vec<Arc<Rule>>) {
        let mut lapsed = self.remove_where(|standing| standing.is_replaced_by(&rule));
        while self.rules().count() >= (max as usize).clamp(1, POSITIONS) {
            let Some(oldest) = self.rules().map(|(_, rule)| rule.id).min() else {
                break;
            };
            lapsed.extend(self.remove_where(|standing| standing.id == oldest));
        }
        let position = self.rules.iter().position(Option::is_none).unwrap_or_default();
        self.rules[position] = Some(Arc::new(rule));
        (position, lapsed)
    }

    /// Lets a rule stand at this position. None stands at a position that there is not.
    pub(crate) fn place(&mut self, position: usize, rule: &Arc<Rule>) {
        if let Some(place) = self.rules.get_mut(position) {
            *place = Some(Arc::clone(rule));
        }
    }

    /// Ends the rules with these numbers.
    pub(crate) fn end(&mut self, ids: &[u32]) -> Vec<Arc<Rule>> {
        self.remove_where(|rule| ids.contains(&rule.id))
    }

    /// Adds `delta_ms` to the times of the rules after command `after`, because the clock that they were taken from was wrong.
    /// Returns those rules.
    pub(crate) fn move_times(&mut self, after: u32, delta_ms: i64) -> Vec<Arc<Rule>> {
        let later = self.rules.iter_mut().flatten().filter(|rule| rule.id > after);
        later
            .map(|rule| {
                *rule = Arc::new(Rule {
                    created_ms: rule.created_ms.saturating_add_signed(delta_ms),
                    expires_ms: rule.expires_ms.saturating_add_signed(delta_ms),
                    ..(**rule).clone()
                });
                Arc::clone(rule)
            })
            .collect()
    }

    /// The numbers of the rules that have lapsed by `now_ms`. They stand until an entry of the log ends them.
    pub fn lapsed(&self, now_ms: u64) -> Vec<u32> {
        let lapsed = self.rules().filter(|(_, rule)| rule.expires_ms <= now_ms);
        lapsed.map(|(_, rule)| rule.id).collect()
    }

    /// Which positions hold a rule that concerns this route.
    pub fn route_mask(&self, route: &str) -> u64 {
        self.mask(|rule| rule.concerns_route(route))
    }

    /// The positions of rules that apply to routes whose names are not known.
    pub fn unnamed_route_mask(&self) -> u64 {
        self.mask(Rule::concerns_every_route)
    }

    /// Which positions hold a rule that concerns this version.
    pub fn version_mask(&self, version: &str) -> u64 {
        self.mask(|rule| rule.concerns_version(version, &self.releases))
    }

    /// The positions of rules that apply to versions whose names are not known.
    pub fn unnamed_version_mask(&self) -> u64 {
        self.mask(Rule::concerns_every_version)
    }

    /// Which positions hold a rule that concerns page loads that had seen commands up to `since`.
    pub fn page_load_mask(&self, since: u32) -> u64 {
        self.mask(|rule| rule.concerns_page_load(since))
    }

    /// Which positions hold one of these commands.
    pub fn told_mask(&self, told: &[u32]) -> u64 {
        if told.is_empty() {
            return 0;
        }
        // The other way round than it reads: a client may name thousands, and at most 64 stand.
        let mut standing: Vec<(u32, usize)> =
            self.rules().map(|(position, rule)| (rule.id, position)).collect();
        standing.sort_unstable();
        let positions = told.iter().filter_map(|id| {
            let found = standing.binary_search_by_key(id, |(id, _)| *id).ok()?;
            standing.get(found)
        });
        positions.fold(0, |mask, (_, position)| mask | 1 << position)
    }

    /// Which positions hold another rule here than in `before`.
    pub fn changed_mask(&self, before: &Self) -> u64 {
        (0..POSITIONS)
            .filter(|position| {
                self.rule(*position).map(|rule| rule.id) != before.rule(*position).map(|rule| rule.id)
            })
            .fold(0, |mask, position| mask | 1 << position)
    }

    fn mask(&self, concerns: impl Fn(&Rule) -> bool) -> u64 {
        self.rules()
            .filter(|(_, rule)| concerns(rule))
            .fold(0, |mask, (position, _)| mask | 1 << position)
    }

    fn remove_where(&mut self, gone: impl Fn(&Rule) -> bool) -> Vec<Arc<Rule>> {
        self.rules
            .iter_mut()
            .filter_map(|place| {
                if place.as_ref().is_some_and(|rule| gone(rule)) {
                    place.take()
                } else {
                    None
                }
            })
            .collect()
    }
}

/// The positions in a mask, lowest first.
pub fn positions(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (mask != 0).then(|| {
            let position = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            position
        })
    })
}
