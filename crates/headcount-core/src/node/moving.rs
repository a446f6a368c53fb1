//! What a node says about tabs that came to it.

use std::sync::Arc;

use super::Node;
use crate::cluster::{Message, TabBooks, To};
use crate::connection::NodeId;

impl Node {
    /// A tab opened a connection here. Others that hold an older one of the same id, or have it in their books, let that go: the tab was there
    /// before, or was copied. `reloaded` are the rules for which it says that its page was reloaded.
    pub fn came(&mut self, tab: u64, reloaded: Arc<[u32]>, now_ms: u64) {
        self.moves.came(tab, reloaded, now_ms);
        self.send_moves(now_ms);
    }

    /// Hands what tabs were told here over to the node where they are now.
    pub fn hand_over(&mut self, to: NodeId, tabs: Vec<TabBooks>) {
        self.send(To::Node(to), Message::Books { tabs });
    }

    /// Tells the others of tabs that came, if that is due.
    pub(super) fn send_moves(&mut self, now_ms: u64) {
        while let Some(tabs) = self.moves.take_due(now_ms) {
            let sent_ms = now_ms;
            self.send(To::All, Message::Moved { sent_ms, tabs });
        }
    }
}
