//! Connections end: by a sweep, in a drain, and where another of the same tab opens.

use headcount_core::cluster::MovedTab;

use super::*;
use crate::cause::Cause;
use crate::drain::Drain;
use crate::meters::Count;
use crate::moves;
use crate::sweep::Sweep;

#[test]
fn what_ends_leaves_the_table_the_census_and_its_stream() {
    let mut shard = Shard::new();
    let (stays, leaves) = (shard.open("/a"), shard.open("/a"));
    assert_eq!(
        (shard.tabs().table.len(), shard.tabs().terms.census.open()),
        (2, 2)
    );
    shard.tabs().close(leaves.key.slot, Cause::Peer);
    assert_eq!(
        (shard.tabs().table.len(), shard.tabs().terms.census.open()),
        (1, 1)
    );
    assert_eq!(shard.tabs().meters.get(Count::ClosedByPeer), 1);
    assert!(leaves.is_ended() && !stays.is_ended());
    assert!(!shard.tabs().send_text(leaves.key.slot, "nobody is there"));
    assert!(shard.tabs().send_text(stays.key.slot, "hello"));
    assert_eq!(stays.told(), "data: hello\n\n");
}

#[test]
fn another_connection_of_a_tab_takes_the_place_of_the_first() {
    let mut shard = Shard::new();
    let of_one_tab = || Newcomer {
        tab: Some(7),
        ..newcomer("/a")
    };
    let first = shard.arrive(of_one_tab());
    let second = shard.arrive(of_one_tab());
    assert!(first.told().contains("replaced") && first.is_ended());
    assert!(!second.is_ended());
    assert_eq!(shard.tabs().table.len(), 1);
    assert_eq!(shard.tabs().meters.get(Count::ClosedReplaced), 1);
}

/// Regression: a connection that opened while the hub decided was closed for a message that came before it. The other node heard of it, and closed its
/// own.
#[test]
fn a_connection_is_not_let_go_before_the_hub_has_heard_of_it() {
    let mut shard = Shard::new();
    Arc::get_mut(&mut shard.tabs().terms).unwrap().is_joined = true;
    let of_one_tab = || Newcomer {
        tab: Some(7),
        ..newcomer("/a")
    };
    let newest = |shard: &mut Shard| match shard.reports.try_recv() {
        Ok(ShardEvent::Came { key, tab: 7, .. }) => key.generation,
        other => panic!("{other:?}"),
    };
    let moved = [MovedTab {
        tab: 7,
        ..MovedTab::default()
    }];
    let _first = shard.arrive(of_one_tab());
    let heard_of = newest(&mut shard);
    let second = shard.arrive(of_one_tab());
    moves::let_go(shard.tabs(), NodeId(2), &moved, heard_of);
    assert!(!second.is_ended());
    let heard_of = newest(&mut shard);
    moves::let_go(shard.tabs(), NodeId(2), &moved, heard_of);
    assert!(second.told().contains("replaced") && second.is_ended());
}

#[test]
fn a_tab_that_owes_a_sign_of_life_and_gives_none_is_gone_after_two_visits() {
    let mut shard = Shard::new();
    let owing = || Newcomer {
        owes: true,
        ..newcomer("/a")
    };
    let (answers, is_silent) = (shard.arrive(owing()), shard.arrive(owing()));
    let keepalive_ms = u64::from(shard.tabs().limits().keepalive_ms);
    let mut sweep = Sweep::default();
    for _ in 0..2 {
        shard.tabs().now_ms += keepalive_ms;
        sweep.go_on(shard.tabs());
        assert!(answers.told().contains(r#"{"type":"keepalive""#));
        shard.hear(&answers, r#"{"type":"alive"}"#);
    }
    assert_eq!(is_silent.told().matches("keepalive").count(), 1);
    assert!(is_silent.is_ended());
    assert!(!answers.is_ended());
    assert_eq!(shard.tabs().meters.get(Count::ClosedSilent), 1);
}

#[test]
fn one_that_takes_nothing_for_too_long_is_closed() {
    let mut shard = Shard::new();
    let tab = shard.open("/a");
    let slot = tab.key.slot;
    let (outbox_ms, keepalive_ms) = {
        let limits = shard.tabs().limits();
        (u64::from(limits.outbox_ms), u64::from(limits.keepalive_ms))
    };
    let mut sweep = Sweep::default();
    shard.tabs().send_text(slot, "it waits");
    shard.tabs().now_ms = keepalive_ms.max(outbox_ms + 1);
    sweep.go_on(shard.tabs());
    assert_eq!(shard.tabs().meters.get(Count::ClosedSlow), 1);
    assert_eq!(shard.tabs().table.len(), 0);
}

#[test]
fn what_waits_for_a_tab_is_bounded() {
    let mut shard = Shard::new();
    let tab = shard.open("/a");
    let text = "x".repeat(shard.tabs().limits().outbox_bytes_max as usize);
    assert!(
        shard.tabs().send_text(tab.key.slot, &text),
        "one message may be long"
    );
    assert!(
        !shard
            .tabs()
            .send_text(tab.key.slot, "and what comes behind it is too much")
    );
    assert_eq!(shard.tabs().meters.get(Count::ClosedSlow), 1);
}

#[test]
fn a_drain_tells_all_when_to_return_and_then_closes_them() {
    let mut shard = Shard::new();
    let tabs: Vec<Tab> = (0..10).map(|_| shard.open("/a")).collect();
    let mut drain = Drain::new(0, tabs.len(), shard.tabs().limits());
    drain.go_on(shard.tabs());
    for tab in &tabs {
        assert!(tab.told().starts_with("retry: "));
    }
    assert_eq!(shard.tabs().table.len(), 10);
    shard.tabs().now_ms = u64::from(shard.tabs().limits().drain_ms);
    drain.go_on(shard.tabs());
    assert_eq!(shard.tabs().table.len(), 0);
    assert!(tabs.iter().all(Tab::is_ended));
}
