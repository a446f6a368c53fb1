//! The table of a shard: its connections, and which of them are open for the rest of the process to see.
//!
//! What a table answers, its [`Registry`] answers. Only a connection that opens or closes is on the roll as well.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use headcount_core::connection::ConnectionKey;
use headcount_core::registry::{Opening, Registry};

use crate::roll::Roll;

/// A registry of connections, and its roll.
#[derive(Debug)]
pub(super) struct Table<P> {
    registry: Registry<P>,
    roll: Arc<Roll>,
}

impl<P> Table<P> {
    pub(super) fn new(registry: Registry<P>, roll: Arc<Roll>) -> Self {
        Self { registry, roll }
    }

    /// Enters a connection.
    pub(super) fn open(&mut self, opening: &Opening<'_>, peer: P) -> ConnectionKey {
        let key = self.registry.open(opening, peer);
        self.roll.open(key);
        key
    }

    /// Removes a connection. Its entry and its counts are gone when this returns.
    pub(super) fn close(&mut self, slot: u32) -> Option<(ConnectionKey, P)> {
        let key = self.registry.key(slot)?;
        let peer = self.registry.close(slot)?;
        self.roll.close(key);
        Some((key, peer))
    }
}

impl<P> Deref for Table<P> {
    type Target = Registry<P>;

    fn deref(&self) -> &Self::Target {
        &self.registry
    }
}

impl<P> DerefMut for Table<P> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.registry
    }
}

#[cfg(test)]
mod tests {
    use headcount_core::limits::Limits;

    use super::*;

    #[test]
    fn the_roll_has_what_the_table_has() {
        let limits = Limits::default();
        let registry = Registry::new(2, true, &limits, Arc::default());
        let roll = Arc::new(Roll::new(limits.connections_max));
        let mut table = Table::new(registry, Arc::clone(&roll));
        let first = table.open(&Opening::default(), "first");
        assert!(roll.is_open(first) && table.find(first) == Some(first.slot));
        assert_eq!(table.close(first.slot), Some((first, "first")));
        assert_eq!(table.close(first.slot), None);
        assert!(!roll.is_open(first));
        let second = table.open(&Opening::default(), "second");
        assert_eq!(second.slot, first.slot);
        assert!(roll.is_open(second) && !roll.is_open(first));
        assert_eq!((table.find(first), table.len()), (None, 1));
    }
}
