//! What became of each standing rule: whom it concerned, who was sent it, and what their tabs did.
//!
//! Sums are kept per rule; of single connections only those are remembered that said something other than that they are on
//! their way, until they leave. So a rule that refreshes everybody costs nothing that stays.
//!
//! Deliberately absent: which page left and which came back. A page that reloads is another connection, maybe at another
//! shard, so those that did not return are what remains when all shards are summed up: told, not here, not back.

use std::collections::HashMap;

use super::Registry;
use crate::invalidation::{POSITIONS, Standing, positions};
use crate::protocol::client::Outcome;

/// What became of a rule, since the table began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Page loads that it applied to.
    pub matched: u64,
    /// Those of them that were sent it.
    pub told: u64,
    /// Pages that came back for it.
    pub reloaded: u64,
    /// Open connections that were told it, or were it before they came back.
    pub here: u64,
    /// Of those, the ones whose work holds the refresh.
    pub held: u64,
    /// Those that asked their users.
    pub prompted: u64,
    /// Those that were loaded anew for it and got the same build.
    pub stuck: u64,
    /// Those that have nothing to do.
    pub current: u64,
}

impl Outcomes {
    /// Adds what another table counted.
    pub fn add(&mut self, other: Self) {
        self.matched += other.matched;
        self.told += other.told;
        self.reloaded += other.reloaded;
        self.here += other.here;
        self.held += other.held;
        self.prompted += other.prompted;
        self.stuck += other.stuck;
        self.current += other.current;
    }

    /// Pages that were told it, left, and did not come back. Right only of the sum of all tables.
    pub fn gone(&self) -> u64 {
        self.told.saturating_sub(self.here + self.reloaded)
    }

    fn count_of(&mut self, outcome: Outcome) -> Option<&mut u64> {
        match outcome {
            Outcome::Reloading => None,
            Outcome::Held => Some(&mut self.held),
            Outcome::Prompted => Some(&mut self.prompted),
            Outcome::Stuck => Some(&mut self.stuck),
            Outcome::Current => Some(&mut self.current),
        }
    }
}

/// One table's books.
#[derive(Debug)]
pub(super) struct Ledger {
    /// By position, with the number of the rule that is counted there.
    pages: Vec<(u32, Outcomes)>,
    /// The last word of a slot about the rule at a position.
    last: HashMap<(u32, u8), Outcome>,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self {
            pages: vec![(0, Outcomes::default()); POSITIONS],
            last: HashMap::new(),
        }
    }

    /// Begins anew at the positions that hold another rule now.
    pub(super) fn turn(&mut self, changed: u64, standing: &Standing) {
        for position in positions(changed) {
            let id = standing.rule(position).map_or(0, |rule| rule.id);
            self.pages[position] = (id, Outcomes::default());
        }
        self.last.retain(|(_, position), _| changed & 1 << *position == 0);
    }

    pub(super) fn matched(&mut self, mask: u64) {
        for position in positions(mask) {
            let (_, outcomes) = &mut self.pages[position];
            outcomes.matched += 1;
            outcomes.here += 1;
        }
    }

    /// A connection came that was told these rules before.
    pub(super) fn came(&mut self, mask: u64) {
        for position in positions(mask) {
            self.pages[position].1.here += 1;
        }
    }

    /// A connection that was told these rules leaves.
    pub(super) fn left(&mut self, slot: u32, mask: u64) {
        for position in positions(mask) {
            self.say(slot, position, Outcome::Reloading);
            self.pages[position].1.here -= 1;
        }
    }

    fn say(&mut self, slot: u32, position: usize, outcome: Outcome) {
        let outcomes = &mut self.pages[position].1;
        // Positions are fewer than 256.
        let key = (slot, u8::try_from(position).unwrap_or(u8::MAX));
        let before = match outcome {
            Outcome::Reloading => self.last.remove(&key),
            _ => self.last.insert(key, outcome),
        };
        if let Some(count) = before.and_then(|before| outcomes.count_of(before)) {
            *count -= 1;
        }
        if let Some(count) = outcomes.count_of(outcome) {
            *count += 1;
        }
    }
}

impl<P> Registry<P> {
    /// What became of the standing rules, by their numbers.
    pub fn outcomes(&self) -> Vec<(u32, Outcomes)> {
        let standing = self.standing.rules();
        standing
            .map(|(position, _)| self.ledger.pages[position])
            .collect()
    }

    /// Notes that the rule of this number was sent to one of those it concerns.
    pub fn note_told(&mut self, id: u32) {
        if let Some((_, outcomes)) = self.ledger.pages.iter_mut().find(|(of, _)| *of == id) {
            outcomes.told += 1;
        }
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

    /// Notes that a page came back for these rules. Those that do not stand are passed over.
    pub fn note_reloaded(&mut self, ids: &[u32]) {
        for position in positions(self.standing.told_mask(ids)) {
            self.ledger.pages[position].1.reloaded += 1;
        }
    }
}
