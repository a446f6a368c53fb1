//! When a command is answered in a cluster, and how many tabs it told in all: here, and at the other nodes.

use headcount_core::cluster::{Hits, NodeAnswer, NodeAnswers, NodeQuestion};
use headcount_core::command_log::{CommandLog, LogIndex};
use headcount_core::node::Whom;
use headcount_core::protocol::admin::InvalidationAnswer;

use super::stand::Stood;
use super::{Commander, Reply, answer};
use crate::error::CommandError;
use crate::nodes::{self, NodeEvent};

impl<Log: CommandLog> Commander<Log> {
    /// Tells the node how far the log is read, and how far this entry reached here.
    pub(super) async fn tell_nodes(&mut self, stood: &Stood) {
        if let Some(nodes) = &self.everywhere.nodes {
            let (index, hits) = (stood.index, stood.id.map(|_| stood.reach.clone().into()));
            nodes.tell(NodeEvent::Read { index, hits }).await;
        }
    }

    /// Answers the giver of a rule. In a cluster every node is asked first how far it reached there, and the next command need not wait for that.
    pub(super) fn answer_told(
        &self,
        reply: Reply<InvalidationAnswer>,
        given: Result<(LogIndex, InvalidationAnswer), CommandError>,
    ) {
        match (given, self.everywhere.nodes.clone()) {
            (Ok((index, here)), Some(nodes)) => {
                let within_ms = self.everywhere.within_ms;
                tokio::spawn(async move {
                    let asked = nodes
                        .ask(Whom::All, NodeQuestion::Hits { index }, within_ms)
                        .await;
                    let told = asked.map_or(here.clone(), |said| in_all(here, said));
                    answer(reply, Ok(told));
                });
            }
            (given, _) => answer(reply, given.map(|(_, told)| told)),
        }
    }

    /// Answers the giver of a command, once every node has read it. So nothing that follows meets a node that does not know it yet, such as a
    /// tab on a build that was just announced. A node that takes too long holds up no answer.
    pub(super) fn answer_read<T: Send + 'static>(&self, reply: Reply<T>, done: Result<T, CommandError>) {
        let Some(nodes) = self.everywhere.nodes.clone().filter(|_| done.is_ok()) else {
            return answer(reply, done);
        };
        let (index, within_ms) = (self.index, self.everywhere.within_ms);
        tokio::spawn(async move {
            let _or_too_long = nodes
                .ask(Whom::All, NodeQuestion::Hits { index }, within_ms)
                .await;
            answer(reply, done);
        });
    }
}

/// The sum over the nodes that answered. Where none did, what is known here.
fn in_all(here: InvalidationAnswer, said: NodeAnswers) -> InvalidationAnswer {
    let asked = nodes::asked(&said);
    let hits = said.answered.into_iter().filter_map(|(_, answer)| match answer {
        NodeAnswer::Hits(hits) => Some(hits),
        _ => None,
    });
    let (tabs, routes, unknown) = Hits::over(hits);
    InvalidationAnswer {
        nodes: Some(asked),
        ..if asked.answered == 0 {
            here
        } else {
            InvalidationAnswer {
                tabs,
                routes,
                unknown,
                ..here
            }
        }
    }
}
