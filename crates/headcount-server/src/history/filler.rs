//! Fills gaps with what other nodes have sampled: while this one was not there, or did not reach the broker.
//!
//! The nodes are asked one after the other, in bounded pieces. The next one is asked for what is still missing, and gives it up with the first piece
//! that has nothing new. A gap that no node can fill stays.

use std::sync::Arc;

use headcount_core::cluster::{NodeAnswer, NodeQuestion, SAMPLES_MAX};
use headcount_core::connection::NodeId;
use headcount_core::history::Sample;
use headcount_core::node::Whom;
use tokio::sync::mpsc;

use super::sampler::Gap;
use super::samples::SharedHistory;
use crate::nodes::Nodes;
use crate::store::Store;

/// Nodes that are asked about one gap.
const ASKED_MAX: usize = 5;

#[derive(Debug)]
pub(super) struct Filler {
    pub(super) nodes: Nodes,
    pub(super) history: SharedHistory,
    pub(super) store: Arc<Store>,
    /// How long an answer is waited for, milliseconds.
    pub(super) within_ms: u32,
}

impl Filler {
    /// Runs until the sampler has ended.
    pub(super) async fn run(self, mut gaps: mpsc::Receiver<Gap>) {
        while let Some(gap) = gaps.recv().await {
            for node in gap.nodes.iter().take(ASKED_MAX) {
                self.fill_from(*node, &gap).await;
            }
        }
    }

    async fn fill_from(&self, node: NodeId, gap: &Gap) {
        let mut from_ms = gap.times.start;
        // Each piece begins after the one before.
        while from_ms < gap.times.end {
            let samples = self.ask(node, from_ms).await;
            let is_last = samples.len() < SAMPLES_MAX;
            let Some(last) = samples.last() else { return };
            from_ms = last.at_ms.max(from_ms) + 1;
            let Some(minutes) = self.history.fill(gap.times.clone(), samples) else {
                return;
            };
            self.store.keep_past(minutes).await;
            if is_last {
                return;
            }
        }
    }

    /// The first samples from this time on that a node has. None where it does not answer.
    async fn ask(&self, node: NodeId, from_ms: u64) -> Vec<Sample> {
        let question = NodeQuestion::History {
            from_ms,
            step_ms: None,
        };
        let asked = self.nodes.ask(Whom::Node(node), question, self.within_ms).await;
        let answers = asked.map(|said| said.answers.answered).unwrap_or_default();
        match answers.into_iter().next() {
            Some((_, NodeAnswer::History(samples))) => samples,
            _ => Vec::new(),
        }
    }
}
