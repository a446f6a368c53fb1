//! Readers that wait for their first stats.
//!
//! Those of a server alone have them at once. In a cluster the other nodes are asked for their counts when the first reader comes, so that an admin
//! never takes the tabs of one node for all. Nodes that do not answer in time are left out, and the stats say that they are partial.

use std::time::{Duration, Instant};

use headcount_core::connection::ConnectionKey;

use super::Hub;
use crate::clock;

/// How long first stats wait for the counts of other nodes. A node is asked again after half a second.
const WHOLE: Duration = Duration::from_millis(750);

/// Readers that begin together.
#[derive(Debug)]
pub(super) struct Beginning {
    readers: Vec<ConnectionKey>,
    /// When they begin with what there is.
    pub(super) until: Instant,
}

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
