//! Which connections a list for people shows.
//!
//! A list of fifteen thousand rows is of no use, so a table keeps a sample of a fixed size: the first connections that
//! come, each for as long as it lives. Only changes of those are reported row by row.

/// Changes that are kept as they come.
const COMPACT_AT_LEAST: usize = 1_024;

#[derive(Debug)]
pub(super) struct Sample {
    pub(super) slots: Vec<u32>,
    changed: Vec<u32>,
    pub(super) max: usize,
    /// How long `changed` may grow before what stands twice is taken out.
    compact_at: usize,
    /// Where the search for further connections goes on.
    pub(super) cursor: u32,
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

    pub(super) fn mark(&mut self, slot: u32) {
        self.changed.push(slot);
        if self.changed.len() >= self.compact_at {
            self.changed = self.take_changed();
            // Twice what remains: so a mark costs the same on average, however many slots there are.
            self.compact_at = COMPACT_AT_LEAST.max(2 * self.changed.len());
        }
    }
}
