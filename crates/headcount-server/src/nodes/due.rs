//! What the node asks of the server that owns it.

use headcount_core::cluster::{MovedTab, NodeQuestion, Relay, RequestId, SignOuts, TabBooks};
use headcount_core::connection::NodeId;
use headcount_core::node::BridgeAction;

/// What the owner of the node must do.
#[derive(Debug)]
pub(crate) enum Due {
    /// Let the shards report from now on, or no longer.
    Watch(bool),
    /// Answer a question by [`Joined::answer`].
    Answer {
        to: NodeId,
        request: RequestId,
        within_ms: u32,
        question: NodeQuestion,
    },
    /// Do something for a connection, and say by [`Joined::relayed`] whether it took it.
    Relay {
        to: NodeId,
        request: RequestId,
        relay: Relay,
    },
    /// Close the connections of these tabs.
    LetGo { to: NodeId, tabs: Vec<MovedTab> },
    /// Take what these tabs were told at another node into the books.
    TakeOver { tabs: Vec<TabBooks> },
    /// Do something for bridges.
    Bridge(BridgeAction),
    /// End these tickets and cookies, which were ended at another node.
    SignOut(SignOuts),
    /// End: another node has the same id.
    End,
}
