//! What a table reports: what changed since the last report, or everything.

use std::sync::Arc;

use super::Registry;
use crate::intern::{NO_SLOT, Names};
use crate::stats::Changes;

impl<P> Registry<P> {
    /// Whether anything is there to report, or may be: a sample that has room is looked after by reporting.
    pub fn has_changes(&self) -> bool {
        self.versions.has_changes()
            || self.track_routes && self.routes.has_changes()
            || self.hidden != self.hidden_reported
            || self.sample.has_changes()
            || self.sample_lacks()
    }

    /// What changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        self.refill_sample();
        let mut changes = Changes {
            total: self.slots.len() as u64,
            hidden: self.hidden.into(),
            ..Changes::default()
        };
        self.hidden_reported = self.hidden;
        let mut rows = self.sample.take_changed();
        changes.rows.extend(rows.drain(..).map(|slot| {
            let sampled = self.slots.get(slot).is_some_and(|entry| entry.sampled != NO_SLOT);
            (slot, if sampled { self.row(slot) } else { None })
        }));
        self.versions
            .report(|text, count| changes.versions.push((Arc::clone(text), count.into())));
        self.routes
            .report(|text, count| changes.routes.push((Arc::clone(text), count.into())));
        if !self.track_routes {
            changes.routes.clear();
        }
        changes
    }

    /// Everything there is, as if nothing had been reported before; [`Registry::take_changes`] goes on from there. Costs time for all
    /// names, so it is for receivers that missed a report: the first changes of a table are everything anyway.
    pub fn take_whole(&mut self) -> Changes {
        let now = self.take_changes();
        let counts = |names: &Names| {
            let counts = names.counts();
            counts
                .map(|(text, count)| (Arc::clone(text), count.into()))
                .collect()
        };
        let slots = self.sample.slots();
        Changes {
            versions: counts(&self.versions),
            routes: if self.track_routes {
                counts(&self.routes)
            } else {
                Vec::new()
            },
            rows: slots.iter().map(|slot| (*slot, self.row(*slot))).collect(),
            ..now
        }
    }
}
