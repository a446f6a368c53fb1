//! What is written is read again, and what is not an entry is an error.

use proptest::prelude::*;

use super::*;
use crate::invalidation::waves::{Finding, Measure, Schedule, Seen, Share, State, StopIf, Waves};
use crate::invalidation::{Audience, Continued, Mode, Standing, in_order};
use crate::pattern::RoutePattern;
use crate::release::Release;

fn again(entry: &Entry) -> Entry {
    match decode(&encode(entry).unwrap()).unwrap() {
        Decoded::Entry(entry) => entry,
        other @ (Decoded::Later(_) | Decoded::Unknown { .. }) => panic!("{other:?}"),
    }
}

fn a_pattern() -> impl Strategy<Value = RoutePattern> {
    let path = "/[a-zA-Zé%\\. \"-]{0,12}";
    prop_oneof![
        path.prop_map(|text| RoutePattern::exact(&text, &limits())),
        path.prop_map(|text| RoutePattern::prefix(&text, &limits())),
        path.prop_map(|text| RoutePattern::segment(&text, &limits())),
        "/[a-z*?]{0,6}".prop_map(|text| RoutePattern::glob(&text, &limits())),
        "\\^?/[a-z.|+]{1,5}\\$?".prop_map(|text| RoutePattern::regex(&text, &limits())),
    ]
    .prop_filter_map("a pattern", Result::ok)
}

fn a_rule() -> impl Strategy<Value = Rule> {
    let who = (
        proptest::option::of(prop::collection::vec(".{0,5}", 0..4).prop_map(in_order)),
        any::<bool>(),
        any::<bool>(),
    );
    let times = (any::<u64>(), any::<u64>(), any::<u32>());
    let rollout = (proptest::option::of(waves()), proptest::option::of(continued()));
    (any::<u32>(), a_pattern(), who, ".{0,8}", (times, rollout)).prop_map(
        |(id, pattern, (versions, all, force), release, ((created_ms, expires_ms, spread_ms), rollout))| {
            Rule {
                id,
                pattern,
                versions,
                audience: if all { Audience::All } else { Audience::Outdated },
                mode: if force { Mode::Force } else { Mode::Prompt },
                release: release.into(),
                created_ms,
                expires_ms,
                spread_ms,
                waves: rollout.0.map(Box::new),
                continues: rollout.1.map(Box::new),
            }
        },
    )
}

fn share() -> impl Strategy<Value = Share> {
    (0..=Share::ALL.parts()).prop_filter_map("a share", Share::new)
}

fn seen() -> impl Strategy<Value = Seen> {
    (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(told, stuck, held, gone)| Seen {
        told,
        stuck,
        held,
        gone,
    })
}

fn finding() -> impl Strategy<Value = Finding> {
    let measure = prop::sample::select(&[Measure::Stuck, Measure::Held, Measure::Gone]);
    (measure, any::<u64>(), any::<u64>(), share()).prop_map(|(measure, tabs, told, most)| Finding {
        measure,
        tabs,
        told,
        most,
    })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let shares = prop::collection::btree_set(1..Share::ALL.parts(), 0..9);
    prop_oneof![
        (1_000..u32::MAX, any::<u64>()).prop_map(|(over_ms, tabs)| Schedule::even(over_ms, tabs)),
        (1..u32::MAX, any::<u64>()).prop_map(|(per_second, tabs)| Schedule::rate(per_second, tabs)),
        (shares, 1_000..u32::MAX).prop_map(|(shares, every_ms)| {
            let shares = shares.into_iter().chain([Share::ALL.parts()]);
            Schedule::waves(shares.filter_map(Share::new).collect(), every_ms)
        }),
    ]
    .prop_filter_map("a schedule", Result::ok)
}

fn waves() -> impl Strategy<Value = Waves> {
    let limits = || proptest::option::of(share());
    let stop_if =
        (limits(), limits(), limits(), any::<u32>()).prop_map(|(stuck, held, gone, after)| StopIf {
            stuck,
            held,
            gone,
            after,
        });
    let state = prop_oneof![
        Just(State::Running),
        Just(State::Paused),
        finding().prop_map(State::Stopped)
    ];
    let stop_if = proptest::option::of(stop_if);
    (
        schedule(),
        stop_if,
        share(),
        any::<u64>(),
        (state, seen(), any::<u32>()),
    )
        .prop_map(
            |(schedule, stop_if, open, since_ms, (state, accepted, turns))| Waves {
                schedule,
                stop_if,
                open,
                since_ms,
                state,
                accepted,
                turns,
            },
        )
}

fn continued() -> impl Strategy<Value = Continued> {
    let told = prop::collection::vec(any::<u32>(), 0..4);
    (any::<u32>(), any::<u32>(), told).prop_map(|(before, first, told)| Continued { before, first, told })
}

fn a_release() -> impl Strategy<Value = Release> {
    (any::<u32>(), ".{0,8}", any::<u64>()).prop_map(|(id, version, announced_ms)| Release {
        id,
        version: version.into(),
        announced_ms,
    })
}

fn a_checkpoint() -> impl Strategy<Value = Checkpoint> {
    let rules = prop::collection::btree_map(0..POSITIONS, a_rule().prop_map(Arc::new), 0..5);
    let releases = prop::collection::vec(a_release(), 0..5);
    let lineage = prop::collection::vec((any::<u32>(), any::<u64>()), 0..5);
    (any::<u64>(), any::<u32>(), releases, rules, lineage).prop_map(
        |(epoch, head, releases, rules, lineage)| Checkpoint {
            epoch: Epoch::new(epoch),
            head,
            releases,
            rules: rules.into_iter().collect(),
            lineage: Lineage::new(lineage),
        },
    )
}

fn an_entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        (a_release(), any::<u32>()).prop_map(|(release, releases_max)| Entry::Release {
            release,
            releases_max
        }),
        (a_rule(), any::<u32>()).prop_map(|(rule, rules_max)| Entry::Rule { rule, rules_max }),
        prop::collection::vec(any::<u32>(), 0..9).prop_map(|ids| Entry::End { ids }),
        (any::<u32>(), share(), any::<u64>()).prop_map(|(rule, open, at_ms)| Entry::Wave {
            rule,
            open,
            at_ms
        }),
        (any::<u32>(), proptest::option::of(finding())).prop_map(|(rule, why)| Entry::Halt { rule, why }),
        (any::<u32>(), any::<u64>(), proptest::option::of(seen())).prop_map(|(rule, at_ms, accepted)| {
            Entry::Resume {
                rule,
                at_ms,
                accepted,
            }
        }),
        (any::<u32>(), any::<i64>()).prop_map(|(after, delta_ms)| Entry::MoveTimes { after, delta_ms }),
        a_checkpoint().prop_map(|checkpoint| Entry::Checkpoint(Box::new(checkpoint))),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(entry in an_entry()) {
        prop_assert_eq!(again(&entry), entry);
    }

    #[test]
    fn bytes_that_were_changed_are_an_entry_or_an_error(
        entry in an_entry(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = encode(&entry).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        // What is read can stand.
        if let Ok(Decoded::Entry(entry) | Decoded::Later(entry)) = decode(&bytes) {
            Standing::default().apply(&entry);
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(decode(&bytes).is_err());
    }
}

#[test]
fn a_field_of_a_later_revision_is_ignored_and_a_kind_is_unknown() {
    let later = br#"{"revision":9,"kind":"end","why":["x"],"ids":[3]}"#;
    assert_eq!(
        decode(later).unwrap(),
        Decoded::Later(Entry::End { ids: vec![3] })
    );
    let unknown = br#"{"revision":9,"kind":"pause","id":3}"#;
    let expected = Decoded::Unknown {
        revision: 9,
        kind: "pause".to_owned(),
    };
    assert_eq!(decode(unknown).unwrap(), expected);
}

#[test]
fn what_is_not_an_entry_is_an_error() {
    let rule = r#"{"id":1,"match":{"exact":"/"},"audience":"all","mode":"force","release":"v1","createdAt":1,"expiresAt":2}"#;
    let checkpoint = |epoch: &str, positions: [usize; 2]| {
        let [first, second] = positions.map(|position| format!(r#"{{"position":{position},"rule":{rule}}}"#));
        format!(
            r#"{{"revision":1,"kind":"checkpoint","epoch":"{epoch}","head":1,"releases":[],"rules":[{first},{second}]}}"#
        )
    };
    assert!(decode(checkpoint("0123456789ab", [0, 63]).as_bytes()).is_ok());
    let hostile = [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        "[".repeat(100_000),
        r#"{"revision":1}"#.to_owned(),
        r#"{"kind":"end","ids":[]}"#.to_owned(),
        r#"{"revision":-1,"kind":"end","ids":[]}"#.to_owned(),
        r#"{"revision":1,"kind":"end","ids":[4294967296]}"#.to_owned(),
        r#"{"revision":1,"kind":"rule","rulesMax":3}"#.to_owned(),
        format!(
            r#"{{"revision":1,"kind":"rule","rulesMax":3,"rule":{}}}"#,
            rule.replace("\"/\"", "\"no route\"")
        ),
        checkpoint("0123456789ab", [0, 64]),
        checkpoint("0123456789ab", [5, 5]),
        checkpoint("a name", [0, 1]),
    ];
    for bytes in hostile {
        assert!(decode(bytes.as_bytes()).is_err(), "{bytes:.80}");
    }
    assert!(decode(&[0xFF, 0xFE, 0x00]).is_err());
}

/// A pattern that is longer than the reader's own limit is the pattern of every server all the same.
#[test]
fn the_limits_of_a_reader_do_not_matter() {
    let long = format!("/{}", "a".repeat(5_000));
    let entry = Entry::Rule {
        rule: Rule {
            id: 1,
            pattern: RoutePattern::exact(&long, &limits()).unwrap(),
            versions: None,
            audience: Audience::All,
            mode: Mode::Force,
            release: "v1".into(),
            created_ms: 1,
            expires_ms: 2,
            spread_ms: 0,
            waves: None,
            continues: None,
        },
        rules_max: 64,
    };
    assert_eq!(again(&entry), entry);
}

/// What does not know waves would tell all tabs at once: it must not take such an entry for one that it knows.
#[test]
fn what_revision_1_knows_is_written_as_before_and_the_rest_stops_it() {
    let known = [
        ("rule", 1),
        ("checkpoint", 1),
        ("end", 1),
        ("release", 1),
        ("move-times", 1),
    ];
    let plain = Entry::Rule {
        rule: Rule {
            id: 1,
            pattern: RoutePattern::exact("/", &limits()).unwrap(),
            versions: None,
            audience: Audience::All,
            mode: Mode::Force,
            release: "v1".into(),
            created_ms: 1,
            expires_ms: 2,
            spread_ms: 0,
            waves: None,
            continues: None,
        },
        rules_max: 64,
    };
    let with = |change: fn(&mut Rule)| {
        let mut entry = plain.clone();
        if let Entry::Rule { rule, .. } = &mut entry {
            change(rule);
        }
        entry
    };
    let in_waves = with(|rule| {
        let schedule = Schedule::even(60_000, 9).unwrap();
        rule.waves = Some(Box::new(Waves::new(schedule, None, 0)));
    });
    let changed = with(|rule| rule.continues = Some(Box::default()));
    let checkpoint = |entry: &Entry| {
        let mut standing = Standing::default();
        standing.apply(entry);
        Entry::Checkpoint(Box::new(standing.checkpoint(Epoch::default())))
    };
    let written = |entry: &Entry| -> (String, u32) {
        let Head { revision, kind } = serde_json::from_slice(&encode(entry).unwrap()).unwrap();
        (kind, revision)
    };
    for entry in [&plain, &checkpoint(&plain)] {
        let (kind, revision) = written(entry);
        assert!(known.contains(&(&*kind, revision)), "{kind} {revision}");
    }
    for (entry, kind) in [
        (in_waves.clone(), "rule-2"),
        (changed.clone(), "rule-2"),
        (checkpoint(&in_waves), "checkpoint-2"),
        (checkpoint(&changed), "checkpoint-2"),
    ] {
        assert_eq!(written(&entry), (kind.to_owned(), 2));
        assert_eq!(again(&entry), entry);
    }
    let wave = Entry::Wave {
        rule: 8,
        open: Share::new(1_250).unwrap(),
        at_ms: 5,
    };
    assert_eq!(
        encode(&wave).unwrap(),
        br#"{"revision":2,"kind":"wave","rule":8,"open":12.5,"at":5}"#
    );
}
