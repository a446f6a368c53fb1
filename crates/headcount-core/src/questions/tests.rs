use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::*;
use crate::command_log::Entry;
use crate::invalidation::{Audience, Mode, Standing};
use crate::limits::Limits;
use crate::pages::Pages;
use crate::pattern::RoutePattern;
use crate::registry::{Opening, Outcomes, Registry};
use crate::release::Release;

const TABLES: usize = 3;

fn rule(id: u32) -> Rule {
    Rule {
        id,
        pattern: RoutePattern::prefix("/", &Limits::default()).unwrap(),
        versions: None,
        audience: Audience::Outdated,
        mode: Mode::Force,
        release: "v2".into(),
        created_ms: 0,
        expires_ms: u64::MAX,
        spread_ms: 0,
        waves: None,
        continues: None,
    }
}

/// A release, and these rules for it.
fn standing(rules: &[u32]) -> Arc<Standing> {
    let mut standing = Standing::default();
    for (id, version) in [(1, "v1"), (2, "v2")] {
        let release = Release {
            id,
            version: version.into(),
            announced_ms: 0,
        };
        standing.apply(&Entry::Release {
            release,
            releases_max: 9,
        });
    }
    for id in rules {
        let rule = Rule {
            created_ms: u64::from(*id),
            versions: Some(vec![format!("x{id}"), "v1".to_owned()]),
            ..rule(*id)
        };
        standing.apply(&Entry::Rule { rule, rules_max: 64 });
    }
    Arc::new(standing)
}

/// Tables with these many tabs in all, and one table with the same tabs. Every third tab runs the current release.
fn tables(tabs: usize) -> (Vec<Registry<()>>, Registry<()>) {
    let table = |shard| Registry::new(shard, true, &Limits::default(), standing(&[3, 4]));
    let (mut several, mut one) = ((0..3).map(table).collect::<Vec<_>>(), table(0));
    for tab in 0..tabs {
        let opening = Opening {
            version: ["v1", "v2", "v0"][tab % 3],
            route: ["/", "/a", "/b", "/c", "/d"][tab % 5],
            ..Opening::default()
        };
        for registry in [&mut several[tab % 7 % TABLES], &mut one] {
            let slot = registry.open(&opening, ()).slot;
            let due = registry.due(slot, &mut 0);
            for position in crate::invalidation::positions(due) {
                registry.note_matched(position);
                registry.note_told(slot, position);
            }
        }
    }
    (several, one)
}

/// The answer, and in how many pieces it was found.
fn asked<Q: Ask>(registry: &Registry<()>, question: Q) -> (Q::Answer, u32) {
    let (mut walk, mut pieces) = (QuestionWalk::new(question), 0);
    loop {
        pieces += 1;
        match walk.step(registry) {
            ControlFlow::Break(answer) => return (Q::pick(answer).expect("of its type"), pieces),
            ControlFlow::Continue(next) => walk = next,
        }
    }
}

fn answers<Q: Ask + Clone>(tables: &[Registry<()>], question: &Q) -> Answers<Q::Answer> {
    let answer = |(source, table)| (source, Ok(asked(table, question.clone()).0));
    tables.iter().enumerate().map(answer).collect()
}

#[test]
fn every_question_is_answered_by_an_answer_of_its_type() {
    let (_, table) = tables(30);
    let ((), pieces) = asked(&table, Pulse);
    assert_eq!(pieces, 1);
    let (versions, _) = asked(&table, VersionCounts);
    assert_eq!(versions.len(), 3);
    let (outcomes, _) = asked(&table, OutcomesOfRules);
    assert_eq!(outcomes.0.len(), 2);
    let rule = Arc::new(rule(9));
    let (reach, _) = asked(&table, ReachOf { rule });
    assert_eq!((reach.tabs, reach.routes.len()), (20, 5));
    let filter = Filter {
        route: Some("/a".to_owned()),
        version: Some("v1".to_owned()),
    };
    let (page, _) = asked(
        &table,
        ConnectionsFrom {
            slot: 0,
            max: 9,
            filter,
        },
    );
    assert_eq!((page.rows.len(), page.next), (2, None));
    let (tally, _) = asked(&table, TallyFrom { slot: 0 });
    assert_eq!(
        (tally.counts.len(), &*tally.current, tally.next),
        (15, "v2", None)
    );
}

/// A node answers for its shards with their sum, so the sum must not depend on how tabs are spread over tables.
#[test]
fn the_sum_of_several_tables_is_the_answer_of_one_with_the_same_tabs() {
    let (several, one) = tables(200);
    let rule = Arc::new(rule(9));
    let reach = ReachOf { rule };
    let sum: Reach = answers(&several, &reach).values().sum();
    let mut whole = asked(&one, reach).0;
    whole.routes.sort();
    assert_eq!(sum, whole);

    let sum: RuleOutcomes = answers(&several, &OutcomesOfRules).values().sum();
    assert_eq!(sum, asked(&one, OutcomesOfRules).0);
    assert_eq!(sum.of(3).told, 67);

    let sum = |answers: Answers<Vec<(Arc<str>, u64)>>| {
        let mut sum: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for (version, tabs) in answers.values().flatten() {
            *sum.entry(version).or_default() += tabs;
        }
        sum
    };
    let whole = answers(std::slice::from_ref(&one), &VersionCounts);
    assert_eq!(sum(answers(&several, &VersionCounts)), sum(whole));

    let pages = |tables: &[Registry<()>]| {
        let mut pages = Pages::default();
        for tally in answers(tables, &TallyFrom { slot: 0 }).values() {
            pages.add(tally.counts);
        }
        pages.ranked()
    };
    assert_eq!(pages(&several), pages(std::slice::from_ref(&one)));
}

#[test]
fn sums_of_sums_are_the_sum() {
    let reach = |tabs, route: &str| Reach {
        tabs,
        unknown: tabs,
        routes: vec!["/".into(), route.into()],
    };
    let all = [reach(1, "/b"), reach(2, "/a"), reach(4, "/b")];
    let sum = |reaches: &[Reach]| reaches.iter().cloned().sum::<Reach>();
    let expected = Reach {
        tabs: 7,
        unknown: 7,
        routes: ["/", "/a", "/b"].map(Arc::from).into(),
    };
    assert_eq!(sum(&all), expected);
    assert_eq!(sum(&[sum(&all[..2]), sum(&all[2..])]), expected);
    assert_eq!(sum(&[sum(&[]), expected.clone()]), expected);
}

/// The positions of rules that ended are used again: what was counted for them must not count for others.
#[test]
fn outcomes_are_counted_anew_when_the_rules_change() {
    let limits = Limits {
        versions_max: 1,
        unnamed_bytes_max: 0,
        ..Limits::default()
    };
    let mut table = Registry::new(0, true, &limits, standing(&[3]));
    for tab in 0..10_000 {
        let opening = Opening {
            version: &format!("not kept {tab}"),
            route: "/",
            ..Opening::default()
        };
        table.open(&opening, ());
    }
    let (outcomes, pieces) = asked(&table, OutcomesOfRules);
    assert!(pieces > 2, "{pieces}");
    let unknown = outcomes.of(3).unknown;
    assert!(unknown > 9_000, "{unknown}");

    let ControlFlow::Continue(mut walk) = QuestionWalk::new(OutcomesOfRules).step(&table) else {
        panic!("one piece was enough");
    };
    let mut other = standing(&[]).as_ref().clone();
    let rule = Rule {
        pattern: RoutePattern::exact("/elsewhere", &limits).unwrap(),
        ..rule(5)
    };
    other.apply(&Entry::Rule { rule, rules_max: 64 });
    table.set_standing(Arc::new(other));
    walk.rules_changed();
    let outcomes = loop {
        match walk.step(&table) {
            ControlFlow::Break(answer) => break OutcomesOfRules::pick(answer).unwrap(),
            ControlFlow::Continue(next) => walk = next,
        }
    };
    assert_eq!(outcomes, RuleOutcomes([(5, Outcomes::default())].into()));
}

#[test]
fn what_a_missing_answer_means_is_up_to_the_asker() {
    let said = |missing: &[Missing]| {
        let answered = [(7, Ok(1)), (8, Ok(2))].into_iter();
        answered
            .chain((0..).zip(missing.iter().copied().map(Err)))
            .collect::<Answers<u64>>()
    };
    let all = said(&[]);
    assert_eq!(all.clone().whole(), Ok(all.clone()));
    assert_eq!(all.clone().of_running(), Ok(all));
    let (ended, late) = (Missing::Ended, Missing::Late);
    let without = said(&[ended]);
    assert_eq!(without.missing, [(0, ended)]);
    assert_eq!(without.clone().whole(), Err(ended));
    assert_eq!(without.of_running().unwrap().values().sum::<u64>(), 3);
    assert_eq!(said(&[ended, late]).whole(), Err(ended));
    assert_eq!(said(&[late, ended]).whole(), Err(late));
    assert_eq!(said(&[ended, late]).of_running(), Err(late));
}
