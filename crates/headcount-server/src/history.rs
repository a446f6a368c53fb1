//! Counts by version over time: a task takes samples, and the admin API returns them.
//!
//! Every `history_step_ms` it asks the shards how many connections run each version, which costs them a walk over their
//! versions and no report. The first sample of each minute goes to the store. All of them are in memory as well: a week is
//! a megabyte or two with a handful of versions, and a server without a store has a history too, until it ends.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headcount_core::history::{History, Sample};
use headcount_core::protocol::history::{HistoryAnswer, SampleEntry};
use headcount_core::questions::{Missing, VersionCounts};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::answers::{ask_all, patience};
use crate::clock;
use crate::shard::Shards;
use crate::site::Site;
use crate::store::Store;

/// The history, shared by the task that fills it and its readers.
type SharedHistory = Arc<Mutex<History>>;

/// The history of a running server. Its task ends with this value.
#[derive(Debug)]
pub(crate) struct KeptHistory {
    history: SharedHistory,
    started_ms: u64,
    _ends_with_us: oneshot::Sender<()>,
}

/// Which samples to give.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct HistoryQuery {
    /// Those from this time on, milliseconds since the Unix epoch. Default 0: all there are.
    pub from_ms: u64,
    /// Only the last one of each such time, milliseconds. Default `None`: as they were taken.
    pub step_ms: Option<NonZeroU64>,
}

impl KeptHistory {
    /// The samples that `query` asks for, oldest first.
    pub(crate) fn answer(&self, query: HistoryQuery) -> HistoryAnswer {
        let samples = lock(&self.history).since(query.from_ms, query.step_ms);
        HistoryAnswer {
            started_at: self.started_ms,
            samples: samples
                .iter()
                .map(|sample| SampleEntry::from(&**sample))
                .collect(),
        }
    }
}

/// Starts taking samples, after those that were kept.
pub(crate) fn start(site: &Arc<Site>, shards: &Shards, store: &Arc<Store>, kept: Vec<Sample>) -> KeptHistory {
    let limits = &site.config.limits;
    let mut history = History::new(limits);
    history.restore(kept, clock::unix_ms());
    let history = Arc::new(Mutex::new(history));
    let (ends_with_us, ended) = oneshot::channel();
    let sampler = Sampler {
        site: Arc::clone(site),
        history: Arc::clone(&history),
        shards: shards.clone(),
        store: Arc::clone(store),
        step: Duration::from_millis(limits.history_step_ms.into()),
        patience: patience(limits.answer_ms),
        versions_max: limits.history_versions_max,
    };
    site.vitals.spawn("the history's sampler", sampler.run(ended));
    KeptHistory {
        history,
        started_ms: clock::unix_ms(),
        _ends_with_us: ends_with_us,
    }
}

#[derive(Debug)]
struct Sampler {
    site: Arc<Site>,
    history: SharedHistory,
    shards: Shards,
    store: Arc<Store>,
    step: Duration,
    patience: Duration,
    versions_max: u32,
}

impl Sampler {
    /// Runs until its server, or the shards, have ended.
    async fn run(self, mut ended: oneshot::Receiver<()>) {
        let mut step = tokio::time::interval(self.step);
        step.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = &mut ended => return,
                _ = step.tick() => {}
            }
            self.site.faults.strike("sampler");
            let answers = ask_all(&self.shards, VersionCounts, self.patience).await;
            let versions = match answers.whole() {
                Ok(answers) => answers.values().flatten(),
                // A gap in the history is better than a sample without some of the tabs.
                Err(Missing::Late) => continue,
                Err(Missing::Ended) => return,
            };
            let (now_ms, releases) = (clock::unix_ms(), &self.site.standing().releases);
            let sample = Sample::with_releases(now_ms, versions, self.versions_max, releases);
            let minute = lock(&self.history).take(sample);
            if let Some(mut minute) = minute {
                if !clock::is_settled() {
                    // What a wrong clock calls too old may not be so.
                    minute.oldest_ms = 0;
                }
                self.store.keep(minute);
            }
        }
    }
}

/// A panic elsewhere leaves the history in order: what was taken in halfway is forgotten with the next sample at the latest.
fn lock(history: &SharedHistory) -> MutexGuard<'_, History> {
    history.lock().unwrap_or_else(PoisonError::into_inner)
}
