//! What is known of the nodes: which are there, what runs there, and which are missing.

use headcount_core::cluster::Heartbeat;
use headcount_core::connection::NodeId;
use headcount_core::protocol::nodes::{MissingNode, NodeEntry, NodesAnswer, NodesAsked};

use super::agreement::differing;
use super::asking::Others;
use super::joined::Joined;
use super::lost::Gone;
use crate::clock;

impl Joined {
    /// The nodes that are there, this one too.
    pub(crate) fn nodes(&self, tabs: u32) -> NodesAnswer {
        let here = Heartbeat {
            tabs: tabs.into(),
            ..self.node.heartbeat()
        };
        let others = self.node.members().iter();
        let others = others.map(|(id, member)| (id, member.heartbeat.clone()));
        let all: Vec<_> = others.chain([(self.node.id(), here)]).collect();
        let mut nodes: Vec<_> = all.into_iter().map(|(id, said)| self.entry(id, &said)).collect();
        nodes.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        let mut answer = NodesAnswer::default();
        answer.cluster = self.cluster.to_string();
        answer.broker_reached = !self.lost.is_away();
        answer.nodes = nodes;
        answer.missing = self.missing();
        answer
    }

    /// The nodes that are lost.
    fn missing(&self) -> Vec<MissingNode> {
        let entry = |(id, gone): (NodeId, &Gone)| {
            let mut entry = MissingNode::default();
            entry.id = id.to_string();
            entry.name = gone.name.to_string();
            entry.lost_at = gone.at_unix_ms;
            entry
        };
        let mut missing: Vec<_> = self.lost.missing().map(entry).collect();
        missing.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        missing
    }

    /// The other nodes, and what runs there. `None` where some of them cannot be heard.
    pub(crate) fn others(&self) -> Option<Others> {
        if !self.lost.is_settled(clock::steady_ms()) {
            return None;
        }
        let nodes = self.node.members().iter().map(|(node, _)| node);
        let (before, after): (Vec<_>, Vec<_>) = nodes.partition(|node| *node < self.node.id());
        Some(Others {
            versions: self.node.versions_of_others(),
            nodes: [after, before].concat(),
        })
    }

    /// Whether the feed has changed since the last call. It then says how many nodes it is of.
    pub(crate) fn take_changed(&mut self) -> bool {
        let partial = self.partial();
        let is_news = self.node.feed_mut().set_partial(partial);
        self.node.take_changed() || is_news
    }

    /// How many nodes the feed is of; `None` where it is of all, or nobody watches.
    pub(super) fn partial(&self) -> Option<NodesAsked> {
        if !self.node.is_watched_here() {
            return None;
        }
        let missing = self.node.uncounted().chain(self.lost.nodes());
        let missing: Vec<_> = missing.map(|node| self.name_of(node).to_string()).collect();
        let counted = 1 + self.node.members().len() - self.node.uncounted().count();
        (!missing.is_empty()).then(|| NodesAsked::new(counted, missing))
    }

    fn entry(&self, id: NodeId, said: &Heartbeat) -> NodeEntry {
        let mut entry = NodeEntry::default();
        entry.id = id.to_string();
        entry.name = said.name.to_string();
        entry.software = said.software.to_string();
        entry.tabs = said.tabs;
        entry.lag = self.node.behind(said.read);
        entry.clock_offset_ms = self.node.clock_off(id);
        entry.drains = said.drains;
        entry.watches = said.watches;
        entry.here = id == self.node.id();
        entry.differs = differing(&self.node.heartbeat(), said);
        entry
    }
}
