//! Which of the bridges that share is told of connections.

use super::*;
use crate::cluster::LOST_AFTER_MS;

const APP: u64 = 9;

impl World {
    /// The node has a bridge of the app, or not. Its wall clock says this.
    fn share(&mut self, id: u32, opened_ms: Option<u64>, unix_ms: u64) {
        let now_ms = self.now_ms;
        let apps = opened_ms.map(|opened_ms| (APP, opened_ms));
        self.node(id).set_bridges(None, apps, unix_ms, now_ms);
        self.carry();
        self.pass(10);
    }

    /// What the node's bridges are told last.
    fn is_told(&mut self, id: u32) -> Option<bool> {
        let told = self.done(id).into_iter().filter_map(|action| match action {
            Action::Bridge(BridgeAction::Shared { app: APP, is_told }) => Some(is_told),
            _ => None,
        });
        told.last()
    }
}

#[test]
fn one_of_all_nodes_is_told_until_it_ends_and_then_the_one_that_has_waited_longest() {
    let mut world = World::new(3);
    world.share(2, Some(500), 500);
    assert_eq!(world.is_told(2), Some(true));
    world.share(3, Some(700), 700);
    // Its wall clock is behind: it waits all the same.
    world.share(1, Some(100), 100);
    assert_eq!(world.is_told(3), Some(false));
    assert_eq!(world.is_told(1), Some(false));
    world.pass(20_000);
    assert_eq!([1, 2, 3].map(|id| world.is_told(id)), [None; 3]);
    world.share(2, None, 900);
    assert_eq!([1, 2, 3].map(|id| world.is_told(id)), [Some(true), None, None]);
    world.share(2, Some(1_000), 1_000);
    assert_eq!(world.is_told(2), Some(false));
    world.node(1).goodbye();
    world.pass(10);
    assert_eq!([2, 3].map(|id| world.is_told(id)), [None, Some(true)]);
}

#[test]
fn where_the_node_of_the_one_is_lost_exactly_one_other_takes_over() {
    let mut world = World::new(3);
    for id in 1..=3 {
        world.share(id, Some(u64::from(id)), 10);
    }
    assert_eq!(
        [1, 2, 3].map(|id| world.is_told(id)),
        [Some(true), Some(false), Some(false)]
    );
    world.cut_off.insert(NodeId(1));
    world.pass(LOST_AFTER_MS + 1_000);
    assert_eq!([1, 2, 3].map(|id| world.is_told(id)), [None, Some(true), None]);
    // The part of the cluster that comes back has one, too: the later one yields.
    world.cut_off.clear();
    world.pass(2_000);
    assert_eq!([1, 2, 3].map(|id| world.is_told(id)), [None, Some(false), None]);
}

#[test]
fn two_that_open_at_the_same_moment_become_one() {
    let mut world = World::new(2);
    world.loses = |_| true;
    for id in 1..=2 {
        world.share(id, Some(5), 5);
        assert_eq!(world.is_told(id), Some(true));
    }
    world.loses = |_| false;
    world.pass(2_000);
    assert_eq!([1, 2].map(|id| world.is_told(id)), [None, Some(false)]);
}

#[test]
fn questions_go_to_the_node_with_the_newest_bridge_that_takes_them() {
    let mut world = World::new(3);
    for (id, opened_ms) in [(2, 700), (3, 800)] {
        let now_ms = world.now_ms;
        world.node(id).set_bridges(Some(opened_ms), [], 900, now_ms);
        world.carry();
    }
    let authorize = |world: &mut World| {
        let said = world.done(1).into_iter().filter_map(|action| match action {
            Action::Bridge(BridgeAction::Authorize { nodes }) => Some(nodes),
            _ => None,
        });
        said.last()
    };
    assert_eq!(authorize(&mut world), Some(vec![NodeId(3), NodeId(2)]));
    world.cut_off.insert(NodeId(3));
    world.pass(5_000);
    assert_eq!(authorize(&mut world), Some(vec![NodeId(2)]));
}
