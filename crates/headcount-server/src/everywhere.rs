//! Questions to all tables: those of this server, and in a cluster those of every node.

use headcount_core::protocol::nodes::NodesAsked;
use headcount_core::questions::{Ask, Missing};

use crate::answers::{ask_all, patience};
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
