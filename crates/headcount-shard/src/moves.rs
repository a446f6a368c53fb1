//! Tabs that may change their server, where the server is a node of a cluster.

use headcount_core::cluster::{MovedTab, TabBooks};
use headcount_core::connection::{ConnectionKey, NodeId};

use crate::cause::Cause;
use crate::newcomer::Newcomer;
use crate::outlets::ShardEvent;
use crate::tabs::Tabs;

/// Tells the hub, in a cluster, that a tab has come. If its queue is full, an old connection ends when its silence is noticed.
pub(super) fn say_came(tabs: &Tabs, newcomer: &Newcomer, key: ConnectionKey) {
    let Some(tab) = newcomer.tab.filter(|_| tabs.terms.is_joined) else {
        return;
    };
    let epoch = tabs.table.standing().epoch;
    let came = ShardEvent::Came {
        key,
        tab,
        reloaded: newcomer.reloaded.within(epoch).into(),
    };
    let _noticed_later = tabs.outlets.reports.try_send(came).is_ok();
}

/// Closes the connections of these tabs, and hands what they were told over to the node where they are now. One that opened after the `newest` that the
/// hub has heard of stays: the hub compares its opening with that at the other node when it hears of it.
pub(super) fn let_go(tabs: &mut Tabs, to: NodeId, moved: &[MovedTab], newest: u32) {
    let mut books = Vec::new();
    for MovedTab { tab, reloaded, .. } in moved {
        if let Some(slot) = tabs.table.slot_of_tab(*tab) {
            let key = tabs.table.key(slot);
            if key.is_some_and(|key| is_after(key.generation, newest)) {
                continue;
            }
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

/// Whether this generation is after that one. They begin again after four billion connections.
fn is_after(generation: u32, newest: u32) -> bool {
    (1..1 << 31).contains(&generation.wrapping_sub(newest))
}

/// Takes in what these tabs were told at another node.
pub(super) fn take_over(tabs: &mut Tabs, books: Vec<TabBooks>) {
    for TabBooks { tab, told } in books {
        tabs.table.take_over(tab, &told);
    }
}
