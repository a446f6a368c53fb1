//! Counts by version: every tab of every node is in the sum, whatever is lost.

use super::*;
use crate::intern::OTHER_TEXT;

const HOLDS_MS: u32 = 15_000;

fn say(world: &mut World, id: u32, counts: &[(&str, u64)]) {
    let counts = counts
        .iter()
        .map(|(name, tabs)| ((*name).into(), *tabs))
        .collect();
    let now_ms = world.now_ms;
    world.node(id).say_versions(counts, HOLDS_MS, now_ms);
    world.carry();
}

/// What a node adds to its own counts.
fn heard(world: &mut World, id: u32) -> Vec<(String, u64)> {
    let heard = world.node(id).versions_of_others().into_iter();
    heard.map(|(name, tabs)| (name.to_string(), tabs)).collect()
}

fn of(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts
        .iter()
        .map(|(name, tabs)| ((*name).to_owned(), *tabs))
        .collect()
}

#[test]
fn each_node_has_the_last_word_of_all_others() {
    let mut world = World::new(3);
    say(&mut world, 1, &[("v1", 3)]);
    say(&mut world, 2, &[("v1", 2), ("v2", 5)]);
    say(&mut world, 3, &[]);
    assert_eq!(heard(&mut world, 3), of(&[("v1", 3), ("v1", 2), ("v2", 5)]));
    say(&mut world, 2, &[("v2", 7)]);
    assert_eq!(heard(&mut world, 1), of(&[("v2", 7)]));
    assert_eq!(world.said().len(), 4, "one message each time, to all");
    world.node(2).goodbye();
    world.carry();
    assert_eq!(heard(&mut world, 1), []);
}

#[test]
fn a_word_that_is_repeated_or_late_means_nothing() {
    let mut world = World::new(2);
    for total in [1, 2] {
        say(&mut world, 2, &[("v1", total)]);
    }
    for message in world.said() {
        world.node(1).hear(NodeId(2), message, 0);
    }
    assert_eq!(heard(&mut world, 1), of(&[("v1", 2)]));
    assert_eq!(world.node(1).ignored().repeated, 2);
}

#[test]
fn the_tabs_of_a_node_without_a_word_count_without_a_version() {
    let mut world = World::new(2);
    say(&mut world, 2, &[("v1", 6)]);
    world.node(2).set_tabs(7);
    world.loses = |message| matches!(message, Message::Versions { .. });
    say(&mut world, 2, &[("v1", 8)]);
    world.node(2).set_tabs(8);
    world.pass(u64::from(HOLDS_MS) - 1);
    assert_eq!(
        heard(&mut world, 1),
        of(&[("v1", 6)]),
        "one that is lost does no harm"
    );
    world.pass(1_000);
    assert_eq!(heard(&mut world, 1), of(&[(OTHER_TEXT, 8)]));
}

#[test]
fn a_node_that_is_lost_leaves_the_sum_and_brings_its_word_when_it_is_back() {
    let mut world = World::new(3);
    for id in 1..=3 {
        say(&mut world, id, &[("v1", id.into())]);
    }
    world.cut_off.insert(NodeId(3));
    world.pass(4_000);
    assert_eq!(heard(&mut world, 1), of(&[("v1", 2)]));
    world.cut_off.clear();
    world.pass(1_000);
    assert_eq!(heard(&mut world, 1), of(&[("v1", 2), ("v1", 3)]));
    assert_eq!(heard(&mut world, 3), of(&[("v1", 1), ("v1", 2)]));
}

#[test]
fn what_is_remembered_of_a_word_is_bounded() {
    let mut world = World::new(2);
    let counts = (0..1_000)
        .map(|number| (format!("v{number}").into(), 1))
        .collect();
    world.node(2).say_versions(counts, HOLDS_MS, 0);
    world.carry();
    let heard = heard(&mut world, 1);
    let max = Limits::default().history_versions_max as usize;
    assert_eq!(heard.len(), max + 1);
    assert_eq!(heard.iter().map(|(_, tabs)| tabs).sum::<u64>(), 1_000);
}
