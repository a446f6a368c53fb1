//! Whether anybody watches, here or elsewhere, and what those that watch are told.

use super::{Action, Node};
use crate::cluster::{Message, To};
use crate::connection::NodeId;

impl Node {
    /// Other nodes whose counts in the feed are missing or old, until they have sent everything. None while nobody watches here.
    pub fn lacking(&self) -> impl Iterator<Item = NodeId> {
        let nodes = self.members.iter().map(|(node, _)| node);
        nodes.filter(|node| self.counting.lacks(*node))
    }

    /// The other nodes whose counts are not in the feed. All while nobody watches here.
    pub fn uncounted(&self) -> impl Iterator<Item = NodeId> {
        let nodes = self.members.iter().map(|(node, _)| node);
        nodes.filter(|node| !self.counting.has(*node))
    }

    /// Whether somebody watches here.
    pub fn is_watched_here(&self) -> bool {
        self.counting.is_watched()
    }

    /// Whether anybody needs the reports of the shards: somebody watches here, or at another node.
    pub fn is_watched(&self) -> bool {
        self.counting.is_reporting()
    }

    /// Whether a node is to be sent everything, with [`Node::answer_wants`]. Not before this node has heard that somebody watches.
    pub fn is_wanted(&self) -> bool {
        self.is_watched() && self.wants.are_due()
    }

    /// Tells those that watch what changed since the last call, here and at other nodes. To be called once per `tick_ms` while
    /// [`Node::is_watched`], after the shards have reported.
    pub fn tick(&mut self) {
        self.tell_watchers();
    }

    /// As [`Node::tick`], and answers the nodes that asked for everything. To be called while [`Node::is_wanted`], after all shards have reported what
    /// they have.
    pub fn answer_wants(&mut self, now_ms: u64) {
        if !self.is_watched() {
            return;
        }
        let told_everything = self.tell_watchers();
        for node in self.wants.take_due(now_ms) {
            // Those that watch were just sent everything. One that did not hear it asks again.
            if !told_everything {
                let report = self.counting.whole();
                self.send(To::Node(node), Message::Report(report));
            }
        }
    }

    /// Tells those that watch what changed. Whether other nodes were told everything.
    fn tell_watchers(&mut self) -> bool {
        let Some(report) = self.counting.tick(self.members.watch()) else {
            return false;
        };
        let is_whole = report.whole;
        self.send(To::Watchers, Message::Report(report));
        is_whole
    }

    /// Somebody watches here from now on, or nobody does any more.
    pub fn set_watched(&mut self, watched: bool, now_ms: u64) {
        if !self.counting.set_watched(watched) {
            return;
        }
        self.actions.push_back(Action::Listen(watched));
        self.next_heartbeat_ms = now_ms;
        self.look(now_ms);
    }

    /// Asks the nodes that are lacking for everything.
    pub(super) fn want(&mut self, now_ms: u64) {
        let lacking: Vec<NodeId> = self.lacking().collect();
        for node in self.wants.due(lacking, now_ms) {
            self.send(To::Node(node), Message::WantWhole);
        }
    }

    /// Begins to report when somebody watches, and stops when nobody does.
    pub(super) fn follow_watchers(&mut self) {
        if let Some(reports) = self.counting.set_others_watch(self.members.watch()) {
            self.actions.push_back(Action::Watched(reports));
        }
    }
}
