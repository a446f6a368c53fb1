//! How the sample of a table follows what happens in it.

use super::{Occupant, Registry};
use crate::intern::NO_SLOT;

/// Slots looked at per report when the sample has room again.
const REFILL_SCAN_MAX: u32 = 1_024;

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
    pub(super) fn sample_touch_all(&mut self, concerns: impl Fn(&Occupant<P>) -> bool) {
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
