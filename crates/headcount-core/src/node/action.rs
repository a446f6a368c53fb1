//! What a node's server must do.

use super::BridgeAction;
use crate::cluster::{
    Message, MovedTab, NodeAnswers, NodeQuestion, Relay, RelayOutcome, RequestId, SignOuts, TabBooks, To,
};
use crate::connection::NodeId;

/// What a node's server must do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send a message over the bus.
    Send {
        /// Whom to.
        to: To,
        /// The message.
        message: Message,
    },
    /// Listen to reports from now on, or no longer ([`Bus::watch`](crate::cluster::Bus::watch)).
    Listen(bool),
    /// Let the shards report from now on, because somebody watches here or elsewhere, or no longer.
    Watched(bool),
    /// Answer a question by [`Node::answer`](crate::node::Node::answer), within this time or not at all.
    Asked {
        /// The node that asks, which may be this one.
        from: NodeId,
        /// What the answer refers to, together with `from`.
        request: RequestId,
        /// How long an answer is waited for, milliseconds.
        within_ms: u32,
        /// What is asked.
        question: NodeQuestion,
    },
    /// A question of this node is answered as far as it will be.
    Answered {
        /// Which.
        request: RequestId,
        /// What was answered, and which nodes did not.
        answers: NodeAnswers,
    },
    /// Do something for a connection of this node, and say by [`Node::relayed`](crate::node::Node::relayed) whether it took it.
    Relay {
        /// The node that passes it on.
        from: NodeId,
        /// What the answer refers to, together with `from`.
        request: RequestId,
        /// How long an answer is waited for, milliseconds.
        within_ms: u32,
        /// What to do.
        relay: Relay,
    },
    /// This is what became of a relay.
    Relayed {
        /// Which.
        request: RequestId,
        /// What became of it.
        outcome: RelayOutcome,
    },
    /// Close the connections of these tabs where there are any: they have newer ones at another node.
    LetGo {
        /// The node where they are now. What they were told here goes to its books by [`Node::hand_over`](crate::node::Node::hand_over).
        to: NodeId,
        /// The tabs.
        tabs: Vec<MovedTab>,
    },
    /// These tabs are here now: what they were told at another node goes to the books of this one.
    TakeOver {
        /// The tabs.
        tabs: Vec<TabBooks>,
    },
    /// Do something for bridges.
    Bridge(BridgeAction),
    /// By this question all nodes are told of every sign-out that [`Node::sign_out`](crate::node::Node::sign_out) was given and that they were not told of.
    Telling(RequestId),
    /// End these tickets and cookies, which were ended at another node.
    SignOut(SignOuts),
    /// A node is there.
    Joined(NodeId),
    /// A node has ended.
    Left(NodeId),
    /// Nothing is heard of a node any more.
    Lost {
        /// Which.
        node: NodeId,
        /// When it was heard last, on the clock that [`Node::look`](crate::node::Node::look) is given.
        heard_ms: u64,
    },
    /// Another node has the same id: this one must end, and start again under another.
    Double,
}
