//! Bridges that hear of the connections of other nodes.

use super::*;
use crate::cluster::{LOST_AFTER_MS, RequestId, Slice, TapMessage};
use crate::connection::ConnectionKey;
use crate::happening::{Happening, Wants};

const WANTS: Wants = Wants {
    opens: true,
    moves: true,
    closes: true,
};

const BRIDGE: u64 = 40;

fn closed(slot: u32) -> Happening {
    Happening::Closed(ConnectionKey {
        shard: 0,
        slot,
        generation: 1,
    })
}

impl World {
    fn tap(&mut self, id: u32) {
        let now_ms = self.now_ms;
        self.node(id).tap(BRIDGE, WANTS, now_ms);
        self.carry();
    }

    /// What a node must do for bridges since the last call.
    fn for_bridges(&mut self, id: u32) -> Vec<BridgeAction> {
        let done = self.done(id).into_iter();
        done.filter_map(|action| match action {
            Action::Bridge(action) => Some(action),
            _ => None,
        })
        .collect()
    }

    /// The tap that a node was told to open for node 1.
    fn opened(&mut self, id: u32) -> RequestId {
        match self.for_bridges(id)[..] {
            [
                BridgeAction::Open {
                    owner: NodeId(1),
                    tap,
                    wants: WANTS,
                },
            ] => tap,
            ref other => panic!("{other:?}"),
        }
    }

    /// The node tells node 1 what happened, or a slice, and whether that is the last.
    fn tell(&mut self, id: u32, tap: RequestId, slot: Option<u32>, slice: Option<bool>) {
        let slice = slice.map(|is_last| Slice {
            rows: Vec::new(),
            is_last,
        });
        let news = slot.map(closed).into_iter().collect();
        self.node(id).tell(NodeId(1), tap, news, slice);
        self.carry();
    }
}

fn told(node: u32, slot: Option<u32>, slice: Option<bool>) -> BridgeAction {
    BridgeAction::Told {
        bridge: BRIDGE,
        node: NodeId(node),
        news: slot.map(closed).into_iter().collect(),
        slice: slice.map(|is_last| Slice {
            rows: Vec::new(),
            is_last,
        }),
    }
}

const READY: BridgeAction = BridgeAction::Ready { bridge: BRIDGE };
const LAGGED: BridgeAction = BridgeAction::Lagged { bridge: BRIDGE };

fn gone(node: u32) -> BridgeAction {
    BridgeAction::Gone {
        bridge: BRIDGE,
        node: NodeId(node),
    }
}

/// A bridge at node 1 that was told everything, and its tap at node 2.
fn ready() -> (World, RequestId) {
    let mut world = World::new(2);
    world.tap(1);
    let tap = world.opened(2);
    world.tell(2, tap, None, Some(true));
    assert_eq!(world.for_bridges(1), [told(2, None, Some(true)), READY]);
    (world, tap)
}

#[test]
fn a_bridge_asks_each_node_for_its_slices_one_by_one_and_is_ready_after_the_last() {
    let mut world = World::new(3);
    world.tap(1);
    let taps = [2, 3].map(|id| (id, world.opened(id)));
    for (id, tap) in taps {
        world.tell(id, tap, None, Some(false));
        assert_eq!(world.for_bridges(1), [told(id, None, Some(false))]);
        assert_eq!(world.for_bridges(id), [], "nothing is sent unasked");
        let now_ms = world.now_ms;
        world.node(1).read(BRIDGE, NodeId(id), now_ms);
        world.carry();
        let owner = NodeId(1);
        assert_eq!(world.for_bridges(id), [BridgeAction::Next { owner, tap }]);
    }
    world.tell(2, taps[0].1, Some(1), Some(true));
    assert_eq!(world.for_bridges(1), [told(2, Some(1), Some(true))]);
    world.tell(3, taps[1].1, None, Some(true));
    assert_eq!(world.for_bridges(1), [told(3, None, Some(true)), READY]);
    world.pass(10_000);
    assert_eq!(world.for_bridges(1), []);
    world.node(1).untap(BRIDGE);
    world.carry();
    for (id, tap) in taps {
        let owner = NodeId(1);
        assert_eq!(world.for_bridges(id), [BridgeAction::End { owner, tap }]);
    }
    world.said();
    world.pass(5_000);
    assert_eq!(world.said(), [], "without a bridge nothing is sent");
}

#[test]
fn a_request_that_was_lost_is_repeated_and_one_that_was_heard_is_carried_out_once() {
    let mut world = World::new(2);
    world.loses = |message| matches!(message, Message::Tap(TapMessage::Open { .. }));
    world.tap(1);
    assert_eq!(world.for_bridges(2), []);
    world.loses = |_| false;
    world.pass(600);
    let tap = world.opened(2);
    world.pass(2_000);
    assert_eq!(world.for_bridges(2), []);
    world.tell(2, tap, None, Some(false));
    world.loses = |message| matches!(message, Message::Tap(TapMessage::Next { .. }));
    let now_ms = world.now_ms;
    world.node(1).read(BRIDGE, NodeId(2), now_ms);
    world.carry();
    assert_eq!(world.for_bridges(2), []);
    world.loses = |_| false;
    world.pass(2_000);
    let owner = NodeId(1);
    assert_eq!(world.for_bridges(2), [BridgeAction::Next { owner, tap }]);
}

#[test]
fn a_message_that_was_lost_shows_by_the_next_one_and_the_last_one_within_a_second() {
    let (mut world, tap) = ready();
    world.loses = |message| matches!(message, Message::Tap(TapMessage::News { .. }));
    world.tell(2, tap, Some(1), None);
    world.loses = |_| false;
    world.tell(2, tap, Some(2), None);
    assert_eq!(world.for_bridges(1), [LAGGED]);

    let (mut world, tap) = ready();
    world.loses = |message| matches!(message, Message::Tap(TapMessage::News { .. }));
    world.tell(2, tap, Some(1), None);
    world.loses = |_| false;
    assert_eq!(world.for_bridges(1), []);
    world.pass(1_000);
    assert_eq!(world.for_bridges(1), [LAGGED]);
    let owner = NodeId(1);
    assert_eq!(world.for_bridges(2), [BridgeAction::End { owner, tap }]);
}

#[test]
fn a_message_that_comes_twice_is_told_once() {
    let (mut world, tap) = ready();
    world.tell(2, tap, Some(1), None);
    let (_, _, message) = world.sent.last().unwrap().clone();
    let now_ms = world.now_ms;
    world.node(1).hear(NodeId(2), message, now_ms);
    assert_eq!(world.for_bridges(1), [told(2, Some(1), None)]);
    world.tell(2, tap, Some(2), None);
    assert_eq!(world.for_bridges(1), [told(2, Some(2), None)]);
}

#[test]
fn the_connections_of_a_lost_node_are_closed_and_its_tap_begins_anew_when_it_is_heard() {
    let (mut world, tap) = ready();
    world.cut_off.insert(NodeId(2));
    world.pass(LOST_AFTER_MS + 1_000);
    assert_eq!(world.for_bridges(1), [gone(2)]);
    let owner = NodeId(1);
    assert_eq!(world.for_bridges(2), [BridgeAction::End { owner, tap }]);
    world.cut_off.clear();
    world.pass(1_000);
    let again = world.opened(2);
    assert_ne!(again, tap);
    world.tell(2, again, None, Some(true));
    assert_eq!(world.for_bridges(1), [told(2, None, Some(true))]);

    world.node(2).goodbye();
    world.carry();
    assert_eq!(world.for_bridges(1), [gone(2)]);
}

#[test]
fn a_node_that_forgot_a_tap_is_asked_for_a_new_one() {
    let (mut world, _) = ready();
    // It heard of node 1 for the last time long ago, and node 1 does not know that.
    world.loses = |message| matches!(message, Message::Tap(TapMessage::At { .. }));
    world.pass(LOST_AFTER_MS);
    world.loses = |_| false;
    assert_eq!(world.for_bridges(1), [gone(2)]);
    let done = world.for_bridges(2);
    assert!(
        matches!(done[..], [BridgeAction::End { .. }, BridgeAction::Open { .. }]),
        "{done:?}"
    );
}

#[test]
fn a_node_that_joins_is_tapped_and_one_that_knows_no_taps_is_not_waited_for() {
    let mut world = World::new(1);
    world.tap(1);
    assert_eq!(world.for_bridges(1), [READY], "there is no other node");
    let mut old = node(NodeId(3), 0);
    old.look(0);
    while let Some(action) = old.next_action() {
        if let Action::Send {
            message:
                Message::Heartbeat {
                    mut heartbeat,
                    last,
                    sent_ms,
                },
            ..
        } = action
        {
            heartbeat.bridges = None;
            let message = Message::Heartbeat {
                heartbeat,
                last,
                sent_ms,
            };
            world.node(1).hear(NodeId(3), message, 0);
        }
    }
    world.sent.clear();
    world.carry();
    assert_eq!(world.said(), [], "it would not understand");
    let now_ms = world.now_ms;
    world.nodes.push(node(NodeId(2), now_ms));
    world.pass(1_000);
    world.opened(2);
}

#[test]
fn a_bridge_that_is_told_too_slowly_is_told_so() {
    let (mut world, tap) = ready();
    world.node(2).lag(NodeId(1), tap);
    world.carry();
    assert_eq!(world.for_bridges(1), [LAGGED]);
    world.tell(2, tap, Some(1), None);
    assert_eq!(world.for_bridges(1), []);
}
