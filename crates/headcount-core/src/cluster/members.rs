//! Which nodes there are.
//!
//! Each node says once a second that it is there. One that was not heard for [`LOST_AFTER_MS`] is lost: its tabs leave the sum, until it is heard
//! again. One that ends says so, and leaves at once.
//!
//! A process that was stopped for a while and goes on has not heard anybody, and what then waits for it is old. So it forgets all others
//! first, and each is a newcomer when it is heard again.
//!
//! Deliberately absent: the clock. Times are milliseconds of a clock that is never set.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::settings::Settings;
use super::sign_outs::SignOutMark;
use super::tap::Bridging;
use crate::command_log::LogIndex;
use crate::connection::NodeId;

/// How often a node says that it is there.
pub const HEARTBEAT_MS: u64 = 1_000;

/// How long a node may be silent: three heartbeats may be lost.
pub const LOST_AFTER_MS: u64 = 3_500;

/// Other nodes that are known at once. A further one is ignored.
pub const NODES_MAX: usize = 256;

/// A gap between two looks at the clock that says that this process was stopped.
const STOPPED_MS: u64 = LOST_AFTER_MS;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Counts the heartbeats of the node, from 1.
    pub number: u64,
    /// What its operator calls it: the name of its host, by default.
    pub name: Arc<str>,
    /// The release of headcount that it runs.
    pub software: Arc<str>,
    /// Its open connections.
    pub tabs: u64,
    /// How far it has read the log of commands.
    pub read: LogIndex,
    /// Whether somebody watches stats there, so that it needs the reports of the others.
    pub watches: bool,
    /// Whether it is draining.
    pub drains: bool,
    /// Its bridges; `None` from a version that knows nothing of the bridges of other nodes.
    pub bridges: Option<Bridging>,
    /// Which sign-outs it knows.
    pub signed_out: SignOutMark,
    /// What must be set the same at all nodes. Empty where it does not say.
    pub settings: Settings,
    /// The time of day there, milliseconds since the Unix epoch; `None` from a version that does not say it.
    pub unix_ms: Option<u64>,
}

/// A node that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it said last.
    pub heartbeat: Heartbeat,
    /// When that was heard.
    heard_ms: u64,
}

/// What a heartbeat means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The node was not known, or lost.
    New,
    /// It was known.
    Known,
    /// It was said before something that was heard already, such as that the node ends. It means nothing.
    Late,
    /// Another node calls itself as this one. One in four billion starts has that bad luck with each other node; the one that notices must
    /// end, and start again.
    Double,
    /// There are too many nodes.
    Full,
}

/// The other nodes, as far as they are heard.
#[derive(Clone, Debug)]
pub struct Members {
    here: NodeId,
    there: BTreeMap<NodeId, Member>,
    /// Those that said that they end, the newest last: a heartbeat that comes after that is late. At most `max`.
    ended: VecDeque<NodeId>,
    /// The last heartbeats of those that are lost, the newest last: they are not repeated as news. At most `max`.
    lost: VecDeque<(NodeId, u64)>,
    max: usize,
    looked_ms: u64,
}

impl Members {
    /// Nobody yet but the node `here`. At most `max` others are known.
    pub fn new(here: NodeId, max: usize, now_ms: u64) -> Self {
        Self {
            here,
            there: BTreeMap::new(),
            ended: VecDeque::new(),
            lost: VecDeque::new(),
            max,
            looked_ms: now_ms,
        }
    }

    /// Takes in a heartbeat. To be called after [`Members::look`] for the same moment.
    ///
    /// ```
    /// use headcount_core::cluster::{Heard, Heartbeat, LOST_AFTER_MS, Members, Settings, SignOutMark};
    /// use headcount_core::command_log::LogIndex;
    /// use headcount_core::connection::NodeId;
    ///
    /// let mut members = Members::new(NodeId(1), 100, 0);
    /// let heartbeat = Heartbeat {
    ///     number: 1,
    ///     name: "b".into(),
    ///     software: "0.1.0".into(),
    ///     tabs: 7,
    ///     read: LogIndex(3),
    ///     watches: false,
    ///     drains: false,
    ///     bridges: None,
    ///     signed_out: SignOutMark::default(),
    ///     settings: Settings::default(),
    ///     unix_ms: None,
    /// };
    /// assert_eq!(members.hear(NodeId(2), heartbeat, 0), Heard::New);
    /// assert_eq!(members.look(LOST_AFTER_MS - 1), []);
    /// assert_eq!(members.look(LOST_AFTER_MS), [(NodeId(2), 0)]);
    /// ```
    pub fn hear(&mut self, node: NodeId, heartbeat: Heartbeat, now_ms: u64) -> Heard {
        if node == self.here {
            return Heard::Double;
        }
        let is_full = self.there.len() >= self.max;
        let is_late = self.ended.contains(&node) || self.is_late(node, heartbeat.number);
        match self.there.get_mut(&node) {
            Some(member) if member.heartbeat.number >= heartbeat.number => Heard::Late,
            Some(member) => {
                *member = Member {
                    heartbeat,
                    heard_ms: now_ms,
                };
                Heard::Known
            }
            None if is_late => Heard::Late,
            None if is_full => Heard::Full,
            None => {
                self.lost.retain(|(lost, _)| *lost != node);
                let member = Member {
                    heartbeat,
                    heard_ms: now_ms,
                };
                self.there.insert(node, member);
                Heard::New
            }
        }
    }

    /// A node says that it ends, and is not heard again. Whether it was known.
    pub fn leave(&mut self, node: NodeId) -> bool {
        if !self.ended.contains(&node) {
            self.ended.push_back(node);
        }
        if self.ended.len() > self.max {
            self.ended.pop_front();
        }
        self.there.remove(&node).is_some()
    }

    /// Looks at the clock, at least once a second and before anything that has come is taken in. The nodes that are lost now, and when each was
    /// heard last, on the same clock.
    pub fn look(&mut self, now_ms: u64) -> Vec<(NodeId, u64)> {
        let gap_ms = now_ms.saturating_sub(self.looked_ms);
        self.looked_ms = now_ms;
        let was_stopped = gap_ms >= STOPPED_MS;
        let is_lost =
            |member: &Member| was_stopped || now_ms.saturating_sub(member.heard_ms) >= LOST_AFTER_MS;
        let lost = |(node, member): (&NodeId, &Member)| is_lost(member).then_some((*node, member.heard_ms));
        let lost: Vec<(NodeId, u64)> = self.there.iter().filter_map(lost).collect();
        for (node, _) in &lost {
            if let Some(member) = self.there.remove(node) {
                self.lost.push_back((*node, member.heartbeat.number));
            }
            if self.lost.len() > self.max {
                self.lost.pop_front();
            }
        }
        lost
    }

    /// When the next node is lost, if it is not heard before. `None`: there is no other.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        let heard = self.there.values().map(|member| member.heard_ms);
        heard.min().map(|heard_ms| heard_ms + LOST_AFTER_MS)
    }

    /// Whether a heartbeat of a lost node was sent before it was lost.
    fn is_late(&self, node: NodeId, number: u64) -> bool {
        let last = self.lost.iter().find(|(lost, _)| *lost == node);
        last.is_some_and(|(_, last)| number <= *last)
    }

    /// The nodes that are there, in the order of their ids, without this one.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.there.iter().map(|(node, member)| (*node, member))
    }

    /// Whether a node is there.
    pub fn knows(&self, node: NodeId) -> bool {
        self.there.contains_key(&node)
    }

    /// How many others there are.
    pub fn len(&self) -> usize {
        self.there.len()
    }

    /// Whether this node is alone.
    pub fn is_empty(&self) -> bool {
        self.there.is_empty()
    }

    /// Whether any other node needs reports.
    pub fn watch(&self) -> bool {
        self.there.values().any(|member| member.heartbeat.watches)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: NodeId = NodeId(1);
    const THERE: NodeId = NodeId(2);

    fn heartbeat(number: u64) -> Heartbeat {
        Heartbeat {
            number,
            name: "a-node".into(),
            software: "0.1.0".into(),
            tabs: number,
            read: LogIndex(0),
            watches: false,
            drains: false,
            bridges: None,
            signed_out: SignOutMark::default(),
            settings: Settings::default(),
            unix_ms: None,
        }
    }

    #[test]
    fn a_node_stays_while_it_is_heard_and_goes_when_it_is_silent() {
        let mut members = Members::new(HERE, 9, 0);
        assert_eq!(members.hear(THERE, heartbeat(1), 0), Heard::New);
        for number in 2..20 {
            let now_ms = (number - 1) * HEARTBEAT_MS;
            assert_eq!(members.look(now_ms), []);
            assert_eq!(members.hear(THERE, heartbeat(number), now_ms), Heard::Known);
        }
        let silent_ms = 18 * HEARTBEAT_MS;
        for after_ms in [1_000, 2_000, 3_000] {
            assert_eq!(members.look(silent_ms + after_ms), []);
        }
        assert_eq!(members.look(silent_ms + LOST_AFTER_MS), [(THERE, silent_ms)]);
        assert_eq!(
            members.hear(THERE, heartbeat(20), silent_ms + LOST_AFTER_MS),
            Heard::New
        );
    }

    #[test]
    fn late_and_repeated_heartbeats_keep_nobody_alive() {
        let mut members = Members::new(HERE, 9, 0);
        members.hear(THERE, heartbeat(5), 0);
        for now_ms in [1_000, 2_000, 3_000] {
            assert_eq!(members.look(now_ms), []);
            assert_eq!(members.hear(THERE, heartbeat(5), now_ms), Heard::Late);
            assert_eq!(members.hear(THERE, heartbeat(4), now_ms), Heard::Late);
        }
        assert_eq!(members.look(LOST_AFTER_MS), [(THERE, 0)]);
        assert_eq!(members.hear(THERE, heartbeat(5), LOST_AFTER_MS), Heard::Late);
        assert_eq!(members.hear(THERE, heartbeat(6), LOST_AFTER_MS), Heard::New);
    }

    #[test]
    fn who_was_stopped_forgets_the_others_before_it_hears_what_waited() {
        let mut members = Members::new(HERE, 9, 0);
        members.hear(THERE, heartbeat(1), 0);
        assert_eq!(members.look(10_000), [(THERE, 0)]);
        assert!(members.is_empty());
    }

    #[test]
    fn a_node_that_ends_leaves_at_once_and_a_double_is_noticed() {
        let mut members = Members::new(HERE, 1, 0);
        members.hear(THERE, heartbeat(1), 0);
        assert_eq!(members.hear(NodeId(3), heartbeat(1), 0), Heard::Full);
        assert_eq!(members.hear(HERE, heartbeat(1), 0), Heard::Double);
        assert!(members.leave(THERE) && !members.leave(THERE));
        assert_eq!(
            members.hear(THERE, heartbeat(2), 0),
            Heard::Late,
            "it was under way"
        );
        assert_eq!(members.hear(NodeId(3), heartbeat(1), 0), Heard::New);
    }

    proptest! {
        /// Whatever is lost, repeated or late: a node is there if a new heartbeat of it was heard lately, and only then.
        #[test]
        fn who_is_there_was_heard_lately(steps in prop::collection::vec((0_u32..4, 1_u64..9, 0_u64..1_200), 1..80)) {
            let mut members = Members::new(HERE, 9, 0);
            let mut newest: BTreeMap<NodeId, (u64, u64)> = BTreeMap::new();
            let mut now_ms = 0;
            for (node, number, pause_ms) in steps {
                now_ms += pause_ms;
                let node = NodeId(node + 2);
                members.look(now_ms);
                if newest.get(&node).is_none_or(|(known, _)| number > *known) {
                    newest.insert(node, (number, now_ms));
                }
                members.hear(node, heartbeat(number), now_ms);
                for (node, (_, heard_ms)) in &newest {
                    prop_assert_eq!(members.knows(*node), now_ms - heard_ms < LOST_AFTER_MS);
                }
            }
        }
    }
}
