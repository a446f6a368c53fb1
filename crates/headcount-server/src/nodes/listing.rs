//! What is known of the nodes: which are there, what runs there, and which are missing.

use headcount_core::cluster::Heartbeat;
use headcount_core::connection::NodeId;
use headcount_core::protocol::nodes::{MissingNode, NodeEntry, NodesAnswer, NodesAsked};

use super::agreement::differing;
use super::asking::{Others, asked};
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
        NodesAnswer {
            cluster: self.cluster.to_string(),
            broker_reached: !self.lost.is_away(),
            nodes,
            missing: self.missing(),
        }
    }

    /// The nodes that are lost.
    fn missing(&self) -> Vec<MissingNode> {
        let entry = |(id, gone): (NodeId, &Gone)| MissingNode {
            id: id.to_string(),
            name: gone.name.to_string(),
            lost_at: gone.at_unix_ms,
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
        (!missing.is_empty()).then(|| asked(counted, missing))
    }

    fn entry(&self, id: NodeId, said: &Heartbeat) -> NodeEntry {
        NodeEntry {
            id: id.to_string(),
            name: said.name.to_string(),
            software: said.software.to_string(),
            tabs: said.tabs,
            lag: self.node.behind(said.read),
            clock_offset_ms: self.node.clock_off(id),
            drains: said.drains,
            watches: said.watches,
            here: id == self.node.id(),
            differs: differing(&self.node.heartbeat(), said),
        }
    }
}
