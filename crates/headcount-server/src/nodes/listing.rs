//! What is known of the nodes: which are there, what runs there, and which are missing.

use headcount_core::cluster::Heartbeat;
use headcount_core::connection::NodeId;
use headcount_core::protocol::nodes::{NodeEntry, NodesAnswer, NodesAsked};

use super::agreement::differing;
use super::asking::Others;
use super::joined::Joined;
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
        }
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
        let number = |nodes: usize| u32::try_from(nodes).unwrap_or(u32::MAX);
        let asked = NodesAsked {
            answered: number(1 + self.node.counted()),
            of: number(1 + self.node.members().len() + self.lost.len()),
        };
        (self.node.is_watched_here() && asked.answered < asked.of).then_some(asked)
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
