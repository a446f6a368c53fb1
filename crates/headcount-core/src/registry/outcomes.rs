//! What became of the standing rules in this table.

use super::Registry;
use super::ledger::{Outcomes, RuleOutcomes};
use crate::invalidation::{POSITIONS, positions};
use crate::outcome::Outcome;

impl<P> Registry<P> {
    /// The outcomes of the standing rules. `unknown` is by position, as [`Registry::walk_unknowns`] counted it.
    pub fn outcomes(&self, unknown: &[u64; POSITIONS]) -> RuleOutcomes {
        let leaving = self.ledger.leaving();
        let standing = self.standing.rules();
        let outcomes = standing.map(|(position, rule)| {
            let outcomes = Outcomes {
                unknown: unknown[position],
                leaving: leaving[position],
                ..self.ledger.of(position)
            };
            (rule.id, outcomes)
        });
        RuleOutcomes(outcomes.collect())
    }

    /// So late is it, by a clock of the owner that never goes back, milliseconds. Says which tabs have just left.
    pub fn pass(&mut self, now_ms: u64) {
        self.ledger.pass(now_ms);
    }

    /// Notes what a tab did about the rule of this number. Whether that stands, or another one that goes on from it, and this page was told it.
    pub fn acknowledge(&mut self, slot: u32, id: u32, outcome: Outcome) -> bool {
        let told = self.slots.get(slot).map_or(0, |entry| entry.told);
        let Some(position) = positions(self.standing.told_mask(&[id]) & told).next() else {
            return false;
        };
        self.ledger.say(slot, position, outcome);
        true
    }

    /// A tab that is away from here has come to the table of another server, and says there that it was reloaded for the rules `reloaded`. Takes
    /// its books out of this table: the numbers of the rules that it was told here, for [`Registry::take_over`] there.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use headcount_core::invalidation::Standing;
    /// # use headcount_core::limits::Limits;
    /// # use headcount_core::registry::Registry;
    /// let mut table = Registry::<()>::new(0, true, &Limits::default(), Arc::new(Standing::default()));
    /// assert!(table.hand_over(7, &[]).is_empty(), "it was told nothing here");
    /// ```
    pub fn hand_over(&mut self, tab: u64, reloaded: &[u32]) -> Vec<u32> {
        self.note_reloaded(Some(tab), reloaded);
        let told = self.ledger.hand_over(tab);
        let standing = positions(told).filter_map(|position| self.standing.rule(position));
        standing.map(|rule| rule.id).collect()
    }

    /// Takes in the books of a tab from the table of another server: it was told these rules there.
    pub fn take_over(&mut self, tab: u64, ids: &[u32]) {
        let slot = self.slot_of_tab(tab);
        let here = slot
            .and_then(|slot| self.slots.get(slot))
            .map_or(0, |entry| entry.told);
        // What it was told here, now or before it came back, is in the books.
        let told = self.standing.told_mask(ids) & !here;
        self.ledger.take_over(tab, told);
    }

    /// Notes that a page of this tab says it was reloaded for these rules. Skips those that do not stand.
    pub fn note_reloaded(&mut self, tab: Option<u64>, ids: &[u32]) {
        self.ledger
            .came_anew(tab.unwrap_or_default(), self.standing.told_mask(ids));
    }
}
