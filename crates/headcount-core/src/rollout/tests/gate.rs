//! The gate: how it ends, and what never ends it.

use proptest::prelude::*;

use crate::rollout::{AtLeast, End, Gate, GateState, Goal, Hold, Observation};

fn goal() -> Goal {
    Goal {
        release: "v3".into(),
        at_least: AtLeast::new(9_500).unwrap(),
        tabs_min: 1,
        timeout_ms: 600_000,
        stalled_ms: Some(60_000),
        settle_ms: 15_000,
    }
}

fn seen(on: u64, total: u64) -> Observation {
    Observation {
        current: "v3".into(),
        is_announced: true,
        total,
        on,
        unknown: 0,
        is_whole: true,
        uptime_ms: 1 << 30,
    }
}

const BEHIND: GateState = GateState::Wait(Hold::Behind);

#[test]
fn it_opens_at_the_share_and_not_before() {
    let mut gate = Gate::new(goal(), 5);
    assert_eq!(gate.see(10, &seen(949, 1_000)), BEHIND);
    assert_eq!(gate.see(20, &seen(950, 1_000)), GateState::End(End::Reached));
}

#[test]
fn tabs_of_unknown_routes_count_as_behind() {
    let mut gate = Gate::new(goal(), 0);
    let some = Observation {
        unknown: 3,
        ..seen(20, 20)
    };
    assert_eq!(gate.see(10, &some), BEHIND);
}

#[test]
fn no_tab_opens_it_only_where_that_is_wanted() {
    let mut gate = Gate::new(goal(), 0);
    assert_eq!(gate.see(10, &seen(0, 0)), GateState::Wait(Hold::FewTabs));
    let mut gate = Gate::new(
        Goal {
            tabs_min: 0,
            ..goal()
        },
        0,
    );
    assert_eq!(gate.see(10, &seen(0, 0)), GateState::End(End::Reached));
}

#[test]
fn it_stalls_when_the_share_has_not_passed_its_highest_for_long() {
    let mut gate = Gate::new(goal(), 0);
    assert_eq!(gate.see(0, &seen(50, 100)), BEHIND);
    assert_eq!(gate.see(50_000, &seen(51, 100)), BEHIND, "it rises");
    assert_eq!(gate.see(100_000, &seen(40, 100)), BEHIND);
    assert_eq!(gate.see(109_999, &seen(51, 100)), BEHIND, "no higher than it was");
    assert_eq!(gate.see(110_000, &seen(51, 100)), GateState::End(End::Stalled));
}

#[test]
fn a_server_that_is_away_or_comes_back_does_not_stall_it_nor_open_it() {
    let mut gate = Gate::new(goal(), 0);
    assert_eq!(gate.see(0, &seen(50, 100)), BEHIND);
    assert_eq!(gate.see(30_000, &seen(50, 100)), BEHIND);
    assert_eq!(gate.away(40_000), GateState::Wait(Hold::Away));
    let back = Observation {
        uptime_ms: 9_000,
        ..seen(3, 3)
    };
    assert_eq!(gate.see(95_000, &back), GateState::Wait(Hold::Settling));
    assert_eq!(gate.see(200_000, &seen(50, 100)), BEHIND);
    assert_eq!(
        gate.see(229_000, &seen(50, 100)),
        BEHIND,
        "59 seconds of good numbers"
    );
    assert_eq!(gate.see(230_000, &seen(50, 100)), GateState::End(End::Stalled));
}

#[test]
fn it_waits_for_a_release_that_is_not_announced() {
    let mut gate = Gate::new(goal(), 0);
    let before = Observation {
        current: "v2".into(),
        is_announced: false,
        ..seen(0, 100)
    };
    assert_eq!(gate.see(0, &before), GateState::Wait(Hold::NotAnnounced));
    assert_eq!(
        gate.see(599_999, &before),
        GateState::Wait(Hold::NotAnnounced),
        "and that is no stall"
    );
    assert_eq!(gate.see(600_000, &before), GateState::End(End::TimedOut));
}

#[test]
fn it_ends_when_another_release_is_current_and_stays_so() {
    let mut gate = Gate::new(goal(), 0);
    let other = Observation {
        current: "v2".into(),
        ..seen(99, 100)
    };
    assert_eq!(gate.see(0, &seen(50, 100)), BEHIND);
    assert_eq!(
        gate.see(2_000, &other),
        GateState::Wait(Hold::Going),
        "perhaps a late node"
    );
    assert_eq!(gate.see(4_000, &seen(60, 100)), BEHIND);
    assert_eq!(gate.see(6_000, &other), GateState::Wait(Hold::Going));
    let forgotten = Observation {
        is_announced: false,
        ..other.clone()
    };
    assert_eq!(gate.see(9_000, &forgotten), GateState::End(End::GoneBack));
    let mut gate = Gate::new(goal(), 0);
    assert_eq!(
        gate.see(0, &other),
        GateState::Wait(Hold::Going),
        "announced before, and taken back"
    );
    assert_eq!(gate.see(3_000, &other), GateState::End(End::GoneBack));
}

#[test]
fn partial_numbers_never_open_it_and_have_an_end_of_their_own() {
    let mut gate = Gate::new(goal(), 0);
    let partial = Observation {
        is_whole: false,
        ..seen(100, 100)
    };
    assert_eq!(gate.see(0, &partial), GateState::Wait(Hold::Partial));
    assert_eq!(gate.see(599_999, &partial), GateState::Wait(Hold::Partial));
    assert_eq!(gate.see(600_000, &partial), GateState::End(End::Partial));
    let mut gate = Gate::new(goal(), 0);
    gate.see(0, &partial);
    gate.see(10, &seen(1, 100));
    assert_eq!(gate.away(600_000), GateState::End(End::TimedOut));
}

fn anything() -> impl Strategy<Value = Option<Observation>> {
    let current = prop::sample::select(vec!["v2", "v3", "v3", "v3", "unreleased"]);
    let seen = (
        current,
        any::<bool>(),
        0..40_u64,
        0..40_u64,
        0..3_u64,
        any::<bool>(),
        0..30_000_u64,
    );
    let seen = seen.prop_map(
        |(current, is_announced, on, behind, unknown, is_whole, uptime_ms)| Observation {
            current: current.into(),
            is_announced,
            total: on + behind,
            on,
            unknown,
            is_whole,
            uptime_ms,
        },
    );
    prop::option::weighted(0.9, seen)
}

proptest! {
    #[test]
    fn whatever_it_is_told_it_opens_only_by_whole_and_settled_numbers(
        told in prop::collection::vec((0..5_000_u64, anything()), 1..200)
    ) {
        let goal = goal();
        let (mut gate, mut now_ms) = (Gate::new(goal.clone(), 0), 0);
        for (pause_ms, seen) in told {
            now_ms += pause_ms;
            let state = match &seen {
                Some(seen) => gate.see(now_ms, seen),
                None => gate.away(now_ms),
            };
            if state == GateState::End(End::Reached) {
                let seen = seen.clone().unwrap();
                prop_assert!(seen.is_whole && seen.uptime_ms >= goal.settle_ms && seen.total > 0);
                prop_assert!(seen.on * 100 >= (seen.total + seen.unknown) * 95);
                prop_assert!(&*seen.current != "v2" || !seen.is_announced);
            }
            let is_over = matches!(state, GateState::End(End::TimedOut | End::Partial));
            prop_assert!(!is_over || now_ms >= gate.ends_ms());
            prop_assert!(now_ms < gate.ends_ms() || matches!(state, GateState::End(_)));
            if matches!(state, GateState::End(_)) {
                break;
            }
        }
    }
}
