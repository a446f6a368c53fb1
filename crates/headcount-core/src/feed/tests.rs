//! The messages to subscribers, read by a client that is written from PROTOCOL.md alone.

mod client;
mod storms;
mod vectors;

use serde_json::{Value, json};

use super::*;
use crate::connection::{ConnectionKey, NodeId};
use crate::stats::{Changes, Reporter, Row};
use client::Client;

fn cipher() -> IdCipher {
    IdCipher::new([3; 16], NodeId(0))
}

fn row(slot: u32) -> Row {
    let key = ConnectionKey {
        shard: 0,
        slot,
        generation: slot + 1,
    };
    Row {
        node: None,
        key,
        version: "v1".into(),
        route: Some("/".into()),
        ip: None,
        hidden: false,
    }
}

fn on(slot: u32, route: &str) -> Row {
    Row {
        route: Some(route.into()),
        ..row(slot)
    }
}

fn unseen(slot: u32) -> Row {
    Row {
        hidden: true,
        ..row(slot)
    }
}

/// Takes in what changed in the only source, as its next report.
fn apply(feed: &mut Feed, changes: Changes) {
    let last = feed.sum().sources().next();
    let sequence = last.map_or(0, |(_, last)| last.sequence) + 1;
    let report = Report {
        stamp: Stamp {
            sequence,
            ..Stamp::default()
        },
        whole: sequence == 1,
        changes,
    };
    assert!(feed.apply(SourceId(0), report).is_ok());
}

/// A feed of so many connections, of which so many are in the sample.
fn feed(rows: u32, total: u64, connections_max: u32) -> Feed {
    let mut feed = Feed::new(connections_max);
    let changes = Changes {
        total,
        hidden: 0,
        versions: vec![("v1".into(), total)],
        routes: vec![("/".into(), total)],
        rows: (0..rows).map(|slot| (slot, Some(row(slot)))).collect(),
    };
    apply(&mut feed, changes);
    feed.forget_news();
    feed
}

fn changed(total: u64, hidden: u64, rows: &[Row]) -> Changes {
    Changes {
        total,
        hidden,
        rows: rows.iter().map(|row| (row.key.slot, Some(row.clone()))).collect(),
        ..Changes::default()
    }
}

fn value(text: &Text) -> Value {
    serde_json::from_slice(&[&text.beginning, text.end.as_bytes()].concat()).unwrap()
}

fn first(feed: &mut Feed, follower: &mut Follower, reader: &Row) -> Value {
    let message = feed.snapshot(follower.form(), &cipher());
    value(&follower.begin(&message, reader, &cipher()).unwrap())
}

/// What a follower is told next, if anything.
fn next(feed: &mut Feed, follower: &mut Follower, reader: &Row) -> Option<Value> {
    let form = follower.form();
    let tick = feed.tick(|read| read == form, &cipher());
    assert_eq!(follower.hears(&tick), !tick.is_empty());
    follower.go_on(&tick, reader, &cipher()).as_ref().map(value)
}

#[test]
fn everyone_finds_itself_in_the_list() {
    for form in [Form::Whole, Form::Deltas] {
        let stats = first(&mut feed(3, 3, 200), &mut Follower::new(form), &row(1));
        assert_eq!(stats["connections"].as_array().unwrap().len(), 3);
        assert_eq!(stats["connections"][1]["id"], stats["yourId"]);
        assert_eq!(stats.get("connectionsTruncated"), None);
        assert_eq!(stats["connections"][0].get("ip"), None);
    }
}

#[test]
fn a_long_list_is_cut_and_still_holds_the_reader() {
    let mut feed = feed(10, 1_000, 10);
    for slot in [0, 9, 500] {
        for form in [Form::Whole, Form::Deltas] {
            let stats = first(&mut feed, &mut Follower::new(form), &row(slot));
            let rows = stats["connections"].as_array().unwrap();
            assert!(
                rows.len() <= 10 && rows.iter().any(|row| row["id"] == stats["yourId"]),
                "{stats}"
            );
            assert_eq!(stats["connectionsTruncated"], true);
        }
    }
}

#[test]
fn an_empty_list_is_sound() {
    let stats = first(&mut Feed::new(10), &mut Follower::new(Form::Whole), &row(4));
    assert_eq!(stats["connections"].as_array().unwrap().len(), 1);
    assert_eq!((&stats["total"], &stats["routes"]), (&json!(0), &json!({})));
}

#[test]
fn without_connections_there_are_counts_and_an_id() {
    let mut feed = feed(3, 3, 200);
    let mut follower = Follower::new(Form::Counts);
    let stats = first(&mut feed, &mut follower, &row(1));
    let expected = json!({"type": "stats", "seq": 1, "total": 3, "visible": 3, "versions": {"v1": 3}, "routes": {"/": 3},
        "yourId": cipher().id(row(1).key).as_str()});
    assert_eq!(stats, expected);
}

#[test]
fn what_a_form_does_not_show_is_no_message_and_takes_no_number() {
    let mut feed = feed(3, 3, 200);
    let forms = [Form::Whole, Form::Deltas, Form::Counts];
    let mut followers = forms.map(Follower::new);
    for follower in &mut followers {
        first(&mut feed, follower, &row(1));
    }
    let mut told = |changes| {
        apply(&mut feed, changes);
        let tick = feed.tick(|_| true, &cipher());
        followers
            .each_mut()
            .map(|follower| follower.go_on(&tick, &row(1), &cipher()).as_ref().map(value))
    };
    let id = cipher().id(row(2).key).to_string();
    // One of them is hidden: stats of the older form do not show that.
    let [whole, deltas, counts] = told(changed(3, 1, &[unseen(2)]));
    let hidden = json!({&id: {"version": "v1", "route": "/", "hidden": true}});
    assert_eq!(whole, None);
    assert_eq!(
        deltas,
        Some(json!({"type": "stats-delta", "seq": 2, "visible": 2, "connections": hidden}))
    );
    assert_eq!(
        counts,
        Some(json!({"type": "stats-delta", "seq": 2, "visible": 2}))
    );
    // Another version in a row, with the counts as they were: two tabs changed places.
    let other = Row {
        version: "v2".into(),
        ..unseen(2)
    };
    let [whole, deltas, counts] = told(changed(3, 1, &[other]));
    assert_eq!(whole.unwrap()["connections"][2]["version"], "v2");
    assert_eq!(deltas.unwrap()["seq"], 3);
    assert_eq!(counts, None);
    let [whole, deltas, counts] = told(changed(3, 0, &[]));
    assert_eq!((whole, deltas.unwrap()["seq"].as_u64()), (None, Some(4)));
    assert_eq!(
        counts,
        Some(json!({"type": "stats-delta", "seq": 3, "visible": 3}))
    );
}

#[test]
fn a_reader_beyond_the_list_is_told_its_own_row() {
    let mut feed = feed(4, 1_000, 4);
    let mut follower = Follower::new(Form::Deltas);
    first(&mut feed, &mut follower, &on(9, "/a"));
    let mut told = |visible: u64, reader: &Row| {
        apply(&mut feed, changed(1_000, 1_000 - visible, &[]));
        next(&mut feed, &mut follower, reader).unwrap()
    };
    assert_eq!(told(999, &on(9, "/a")).get("you"), None);
    let you = json!({"version": "v1", "route": "/b"});
    assert_eq!(told(998, &on(9, "/b"))["you"], you);
    assert_eq!(told(997, &on(9, "/b")).get("you"), None);
}

#[test]
fn a_lone_move_is_a_short_message_however_much_is_open() {
    let mut feed = feed(200, 100_000, 200);
    let mut follower = Follower::new(Form::Counts);
    first(&mut feed, &mut follower, &row(7));
    let moved = Changes {
        routes: vec![("/products/1234".into(), 5), ("/products/4321".into(), 6)],
        ..changed(100_000, 0, &[on(0, "/products/1234")])
    };
    apply(&mut feed, moved);
    let tick = feed.tick(|_| true, &cipher());
    let text = follower.go_on(&tick, &row(7), &cipher()).unwrap();
    assert!(text.beginning.len() + text.end.len() <= 120, "{text:?}");
}

#[test]
fn who_missed_a_message_is_told_nothing_until_a_whole_one() {
    let mut feed = feed(3, 3, 200);
    let mut follower = Follower::new(Form::Counts);
    first(&mut feed, &mut follower, &row(1));
    apply(&mut feed, changed(4, 0, &[]));
    let _missed = feed.tick(|_| true, &cipher());
    apply(&mut feed, changed(5, 0, &[]));
    let tick = feed.tick(|_| true, &cipher());
    assert!(follower.hears(&tick));
    assert_eq!(follower.go_on(&tick, &row(1), &cipher()), None);
    assert!(follower.needs_whole() && !follower.hears(&tick));
    assert_eq!(first(&mut feed, &mut follower, &row(1))["seq"], 3);
    apply(&mut feed, changed(6, 0, &[]));
    assert_eq!(next(&mut feed, &mut follower, &row(1)).unwrap()["seq"], 4);
}

#[test]
fn a_message_in_a_form_that_is_no_longer_wanted_is_none() {
    let mut feed = feed(3, 3, 200);
    let message = feed.snapshot(Form::Whole, &cipher());
    let mut follower = Follower::new(Form::Counts);
    assert_eq!(follower.begin(&message, &row(1), &cipher()), None);
    assert!(follower.needs_whole());
}

#[test]
fn a_client_that_missed_a_delta_notices() {
    let mut client = Client::default();
    client.read(&json!({"type": "stats", "seq": 4, "total": 1, "visible": 1, "versions": {}, "routes": {}, "yourId": "a"}));
    assert!(client.read(&json!({"type": "stats-delta", "seq": 5, "total": 2})));
    assert!(!client.read(&json!({"type": "stats-delta", "seq": 7, "total": 3})));
}

#[test]
fn names_that_came_and_went_are_no_delta_longer_than_a_whole_message() {
    let mut feed = feed(3, 3, 200);
    let mut follower = Follower::new(Form::Counts);
    first(&mut feed, &mut follower, &row(1));
    for number in 0..1_000 {
        for count in [1, 0] {
            let passing = Changes {
                routes: vec![(format!("/{number}").into(), count)],
                ..changed(3, 0, &[])
            };
            apply(&mut feed, passing);
        }
        let held = feed.tick_paced(|_| Pace::Later, &cipher());
        assert!(held.is_empty() && feed.holds_news());
    }
    let tick = feed.tick(|_| true, &cipher());
    assert!(tick.bytes(Form::Counts).unwrap() < 300, "{tick:?}");
    assert_eq!(follower.go_on(&tick, &row(1), &cipher()), None);
    assert!(follower.needs_whole());
    let whole = first(&mut feed, &mut follower, &row(1));
    assert_eq!(whole["seq"], 3);
    apply(&mut feed, changed(4, 0, &[]));
    assert_eq!(next(&mut feed, &mut follower, &row(1)).unwrap()["seq"], 4);
}

/// Nodes number their connections alike, so a row is known by its node as well.
#[test]
fn rows_of_several_nodes_have_their_own_ids() {
    let mut feed = Feed::new(9);
    let there = NodeId(7);
    let at = |node: Option<NodeId>| Row { node, ..row(0) };
    for (source, node) in [(SourceId(0), None), (there.into(), Some(there))] {
        let changes = Changes {
            total: 1,
            versions: vec![("v1".into(), 1)],
            rows: vec![(0, Some(at(node)))],
            ..Changes::default()
        };
        let report = Reporter::new(Incarnation(0)).changes(changes);
        feed.apply(source, report).unwrap();
    }
    let ids = [cipher().id(row(0).key), cipher().id_at(there, row(0).key)].map(|id| id.to_string());
    let tick = feed.tick(|form| form == Form::Deltas, &cipher());
    let delta = String::from_utf8(tick.deltas.unwrap().beginning().to_vec()).unwrap();
    assert!(ids.iter().all(|id| delta.contains(id)), "{delta}");
    let snapshot = feed.snapshot(Form::Whole, &cipher());
    assert!(snapshot.lists(at(None).place()) && snapshot.lists(at(Some(there)).place()));
    let whole = String::from_utf8(snapshot.beginning().to_vec()).unwrap();
    assert!(ids.iter().all(|id| whole.contains(id)), "{whole}");
}
