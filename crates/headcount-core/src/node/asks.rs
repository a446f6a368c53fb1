//! What this node asks others, and how long it waits.

use std::collections::{BTreeMap, BTreeSet};

use super::Action;
use crate::cluster::{Absent, NodeAnswer, NodeAnswers, RelayOutcome, RequestId};
use crate::connection::NodeId;

/// Questions and relays that wait for answers. A further one ends that which waits for the shortest time yet, as if its time had passed.
const WAITING_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Asks {
    last: RequestId,
    waiting: BTreeMap<RequestId, Waiting>,
    /// Until when each waits.
    until: BTreeSet<(u64, RequestId)>,
    ended: Vec<Action>,
}

#[derive(Debug)]
struct Waiting {
    until_ms: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    /// An answer of each of these nodes.
    Question(BTreeSet<NodeId>, NodeAnswers),
    /// The answer of this one.
    Relay(NodeId),
}

impl Asks {
    /// Waits for answers of the nodes that are `there`. Without any, the question is answered at once.
    pub(super) fn ask(&mut self, there: Vec<NodeId>, away: Vec<NodeId>, until_ms: u64) -> RequestId {
        let answers = NodeAnswers {
            answered: Vec::new(),
            missing: away.into_iter().map(|node| (node, Absent::Lost)).collect(),
        };
        let request = self.next();
        let what = What::Question(there.into_iter().collect(), answers);
        self.wait(request, Waiting { until_ms, what });
        self.end_if_complete(request);
        request
    }

    /// Waits for what becomes of a relay to a node that is there.
    pub(super) fn relay(&mut self, node: NodeId, until_ms: u64) -> RequestId {
        let request = self.next();
        let what = What::Relay(node);
        self.wait(request, Waiting { until_ms, what });
        request
    }

    /// A number for something that is not waited for.
    pub(super) fn next(&mut self) -> RequestId {
        self.last = RequestId(self.last.0 + 1);
        self.last
    }

    /// What ended since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.ended)
    }

    /// A node answered a question.
    pub(super) fn answered(&mut self, from: NodeId, request: RequestId, answer: NodeAnswer) {
        let waiting = self.waiting.get_mut(&request);
        let Some(What::Question(nodes, answers)) = waiting.map(|waiting| &mut waiting.what) else {
            return;
        };
        if !nodes.remove(&from) {
            return;
        }
        match answer {
            NodeAnswer::Unable => answers.missing.push((from, Absent::Unable)),
            answer => answers.answered.push((from, answer)),
        }
        self.end_if_complete(request);
    }

    /// A node said what became of a relay.
    pub(super) fn relayed(&mut self, from: NodeId, request: RequestId, taken: bool) {
        let waiting = self.waiting.get(&request).map(|waiting| &waiting.what);
        if !matches!(waiting, Some(What::Relay(node)) if *node == from) {
            return;
        }
        self.remove(request);
        let outcome = if taken {
            RelayOutcome::Taken
        } else {
            RelayOutcome::NotTaken
        };
        self.ended.push(Action::Relayed { request, outcome });
    }

    /// A node is gone: it is not waited for.
    pub(super) fn lose(&mut self, node: NodeId, why: Absent) {
        let requests: Vec<RequestId> = self.waiting.keys().copied().collect();
        for request in requests {
            match self.waiting.get_mut(&request).map(|waiting| &mut waiting.what) {
                Some(What::Question(nodes, answers)) => {
                    if nodes.remove(&node) {
                        answers.missing.push((node, why));
                    }
                    self.end_if_complete(request);
                }
                Some(What::Relay(to)) if *to == node => self.end(request),
                Some(What::Relay(_)) | None => {}
            }
        }
    }

    /// Ends what has waited long enough.
    pub(super) fn look(&mut self, now_ms: u64) {
        while let Some((until_ms, request)) = self.until.first().copied()
            && until_ms <= now_ms
        {
            self.end(request);
        }
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        self.until.first().map(|(until_ms, _)| *until_ms)
    }

    fn wait(&mut self, request: RequestId, waiting: Waiting) {
        if self.waiting.len() >= WAITING_MAX
            && let Some((_, first)) = self.until.first().copied()
        {
            self.end(first);
        }
        self.until.insert((waiting.until_ms, request));
        self.waiting.insert(request, waiting);
    }

    fn end_if_complete(&mut self, request: RequestId) {
        let waiting = self.waiting.get(&request).map(|waiting| &waiting.what);
        if matches!(waiting, Some(What::Question(nodes, _)) if nodes.is_empty()) {
            self.end(request);
        }
    }

    /// What did not answer by now is late.
    fn end(&mut self, request: RequestId) {
        let Some(what) = self.remove(request) else {
            return;
        };
        self.ended.push(match what {
            What::Question(nodes, mut answers) => {
                let late = nodes.into_iter().map(|node| (node, Absent::Late));
                answers.missing.extend(late);
                answers.answered.sort_unstable_by_key(|(node, _)| *node);
                answers.missing.sort_unstable_by_key(|(node, _)| *node);
                Action::Answered { request, answers }
            }
            What::Relay(_) => Action::Relayed {
                request,
                outcome: RelayOutcome::Late,
            },
        });
    }

    fn remove(&mut self, request: RequestId) -> Option<What> {
        let waiting = self.waiting.remove(&request)?;
        self.until.remove(&(waiting.until_ms, request));
        Some(waiting.what)
    }
}
