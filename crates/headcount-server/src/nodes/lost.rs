//! Nodes that fell silent without a word.
//!
//! They may run on, and hold tabs that nobody counts. So answers say for a while that they are missing. One that comes back under the same id,
//! or says that it ends, is not lost any more. A process that died comes back under another id, and its tabs have returned by then: a newcomer
//! with the name of a lost node takes its place, also where it came before the other was missed. Several nodes may have one name. Then a newcomer
//! takes the place of one of them, at worst of one that still runs, which is then not called missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use headcount_core::cluster::{Absent, NodeAnswers};
use headcount_core::connection::NodeId;

/// For how long a silent node counts as missing, while the broker is reached.
const MISSED_MS: u64 = 60_000;

/// How long it takes until every node that can be heard was heard: a heartbeat, and time for it to come.
const HEARD_MS: u64 = 1_500;

/// How long nodes may take to reach the broker after this one has.
const RETURN_MS: u64 = 10_000;

/// A node that is there.
#[derive(Debug)]
struct Known {
    name: Arc<str>,
    joined_ms: u64,
    /// Whether it has taken the place of a lost one.
    replaces: bool,
}

/// A node that was lost.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) name: Arc<str>,
    /// When it was missed: milliseconds since the Unix epoch.
    pub(super) at_unix_ms: u64,
    /// Since when it counts as missing, by the clock that is never set.
    since_ms: u64,
    /// Whether another one has taken its place. It is not missing then, and only its name is remembered.
    is_replaced: bool,
}

/// The nodes that are missing, and the names of those that are there.
#[derive(Debug, Default)]
pub(super) struct Lost {
    known: BTreeMap<NodeId, Known>,
    gone: BTreeMap<NodeId, Gone>,
    /// Since when the broker is reached. `None`: it is not, so that nobody can be heard.
    back_ms: Option<u64>,
    /// When a node was lost last.
    last_ms: Option<u64>,
}

impl Lost {
    /// A node was heard that was not known, or lost.
    pub(super) fn joined(&mut self, node: NodeId, name: Arc<str>, now_ms: u64) {
        let is_itself = self.gone.remove(&node).is_some();
        let replaces = !is_itself && self.replace(&name);
        let known = Known {
            name,
            joined_ms: now_ms,
            replaces,
        };
        self.known.insert(node, known);
    }

    /// A node has ended.
    pub(super) fn left(&mut self, node: NodeId) {
        self.known.remove(&node);
        self.gone.remove(&node);
    }

    /// Nothing was heard of a node since `heard_ms`. What has come since then may be the same machine again. `clocks`: the time of day and the
    /// clock that is never set.
    pub(super) fn lost(&mut self, node: NodeId, heard_ms: u64, (at_unix_ms, now_ms): (u64, u64)) {
        let Some(Known { name, .. }) = self.known.remove(&node) else {
            return;
        };
        self.last_ms = Some(now_ms);
        // While the broker is away, all are missed together, and nobody can have come.
        let is_away = self.is_away();
        let is_successor = |other: &&mut Known| {
            let is_new = other.joined_ms > heard_ms;
            !is_away && is_new && !other.replaces && other.name == name
        };
        let successor = self.known.values_mut().find(is_successor);
        let is_replaced = successor.is_some();
        if let Some(successor) = successor {
            successor.replaces = true;
        }
        let gone = Gone {
            name,
            at_unix_ms,
            since_ms: now_ms,
            is_replaced,
        };
        self.gone.insert(node, gone);
    }

    /// Whether a node of this name was missing. The one that was lost first is not any more.
    fn replace(&mut self, name: &str) -> bool {
        let missing = self
            .gone
            .values_mut()
            .filter(|gone| !gone.is_replaced && &*gone.name == name);
        let first = missing.min_by_key(|gone| gone.since_ms);
        first.map(|gone| gone.is_replaced = true).is_some()
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
        let may_return = self.len() > 0 && !has_passed(RETURN_MS, self.back_ms);
        !self.is_away()
            && !may_return
            && has_passed(HEARD_MS, self.back_ms)
            && has_passed(HEARD_MS, self.last_ms)
    }

    /// How many are missing.
    pub(super) fn len(&self) -> usize {
        self.missing().count()
    }

    pub(super) fn look(&mut self, now_ms: u64) {
        if self.is_away() {
            self.gone.values_mut().for_each(|gone| gone.since_ms = now_ms);
        } else {
            self.gone
                .retain(|_, gone| now_ms.saturating_sub(gone.since_ms) < MISSED_MS);
        }
    }

    /// Those that are missing now.
    pub(super) fn missing(&self) -> impl Iterator<Item = (NodeId, &Gone)> {
        let gone = self.gone.iter().filter(|(_, gone)| !gone.is_replaced);
        gone.map(|(node, gone)| (*node, gone))
    }

    /// As [`Lost::missing`], only their ids.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.missing().map(|(node, _)| node)
    }

    /// What a lost node is called; its id, where it was forgotten.
    pub(super) fn name_of(&self, node: NodeId) -> Arc<str> {
        let gone = self.gone.get(&node).map(|gone| Arc::clone(&gone.name));
        gone.unwrap_or_else(|| node.to_string().into())
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

    const UNIX_MS: u64 = 1_700_000_000_000;

    impl Lost {
        /// A node with this name came, and is lost at this moment.
        fn lose(&mut self, node: u32, name: &str, now_ms: u64) {
            self.joined(NodeId(node), name.into(), 0);
            self.lost(NodeId(node), 0, (UNIX_MS + now_ms, now_ms));
        }
    }

    fn missing(lost: &Lost) -> usize {
        let mut answers = NodeAnswers::default();
        add_to(&mut answers, lost.nodes());
        answers.of()
    }

    #[test]
    fn a_silent_node_is_missing_for_a_while_and_as_long_as_nobody_can_be_heard() {
        let mut lost = Lost::default();
        lost.back(0);
        lost.lose(7, "a", 0);
        lost.look(MISSED_MS - 1);
        assert_eq!(missing(&lost), 1);
        lost.away();
        lost.look(10 * MISSED_MS);
        assert_eq!(missing(&lost), 1);
        lost.back(10 * MISSED_MS);
        lost.look(11 * MISSED_MS);
        assert_eq!(missing(&lost), 0);
        lost.lose(8, "b", 0);
        lost.left(NodeId(8));
        assert_eq!(missing(&lost), 0);
        lost.lose(9, "c", 0);
        lost.joined(NodeId(9), "c".into(), 0);
        assert_eq!(missing(&lost), 0);
    }

    /// Regression: a node that was killed and started again was called missing for a minute.
    #[test]
    fn a_newcomer_takes_the_place_of_one_lost_node_of_its_name() {
        let mut lost = Lost::default();
        lost.back(0);
        for (node, name) in [(7, "a"), (8, "a"), (9, "b")] {
            lost.joined(NodeId(node), name.into(), 0);
        }
        for node in 7..10 {
            lost.lost(NodeId(node), 10_000, (UNIX_MS, 10_000 + u64::from(node)));
        }
        lost.joined(NodeId(10), "a".into(), 11_000);
        let names: Vec<_> = lost.missing().map(|(node, gone)| (node, &*gone.name)).collect();
        assert_eq!(names, [(NodeId(8), "a"), (NodeId(9), "b")]);
        assert_eq!(
            &*lost.name_of(NodeId(7)),
            "a",
            "an answer may still have to name it"
        );
        lost.joined(NodeId(11), "a".into(), 11_001);
        lost.joined(NodeId(12), "a".into(), 11_002);
        assert_eq!(missing(&lost), 1, "only b");
    }

    #[test]
    fn a_node_that_is_back_before_it_is_missed_is_never_called_missing() {
        let mut lost = Lost::default();
        lost.back(0);
        for (node, joined_ms) in [(7, 0), (8, 5_000), (9, 60_000)] {
            lost.joined(NodeId(node), "a".into(), joined_ms);
        }
        lost.lost(NodeId(7), 59_999, (UNIX_MS, 64_499));
        assert_eq!(missing(&lost), 0, "9 came while it was silent");
        lost.lost(NodeId(8), 59_999, (UNIX_MS, 64_499));
        assert_eq!(missing(&lost), 1, "9 takes one place only");
        lost.joined(NodeId(8), "a".into(), 70_000);
        lost.lost(NodeId(9), 70_001, (UNIX_MS, 74_000));
        assert_eq!(missing(&lost), 1, "8 was there all the while");
    }

    /// Regression: three nodes of one name that had just started were lost with their broker, and one counted as the successor of another.
    #[test]
    fn nodes_that_are_lost_with_the_broker_take_no_place() {
        let mut lost = Lost::default();
        lost.back(0);
        for node in [7, 8] {
            lost.joined(NodeId(node), "a".into(), u64::from(node));
        }
        lost.away();
        for node in [7, 8] {
            lost.lost(NodeId(node), u64::from(node), (UNIX_MS, 3_500));
        }
        assert_eq!(missing(&lost), 2);
    }

    #[test]
    fn a_node_that_is_missing_already_is_missing_once() {
        let mut lost = Lost::default();
        lost.lose(7, "a", 0);
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
        lost.lose(7, "a", 60_000);
        assert!(
            !lost.is_settled(60_000) && lost.is_settled(60_000 + HEARD_MS),
            "it was killed"
        );
        lost.away();
        assert!(!lost.is_settled(70_000));
        lost.back(80_000);
        assert!(!lost.is_settled(80_000 + RETURN_MS - 1) && lost.is_settled(80_000 + RETURN_MS));
        lost.joined(NodeId(7), "a".into(), 80_000);
        assert!(lost.is_settled(80_000 + HEARD_MS), "it is back");
    }
}
