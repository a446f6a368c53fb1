//! When a command is answered in a cluster, and how many tabs it told in all: here, and at the other nodes.

use headcount_core::cluster::{Hits, NodeQuestion};
use headcount_core::command_log::{CommandLog, LogIndex};
use headcount_core::node::Whom;
use headcount_core::protocol::admin::InvalidationAnswer;
use headcount_core::protocol::nodes::NodesAsked;

use super::stand::Stood;
use super::{Commander, Reply, answer};
use crate::error::CommandError;
use crate::nodes::{NodeEvent, Said};

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
    /// tab on a build that was just announced. A node that takes too long holds up no answer; `nodes_of` is where the answer says how many have
    /// read it.
    pub(super) fn answer_read<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        done: Result<T, CommandError>,
        nodes_of: fn(&mut T) -> &mut Option<NodesAsked>,
    ) {
        let (mut done, nodes) = match (done, self.everywhere.nodes.clone()) {
            (Ok(done), Some(nodes)) => (done, nodes),
            (done, _) => return answer(reply, done),
        };
        let (index, within_ms) = (self.index, self.everywhere.within_ms);
        tokio::spawn(async move {
            let said = nodes
                .ask(Whom::All, NodeQuestion::Hits { index }, within_ms)
                .await;
            *nodes_of(&mut done) = said.ok().map(|said| said.nodes);
            answer(reply, Ok(done));
        });
    }
}

/// The sum over the nodes that answered. Where none did, what is known here.
fn in_all(mut here: InvalidationAnswer, said: Said) -> InvalidationAnswer {
    let Said { answers, nodes } = said;
    let is_silent = nodes.answered == 0;
    let (tabs, routes, unknown) = Hits::over(answers.hits());
    if !is_silent {
        (here.tabs, here.routes, here.unknown) = (tabs, routes, unknown);
    }
    here.nodes = Some(nodes);
    here
}
