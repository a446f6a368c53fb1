//! Lets readers begin, with first stats that are whole where that does not take long.

use std::time::Instant;

use headcount_core::connection::ConnectionKey;

use super::Hub;
use super::beginning::{Beginning, WHOLE};
use crate::clock;

impl Hub {
    /// These readers begin as soon as the counts of all nodes are there.
    pub(super) fn begin(&mut self, readers: Vec<ConnectionKey>) {
        let now = clock::now();
        let beginning = self.beginning.get_or_insert_with(|| Beginning {
            readers: Vec::new(),
            until: now + WHOLE,
        });
        for reader in readers {
            if !beginning.readers.contains(&reader) {
                beginning.readers.push(reader);
            }
        }
        self.look_at_beginning(now);
    }

    /// Sends first stats, if they are whole or were waited for long enough.
    pub(super) fn look_at_beginning(&mut self, now: Instant) {
        let counts = &self.counts;
        let due = |beginning: &mut Beginning| now >= beginning.until || counts.are_whole();
        let Some(Beginning { readers, .. }) = self.beginning.take_if(due) else {
            return;
        };
        if self.subscribers.are_only(&readers) {
            // These are the latest counts. Shards whose reports are in them may report again.
            self.forget_news();
            self.allowed = false;
        }
        self.send_snapshots(&readers);
    }
}
