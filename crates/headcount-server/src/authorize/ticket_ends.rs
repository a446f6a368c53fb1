//! Tickets that were ended before their time.
//!
//! Kept until they would have ended by themselves, and at most [`ENDS_MAX`]. Beyond that, the one that would end first is forgotten, and with it
//! every ticket that ends as early: so one that was ended never holds again.

use std::collections::BTreeSet;

pub use headcount_core::cluster::EndedTicket;

/// Ended tickets that are remembered.
pub(super) const ENDS_MAX: usize = 1_000;

/// Those that were ended.
#[derive(Debug, Default)]
pub(super) struct Ends {
    by_end: BTreeSet<EndedTicket>,
    /// Tickets that end until then were ended all together.
    all_until_ms: u64,
}

impl Ends {
    pub(super) fn add(&mut self, ended: EndedTicket, now_ms: u64) {
        while let Some(first) = self.by_end.first().copied()
            && (first.expires_ms <= now_ms || self.by_end.len() >= ENDS_MAX)
        {
            if first.expires_ms > now_ms {
                self.all_until_ms = self.all_until_ms.max(first.expires_ms);
            }
            self.by_end.pop_first();
        }
        self.by_end.insert(ended);
    }

    /// Ends every ticket that ends by then.
    pub(super) fn add_all_until(&mut self, until_ms: u64) {
        self.all_until_ms = self.all_until_ms.max(until_ms);
    }

    pub(super) fn has(&self, ticket: EndedTicket) -> bool {
        ticket.expires_ms <= self.all_until_ms || self.by_end.contains(&ticket)
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_end.len()
    }
}
