//! Takes the samples.
//!
//! A server alone takes one every `history_step_ms`, of the tabs that it has. In a cluster the samples are taken at the multiples of that time, at every
//! node the same. At each, a node tells the others how many of its tabs run which version, waits a moment for their word, and takes the sum. So
//! every node has the history of all, and one small message to all a step is what that costs.
//!
//! A node that changes its mind within a step sees two words of different moments: a tab that moved to another node within the last step may be
//! missing from one sample, or be in it twice. So may the tabs of a node that was killed, until the others have missed it.
//! No sample is taken while the tabs of some nodes are unknown ([`Nodes::versions_of_others`]): a gap is better than a sample without them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use headcount_core::cluster::LOST_AFTER_MS;
use headcount_core::connection::NodeId;
use headcount_core::history::Sample;
use headcount_core::questions::{Missing, VersionCounts};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Interval, MissedTickBehavior};

use super::samples::SharedHistory;
use crate::answers::ask_all;
use crate::clock;
use crate::nodes::Nodes;
use crate::shard::Shards;
use crate::site::Site;
use crate::store::Store;

/// How long the word of other nodes is waited for at the most. At fast steps it is half a step.
const LAG_MS_MAX: u64 = 1_000;

/// For how many steps the word of a node holds. Fewer may be lost.
const HOLDS_STEPS: u64 = 3;

/// Tabs by version.
type ByVersion = Vec<(Arc<str>, u64)>;

/// Times of which there is no sample, and who may have some.
#[derive(Debug)]
pub(super) struct Gap {
    /// From the sample before it, or 0, to the one after it, milliseconds since the Unix epoch.
    pub(super) times: Range<u64>,
    /// The other nodes, the one to ask first at the beginning.
    pub(super) nodes: Vec<NodeId>,
}

#[derive(Debug)]
pub(super) struct Sampler {
    pub(super) site: Arc<Site>,
    pub(super) history: SharedHistory,
    pub(super) shards: Shards,
    pub(super) store: Arc<Store>,
    pub(super) patience: Duration,
    /// The other nodes, and where gaps are filled. `None`: this server is alone.
    pub(super) others: Option<(Nodes, mpsc::Sender<Gap>)>,
}

/// The counts of one moment.
struct Counted {
    at_ms: u64,
    versions: ByVersion,
    /// The nodes that may have samples of a gap before it.
    nodes: Vec<NodeId>,
}

impl Sampler {
    /// Runs until its server, or the shards, have ended.
    pub(super) async fn run(self, mut ended: oneshot::Receiver<()>) {
        let mut steps = Steps::new(self.step_ms(), self.others.is_some());
        let mut is_first = true;
        loop {
            let at_ms = tokio::select! {
                _ = &mut ended => return,
                at_ms = steps.next() => at_ms,
            };
            self.site.faults.strike("sampler");
            match self.count(at_ms).await {
                Ok(counted) => self.take(counted, std::mem::take(&mut is_first)),
                // A gap in the history is better than a sample without some of the tabs.
                Err(Missing::Late) => {}
                Err(Missing::Ended) => return,
            }
        }
    }

    async fn count(&self, at_ms: u64) -> Result<Counted, Missing> {
        let answers = ask_all(&self.shards, VersionCounts, self.patience)
            .await
            .whole()?;
        let here: ByVersion = answers.values().flatten().collect();
        match &self.others {
            None => Ok(Counted {
                at_ms: clock::unix_ms(),
                versions: here,
                nodes: Vec::new(),
            }),
            Some((nodes, _)) => self.count_all(at_ms, here, nodes).await,
        }
    }

    /// Says what this node counts, and adds what the others say. Late where that is unknown.
    async fn count_all(&self, at_ms: u64, here: ByVersion, nodes: &Nodes) -> Result<Counted, Missing> {
        let own = self.sample(at_ms, here.iter().cloned());
        let holds_ms = HOLDS_STEPS * self.step_ms() + LOST_AFTER_MS;
        let own = own.versions().map(|(name, tabs)| (Arc::clone(name), tabs));
        nodes.say_versions(own.collect(), holds_ms).await;
        let lag_ms = (self.step_ms() / 2).min(LAG_MS_MAX);
        tokio::time::sleep(Duration::from_millis(lag_ms)).await;
        let others = nodes.versions_of_others().await?.ok_or(Missing::Late)?;
        Ok(Counted {
            at_ms,
            versions: here.into_iter().chain(others.versions).collect(),
            nodes: others.nodes,
        })
    }

    fn take(&self, counted: Counted, is_first: bool) {
        let Counted {
            at_ms,
            versions,
            nodes,
        } = counted;
        let before = self.history.extent();
        if let Some(minutes) = self.history.take(self.sample(at_ms, versions)) {
            self.store.keep(minutes);
        }
        let Some((_, gaps)) = &self.others else { return };
        let oldest_ms = before.as_ref().map_or(at_ms, |before| *before.start());
        let newest_ms = before.map_or(at_ms, |before| *before.end());
        let is_gap = at_ms.saturating_sub(newest_ms) >= 2 * self.step_ms();
        let what_others_had_before = is_first.then_some(0..oldest_ms);
        let since_the_last = is_gap.then_some(newest_ms..at_ms);
        for times in [what_others_had_before, since_the_last].into_iter().flatten() {
            let nodes = nodes.clone();
            // Where several wait already, this one stays.
            let _stays = gaps.try_send(Gap { times, nodes });
        }
    }

    fn sample(&self, at_ms: u64, versions: impl IntoIterator<Item = (Arc<str>, u64)>) -> Sample {
        let versions_max = self.site.config.limits.history_versions_max;
        Sample::with_releases(at_ms, versions, versions_max, &self.site.standing().releases)
    }

    fn step_ms(&self) -> u64 {
        self.site.config.limits.history_step_ms.into()
    }
}

/// When samples are taken.
enum Steps {
    /// From now on, at equal distances.
    FromNow(Interval),
    /// At the multiples of this time since the Unix epoch, as at all other nodes, and the one that was last.
    Multiples { step_ms: u64, last_ms: u64 },
}

impl Steps {
    fn new(step_ms: u64, as_others: bool) -> Self {
        if as_others {
            return Self::Multiples { step_ms, last_ms: 0 };
        }
        let mut interval = tokio::time::interval(Duration::from_millis(step_ms));
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self::FromNow(interval)
    }

    /// Waits for the next one. Its time, milliseconds since the Unix epoch.
    async fn next(&mut self) -> u64 {
        match self {
            Self::FromNow(interval) => {
                interval.tick().await;
                clock::unix_ms()
            }
            Self::Multiples { step_ms, last_ms } => {
                let now_ms = clock::unix_ms();
                let next_ms = (now_ms / *step_ms + 1) * *step_ms;
                // A timer that was early must not give the same one again.
                *last_ms = if next_ms == *last_ms {
                    next_ms + *step_ms
                } else {
                    next_ms
                };
                tokio::time::sleep(Duration::from_millis(*last_ms - now_ms)).await;
                *last_ms
            }
        }
    }
}
