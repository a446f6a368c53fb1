//! What a shard and its hub look at without asking.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a shard and its hub look at without asking.
#[derive(Debug, Default)]
pub struct Signals {
    /// Whether anyone is subscribed to stats.
    pub watched: AtomicBool,
    /// Whether the shard may report changes now.
    pub may_report: AtomicBool,
    /// Whether the shard has changes that it may not report yet.
    pub has_more: AtomicBool,
    /// Connections of this shard that are subscribed.
    pub subscribers: AtomicUsize,
}

impl Signals {
    /// Whether a shard that has changes may report them now. If not, the hub sees that there are some.
    pub(super) fn take_leave(&self) -> bool {
        if !self.may_report.load(Ordering::SeqCst) {
            self.has_more.store(true, Ordering::SeqCst);
            // The hub may have allowed it between the two lines above, and not have seen that there is more.
            if !self.may_report.load(Ordering::SeqCst) {
                return false;
            }
        }
        self.has_more.store(false, Ordering::SeqCst);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_may_not_report_says_that_it_has_more() {
        let signals = Signals::default();
        assert!(!signals.take_leave());
        assert!(signals.has_more.load(Ordering::SeqCst));
        signals.may_report.store(true, Ordering::SeqCst);
        assert!(signals.take_leave());
        assert!(!signals.has_more.load(Ordering::SeqCst));
    }
}
