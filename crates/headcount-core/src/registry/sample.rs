//! Which connections a list for people shows.
//!
//! A list of fifteen thousand rows is of no use, so a table keeps a sample of a fixed size: the first connections that
//! come, each for as long as it lives. Only changes of those are reported row by row.

use super::{Entry, Registry};
use crate::intern::NO_SLOT;

/// Slots looked at per report when the sample has room again.
const REFILL_SCAN_MAX: u32 = 1_024;

/// Changes that are kept as they come.
const COMPACT_AT_LEAST: usize = 1_024;

#[derive(Debug)]
pub(super) struct Sample {
    slots: Vec<u32>,
    changed: Vec<u32>,
    max: usize,
    /// How long `changed` may grow before what stands twice is taken out.
    compact_at: usize,
    /// Where the search for further connections goes on.
    cursor: u32,
}

impl Sample {
    pub(super) fn new(max: u32) -> Self {
        Self {
            slots: Vec::new(),
            changed: Vec::new(),
            max: max as usize,
            compact_at: COMPACT_AT_LEAST,
            cursor: 0,
        }
    }

    /// The slots of the connections in the sample.
    pub(super) fn slots(&self) -> &[u32] {
        &self.slots
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    pub(super) fn take_changed(&mut self) -> Vec<u32> {
        let mut changed = std::mem::take(&mut self.changed);
        self.compact_at = COMPACT_AT_LEAST;
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    fn mark(&mut self, slot: u32) {
        self.changed.push(slot);
        if self.changed.len() >= self.compact_at {
            self.changed = self.take_changed();
            // Twice what remains: so a mark costs the same on average, however many slots there are.
            self.compact_at = COMPACT_AT_LEAST.max(2 * self.changed.len());
        }
    }
}

impl<P> Registry<P> {
    pub(super) fn sample_in(&mut self, slot: u32) {
        if self.sample.slots.len() >= self.sample.max {
            return;
        }
        let Some(entry) = self.slots.get_mut(slot) else {
            return;
        };
        // The sample is bounded by a u32.
        entry.sampled = u32::try_from(self.sample.slots.len()).unwrap_or(NO_SLOT);
        self.sample.slots.push(slot);
        self.sample.mark(slot);
    }

    pub(super) fn sample_touch(&mut self, slot: u32) {
        if self.slots.get(slot).is_some_and(|entry| entry.sampled != NO_SLOT) {
            self.sample.mark(slot);
        }
    }

    /// Marks every listed connection of which this holds.
    pub(super) fn sample_touch_all(&mut self, concerns: impl Fn(&Entry<P>) -> bool) {
        for place in 0..self.sample.slots.len() {
            let slot = self.sample.slots[place];
            if self.slots.get(slot).is_some_and(&concerns) {
                self.sample.mark(slot);
            }
        }
    }

    pub(super) fn sample_out(&mut self, slot: u32) {
        let Some(place) = self
            .slots
            .get(slot)
            .map(|entry| entry.sampled)
            .filter(|place| *place != NO_SLOT)
        else {
            return;
        };
        self.sample.slots.swap_remove(place as usize);
        if let Some(moved) = self.sample.slots.get(place as usize).copied()
            && let Some(entry) = self.slots.get_mut(moved)
        {
            entry.sampled = place;
        }
        if let Some(entry) = self.slots.get_mut(slot) {
            entry.sampled = NO_SLOT;
        }
        self.sample.mark(slot);
    }

    /// Whether there is room for a connection that is not in the sample, and such a connection.
    pub(super) fn sample_lacks(&self) -> bool {
        self.sample.slots.len() < self.sample.max.min(self.slots.len())
    }

    /// Fills places that were left with connections that were not listed so far, a bounded number of steps at a time.
    pub(super) fn refill_sample(&mut self) {
        for _ in 0..REFILL_SCAN_MAX {
            if !self.sample_lacks() {
                return;
            }
            self.sample.cursor = if self.sample.cursor + 1 < self.slots.end() {
                self.sample.cursor + 1
            } else {
                0
            };
            if self
                .slots
                .get(self.sample.cursor)
                .is_some_and(|entry| entry.sampled == NO_SLOT)
            {
                self.sample_in(self.sample.cursor);
            }
        }
    }
}
