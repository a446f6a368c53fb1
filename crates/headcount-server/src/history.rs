//! Counts by version over time: a task takes samples, and the admin API returns them.
//!
//! Every `history_step_ms` it asks the shards how many connections run each version, which costs them a walk over their
//! versions and no report. In a cluster it adds what the other nodes say, so that each node has the history of all. The first sample of each
//! minute goes to the store. All of them are in memory as well: a week is a megabyte or two with a handful of versions, and a server without a
//! store has a history too, until it ends.
//!
//! - `sampler`: takes the samples. `filler`: fills gaps with those of other nodes.

mod filler;
mod sampler;

use std::num::NonZeroU64;
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headcount_core::cluster::SAMPLES_MAX;
use headcount_core::history::{History, Minutes, Sample};
use headcount_core::limits::Limits;
use headcount_core::protocol::history::{HistoryAnswer, SampleEntry};
use tokio::sync::{mpsc, oneshot};

use crate::answers::patience;
use crate::clock;
use crate::nodes::Nodes;
use crate::shard::Shards;
use crate::site::Site;
use crate::store::Store;
use filler::Filler;
use sampler::Sampler;

/// Gaps that may wait to be filled.
const GAPS_MAX: usize = 8;

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
        let samples = self.history.lock().since(query.from_ms, query.step_ms);
        HistoryAnswer {
            started_at: self.started_ms,
            samples: samples
                .iter()
                .map(|sample| SampleEntry::from(&**sample))
                .collect(),
        }
    }
}

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
    fn take(&self, sample: Sample) -> Option<Minutes> {
        self.lock().take(sample).map(believed)
    }

    /// From when to when there are samples, milliseconds since the Unix epoch. `None` where there are none.
    fn extent(&self) -> Option<RangeInclusive<u64>> {
        let history = self.lock();
        Some(history.oldest_ms()?..=history.newest_ms()?)
    }

    /// As [`History::fill`], with samples of another node.
    fn fill(&self, gap: Range<u64>, samples: Vec<Sample>) -> Option<Minutes> {
        let bounded = samples.into_iter().map(|sample| {
            let versions = sample.versions().map(|(name, tabs)| (Arc::clone(name), tabs));
            Sample::new(sample.at_ms, versions, self.versions_max)
        });
        self.lock().fill(gap, bounded).map(believed)
    }

    /// A panic elsewhere leaves the history in order: what was taken in halfway is forgotten with the next sample at the latest.
    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a wrong clock calls too old may not be so.
fn believed(minutes: Minutes) -> Minutes {
    let oldest_ms = if clock::is_settled() { minutes.oldest_ms } else { 0 };
    Minutes { oldest_ms, ..minutes }
}

/// Starts taking samples. `nodes`: the other nodes, in a cluster.
pub(crate) fn start(
    site: &Arc<Site>,
    shards: &Shards,
    store: &Arc<Store>,
    history: SharedHistory,
    nodes: Option<Nodes>,
) -> KeptHistory {
    let within_ms = site.config.limits.answer_ms;
    let (ends_with_us, ended) = oneshot::channel();
    let others = nodes.map(|nodes| {
        let (gaps, queue) = mpsc::channel(GAPS_MAX);
        let filler = Filler {
            nodes: nodes.clone(),
            history: history.clone(),
            store: Arc::clone(store),
            within_ms,
        };
        tokio::spawn(filler.run(queue));
        (nodes, gaps)
    });
    let sampler = Sampler {
        site: Arc::clone(site),
        history: history.clone(),
        shards: shards.clone(),
        store: Arc::clone(store),
        patience: patience(within_ms),
        others,
    };
    site.vitals.spawn("the history's sampler", sampler.run(ended));
    KeptHistory {
        history,
        started_ms: clock::unix_ms(),
        _ends_with_us: ends_with_us,
    }
}
