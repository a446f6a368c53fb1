//! What became of the standing rules in this table.

use super::Registry;
use super::ledger::{Outcomes, RuleOutcomes};
use crate::invalidation::POSITIONS;
use crate::outcome::Outcome;

impl<P> Registry<P> {
    /// The outcomes of the standing rules. `unknown` is by position, as [`Registry::walk_unknowns`] counted it.
    pub fn outcomes(&self, unknown: &[u64; POSITIONS]) -> RuleOutcomes {
        let standing = self.standing.rules();
        let outcomes = standing.map(|(position, _)| {
            let (id, outcomes) = self.ledger.of(position);
            let unknown = unknown[position];
            (id, Outcomes { unknown, ..outcomes })
        });
        RuleOutcomes(outcomes.collect())
    }

    /// Notes what a tab did about the rule of this number. Whether that stands and this page was told it.
    pub fn acknowledge(&mut self, slot: u32, id: u32, outcome: Outcome) -> bool {
        let told = self.slots.get(slot).map_or(0, |entry| entry.told);
        let position = self.standing.position(id);
        let Some(position) = position.filter(|position| told & 1 << position != 0) else {
            return false;
        };
        self.ledger.say(slot, position, outcome);
        true
    }

    /// Notes that a page of this tab says it was reloaded for these rules. Skips those that do not stand.
    pub fn note_reloaded(&mut self, tab: Option<u64>, ids: &[u32]) {
        self.ledger
            .came_anew(tab.unwrap_or_default(), self.standing.told_mask(ids));
    }
}
