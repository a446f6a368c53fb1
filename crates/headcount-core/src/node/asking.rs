//! What a node asks others, passes on to them, and answers them.

use super::asks::Again;
use super::{Action, Node};
use crate::cluster::{Message, NodeAnswer, NodeQuestion, Relay, RelayOutcome, RequestId, To};
use crate::connection::NodeId;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Every node that is there, and this one.
    All,
    /// One node, which may be this one.
    Node(NodeId),
}

impl Node {
    /// Asks nodes, for at most `within_ms`. [`Action::Answered`] follows, with what was answered by then; for this node, [`Action::Asked`]
    /// comes first.
    pub fn ask(&mut self, whom: Whom, question: NodeQuestion, within_ms: u32, now_ms: u64) -> RequestId {
        let asked: Vec<NodeId> = match whom {
            Whom::All => {
                let others = self.members.iter().map(|(node, _)| node);
                others.chain([self.here]).collect()
            }
            Whom::Node(node) => vec![node],
        };
        let (there, away): (Vec<_>, Vec<_>) = asked
            .into_iter()
            .partition(|node| *node == self.here || self.members.knows(*node));
        let to = match whom {
            Whom::All if there.len() > 1 => Some(To::All),
            Whom::Node(node) if node != self.here && !there.is_empty() => Some(To::Node(node)),
            Whom::All | Whom::Node(_) => None,
        };
        let is_asked_here = there.contains(&self.here);
        let request = self.asks.ask(there, away, now_ms + u64::from(within_ms));
        if let Some(to) = to {
            let question = question.clone();
            self.asks.repeat(request, question.clone(), now_ms);
            self.send(
                to,
                Message::Ask {
                    request,
                    within_ms,
                    question,
                },
            );
        }
        if is_asked_here {
            self.put(self.here, request, within_ms, question, now_ms);
        }
        self.actions.extend(self.asks.take_ended());
        request
    }

    /// Puts questions again to nodes that have not answered.
    pub(super) fn ask_again(&mut self, now_ms: u64) {
        for again in self.asks.take_again(self.here, now_ms) {
            let Again {
                node,
                request,
                within_ms,
                question,
            } = again;
            let message = Message::Ask {
                request,
                within_ms,
                question,
            };
            self.send(To::Node(node), message);
        }
    }

    /// What this node answers to [`Action::Asked`].
    pub fn answer(&mut self, to: NodeId, request: RequestId, answer: NodeAnswer) {
        if to == self.here {
            self.asks.answered(self.here, request, answer);
            self.actions.extend(self.asks.take_ended());
        } else {
            self.send(To::Node(to), Message::Answer { request, answer });
        }
    }

    /// Passes something on to another node, for at most `within_ms`. [`Action::Relayed`] follows.
    pub fn relay(&mut self, node: NodeId, relay: Relay, within_ms: u32, now_ms: u64) -> RequestId {
        if !self.members.knows(node) {
            let (request, outcome) = (self.asks.next(), RelayOutcome::Gone);
            self.actions.push_back(Action::Relayed { request, outcome });
            return request;
        }
        let request = self.asks.relay(node, now_ms + u64::from(within_ms));
        self.send(
            To::Node(node),
            Message::Relay {
                request,
                within_ms,
                relay,
            },
        );
        self.actions.extend(self.asks.take_ended());
        request
    }

    /// Whether the connection took what [`Action::Relay`] was for.
    pub fn relayed(&mut self, to: NodeId, request: RequestId, taken: bool) {
        self.send(To::Node(to), Message::Relayed { request, taken });
    }

    /// Answers a question about sign-outs. Puts any other one to this node's server, once it can be answered.
    pub(super) fn put(
        &mut self,
        from: NodeId,
        request: RequestId,
        within_ms: u32,
        question: NodeQuestion,
        now_ms: u64,
    ) {
        let question = match question {
            NodeQuestion::SignOut(ended) => return self.hear_sign_out(from, request, ended),
            NodeQuestion::SignOutsSince { number } => {
                return self.hear_sign_outs_since(from, request, number);
            }
            question => question,
        };
        let asked = Action::Asked {
            from,
            request,
            within_ms,
            question,
        };
        let asked = self.later.put(asked, self.read, now_ms);
        self.actions.extend(asked);
    }
}
