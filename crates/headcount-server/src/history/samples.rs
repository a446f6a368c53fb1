//! The history in memory, for those that fill it and those that read it.

use std::num::NonZeroU64;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headcount_core::cluster::SAMPLES_MAX;
use headcount_core::history::{History, Minutes, Sample};
use headcount_core::limits::Limits;

use crate::clock;

/// The history, shared by the tasks that fill it and its readers. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SharedHistory {
    history: Arc<Mutex<History>>,
    versions_max: u32,
}

impl SharedHistory {
    /// Of a server that starts with these samples.
    pub(crate) fn new(limits: &Limits, kept: Vec<Sample>) -> Self {
        let mut history = History::new(limits);
        history.restore(kept, clock::unix_ms());
        Self {
            history: Arc::new(Mutex::new(history)),
            versions_max: limits.history_versions_max,
        }
    }

    /// The first samples from a time on, for another node.
    pub(crate) fn piece(&self, from_ms: u64, step_ms: Option<NonZeroU64>) -> Vec<Sample> {
        let samples = self.lock().since(from_ms, step_ms);
        let samples = samples.iter().take(SAMPLES_MAX);
        samples.map(|sample| (**sample).clone()).collect()
    }

    /// Takes in the sample of this moment. Gives back what is worth keeping.
    pub(super) fn take(&self, sample: Sample) -> Option<Minutes> {
        self.lock().take(sample).map(believed)
    }

    /// From when to when there are samples, milliseconds since the Unix epoch. `None` where there are none.
    pub(super) fn extent(&self) -> Option<RangeInclusive<u64>> {
        let history = self.lock();
        Some(history.oldest_ms()?..=history.newest_ms()?)
    }

    /// As [`History::fill`], with samples of another node.
    pub(super) fn fill(&self, gap: Range<u64>, samples: Vec<Sample>) -> Option<Minutes> {
        let bounded = samples.into_iter().map(|sample| {
            let versions = sample.versions().map(|(name, tabs)| (Arc::clone(name), tabs));
            Sample::new(sample.at_ms, versions, self.versions_max)
        });
        self.lock().fill(gap, bounded).map(believed)
    }

    /// A panic elsewhere leaves the history in order: what was taken in halfway is forgotten with the next sample at the latest.
    pub(super) fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a wrong clock calls too old may not be so.
fn believed(minutes: Minutes) -> Minutes {
    let oldest_ms = if clock::is_settled() { minutes.oldest_ms } else { 0 };
    Minutes { oldest_ms, ..minutes }
}
