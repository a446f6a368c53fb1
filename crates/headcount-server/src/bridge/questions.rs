//! Questions to apps, and their answers.
//!
//! An answer may come to any node: the number of a question names the node that put it to the app. 53 bits, because apps may read numbers as
//! IEEE 754 doubles: the id of the node, and the lowest 21 bits of a counter. Without a cluster, it is a counter.

#[cfg(feature = "bridge")]
use std::collections::BTreeMap;
use std::time::Duration;

use headcount_core::cluster::{NodeAnswer, NodeQuestion};
use headcount_core::connection::NodeId;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::Bridges;
use super::question::AppQuestion;

/// After how long a node is asked again that could not answer.
const PAUSE: Duration = Duration::from_millis(250);

/// The bits of a question's number that count.
const COUNTER_BITS: u32 = 21;

/// Waits for an answer. Drop it to give up.
#[derive(Debug)]
struct Asked {
    bridges: Bridges,
    number: u64,
    answer: oneshot::Receiver<bool>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.bridges.0.questions.open().remove(&self.number);
    }
}

impl Bridges {
    /// Sends a question to the newest bridge here that takes questions: its app was alive last. `None` if there is no such
    /// bridge, or all have too many questions already.
    fn ask_here(&self, connection_id: &str, headers: &[(String, String)]) -> Option<Asked> {
        let number = self.number_of_question();
        let ask = AppQuestion {
            number,
            connection_id: connection_id.to_owned(),
            headers: headers.to_vec(),
        };
        let (asker, answer) = oneshot::channel();
        self.0.questions.open().insert(number, asker);
        let asked = Asked {
            bridges: self.clone(),
            number,
            answer,
        };
        let list = self.list();
        let mut able = list.iter().rev().filter(|bridge| bridge.options.authorizes);
        able.any(|bridge| bridge.asks.try_send(ask.clone()).is_ok())
            .then_some(asked)
    }

    /// Asks bridges until one answers: those of this server first. The caller limits the time, which is `within`.
    pub(super) async fn ask(
        &self,
        connection_id: &str,
        headers: &[(String, String)],
        within: Duration,
    ) -> bool {
        let until = Instant::now() + within;
        let mut changes = self.changes();
        loop {
            changes.mark_unchanged();
            if let Some(mut asked) = self.ask_here(connection_id, headers) {
                tokio::select! {
                    biased;
                    Ok(admitted) = &mut asked.answer => return admitted,
                    // A bridge that came or went: this one's question may have gone with it. A question that is asked twice
                    // is answered twice, and the second answer counts.
                    Ok(()) = changes.changed() => {}
                }
            } else {
                tokio::select! {
                    biased;
                    Some(admitted) = self.ask_elsewhere(connection_id, headers, until) => return admitted,
                    Ok(()) = changes.changed() => {}
                    else => return std::future::pending().await,
                }
            }
        }
    }

    /// Asks the node with the newest bridge that takes questions, until one answers. `None` without a cluster.
    async fn ask_elsewhere(
        &self,
        connection_id: &str,
        headers: &[(String, String)],
        until: Instant,
    ) -> Option<bool> {
        let cluster = self.0.cluster.get()?;
        let mut authorizing = cluster.authorizing();
        loop {
            let node = authorizing.borrow_and_update().first().copied();
            let asked = async {
                let Some(node) = node else {
                    return std::future::pending().await;
                };
                let question = NodeQuestion::Authorize {
                    connection: connection_id.to_owned(),
                    headers: headers.to_vec(),
                };
                let answer = cluster.ask(node, question, until).await;
                if !matches!(answer, Some(NodeAnswer::Authorized(_))) {
                    // Its bridge has ended, and another one may be about to open.
                    tokio::time::sleep(PAUSE).await;
                }
                answer
            };
            tokio::select! {
                biased;
                answer = asked => if let Some(NodeAnswer::Authorized(admitted)) = answer {
                    return Some(admitted);
                },
                () = is_another(&mut authorizing, node) => {}
            }
        }
    }

    /// What this node answers to the question of another one: as long as a bridge here takes questions.
    pub(crate) async fn ask_for_another(
        &self,
        connection_id: &str,
        headers: &[(String, String)],
        within: Duration,
    ) -> NodeAnswer {
        let answer = async {
            let mut changes = self.changes();
            loop {
                changes.mark_unchanged();
                let mut asked = self.ask_here(connection_id, headers)?;
                tokio::select! {
                    biased;
                    Ok(admitted) = &mut asked.answer => return Some(admitted),
                    Ok(()) = changes.changed() => {}
                    else => return None,
                }
            }
        };
        let answered = tokio::time::timeout(within, answer).await;
        answered
            .ok()
            .flatten()
            .map_or(NodeAnswer::Unable, NodeAnswer::Authorized)
    }

    /// Takes answers to questions that this server put. How many were still open.
    pub(crate) fn answer_here(&self, answers: &[(u64, bool)]) -> u64 {
        let taken = answers.iter().filter(|(number, admitted)| {
            let asker = self.0.questions.open().remove(number);
            asker.is_some_and(|asker| asker.send(*admitted).is_ok())
        });
        taken.count() as u64
    }

    /// Takes answers to questions of any node, and waits for at most `within`. How many were still open.
    #[cfg(feature = "bridge")]
    pub(crate) async fn answer(&self, answers: Vec<(u64, bool)>, within: Duration) -> u64 {
        let Some(cluster) = self.0.cluster.get() else {
            return self.answer_here(&answers);
        };
        let mut by_node: BTreeMap<NodeId, Vec<(u64, bool)>> = BTreeMap::new();
        for answer in answers {
            by_node.entry(node_of(answer.0)).or_default().push(answer);
        }
        let here = by_node.remove(&cluster.here).unwrap_or_default();
        let mut taken = self.answer_here(&here);
        let until = Instant::now() + within;
        for (node, answers) in by_node {
            let question = NodeQuestion::Admitted { answers };
            if let Some(NodeAnswer::Taken(more)) = cluster.ask(node, question, until).await {
                taken += more;
            }
        }
        taken
    }

    fn number_of_question(&self) -> u64 {
        let number = self.number();
        match self.0.cluster.get() {
            None => number,
            Some(cluster) => {
                let counted = number & ((1 << COUNTER_BITS) - 1);
                u64::from(cluster.here.0) << COUNTER_BITS | counted
            }
        }
    }
}

/// Waits until another node than this one is to be asked.
async fn is_another(authorizing: &mut watch::Receiver<Vec<NodeId>>, node: Option<NodeId>) {
    while authorizing.changed().await.is_ok() {
        if authorizing.borrow_and_update().first().copied() != node {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// The node that put a question to an app.
fn node_of(number: u64) -> NodeId {
    // One with more bits was not put by any node.
    NodeId(u32::try_from(number >> COUNTER_BITS).unwrap_or_default())
}
