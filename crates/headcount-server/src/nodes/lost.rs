//! Nodes that fell silent without a word.
//!
//! They may run on, and hold tabs that nobody counts. So answers say for a while that they are missing. One that comes back under the same id,
//! or says that it ends, is not lost any more; a process that died never comes back, and its tabs have returned elsewhere by then.

use std::collections::BTreeMap;

use headcount_core::cluster::{Absent, NodeAnswers};
use headcount_core::connection::NodeId;

/// For how long a silent node counts as missing, while the broker is reached.
const MISSED_MS: u64 = 60_000;

/// How long it takes until every node that can be heard was heard: a heartbeat, and time for it to come.
const HEARD_MS: u64 = 1_500;

/// How long nodes may take to reach the broker after this one has.
const RETURN_MS: u64 = 10_000;

/// The nodes that are missing.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// When each was lost.
    since: BTreeMap<NodeId, u64>,
    /// Since when the broker is reached. `None`: it is not, so that nobody can be heard.
    back_ms: Option<u64>,
    /// When a node was lost last.
    last_ms: Option<u64>,
}

impl Lost {
    pub(super) fn lost(&mut self, node: NodeId, now_ms: u64) {
        self.since.insert(node, now_ms);
        self.last_ms = Some(now_ms);
    }

    /// It was heard, or has ended.
    pub(super) fn found(&mut self, node: NodeId) {
        self.since.remove(&node);
    }

    /// The broker is not reached.
    pub(super) fn away(&mut self) {
        self.back_ms = None;
    }

    /// The broker is reached.
    pub(super) fn back(&mut self, now_ms: u64) {
        self.back_ms = Some(now_ms);
    }

    pub(super) fn is_away(&self) -> bool {
        self.back_ms.is_none()
    }

    /// Whether all nodes that run are known: time has passed since this one could hear them, and those that were lost while it could not are
    /// back, or had time to come. A process that went on after a pause has just lost all of them, so it waits, too.
    pub(super) fn is_settled(&self, now_ms: u64) -> bool {
        let has_passed = |ms: u64, since_ms: Option<u64>| {
            since_ms.is_none_or(|since_ms| now_ms.saturating_sub(since_ms) >= ms)
        };
        let may_return = !self.since.is_empty() && !has_passed(RETURN_MS, self.back_ms);
        !self.is_away()
            && !may_return
            && has_passed(HEARD_MS, self.back_ms)
            && has_passed(HEARD_MS, self.last_ms)
    }

    /// How many are missing.
    pub(super) fn len(&self) -> usize {
        self.since.len()
    }

    pub(super) fn look(&mut self, now_ms: u64) {
        if self.is_away() {
            self.since.values_mut().for_each(|since_ms| *since_ms = now_ms);
        } else {
            self.since
                .retain(|_, since_ms| now_ms.saturating_sub(*since_ms) < MISSED_MS);
        }
    }

    /// Those that are missing now.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.since.keys().copied()
    }
}

/// Adds nodes that were missing to what was answered without them.
pub(super) fn add_to(answers: &mut NodeAnswers, lost: impl Iterator<Item = NodeId>) {
    for node in lost {
        let has_answered = answers.answered.iter().any(|(known, _)| *known == node);
        if !has_answered && answers.missing.iter().all(|(known, _)| *known != node) {
            answers.missing.push((node, Absent::Lost));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(lost: &Lost) -> usize {
        let mut answers = NodeAnswers::default();
        add_to(&mut answers, lost.nodes());
        answers.of()
    }

    #[test]
    fn a_silent_node_is_missing_for_a_while_and_as_long_as_nobody_can_be_heard() {
        let mut lost = Lost::default();
        lost.back(0);
        lost.lost(NodeId(7), 0);
        lost.look(MISSED_MS - 1);
        assert_eq!(missing(&lost), 1);
        lost.away();
        lost.look(10 * MISSED_MS);
        assert_eq!(missing(&lost), 1);
        lost.back(10 * MISSED_MS);
        lost.look(11 * MISSED_MS);
        assert_eq!(missing(&lost), 0);
        lost.lost(NodeId(8), 0);
        lost.found(NodeId(8));
        assert_eq!(missing(&lost), 0);
    }

    #[test]
    fn a_node_that_is_missing_already_is_missing_once() {
        let mut lost = Lost::default();
        lost.lost(NodeId(7), 0);
        let mut answers = NodeAnswers {
            answered: Vec::new(),
            missing: vec![(NodeId(7), Absent::Late)],
        };
        add_to(&mut answers, lost.nodes());
        assert_eq!(answers.missing, [(NodeId(7), Absent::Late)]);
    }

    #[test]
    fn the_nodes_are_known_some_time_after_they_can_be_heard() {
        let mut lost = Lost::default();
        assert!(!lost.is_settled(100_000), "the broker was never reached");
        lost.back(0);
        assert!(!lost.is_settled(HEARD_MS - 1) && lost.is_settled(HEARD_MS));
        lost.lost(NodeId(7), 60_000);
        assert!(
            !lost.is_settled(60_000) && lost.is_settled(60_000 + HEARD_MS),
            "it was killed"
        );
        lost.away();
        assert!(!lost.is_settled(70_000));
        lost.back(80_000);
        assert!(!lost.is_settled(80_000 + RETURN_MS - 1) && lost.is_settled(80_000 + RETURN_MS));
        lost.found(NodeId(7));
        assert!(lost.is_settled(80_000 + HEARD_MS), "it is back");
    }
}
