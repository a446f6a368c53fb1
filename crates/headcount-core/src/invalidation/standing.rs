//! What stands: the rules at their positions, and the releases.

use std::sync::Arc;

use super::Rule;
use super::waves::Waves;
use crate::epoch::Epoch;
use crate::release::ReleaseLog;

/// Rules that can stand at once: the bits of the word that says what a connection was told.
pub const POSITIONS: usize = 64;

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
    /// oldest if `max` stood already. A rule that continues another one takes its position.
    pub(crate) fn add(&mut self, rule: Rule, max: u32) -> (usize, Vec<Arc<Rule>>) {
        let before = rule.continues.as_ref().map(|continued| continued.before);
        let inherited = before.and_then(|before| self.position(before));
        let mut lapsed =
            self.remove_where(|standing| Some(standing.id) == before || standing.is_replaced_by(&rule));
        while self.rules().count() >= (max as usize).clamp(1, POSITIONS) {
            let Some(oldest) = self.rules().map(|(_, rule)| rule.id).min() else {
                break;
            };
            lapsed.extend(self.remove_where(|standing| standing.id == oldest));
        }
        let free = || self.rules.iter().position(Option::is_none);
        let position = inherited.or_else(free).unwrap_or_default();
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
                let mut moved = (**rule).clone();
                moved.move_times(delta_ms);
                *rule = Arc::new(moved);
                Arc::clone(rule)
            })
            .collect()
    }

    /// Changes how far the rule of this number is open, or whether it goes on. It as it is now; `None` where nothing changed.
    pub(crate) fn turn(&mut self, id: u32, turn: impl FnOnce(&mut Waves) -> bool) -> Option<Arc<Rule>> {
        let rule = self.rules.iter_mut().flatten().find(|rule| rule.id == id)?;
        let mut turned = (**rule).clone();
        if !turn(turned.waves.as_mut()?) {
            return None;
        }
        *rule = Arc::new(turned);
        Some(Arc::clone(rule))
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

    /// The positions, among these, of rules that are open to a tab with this hash.
    pub fn open_mask(&self, among: u64, tab: u64) -> u64 {
        let is_open = |position: &usize| self.rule(*position).is_some_and(|rule| rule.is_open_to(tab));
        positions(among)
            .filter(is_open)
            .fold(0, |mask, position| mask | 1 << position)
    }

    /// Which positions hold one of these commands, or a rule that has been told with one of them.
    pub fn told_mask(&self, told: &[u32]) -> u64 {
        if told.is_empty() {
            return 0;
        }
        // The other way round than it reads: a client may name thousands, and at most 64 stand.
        let mut standing: Vec<(u32, usize)> = Vec::new();
        for (position, rule) in self.rules() {
            let earlier = rule.continues.iter().flat_map(|continued| &continued.told);
            standing.extend(earlier.chain([&rule.id]).map(|id| (*id, position)));
        }
        standing.sort_unstable();
        let positions = told.iter().filter_map(|id| {
            let found = standing.binary_search_by_key(id, |(id, _)| *id).ok()?;
            standing.get(found)
        });
        positions.fold(0, |mask, (_, position)| mask | 1 << position)
    }

    /// Which positions hold another rule here than in `before`, one that was not told with the one there.
    pub fn changed_mask(&self, before: &Self) -> u64 {
        (0..POSITIONS)
            .filter(|position| match (self.rule(*position), before.rule(*position)) {
                (Some(rule), Some(before)) => !rule.is_told_by(before.id),
                (rule, before) => rule.is_some() || before.is_some(),
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
