//! Rules in waves: what they cost, and whom they reach.

use super::*;
use crate::command_log::Entry;
use crate::invalidation::waves::{PLACES, Schedule, Share, Waves};
use crate::registry::{BACK_MS, Occupant};

fn in_waves(open: Share) -> Arc<Standing> {
    let mut standing = Standing::new(released(&["v1", "v2"]));
    let schedule = Schedule::even(600_000, 1_000).unwrap();
    let rule = Rule {
        waves: Some(Box::new(Waves {
            open,
            ..Waves::new(schedule, None, 0)
        })),
        ..outdated_rule(RoutePattern::exact("/", &Limits::default()).unwrap())
    };
    standing.apply(&Entry::Rule { rule, rules_max: 64 });
    Arc::new(standing)
}

fn tabs(registry: &mut Registry<()>, count: u64) -> Vec<u32> {
    let opening = |tab| Opening {
        version: "v1",
        route: "/",
        tab: Some(tab),
        ..Opening::default()
    };
    let tab = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (1..=count)
        .map(|number| registry.open(&opening(tab(number)), ()).slot)
        .collect()
}

fn tell(registry: &mut Registry<()>, slots: &[u32]) -> usize {
    let due = slots.iter().filter(|slot| {
        let is_due = registry.due(**slot, &mut 0) != 0;
        if is_due {
            registry.note_matched(0);
            registry.note_told(**slot, 0);
        }
        is_due
    });
    due.count()
}

#[test]
fn a_rule_in_waves_costs_a_connection_nothing() {
    assert_eq!(size_of::<Occupant<()>>(), 56, "as without waves");
    let mut registry = registry(&Limits::default());
    let slots = tabs(&mut registry, 1_000);
    registry.set_standing(in_waves(Share::NONE));
    assert_eq!(tell(&mut registry, &slots), 0);
    assert_eq!(
        registry.ledger.capacity(),
        0,
        "those that wait are remembered nowhere"
    );
}

#[test]
fn each_wave_reaches_its_share_and_none_twice() {
    let mut registry = registry(&Limits::default());
    let slots = tabs(&mut registry, 10_000);
    let mut told = 0;
    for parts in [100, 1_000, 5_000, PLACES] {
        registry.set_standing(in_waves(Share::new(parts).unwrap()));
        told += tell(&mut registry, &slots);
        let share = usize::from(parts);
        assert!(told.abs_diff(share) < 30 + share / 10, "{told} of {share}");
    }
    assert_eq!(told, 10_000);
}

/// A tab that reloads is away for a moment: that must not stop a rule.
#[test]
fn a_tab_that_has_just_left_does_not_count_as_gone_yet() {
    let mut registry = registry(&Limits::default());
    let slots = tabs(&mut registry, 10);
    registry.set_standing(in_waves(Share::ALL));
    assert_eq!(tell(&mut registry, &slots), 10);
    registry.pass(100);
    for slot in &slots[..4] {
        registry.close(*slot);
    }
    let gone = |registry: &Registry<()>| {
        let outcomes = registry.outcomes(&[0; 64]).of(9);
        (outcomes.gone(), outcomes.seen().gone)
    };
    assert_eq!(gone(&registry), (4, 0));
    registry.pass(99 + BACK_MS);
    registry.note_reloaded(Some(0x9e37_79b9_7f4a_7c15), &[9]);
    assert_eq!(gone(&registry), (3, 0));
    registry.pass(100 + BACK_MS);
    assert_eq!(gone(&registry), (3, 3));
}
