//! What entries lead to.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::epoch::Epoch;
use crate::invalidation::waves::{PLACES, Schedule, State, Waves};
use crate::invalidation::{Audience, Continued, Mode};
use crate::limits::Limits;
use crate::pattern::RoutePattern;

fn release(id: u32, version: &str) -> Entry {
    Entry::Release {
        release: Release {
            id,
            version: version.into(),
            announced_ms: id.into(),
        },
        releases_max: 2,
    }
}

fn rule(id: u32, route: &str) -> Entry {
    Entry::Rule {
        rule: Rule {
            id,
            pattern: RoutePattern::exact(route, &Limits::default()).unwrap(),
            versions: None,
            audience: Audience::Outdated,
            mode: Mode::Force,
            release: "v1".into(),
            created_ms: 1_000,
            expires_ms: 2_000,
            spread_ms: 0,
            waves: None,
            continues: None,
        },
        rules_max: 3,
    }
}

fn in_waves(id: u32, route: &str) -> Entry {
    let mut entry = rule(id, route);
    if let Entry::Rule { rule, .. } = &mut entry {
        let schedule = Schedule::even(60_000, 60).unwrap();
        rule.waves = Some(Box::new(Waves::new(schedule, None, 0)));
    }
    entry
}

/// A rule that continues another one.
fn changed(id: u32, before: u32) -> Entry {
    let mut entry = in_waves(id, &format!("/{before}"));
    if let Entry::Rule { rule, .. } = &mut entry {
        rule.continues = Some(Box::new(Continued {
            before,
            first: before,
            told: vec![before],
        }));
    }
    entry
}

fn ids(rules: &[Arc<Rule>]) -> Vec<u32> {
    rules.iter().map(|rule| rule.id).collect()
}

/// Everything that can be seen of it.
fn shown(standing: &Standing) -> String {
    let rules: Vec<_> = standing.rules().collect();
    let releases: Vec<_> = standing.releases.entries().collect();
    format!("{} {rules:?} {releases:?}", standing.head)
}

#[test]
fn an_announcement_forgets_the_oldest_beyond_its_own_limit() {
    let mut standing = Standing::default();
    let forgotten: Vec<usize> = [(1, "v1"), (2, "v2"), (3, "v3")]
        .map(|(id, version)| standing.apply(&release(id, version)).forgotten.len())
        .into();
    assert_eq!(forgotten, [0, 0, 1]);
    assert!(!standing.releases.contains("v1"));
    let fewer = Entry::Release {
        release: Release {
            id: 4,
            version: "v4".into(),
            announced_ms: 4,
        },
        releases_max: 1,
    };
    assert_eq!(standing.apply(&fewer).forgotten.len(), 2);
    assert_eq!(standing.head, 4);
}

#[test]
fn a_rule_ends_what_it_replaces_and_the_oldest_beyond_its_own_limit() {
    let mut standing = Standing::default();
    for (id, route) in [(1, "/a"), (2, "/b"), (3, "/c")] {
        assert_eq!(standing.apply(&rule(id, route)).ended, []);
    }
    assert_eq!(ids(&standing.apply(&rule(4, "/b")).ended), [2]);
    let change = standing.apply(&rule(5, "/d"));
    assert_eq!(ids(&change.ended), [1]);
    assert_eq!(change.position, Some(0));
    assert_eq!(standing.head, 5);
}

#[test]
fn rules_end_by_their_numbers_and_no_others_do() {
    let mut standing = Standing::default();
    for (id, route) in [(1, "/a"), (2, "/b"), (3, "/c")] {
        standing.apply(&rule(id, route));
    }
    let change = standing.apply(&Entry::End { ids: vec![3, 9, 1] });
    assert_eq!(ids(&change.ended), [1, 3]);
    assert_eq!(standing.head, 3, "an end is no command with a number");
    assert_eq!(standing.apply(&Entry::End { ids: vec![1] }), Change::default());
}

#[test]
fn times_move_for_later_rules_only() {
    let mut standing = Standing::default();
    standing.apply(&rule(1, "/a"));
    standing.apply(&rule(2, "/b"));
    let change = standing.apply(&Entry::MoveTimes {
        after: 1,
        delta_ms: 500,
    });
    assert_eq!(ids(&change.moved), [2]);
    let times: Vec<_> = standing
        .rules()
        .map(|(_, rule)| (rule.created_ms, rule.expires_ms))
        .collect();
    assert_eq!(times, [(1_000, 2_000), (1_500, 2_500)]);
}

fn apply_all(standing: &mut Standing, entries: &[Entry]) {
    for entry in entries {
        standing.apply(entry);
    }
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry = prop_oneof![
        3 => (0_u32..8).prop_map(|version| release(0, &format!("v{version}"))),
        6 => (0_u32..6).prop_map(|route| rule(0, &format!("/{route}"))),
        2 => prop::collection::vec(1_u32..60, 1..3).prop_map(|ids| Entry::End { ids }),
        1 => (0_u32..60, -9_000_i64..9_000).prop_map(|(after, delta_ms)| Entry::MoveTimes { after, delta_ms }),
        3 => (0_u32..6).prop_map(|route| in_waves(0, &format!("/{route}"))),
        4 => (1_u32..60, 0_u16..=PLACES, 0_u64..99).prop_map(|(rule, open, at_ms)| Entry::Wave {
            rule, open: Share::new(open).unwrap(), at_ms,
        }),
        1 => (1_u32..60).prop_map(|rule| Entry::Halt { rule, why: None }),
        1 => (1_u32..60, 0_u64..99).prop_map(|(rule, at_ms)| Entry::Resume { rule, at_ms, accepted: None }),
        1 => (1_u32..60).prop_map(|before| changed(0, before)),
    ];
    prop::collection::vec(entry, 1..60).prop_map(|mut entries| {
        for (number, entry) in (1..).zip(&mut entries) {
            match entry {
                Entry::Release { release, .. } => release.id = number,
                Entry::Rule { rule, .. } => rule.id = number,
                _ => {}
            }
        }
        entries
    })
}

proptest! {
    #[test]
    fn the_same_entries_lead_to_the_same_from_wherever_one_begins(entries in entries(), cut in 0_usize..60) {
        let cut = cut.min(entries.len());
        let (earlier, later) = entries.split_at(cut);
        let mut whole = Standing::default();
        apply_all(&mut whole, &entries);
        // As a server that took over a copy, and heard the rest.
        let mut copied = Standing::default();
        apply_all(&mut copied, earlier);
        let mut copied = copied.clone();
        apply_all(&mut copied, later);
        prop_assert_eq!(shown(&whole), shown(&copied));
    }

    /// Regression: a release or a rule that came again after others stood again, also one that had been lifted.
    #[test]
    fn commands_that_come_again_change_nothing(
        entries in entries(), again in prop::collection::vec((0_usize..60, 0_usize..60), 0..20),
    ) {
        let (mut standing, mut lineage) = (Standing::default(), Lineage::default());
        let (mut expected, mut expected_lineage) = (Standing::default(), Lineage::default());
        for (index, entry) in entries.iter().enumerate() {
            for state in [&mut standing, &mut expected] {
                state.apply(entry);
            }
            for commands in [&mut lineage, &mut expected_lineage] {
                commands.follow(entry);
            }
            for (_, which) in again.iter().filter(|(after, which)| *after == index && *which <= index) {
                let recorded = &entries[*which];
                if matches!(recorded, Entry::Release { .. } | Entry::Rule { .. }) {
                    prop_assert_eq!(standing.apply(recorded), Change::default());
                    lineage.follow(recorded);
                }
            }
        }
        prop_assert_eq!(shown(&standing), shown(&expected));
        prop_assert_eq!(lineage, expected_lineage);
    }

    #[test]
    fn a_change_names_all_that_no_longer_stands(entries in entries()) {
        let mut standing = Standing::default();
        for entry in &entries {
            let before: Vec<u32> = standing.rules().map(|(_, rule)| rule.id).collect();
            let change = standing.apply(entry);
            let gone: Vec<u32> = before.into_iter().filter(|id| standing.position(*id).is_none()).collect();
            let mut ended = ids(&change.ended);
            ended.sort_unstable();
            let mut gone = gone;
            gone.sort_unstable();
            prop_assert_eq!(ended, gone);
        }
    }

    #[test]
    fn a_checkpoint_and_what_followed_lead_to_the_same_as_all_entries(
        entries in entries(), other in entries(), cut in 0_usize..60,
    ) {
        let (earlier, later) = entries.split_at(cut.min(entries.len()));
        let mut whole = Standing::default();
        apply_all(&mut whole, earlier);
        let checkpoint = Entry::Checkpoint(Box::new(whole.checkpoint(Epoch::new(7))));
        // It is news to a server that knew nothing, or something else, and none to one that has read everything before it.
        let mut newcomer = Standing::default();
        newcomer.apply(&checkpoint);
        let mut stray = Standing::default();
        apply_all(&mut stray, &other);
        stray.apply(&checkpoint);
        let before = shown(&whole);
        prop_assert_eq!(whole.apply(&checkpoint), Change::default());
        prop_assert_eq!(shown(&whole), before);
        for entry in later {
            let change = whole.apply(entry);
            prop_assert_eq!(&newcomer.apply(entry), &change);
            prop_assert_eq!(&stray.apply(entry), &change);
        }
        prop_assert_eq!(shown(&whole), shown(&newcomer));
        prop_assert_eq!(shown(&whole), shown(&stray));
        prop_assert_eq!(whole.checkpoint(Epoch::new(7)), stray.checkpoint(Epoch::new(7)));
    }

    #[test]
    fn the_change_of_a_checkpoint_names_all_that_ended_and_began(ours in entries(), theirs in entries()) {
        let mut standing = Standing::default();
        apply_all(&mut standing, &ours);
        let mut other = Standing::default();
        apply_all(&mut other, &theirs);
        let before = standing.clone();
        let change = standing.apply(&Entry::Checkpoint(Box::new(other.checkpoint(Epoch::default()))));
        let at = |standing: &Standing| -> Vec<(usize, Arc<Rule>)> {
            standing.rules().map(|(position, rule)| (position, Arc::clone(rule))).collect()
        };
        let (old, new) = (at(&before), at(&standing));
        let moved = |rule: &Arc<Rule>| change.moved.iter().chain(&change.opened).any(|moved| moved.id == rule.id);
        let began: Vec<_> = new.iter().filter(|held| !old.contains(held) && !moved(&held.1)).map(|held| held.1.clone()).collect();
        let ended: Vec<_> = old.iter().filter(|held| !new.contains(held) && !moved(&held.1)).map(|held| held.1.clone()).collect();
        prop_assert_eq!(&change.began, &began);
        prop_assert_eq!(&change.ended, &ended);
        let names = |standing: &Standing| -> Vec<Release> { standing.releases.entries().cloned().collect() };
        let (old, new) = (names(&before), names(&standing));
        let announced: Vec<_> = new.iter().filter(|release| !old.contains(release)).cloned().collect();
        prop_assert_eq!(&change.announced, &announced);
        prop_assert_eq!(change.forgotten.len() + new.len(), old.len() + announced.len());
    }
}

/// As a server alone does it that started with a wrong clock.
#[test]
fn a_rule_stands_again_by_a_checkpoint() {
    let mut standing = Standing::default();
    apply_all(&mut standing, &[rule(2, "/b"), rule(3, "/c"), release(4, "v4")]);
    let Entry::Rule { rule: again, .. } = rule(1, "/a") else {
        unreachable!()
    };
    let checkpoint = Box::new(standing.with_again(again, 9));
    let change = standing.apply(&Entry::Checkpoint(checkpoint));
    assert_eq!((ids(&change.began), change.ended.len()), (vec![1], 0));
    assert_eq!(change.announced, []);
    let stand: Vec<u32> = standing.rules().map(|(_, rule)| rule.id).collect();
    assert_eq!((stand, standing.head), (vec![2, 3, 1], 4));
}

#[test]
fn a_rule_that_a_checkpoint_has_at_another_position_ended_and_began() {
    let mut ours = Standing::default();
    apply_all(&mut ours, &[rule(1, "/a"), rule(2, "/b")]);
    let mut theirs = Standing::default();
    apply_all(
        &mut theirs,
        &[rule(1, "/a"), Entry::End { ids: vec![1] }, rule(2, "/b")],
    );
    let change = ours.apply(&Entry::Checkpoint(Box::new(theirs.checkpoint(Epoch::default()))));
    assert_eq!((ids(&change.began), ids(&change.ended)), (vec![2], vec![1, 2]));
    assert_eq!(ours.position(2), Some(0));
}

#[test]
fn a_checkpoint_with_other_times_moves_them() {
    let mut standing = Standing::default();
    standing.apply(&rule(1, "/a"));
    let mut moved = standing.clone();
    moved.apply(&Entry::MoveTimes {
        after: 0,
        delta_ms: 5,
    });
    let change = standing.apply(&Entry::Checkpoint(Box::new(moved.checkpoint(Epoch::default()))));
    assert_eq!(
        (ids(&change.moved), change.began.len(), change.ended.len()),
        (vec![1], 0, 0)
    );
}

#[test]
fn a_rule_in_waves_opens_further_and_never_less() {
    let mut standing = Standing::default();
    standing.apply(&in_waves(1, "/a"));
    standing.apply(&rule(2, "/b"));
    let wave = |rule, parts, at_ms| Entry::Wave {
        rule,
        open: Share::new(parts).unwrap(),
        at_ms,
    };
    let waves = |standing: &Standing| standing.rule(0).and_then(|rule| rule.waves.clone()).unwrap();
    assert_eq!(ids(&standing.apply(&wave(1, 100, 50)).opened), [1]);
    let open = Share::new(100).unwrap();
    assert_eq!((waves(&standing).open, waves(&standing).since_ms), (open, 50));
    // Said again, or late, or of a rule that has none: nothing changes.
    for (rule, parts) in [(1, 100), (1, 99), (2, 100), (3, 100)] {
        assert_eq!(
            standing.apply(&wave(rule, parts, 60)),
            Change::default(),
            "{rule} {parts}"
        );
    }
    assert_eq!(waves(&standing).since_ms, 50);
    let moved = Entry::MoveTimes {
        after: 0,
        delta_ms: 5,
    };
    standing.apply(&moved);
    assert_eq!(waves(&standing).since_ms, 55);
}

#[test]
fn a_halted_rule_opens_no_further_until_it_goes_on() {
    let mut standing = Standing::default();
    standing.apply(&in_waves(1, "/a"));
    let halt = Entry::Halt { rule: 1, why: None };
    assert_eq!(ids(&standing.apply(&halt).turned), [1]);
    assert_eq!(standing.apply(&halt), Change::default());
    let wave = Entry::Wave {
        rule: 1,
        open: Share::ALL,
        at_ms: 9,
    };
    assert_eq!(standing.apply(&wave), Change::default());
    let resume = Entry::Resume {
        rule: 1,
        at_ms: 70,
        accepted: None,
    };
    assert_eq!(ids(&standing.apply(&resume).turned), [1]);
    assert_eq!(standing.apply(&resume), Change::default());
    let waves = standing.rule(0).and_then(|rule| rule.waves.clone()).unwrap();
    assert_eq!((waves.state, waves.since_ms), (State::Running, 70));
    assert_eq!(ids(&standing.apply(&wave).opened), [1]);
    assert_eq!(
        standing.apply(&halt),
        Change::default(),
        "there is nothing left to halt"
    );
}

#[test]
fn a_changed_rule_takes_the_position_of_the_one_before() {
    let mut standing = Standing::default();
    apply_all(
        &mut standing,
        &[rule(1, "/a"), rule(2, "/b"), Entry::End { ids: vec![1] }],
    );
    let before = standing.clone();
    let change = standing.apply(&changed(3, 2));
    assert_eq!(
        (ids(&change.began), ids(&change.ended), change.position),
        (vec![3], vec![2], Some(1))
    );
    assert_eq!(
        standing.changed_mask(&before),
        0,
        "what was told of it has been told"
    );
    assert_eq!(standing.told_mask(&[2]), 0b10);
    assert_eq!(
        (standing.rule(1).unwrap().first(), standing.position(2)),
        (2, None)
    );
}
