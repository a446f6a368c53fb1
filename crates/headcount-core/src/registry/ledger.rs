//! The outcomes of each standing rule: the page loads it applied to, those that were sent it, and what their tabs did.
//!
//! The books balance: each page load that was told a rule is open, has reloaded for it, or is gone. A page that reloads
//! is another connection, so the books know it by its tab id, which no other client has. A tab that was told and leaves
//! is remembered until it is back. Only the reload of such a tab is counted, once. A tab that is back without a reload
//! counts as before, also if it never read what was sent and is told again.
//!
//! A claim without proof takes nothing away from the tabs that are gone: operators who wait for a rollout must be able
//! to trust that no tab was forgotten. So a connection without a tab id that left stays gone, and one that comes and
//! says that it was told is counted as told again. The same applies to tabs beyond the limit. Too many may be counted
//! as gone, never too few.
//!
//! A tab may come back to another table: to that of another server. Then its books follow it ([`Registry::hand_over`](super::Registry::hand_over)).
//!
//! An open connection is remembered only if it reported something other than `reloading`. So a rule that refreshes all
//! tabs leaves nothing behind once all are back.

use std::collections::{BTreeMap, HashMap};
use std::iter::Sum;

use crate::invalidation::waves::Seen;
use crate::invalidation::{POSITIONS, positions};
use crate::outcome::Outcome;

/// How long a page that reloads may take until it counts as gone where that stops a rule, milliseconds.
pub const BACK_MS: u64 = 15_000;

/// The memory of a map is given back when it is empty and was larger than this.
const ROOM_MIN: usize = 1_024;

/// The outcomes of a rule, since the table began. The numbers of several tables are added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Page loads that it applied to.
    pub matched: u64,
    /// Page loads that were sent it.
    pub told: u64,
    /// Pages that came back for it.
    pub reloaded: u64,
    /// Open connections that were told it, now or before they reconnected.
    pub here: u64,
    /// Of those, the ones that hold the refresh because of unsaved work.
    pub held: u64,
    /// Those that wait, because the app serves an error, or the build that they run already.
    pub waiting: u64,
    /// Those that asked their users.
    pub prompted: u64,
    /// Those that reloaded for it and got the same build.
    pub stuck: u64,
    /// Those that have nothing to do.
    pub current: u64,
    /// Open connections for which the server cannot know whether it applies.
    pub unknown: u64,
    /// Of the pages that are gone, those that left less than [`BACK_MS`] ago: most are on their way back.
    pub leaving: u64,
}

impl Outcomes {
    /// Adds what another table counted.
    pub fn add(&mut self, other: Self) {
        self.matched += other.matched;
        self.told += other.told;
        self.reloaded += other.reloaded;
        self.here += other.here;
        self.held += other.held;
        self.waiting += other.waiting;
        self.prompted += other.prompted;
        self.stuck += other.stuck;
        self.current += other.current;
        self.unknown += other.unknown;
        self.leaving += other.leaving;
    }

    /// Pages that were told it, left, and did not come back, as far as can be proved.
    pub fn gone(&self) -> u64 {
        self.told.saturating_sub(self.here + self.reloaded)
    }

    /// What can stop a rule in waves. Pages that have just left are not gone yet.
    pub fn seen(&self) -> Seen {
        Seen {
            told: self.told,
            stuck: self.stuck,
            held: self.held,
            gone: self.gone().saturating_sub(self.leaving),
        }
    }

    fn count_of(&mut self, outcome: Outcome) -> Option<&mut u64> {
        match outcome {
            Outcome::Reloading => None,
            Outcome::Held => Some(&mut self.held),
            Outcome::Waiting => Some(&mut self.waiting),
            Outcome::Prompted => Some(&mut self.prompted),
            Outcome::Stuck => Some(&mut self.stuck),
            Outcome::Current => Some(&mut self.current),
        }
    }
}

/// What became of the standing rules, by their numbers. The sum of several tables has each rule that any of them has.
///
/// ```
/// use headcount_core::registry::{Outcomes, RuleOutcomes};
///
/// let told = |told| Outcomes { told, ..Outcomes::default() };
/// let here = RuleOutcomes([(4, told(1)), (5, told(2))].into());
/// let there = RuleOutcomes([(5, told(3))].into());
/// let sum: RuleOutcomes = [here, there].into_iter().sum();
/// assert_eq!(sum.of(5).told, 5);
/// assert_eq!(sum.of(6), Outcomes::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleOutcomes(pub BTreeMap<u32, Outcomes>);

impl RuleOutcomes {
    /// The outcomes of the rule with this number: all 0 for one that does not stand.
    pub fn of(&self, id: u32) -> Outcomes {
        self.0.get(&id).copied().unwrap_or_default()
    }
}

impl Sum for RuleOutcomes {
    fn sum<I: Iterator<Item = Self>>(tables: I) -> Self {
        let mut sum = Self::default();
        for (id, outcomes) in tables.flat_map(|table| table.0) {
            sum.0.entry(id).or_default().add(outcomes);
        }
        sum
    }
}

/// A tab that was told something and left.
#[derive(Clone, Copy, Debug, Default)]
struct Away {
    /// The positions of the rules.
    told: u64,
    /// When it left.
    left_ms: u64,
}

/// One table's books.
#[derive(Debug)]
pub(super) struct Ledger {
    /// By position.
    pages: Vec<Outcomes>,
    /// The last word of a slot about the rule at a position.
    last: HashMap<(u32, u8), Outcome>,
    /// Tabs that were told rules, and left.
    away: HashMap<u64, Away>,
    /// The time, by the clock of the table's owner.
    now_ms: u64,
    /// Entries of either map.
    max: usize,
}

impl Ledger {
    pub(super) fn new(max: u32) -> Self {
        Self {
            pages: vec![Outcomes::default(); POSITIONS],
            last: HashMap::new(),
            away: HashMap::new(),
            now_ms: 0,
            max: max as usize,
        }
    }

    /// Resets the positions that have another rule now.
    pub(super) fn turn(&mut self, changed: u64) {
        if changed == 0 {
            return;
        }
        for position in positions(changed) {
            self.pages[position] = Outcomes::default();
        }
        self.last.retain(|(_, position), _| changed & 1 << *position == 0);
        self.away.retain(|_, away| {
            away.told &= !changed;
            away.told != 0
        });
        give_back(&mut self.last);
        give_back(&mut self.away);
    }

    /// What became of the rule at a position.
    pub(super) fn of(&self, position: usize) -> Outcomes {
        self.pages[position]
    }

    /// So late is it.
    pub(super) fn pass(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// Entries for which there is memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.last.capacity() + self.away.capacity()
    }

    /// By position, how many tabs left less than [`BACK_MS`] ago.
    pub(super) fn leaving(&self) -> [u64; POSITIONS] {
        let mut leaving = [0; POSITIONS];
        let late = |away: &&Away| self.now_ms.saturating_sub(away.left_ms) < BACK_MS;
        for away in self.away.values().filter(late) {
            for position in positions(away.told) {
                leaving[position] += 1;
            }
        }
        leaving
    }

    pub(super) fn matched(&mut self, position: usize) {
        self.pages[position].matched += 1;
    }

    /// A rule that a connection of this tab (0: none) matched was written to it.
    pub(super) fn told(&mut self, position: usize, tab: u64) {
        let is_known = self.take_away(tab, 1 << position) != 0;
        let outcomes = &mut self.pages[position];
        outcomes.here += 1;
        if is_known {
            // It was counted before it left, and has not read what was written then.
            outcomes.matched = outcomes.matched.saturating_sub(1);
        } else {
            outcomes.told += 1;
        }
    }

    /// A connection came, of this tab (0: none), that says it was told these rules before.
    pub(super) fn came(&mut self, tab: u64, mask: u64) {
        let known = self.take_away(tab, mask);
        for position in positions(mask) {
            let outcomes = &mut self.pages[position];
            outcomes.here += 1;
            if known & 1 << position == 0 {
                outcomes.matched += 1;
                outcomes.told += 1;
            }
        }
    }

    /// A page of this tab (0: no id) connected and says it was reloaded for these rules.
    pub(super) fn came_anew(&mut self, tab: u64, mask: u64) {
        for position in positions(self.take_away(tab, mask)) {
            self.pages[position].reloaded += 1;
        }
    }

    /// A connection that was told these rules leaves.
    pub(super) fn left(&mut self, slot: u32, tab: u64, mask: u64) {
        if mask == 0 {
            return;
        }
        for position in positions(mask) {
            self.say(slot, position, Outcome::Reloading);
            self.pages[position].here -= 1;
        }
        if tab != 0 {
            self.remember(tab, mask);
        }
    }

    /// Takes the books of a tab that is away out of this table, for another one where it is now. The rules that it was told.
    pub(super) fn hand_over(&mut self, tab: u64) -> u64 {
        let told = self.take_away(tab, u64::MAX);
        for position in positions(told) {
            let outcomes = &mut self.pages[position];
            outcomes.matched = outcomes.matched.saturating_sub(1);
            outcomes.told = outcomes.told.saturating_sub(1);
        }
        told
    }

    /// Takes in the books of a tab from the table where it was before: it was told these rules there, and not by its connection here.
    pub(super) fn take_over(&mut self, tab: u64, mask: u64) {
        if mask == 0 || tab == 0 {
            return;
        }
        for position in positions(mask) {
            let outcomes = &mut self.pages[position];
            outcomes.matched += 1;
            outcomes.told += 1;
        }
        self.remember(tab, mask);
    }

    fn remember(&mut self, tab: u64, mask: u64) {
        if self.away.len() < self.max || self.away.contains_key(&tab) {
            let away = self.away.entry(tab).or_default();
            away.told |= mask;
            away.left_ms = self.now_ms;
        }
    }

    /// Forgets that a tab that is back was away, for these rules. For which of them it was.
    fn take_away(&mut self, tab: u64, mask: u64) -> u64 {
        if mask == 0 {
            return 0;
        }
        let Some(away) = self.away.get_mut(&tab) else {
            return 0;
        };
        let known = away.told & mask;
        away.told &= !mask;
        if away.told == 0 {
            self.away.remove(&tab);
            give_back(&mut self.away);
        }
        known
    }

    pub(super) fn say(&mut self, slot: u32, position: usize, outcome: Outcome) {
        let outcomes = &mut self.pages[position];
        // Positions are fewer than 256.
        let key = (slot, u8::try_from(position).unwrap_or(u8::MAX));
        let before = self.last.remove(&key);
        if let Some(count) = before.and_then(|before| outcomes.count_of(before)) {
            *count -= 1;
        }
        if let Some(count) = outcomes.count_of(outcome)
            && self.last.len() < self.max
        {
            *count += 1;
            self.last.insert(key, outcome);
        }
    }
}

fn give_back<K, V>(map: &mut HashMap<K, V>) {
    if map.is_empty() && map.capacity() > ROOM_MIN {
        *map = HashMap::new();
    }
}
