//! Tabs that change their node: the earlier one lets go, and a message that comes late takes no newer connection.

use super::moves::{FLUSH_MS, LATE_MS, REMEMBERED_MS, TABS_MAX};
use super::*;
use crate::cluster::MovedTab;

impl World {
    fn moved(&mut self, id: u32, tab: u64) {
        let now_ms = self.now_ms;
        self.node(id).came(tab, Arc::default(), now_ms);
        self.carry();
    }

    /// The tabs that a node lets go.
    fn let_go(&mut self, id: u32) -> Vec<u64> {
        let let_go = |action| match action {
            Action::LetGo { tabs, .. } => Some(tabs),
            _ => None,
        };
        let tabs = self.done(id).into_iter().filter_map(let_go).flatten();
        tabs.map(|moved| moved.tab).collect()
    }

    /// The messages about moves that were sent since the last call.
    fn moves(&mut self) -> Vec<Message> {
        self.said()
            .into_iter()
            .filter(|message| matches!(message, Message::Moved { .. }))
            .collect()
    }
}

#[test]
fn a_tab_that_moved_is_let_go_by_the_others_and_told_twice() {
    let mut world = World::new(3);
    world.pass(5_000);
    world.moved(1, 77);
    for id in [2, 3] {
        assert_eq!(world.let_go(id), [77]);
    }
    assert_eq!(world.let_go(1), [0; 0]);
    world.pass(999);
    assert_eq!(world.let_go(2), [0; 0]);
    world.pass(10_000);
    assert_eq!(world.let_go(2), [77]);
    assert_eq!(world.moves().len(), 2);
}

/// Regression: somebody who sent recorded messages again had each tab closed that had opened its connection more than a minute before.
#[test]
fn a_message_that_is_sent_again_later_takes_no_tab() {
    let mut world = World::new(2);
    world.pass(5_000);
    world.said();
    world.moved(1, 77);
    world.pass(2_000);
    let recorded = world.moves();
    world.moved(2, 77);
    world.pass(2_000);
    world.let_go(2);
    let (after_ms, now_ms) = (LATE_MS.unsigned_abs(), world.now_ms);
    for later_ms in [now_ms, now_ms + after_ms, now_ms + REMEMBERED_MS + after_ms] {
        world.pass(later_ms - world.now_ms);
        for message in recorded.clone() {
            world.node(2).hear(NodeId(1), message, later_ms);
        }
        world.carry();
        assert_eq!(world.let_go(2), [0; 0], "after {} ms", later_ms - now_ms);
    }
    assert!(world.node(2).ignored().late > 0);
}

#[test]
fn many_tabs_go_in_few_messages_of_bounded_length() {
    let mut world = World::new(2);
    world.pass(5_000);
    world.said();
    let tabs = 2 * TABS_MAX as u64 + 10;
    for tab in 0..tabs {
        world.moved(1, tab);
    }
    world.pass(FLUSH_MS * 3);
    let mut let_go = world.let_go(2);
    let_go.sort_unstable();
    assert!(let_go.into_iter().eq(0..tabs));
    let moves = world.moves();
    assert!(moves.len() <= 4, "{}", moves.len());
    for message in moves {
        assert!(matches!(message, Message::Moved { tabs, .. } if tabs.len() <= TABS_MAX));
    }
    world.pass(FLUSH_MS * 30);
    assert_eq!(world.let_go(2).len() as u64, tabs, "and again");
    world.pass(10_000);
    assert_eq!(world.let_go(2).len(), 0);
}

/// As an older version says it: it does not compare openings.
fn of_older(mut message: Message) -> Message {
    if let Message::Moved { ahead_ms, .. } = &mut message {
        *ahead_ms = None;
    }
    message
}

/// A node whose clock began at another moment, and a message that took its time.
#[test]
fn a_message_about_an_earlier_move_takes_no_newer_connection() {
    for (began_ms, delay_ms) in [(0, 30), (1 << 40, 30), (3, 3_000), (1 << 40, 3_000)] {
        takes_no_newer_connection(began_ms, delay_ms, |message| message);
        takes_no_newer_connection(began_ms, delay_ms, of_older);
    }
}

fn takes_no_newer_connection(began_ms: u64, delay_ms: u64, says: fn(Message) -> Message) {
    let mut here = node(NodeId(1), 100_000);
    let mut there = node(NodeId(2), began_ms);
    let hear_heartbeat = |here: &mut Node, there: &mut Node, ms: u64| {
        there.back(began_ms + ms);
        while let Some(action) = there.next_action() {
            if let Action::Send { message, .. } = action {
                // Each takes at least 2 ms.
                here.hear(NodeId(2), says(message), 100_000 + ms + 2 + ms % 5);
            }
        }
    };
    hear_heartbeat(&mut here, &mut there, 0);
    while let Some(action) = here.next_action() {
        if let Action::Send { message, .. } = action {
            there.hear(NodeId(1), message, began_ms + 4);
        }
    }
    hear_heartbeat(&mut here, &mut there, 1_000);
    while here.next_action().is_some() {}
    // The tab comes here, moves there, and comes back before the message about that does.
    here.came(5, Arc::default(), 101_100);
    there.came(5, Arc::default(), began_ms + 1_200);
    let Some(Action::Send { message, .. }) = there.next_action() else {
        panic!("it is told at once");
    };
    let message = says(message);
    for at_ms in (1_000..4_000).step_by(1_000) {
        hear_heartbeat(&mut here, &mut there, at_ms);
    }
    let back = |here: &mut Node| {
        let mut let_go = Vec::new();
        while let Some(action) = here.next_action() {
            if let Action::LetGo { tabs, .. } = action {
                let_go.extend(tabs.into_iter().map(|moved| moved.tab));
            }
        }
        let_go
    };
    let arrives_ms = 101_200 + delay_ms;
    let mut newer = node(NodeId(1), 100_000);
    hear_heartbeat(&mut newer, &mut there, 1_000);
    newer.came(5, Arc::default(), 101_210);
    newer.hear(NodeId(2), message.clone(), arrives_ms.max(101_210));
    assert_eq!(
        back(&mut newer),
        [0; 0],
        "it is back for {} ms",
        arrives_ms - 101_210
    );
    here.hear(NodeId(2), message, arrives_ms.max(103_010));
    let let_go = back(&mut here);
    assert!(let_go.first() == Some(&5), "it is there");
}

#[test]
fn what_is_remembered_of_tabs_is_bounded() {
    let mut moves = Moves::default();
    for tab in 0..400_000 {
        moves.came(tab, Arc::default(), tab / 100);
    }
    let told = |tab| MovedTab {
        tab,
        ..MovedTab::default()
    };
    let judged = moves.judge(vec![told(0), told(399_999)], 3_999, |_, _| true);
    assert_eq!(judged.left, [told(0)], "the first are no longer remembered");
    assert_eq!(judged.here, [told(399_999)]);
    let mut messages = 0;
    let mut now_ms = 4_000;
    while let Some(next_ms) = moves.next_ms() {
        now_ms = now_ms.max(next_ms);
        assert!(moves.take_due(now_ms).is_some_and(|tabs| tabs.len() <= TABS_MAX));
        messages += 1;
    }
    assert!(messages <= 40, "{messages}");
    moves.came(7, Arc::default(), now_ms);
    moves.look(1_000_000);
    assert_eq!(moves.remembered(), (0, 0), "and none for long");
    assert_eq!(moves.take_due(1_000_000), None, "nor told");
}
