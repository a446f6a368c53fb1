//! Counts of other nodes: only while somebody watches, and complete whatever is lost.

use super::*;

#[test]
fn while_nobody_watches_only_heartbeats_are_sent() {
    let mut world = World::new(3);
    for step in 0..60 {
        for id in 1..=3 {
            world.count(id, step);
        }
        world.pass(1_000);
    }
    assert_eq!(world.said(), []);
    assert_eq!(world.shown(1), 0);
    assert!(!world.node(1).is_watched());
}

#[test]
fn who_watches_sees_all_nodes_and_their_changes_and_then_nothing_is_sent_again() {
    let mut world = World::new(3);
    for id in 1..=3 {
        world.count(id, id.into());
    }
    world.done.clear();
    world.watch(2, true);
    assert_eq!(world.shown(2), 1 + 2 + 3);
    for id in 1..=3 {
        assert_eq!(world.done(id), [Action::Watched(true)]);
        assert!(world.node(id).is_watched());
    }
    assert!(world.node(2).take_changed() && !world.node(2).take_changed());
    world.said();
    world.count(3, 9);
    assert_eq!(world.shown(2), 1 + 2 + 9);
    assert_eq!(world.said().len(), 1, "one report, for all that watch");
    world.count(2, 5);
    assert_eq!(world.shown(2), 1 + 5 + 9);
    assert_eq!(world.shown(1), 0, "nobody watches there");
    world.said();
    world.node(3).tick();
    world.pass(10_000);
    assert_eq!(world.said(), [], "nothing changed");

    world.watch(2, false);
    for id in 1..=3 {
        assert_eq!(world.done(id), [Action::Watched(false)]);
    }
    assert_eq!(world.shown(2), 0);
    world.count(3, 1);
    assert_eq!(world.said(), []);
    world.watch(2, true);
    assert_eq!(world.shown(2), 1 + 5 + 1);
}

#[test]
fn several_may_watch_and_each_stops_by_itself() {
    let mut world = World::new(3);
    world.watch(1, true);
    world.watch(2, true);
    world.count(3, 4);
    assert_eq!((world.shown(1), world.shown(2)), (4, 4));
    world.watch(1, false);
    world.count(3, 5);
    world.count(1, 1);
    assert_eq!((world.shown(1), world.shown(2)), (0, 6));
    world.pass(1_000);
    world.watch(1, true);
    assert_eq!((world.shown(1), world.shown(2)), (6, 6));
}

#[test]
fn a_report_that_is_lost_is_noticed_and_the_whole_is_asked_for() {
    let mut world = World::new(2);
    world.watch(1, true);
    world.count(2, 4);
    world.loses = |message| matches!(message, Message::Report(_));
    world.count(2, 5);
    assert_eq!(world.shown(1), 4);
    world.said();
    world.pass(6_000);
    let wants = |said: Vec<Message>| {
        said.iter()
            .filter(|message| **message == Message::WantWhole)
            .count()
    };
    let asked = wants(world.said());
    assert!(
        (3..=4).contains(&asked),
        "{asked} times in 6 s, less and less often"
    );
    let lacking: Vec<NodeId> = world.node(1).lacking().collect();
    assert_eq!(lacking, [NodeId(2)]);
    world.loses = |_| false;
    world.pass(4_000);
    assert_eq!((world.shown(1), world.node(1).lacking().count()), (5, 0));
    world.said();
    world.pass(10_000);
    assert_eq!(world.said(), []);
}

#[test]
fn a_node_that_is_asked_too_often_answers_some_times() {
    let mut world = World::new(2);
    world.watch(1, true);
    world.said();
    for ms in 0..400 {
        let now_ms = 1_000 + ms;
        world.node(2).hear(NodeId(1), Message::WantWhole, now_ms);
        if ms % 10 == 0 {
            world.node(2).answer_wants(now_ms);
        }
    }
    world.now_ms = 1_400;
    world.carry();
    assert_eq!(world.said().len(), 2);
}

/// The other direction works: only what one node says is lost.
#[test]
fn a_node_that_is_not_heard_does_not_see_old_counts_as_new_ones() {
    let mut world = World::new(2);
    world.watch(1, true);
    world.count(2, 4);
    world.count(2, 5);
    // Nothing of node 1 arrives, so for node 2 nobody watches any more.
    for step in 0..8 {
        world.now_ms += 1_000;
        let now_ms = world.now_ms;
        world.node(2).look(now_ms);
        if step == 5 {
            let report = world.shards[1].changes(Changes {
                total: 9,
                versions: vec![("v1".into(), 9)],
                ..Changes::default()
            });
            world.node(2).apply_local(SourceId(0), report).unwrap();
            world.node(2).tick();
        }
        while let Some(action) = world.node(2).next_action() {
            if let Action::Send { message, .. } = action {
                world.node(1).hear(NodeId(2), message, now_ms);
            }
        }
        while world.node(1).next_action().is_some() {}
    }
    assert!(!world.node(2).is_watched());
    assert_eq!(world.shown(1), 5);
    assert_eq!(world.node(1).lacking().count(), 1, "it is known to be old");
    // Everything is heard again.
    world.pass(6_000);
    assert_eq!((world.shown(1), world.node(1).lacking().count()), (9, 0));
}

#[test]
fn a_node_that_ends_leaves_the_counts_at_once_and_its_late_reports_mean_nothing() {
    let mut world = World::new(3);
    world.watch(1, true);
    world.count(2, 4);
    world.count(3, 5);
    world.node(2).goodbye();
    world.carry();
    assert_eq!(world.shown(1), 5);
    let node = world.node(2);
    node.look(10);
    let late = Message::Heartbeat {
        heartbeat: Heartbeat {
            number: 99,
            name: "late".into(),
            software: "0.1.0".into(),
            tabs: 4,
            read: LogIndex(0),
            watches: true,
            drains: false,
            bridges: None,
            signed_out: SignOutMark::default(),
            settings: Settings::default(),
            unix_ms: None,
        },
        last: node.counting.stamp(),
        sent_ms: 0,
    };
    let report = node.counting.whole();
    for message in [late, Message::Report(report)] {
        world.node(1).hear(NodeId(2), message, 10);
    }
    assert_eq!(world.shown(1), 5);
    assert_eq!(world.node(1).members().len(), 1);
}

#[test]
fn a_silent_node_leaves_the_counts_and_comes_back_with_what_it_has_then() {
    let mut world = World::new(2);
    world.watch(1, true);
    world.count(1, 1);
    world.count(2, 4);
    world.cut_off.insert(NodeId(2));
    world.pass(4_000);
    assert_eq!(world.shown(1), 1);
    world.count(2, 6);
    world.cut_off.clear();
    world.pass(1_000);
    assert_eq!(world.shown(1), 7);
}
