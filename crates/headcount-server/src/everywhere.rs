//! Questions to all tables: those of this server, and in a cluster those of every node.

use headcount_core::protocol::nodes::NodesAsked;
use headcount_core::questions::{Ask, Missing};

use crate::answers::{ask_all, patience};
use crate::clock;
use crate::nodes::{FromAll, Nodes};
use crate::shard::Shards;
use crate::site::Site;

/// All tables. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Everywhere {
    pub(crate) shards: Shards,
    /// `None` without a cluster.
    pub(crate) nodes: Option<Nodes>,
    /// How long an answer is waited for, milliseconds.
    pub(crate) within_ms: u32,
}

impl Everywhere {
    /// The tables of this server, and those of the other nodes where there are some.
    pub(crate) fn of(site: &Site, shards: &Shards, nodes: Option<Nodes>) -> Self {
        Self {
            shards: shards.clone(),
            nodes,
            within_ms: site.config.limits.answer_ms,
        }
    }

    /// The time by which rules are given and end, milliseconds since the Unix epoch: that of the cluster, where the clock of this server is wrong.
    pub(crate) fn unix_ms(&self) -> u64 {
        match self.corrected_clock() {
            Some(offset_ms) => clock::steady_ms().saturating_add_signed(offset_ms),
            None => clock::unix_ms(),
        }
    }

    /// Whether the clock of this server is that of the cluster, or there is no cluster.
    pub(crate) fn is_clock_right(&self) -> bool {
        self.corrected_clock().is_none()
    }

    fn corrected_clock(&self) -> Option<i64> {
        self.nodes.as_ref().and_then(Nodes::corrected_clock)
    }

    /// Asks all tables, and says how many nodes have answered, in a cluster. A shard that has ended counts as one without connections; an error
    /// where another one of this server did not answer in time, and there is no cluster that could answer in part.
    pub(crate) async fn ask<Q: Ask + Clone>(
        &self,
        question: Q,
    ) -> Result<(Vec<Q::Answer>, Option<NodesAsked>), Missing> {
        match &self.nodes {
            None => {
                let answers = ask_all(&self.shards, question, patience(self.within_ms)).await;
                Ok((answers.of_running()?.values().collect(), None))
            }
            Some(nodes) => {
                let FromAll { answers, nodes } = nodes.ask_all(question, self.within_ms).await?;
                Ok((answers, Some(nodes)))
            }
        }
    }
}
