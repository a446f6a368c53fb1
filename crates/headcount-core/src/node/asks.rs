//! What this node asks others, and how long it waits.
//!
//! A question or its answer may be lost, above all where a node has just come back to its broker. So a question is put again, to the nodes that have
//! not answered: after [`AGAIN_MS`], then after twice as long each time. Each time it has another number, because a number is heard once. A relay is not
//! repeated: it must not be done twice.

use std::collections::{BTreeMap, BTreeSet};

use super::Action;
use crate::cluster::{Absent, NodeAnswer, NodeAnswers, NodeQuestion, RelayOutcome, RequestId};
use crate::connection::NodeId;

/// Questions and relays that wait for answers. A further one ends that which waits for the shortest time yet, as if its time had passed.
const WAITING_MAX: usize = 65_536;

/// After how long a question is put again for the first time.
const AGAIN_MS: u64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct Asks {
    last: RequestId,
    waiting: BTreeMap<RequestId, Waiting>,
    /// Until when each waits.
    until: BTreeSet<(u64, RequestId)>,
    /// When questions are put again, and how long the pause before that was.
    again: BTreeMap<(u64, RequestId), (u64, NodeQuestion)>,
    ended: Vec<Action>,
}

#[derive(Debug)]
struct Waiting {
    until_ms: u64,
    /// When it is put again.
    again_ms: Option<u64>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// An answer of each of these nodes.
    Question(BTreeSet<NodeId>, NodeAnswers),
    /// The same, put again under another number.
    Again(RequestId),
    /// The answer of this one.
    Relay(NodeId),
}

/// A question to put again.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) node: NodeId,
    pub(super) request: RequestId,
    pub(super) within_ms: u32,
    pub(super) question: NodeQuestion,
}

impl Asks {
    /// Waits for answers of the nodes that are `there`. Without any, the question is answered at once.
    pub(super) fn ask(&mut self, there: Vec<NodeId>, away: Vec<NodeId>, until_ms: u64) -> RequestId {
        let answers = NodeAnswers {
            answered: Vec::new(),
            missing: away.into_iter().map(|node| (node, Absent::Lost)).collect(),
        };
        let request = self.next();
        self.wait(
            request,
            until_ms,
            What::Question(there.into_iter().collect(), answers),
        );
        self.end_if_complete(request);
        request
    }

    /// Waits for what becomes of a relay to a node that is there.
    pub(super) fn relay(&mut self, node: NodeId, until_ms: u64) -> RequestId {
        let request = self.next();
        self.wait(request, until_ms, What::Relay(node));
        request
    }

    /// Lets a question that was put now be put again while it is not answered.
    pub(super) fn repeat(&mut self, request: RequestId, question: NodeQuestion, now_ms: u64) {
        self.repeat_in(AGAIN_MS, request, question, now_ms);
    }

    fn repeat_in(&mut self, pause_ms: u64, request: RequestId, question: NodeQuestion, now_ms: u64) {
        let again_ms = now_ms + pause_ms;
        if let Some(waiting) = self.waiting.get_mut(&request)
            && again_ms < waiting.until_ms
        {
            waiting.again_ms = Some(again_ms);
            self.again.insert((again_ms, request), (pause_ms, question));
        }
    }

    /// The questions to put again now, without those to this node.
    pub(super) fn take_again(&mut self, here: NodeId, now_ms: u64) -> Vec<Again> {
        let mut due = Vec::new();
        while let Some(entry) = self.again.first_entry().filter(|entry| entry.key().0 <= now_ms) {
            let ((_, asked), (pause_ms, question)) = entry.remove_entry();
            let Some(Waiting {
                until_ms,
                what: What::Question(nodes, _),
                ..
            }) = self.waiting.get(&asked)
            else {
                continue;
            };
            let until_ms = *until_ms;
            let silent: Vec<NodeId> = nodes.iter().copied().filter(|node| *node != here).collect();
            self.repeat_in(2 * pause_ms, asked, question.clone(), now_ms);
            for node in silent {
                let request = self.next();
                self.wait(request, until_ms, What::Again(asked));
                due.push(Again {
                    node,
                    request,
                    within_ms: u32::try_from(until_ms.saturating_sub(now_ms)).unwrap_or(u32::MAX),
                    question: question.clone(),
                });
            }
        }
        due
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
        let request = match self.waiting.get(&request).map(|waiting| &waiting.what) {
            Some(What::Again(asked)) => *asked,
            _ => request,
        };
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
                Some(What::Relay(_) | What::Again(_)) | None => {}
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
        let until_ms = self.until.first().map(|(until_ms, _)| *until_ms);
        let again_ms = self.again.first_key_value().map(|((again_ms, _), _)| *again_ms);
        until_ms.into_iter().chain(again_ms).min()
    }

    fn wait(&mut self, request: RequestId, until_ms: u64, what: What) {
        if self.waiting.len() >= WAITING_MAX
            && let Some((_, first)) = self.until.first().copied()
        {
            self.end(first);
        }
        self.until.insert((until_ms, request));
        let again_ms = None;
        let waiting = Waiting {
            until_ms,
            again_ms,
            what,
        };
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
        let ended = match what {
            What::Question(nodes, mut answers) => {
                let late = nodes.into_iter().map(|node| (node, Absent::Late));
                answers.missing.extend(late);
                answers.answered.sort_unstable_by_key(|(node, _)| *node);
                answers.missing.sort_unstable_by_key(|(node, _)| *node);
                Action::Answered { request, answers }
            }
            What::Again(_) => return,
            What::Relay(_) => Action::Relayed {
                request,
                outcome: RelayOutcome::Late,
            },
        };
        self.ended.push(ended);
    }

    fn remove(&mut self, request: RequestId) -> Option<What> {
        let waiting = self.waiting.remove(&request)?;
        self.until.remove(&(waiting.until_ms, request));
        if let Some(again_ms) = waiting.again_ms {
            self.again.remove(&(again_ms, request));
        }
        Some(waiting.what)
    }
}
