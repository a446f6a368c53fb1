//! What a table reports: what changed since the last report, or everything.

use std::sync::Arc;

use super::Registry;
use crate::intern::NO_SLOT;
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

    /// Everything there is now, for a receiver that missed a report: [`Reporter::whole`](crate::stats::Reporter::whole). What changed since
    /// the last report stays to be reported. Costs time for all names.
    pub fn whole(&mut self) -> Changes {
        self.refill_sample();
        let mut whole = Changes {
            total: self.slots.len() as u64,
            hidden: self.hidden.into(),
            ..Changes::default()
        };
        let slots = self.sample.slots().iter();
        whole.rows.extend(slots.map(|slot| (*slot, self.row(*slot))));
        self.versions
            .tell_all(|text, count| whole.versions.push((Arc::clone(text), count.into())));
        if self.track_routes {
            self.routes
                .tell_all(|text, count| whole.routes.push((Arc::clone(text), count.into())));
        }
        whole
    }
}
