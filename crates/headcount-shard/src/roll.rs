//! Which connections of a shard are open, for the rest of the process to look at without asking.
//!
//! A POST says `ok` or not at once, whichever shard its socket is on. So every shard keeps a roll: for each slot the
//! generation of the connection in it. Only the shard writes it; anybody may read it, and what is read may be a moment old,
//! as any answer is by the time it arrives.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use headcount_core::connection::ConnectionKey;

const PAGE: usize = 1_024;

/// Marks an empty slot; generations begin at 1.
const NOBODY: u32 = 0;

type Leaf = Box<[AtomicU32]>;

/// The roll of one shard. Four bytes a connection, in pages made when they are first needed.
#[derive(Debug)]
pub(super) struct Roll(Box<[OnceLock<Leaf>]>);

impl Roll {
    /// An empty roll for this many slots.
    pub(super) fn new(slots_max: u32) -> Self {
        Self((0..=slots_max as usize / PAGE).map(|_| OnceLock::new()).collect())
    }

    /// Whether this very connection is open.
    pub(super) fn is_open(&self, key: ConnectionKey) -> bool {
        let page = self.0.get(key.slot as usize / PAGE).and_then(OnceLock::get);
        page.is_some_and(|page| page[key.slot as usize % PAGE].load(Ordering::Acquire) == key.generation)
    }

    pub(super) fn open(&self, key: ConnectionKey) {
        self.set(key.slot, key.generation);
    }

    pub(super) fn close(&self, key: ConnectionKey) {
        self.set(key.slot, NOBODY);
    }

    fn set(&self, slot: u32, generation: u32) {
        if let Some(page) = self.0.get(slot as usize / PAGE) {
            let page = page.get_or_init(|| (0..PAGE).map(|_| AtomicU32::new(NOBODY)).collect());
            page[slot as usize % PAGE].store(generation, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_used_again_is_another_connection() {
        let roll = Roll::new(5_000);
        let first = ConnectionKey {
            shard: 0,
            slot: 4_999,
            generation: 1,
        };
        let second = ConnectionKey {
            generation: 2,
            ..first
        };
        assert!(!roll.is_open(first));
        roll.open(first);
        assert!(roll.is_open(first) && !roll.is_open(second));
        roll.close(first);
        roll.open(second);
        assert!(!roll.is_open(first) && roll.is_open(second));
        assert!(!roll.is_open(ConnectionKey {
            slot: u32::MAX,
            ..first
        }));
    }
}
