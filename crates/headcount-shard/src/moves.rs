//! Tabs that may change their server, where the server is a node of a cluster.

use headcount_core::cluster::{MovedTab, TabBooks};
use headcount_core::connection::NodeId;

use crate::cause::Cause;
use crate::newcomer::Newcomer;
use crate::outlets::ShardEvent;
use crate::tabs::Tabs;

/// Tells the hub, in a cluster, that a tab has come. If its queue is full, an old connection ends when its silence is noticed.
pub(super) fn say_came(tabs: &Tabs, newcomer: &Newcomer) {
    let Some(tab) = newcomer.tab.filter(|_| tabs.terms.is_joined) else {
        return;
    };
    let epoch = tabs.table.standing().epoch;
    let came = ShardEvent::Came {
        tab,
        reloaded: newcomer.reloaded.within(epoch).into(),
    };
    let _noticed_later = tabs.outlets.reports.try_send(came).is_ok();
}

/// Closes the connections of these tabs, and hands what they were told over to the node where they are now.
pub(super) fn let_go(tabs: &mut Tabs, to: NodeId, moved: &[MovedTab]) {
    let mut books = Vec::new();
    for MovedTab { tab, reloaded, .. } in moved {
        if let Some(slot) = tabs.table.slot_of_tab(*tab) {
            tabs.close(slot, Cause::Replaced);
        }
        let told = tabs.table.hand_over(*tab, reloaded);
        if !told.is_empty() {
            books.push(TabBooks { tab: *tab, told });
        }
    }
    if !books.is_empty() {
        let hand_over = ShardEvent::HandOver { to, tabs: books };
        // Where the queue is full, nobody counts them any more.
        let _lost = tabs.outlets.reports.try_send(hand_over).is_ok();
    }
}

/// Takes in what these tabs were told at another node.
pub(super) fn take_over(tabs: &mut Tabs, books: Vec<TabBooks>) {
    for TabBooks { tab, told } in books {
        tabs.table.take_over(tab, &told);
    }
}
