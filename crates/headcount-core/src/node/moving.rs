//! What a node says about tabs that came to it.

use std::sync::Arc;

use super::moves::LATE_MS;
use super::{Action, Node};
use crate::cluster::{Message, MovedTab, TabBooks, To};
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
            self.say_moved(To::All, tabs, now_ms);
        }
    }

    fn say_moved(&mut self, to: To, tabs: Vec<MovedTab>, now_ms: u64) {
        let message = Message::Moved {
            sent_ms: now_ms,
            ahead_ms: Some(self.order.ahead_ms),
            tabs,
        };
        self.send(to, message);
    }

    /// Tabs came to another node, which adds `ahead_ms` to its clock. It is told of those that are here.
    pub(super) fn hear_moved(
        &mut self,
        from: NodeId,
        (sent_ms, ahead_ms): (u64, Option<u64>),
        tabs: Vec<MovedTab>,
        now_ms: u64,
    ) {
        // Before anything is compared, so that what is said of it is later than what was heard.
        self.note_clock(from, (sent_ms, ahead_ms.unwrap_or(0)), now_ms);
        let sent_here_ms = self.clocks.here_ms(from, sent_ms);
        if i64::try_from(now_ms)
            .unwrap_or(i64::MAX)
            .saturating_sub(sent_here_ms)
            > LATE_MS
        {
            self.ignored.late += 1;
            return;
        }
        let (order, here) = (self.order, self.here);
        let judged = if let Some(ahead_ms) = ahead_ms {
            let sent_ms = sent_ms.saturating_add(ahead_ms);
            self.moves.judge(tabs, now_ms, |here_ms, there| {
                let there_ms = sent_ms.saturating_sub(there.ago_ms.into());
                (order.common_ms(here_ms), here) > (there_ms, from)
            })
        } else {
            self.moves.judge(tabs, now_ms, |here_ms, there| {
                i64::try_from(here_ms).unwrap_or(i64::MAX) > sent_here_ms.saturating_sub(there.ago_ms.into())
            })
        };
        if !judged.left.is_empty() {
            let (to, tabs) = (from, judged.left);
            self.actions.push_back(Action::LetGo { to, tabs });
        }
        if !judged.here.is_empty() {
            self.say_moved(To::Node(from), judged.here, now_ms);
        }
    }

    /// Another node says at this moment of its clock that it adds at least `ahead_ms` to it.
    pub(super) fn note_clock(&mut self, from: NodeId, (sent_ms, ahead_ms): (u64, u64), now_ms: u64) {
        self.clocks.note(from, sent_ms, now_ms);
        self.order.hear(ahead_ms, self.clocks.difference_ms(from));
    }
}
