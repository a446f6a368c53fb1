//! Which requests of other nodes were heard before.
//!
//! A request may be heard twice, and what it asks for must not be done twice. Its number says which it is. For each node, the numbers of the last
//! [`REQUESTS_MAX`] are remembered, and a lower one counts as heard.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::cluster::{NODES_MAX, RequestId};
use crate::connection::NodeId;

const REQUESTS_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Seen {
    nodes: BTreeMap<NodeId, Requests>,
    /// The nodes in the order in which they came. More than are there at once, because one that was lost may come back.
    in_order: VecDeque<NodeId>,
}

#[derive(Debug, Default)]
struct Requests {
    seen: BTreeSet<RequestId>,
    /// What is lower counts as seen.
    from: RequestId,
}

impl Seen {
    /// Whether a request was not heard before. It then was.
    pub(super) fn is_new(&mut self, node: NodeId, request: RequestId) -> bool {
        if !self.nodes.contains_key(&node) {
            self.in_order.push_back(node);
        }
        let requests = self.nodes.entry(node).or_default();
        let new = request >= requests.from && requests.seen.insert(request);
        if requests.seen.len() > REQUESTS_MAX
            && let Some(RequestId(lowest)) = requests.seen.pop_first()
        {
            requests.from = RequestId(lowest.saturating_add(1));
        }
        if self.in_order.len() > 2 * NODES_MAX
            && let Some(first) = self.in_order.pop_front()
        {
            self.nodes.remove(&first);
        }
        new
    }

    /// A node has ended: it sends nothing any more.
    pub(super) fn forget(&mut self, node: NodeId) {
        if self.nodes.remove(&node).is_some() {
            self.in_order.retain(|other| *other != node);
        }
    }
}
