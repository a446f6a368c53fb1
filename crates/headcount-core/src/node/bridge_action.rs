//! What a node's server must do for bridges.

use crate::cluster::{RequestId, Slice};
use crate::connection::NodeId;
use crate::happening::{Happening, Wants};

/// What a node's server must do for bridges.
#[derive(Clone, Debug, PartialEq)]
pub enum BridgeAction {
    /// Tell this bridge what happened at another node, and then what is open there.
    Told {
        /// The bridge.
        bridge: u64,
        /// The other node.
        node: NodeId,
        /// What happened.
        news: Vec<Happening>,
        /// Some of what is open. [`Node::read`](crate::node::Node::read) asks for the next slice.
        slice: Option<Slice>,
    },
    /// The connections of this node, as far as the bridge knows them, are closed, or nothing is known of them.
    Gone {
        /// The bridge.
        bridge: u64,
        /// The other node.
        node: NodeId,
    },
    /// The bridge was told what is open at all nodes.
    Ready {
        /// The bridge.
        bridge: u64,
    },
    /// Something was lost: the bridge must begin again.
    Lagged {
        /// The bridge.
        bridge: u64,
    },
    /// Open a tap for another node, and tell its news by [`Node::tell`](crate::node::Node::tell), with the first slice.
    Open {
        /// The node.
        owner: NodeId,
        /// The tap.
        tap: RequestId,
        /// What the owner is told.
        wants: Wants,
    },
    /// Tell the owner of a tap the next slice.
    Next {
        /// The node.
        owner: NodeId,
        /// The tap.
        tap: RequestId,
    },
    /// End a tap of another node.
    End {
        /// The node.
        owner: NodeId,
        /// The tap.
        tap: RequestId,
    },
    /// Of the bridges that share the connections of this app, one of this node is told from now on, or none.
    Shared {
        /// The keyed hash of the name of the app.
        app: u64,
        /// Whether one of this node is told.
        is_told: bool,
    },
    /// These other nodes have bridges that decide who may see stats; that of the newest bridge is the first.
    Authorize {
        /// The nodes.
        nodes: Vec<NodeId>,
    },
}
