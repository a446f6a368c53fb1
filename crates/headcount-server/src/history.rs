//! Counts by version over time: a task takes samples, and the admin API returns them.
//!
//! Every `history_step_ms` it asks the shards how many connections run each version, which costs them a walk over their
//! versions and no report. In a cluster it adds what the other nodes say, so that each node has the history of all. The first sample of each
//! minute goes to the store. All of them are in memory as well: a week is a megabyte or two with a handful of versions, and a server without a
//! store has a history too, until it ends.
//!
//! - `sampler`: takes the samples. `filler`: fills gaps with those of other nodes. `samples`: what they have taken.

mod filler;
mod sampler;
mod samples;

use std::num::NonZeroU64;
use std::sync::Arc;

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
pub(crate) use samples::SharedHistory;

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
///
/// ```
/// use headcount_server::HistoryQuery;
///
/// let mut query = HistoryQuery::default();
/// // The last sample of each hour.
/// query.step_ms = 3_600_000.try_into().ok();
/// ```
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
        let mut answer = HistoryAnswer::default();
        answer.started_at = self.started_ms;
        answer.samples = samples
            .iter()
            .map(|sample| SampleEntry::from(&**sample))
            .collect();
        answer
    }
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
