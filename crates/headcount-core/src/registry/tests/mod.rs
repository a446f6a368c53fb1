//! Random lives of a registry, compared with a naive model after every step.
//!
//! A failure prints the shortest sequence of steps that shows it. proptest writes its seed to `proptest-regressions/` and
//! replays it first from then on.

mod ahead;
mod invariants;
mod life;
mod model;
mod moves;
mod op;
mod waves;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Opening, Reach, ReachWalk, Registry};
use crate::invalidation::{Audience, Mode, Rule, Standing};
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::pattern::RoutePattern;
use crate::release::{Release, ReleaseLog};
use crate::stats::{Incarnation, Reporter, SourceId, Sum};
use life::Life;
use op::Op;

/// How long a failing life is shortened, milliseconds.
const SHRINK_MS_MAX: u32 = 20_000;

fn live(track_routes: bool, limits: Limits, ops: &[Op]) {
    let mut life = Life::new(track_routes, limits);
    for op in ops {
        life.step(op);
        life.check();
    }
    for position in 0..64 {
        life.step(&Op::Hits(position));
    }
    life.check();
}

fn run(cases: u32, steps: std::ops::Range<usize>) {
    let config = Config {
        cases,
        max_shrink_iters: u32::MAX,
        max_shrink_time: SHRINK_MS_MAX,
        ..Config::with_source_file(file!())
    };
    let lives = (op::bounds(), proptest::collection::vec(op::op(), steps));
    let outcome = TestRunner::new(config).run(&lives, |((track_routes, limits), ops)| {
        live(track_routes, limits, &ops);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn short_lives_agree_with_the_model() {
    run(200, 1..200);
}

#[test]
fn long_lives_agree_with_the_model() {
    run(4, 10_000..12_000);
}

fn registry(limits: &Limits) -> Registry<()> {
    Registry::new(0, true, limits, Arc::new(Standing::default()))
}

fn open(registry: &mut Registry<()>, route: &str) -> u32 {
    let opening = Opening {
        version: "v1",
        route,
        ..Opening::default()
    };
    registry.open(&opening, ()).slot
}

/// Regression: the search for connections to list stopped permanently when the table was sparse and then quiet.
#[test]
fn a_sparse_and_quiet_table_still_fills_its_sample() {
    let limits = Limits {
        stats_connections_max: 3,
        ..Limits::default()
    };
    let mut registry = registry(&limits);
    let slots: Vec<u32> = (0..10_000).map(|_| open(&mut registry, "/")).collect();
    for slot in &slots[..9_990] {
        registry.close(*slot);
    }
    let (mut sum, mut reporter) = (Sum::default(), Reporter::new(Incarnation(0)));
    let mut reports = 0;
    while registry.has_changes() {
        let report = reporter.changes(registry.take_changes());
        assert!(sum.apply(SourceId(0), report).is_ok());
        reports += 1;
        assert!(reports < 20, "there is always an end to it");
    }
    assert_eq!((sum.total(), sum.rows().count()), (10, 3));
}

#[test]
fn a_large_table_is_tallied_in_pieces_and_each_connection_once() {
    let mut registry = registry(&Limits::default());
    let slots: Vec<u32> = (0..40_000)
        .map(|tab| open(&mut registry, ["/", "/a", "/b"][tab % 3]))
        .collect();
    for slot in slots.iter().step_by(2) {
        registry.close(*slot);
    }
    let (mut from, mut pieces, mut tabs) = (Some(0), 0, 0);
    while let Some(slot) = from {
        let tally = registry.tally(slot);
        tabs += tally.counts.iter().map(|one| one.tabs).sum::<u32>();
        (from, pieces) = (tally.next, pieces + 1);
    }
    assert_eq!((tabs, pieces), (20_000, 10));
    assert_eq!(registry.versions(), [("v1".into(), 20_000)]);
}

/// Regression: when visitors filled the table of versions, tabs on the newest build looked outdated.
#[test]
fn a_full_table_of_versions_refreshes_nobody_by_mistake() {
    let limits = Limits {
        versions_max: 1,
        ..Limits::default()
    };
    let mut life = Life::new(true, limits);
    life.step(&Op::Open {
        version: 0,
        route: 0,
        hash: None,
        replace: false,
    });
    life.step(&Op::Announce(1));
    life.step(&Op::Give(op::Order {
        pattern: 0,
        versions: None,
        everybody: false,
        expires_ms: 9,
        open: None,
    }));
    life.step(&Op::Install);
    life.step(&Op::Open {
        version: 1,
        route: 0,
        hash: None,
        replace: false,
    });
    life.check();
    let slots: Vec<u32> = life.model.tabs.iter().map(|tab| tab.key.slot).collect();
    assert_eq!(
        slots
            .iter()
            .map(|slot| life.registry.due(*slot, &mut 0))
            .collect::<Vec<_>>(),
        [1, 0],
        "v1 is behind v2; what runs v2 has a name, and is left alone"
    );
}

/// Regression: a page that came back twice looked younger than a rule it was still due.
#[test]
fn a_page_keeps_its_age_however_often_it_returns() {
    let mut life = Life::new(true, Limits::default());
    life.step(&Op::Open {
        version: 0,
        route: 9,
        hash: None,
        replace: false,
    });
    life.step(&Op::Give(op::Order {
        pattern: 4,
        versions: None,
        everybody: true,
        expires_ms: 9,
        open: None,
    }));
    life.step(&Op::Install);
    for _ in 0..3 {
        life.step(&Op::Return(0));
        life.step(&Op::Due(0));
    }
    life.step(&Op::Navigate(0, 7));
    let slot = life.model.tabs[0].key.slot;
    assert_eq!(life.registry.due(slot, &mut 0), 1);
}

fn outdated_rule(pattern: RoutePattern) -> Rule {
    Rule {
        id: 9,
        pattern,
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

fn released(versions: &[&str]) -> ReleaseLog {
    let mut log = ReleaseLog::default();
    for (id, version) in (1..).zip(versions) {
        log.announce(
            Release {
                id,
                version: (*version).into(),
                announced_ms: 0,
            },
            2_000,
        );
    }
    log
}

/// How far the rule reaches, and in how many pieces that is found out.
fn pieces(registry: &Registry<()>, rule: &Rule) -> (Reach, u32) {
    let (mut walk, mut pieces, mut hits) = (ReachWalk::with_hits(), 0, Vec::new());
    loop {
        pieces += 1;
        let done = registry.walk_reach(rule, &mut walk);
        hits.extend(walk.take_hits());
        if let Some(reach) = done {
            hits.sort_unstable();
            hits.dedup();
            assert_eq!(hits.len() as u64, reach.tabs, "each hit once");
            return (reach, pieces);
        }
    }
}

/// Regression: a shard counted in one go how many tabs a rule reaches, and served no socket during that time.
#[test]
fn how_far_a_rule_reaches_is_found_out_in_pieces() {
    let limits = Limits::default();
    let standing = Arc::new(Standing::new(released(&["v1", "v2"])));
    let mut registry = Registry::new(0, true, &limits, standing);
    // A route with too many tabs for a piece, and more long routes than a piece takes.
    for tab in 0..12_000_u32 {
        let opening = Opening {
            version: ["v1", "v2", "v0"][tab as usize % 3],
            route: "/crowded",
            ..Opening::default()
        };
        registry.open(&opening, ());
    }
    let long = "x".repeat(900);
    for page in 0..2_000 {
        open(&mut registry, &format!("/{long}/{page}"));
    }
    let everywhere = outdated_rule(RoutePattern::regex("^/", &limits).unwrap());
    let (reach, took) = pieces(&registry, &everywhere);
    assert_eq!(
        (reach.tabs, reach.unknown, reach.routes.len()),
        (10_000, 0, 2_001)
    );
    assert!(took > 20, "{took}");
    let one = outdated_rule(RoutePattern::exact("/crowded", &limits).unwrap());
    let (reach, took) = pieces(&registry, &one);
    assert_eq!((reach.tabs, reach.routes.len()), (8_000, 1));
    assert!(took > 3, "{took}");
    let nowhere = outdated_rule(RoutePattern::segment("/nowhere", &limits).unwrap());
    assert_eq!(pieces(&registry, &nowhere), (Reach::default(), 1));
}

/// A walk goes on rightly although names and tabs come and go between its pieces.
#[test]
fn a_walk_survives_what_happens_between_its_pieces() {
    let limits = Limits::default();
    let standing = Arc::new(Standing::new(released(&["v1", "v2"])));
    let mut registry = Registry::new(0, true, &limits, standing);
    let mut slots: Vec<u32> = (0..9_000).map(|_| open(&mut registry, "/crowded")).collect();
    let long = "x".repeat(900);
    let pages: Vec<u32> = (0..1_000)
        .map(|page| open(&mut registry, &format!("/{long}/{page:04}")))
        .collect();
    let rule = outdated_rule(RoutePattern::regex("^/", &limits).unwrap());
    let mut walk = ReachWalk::default();
    let mut step = 0;
    let reach = loop {
        if let Some(reach) = registry.walk_reach(&rule, &mut walk) {
            break reach;
        }
        // What was counted goes, its ids are used again, and the crowd is another in the end.
        if let Some(page) = pages.get(step) {
            registry.close(*page);
        }
        open(&mut registry, &format!("/a-new-page/{step}"));
        if step == 12 {
            for slot in slots.drain(..) {
                registry.close(slot);
            }
            for _ in 0..50 {
                open(&mut registry, "/crowded");
            }
        }
        step += 1;
    };
    assert!(step > 12 && reach.tabs <= 9_000 + 1_000, "{step} {}", reach.tabs);
    assert!(reach.tabs >= 1_000 + 50, "who was there all the while is counted");
}

/// Regression: every tab on a name was judged separately, and each against every release.
#[test]
fn a_name_is_judged_once_however_many_tabs_bear_it() {
    let limits = Limits::default();
    let mut registry = registry(&limits);
    let route = format!("/{}", "x".repeat(1_000));
    let slots: Vec<u32> = (0..1_000).map(|_| open(&mut registry, &route)).collect();
    let mut standing = Standing::new(released(&["v1", "v2"]));
    for id in 2..60 {
        let mut rule = outdated_rule(RoutePattern::regex(&format!("{id}$"), &limits).unwrap());
        rule.id = id;
        standing.add(rule, 64);
    }
    registry.set_standing(Arc::new(standing));
    let mut work = 0;
    registry.due(slots[0], &mut work);
    assert!(work > 1_000, "{work}");
    let first = work;
    for slot in &slots[1..] {
        registry.due(*slot, &mut work);
    }
    assert_eq!(work - first, 999);
}

/// Regression: a tab that left and never came back was counted as reloaded as soon as anybody said so.
#[test]
fn a_reload_is_believed_once_and_of_the_tab_that_was_told() {
    let mut registry = registry(&Limits::default());
    let mut standing = Standing::new(released(&["v1", "v2"]));
    standing.add(
        outdated_rule(RoutePattern::exact("/", &Limits::default()).unwrap()),
        64,
    );
    registry.set_standing(Arc::new(standing));
    let told = |registry: &mut Registry<()>, tab| {
        let opening = Opening {
            version: "v1",
            route: "/",
            tab: Some(tab),
            ..Opening::default()
        };
        let slot = registry.open(&opening, ()).slot;
        assert_eq!(registry.due(slot, &mut 0), 1);
        registry.note_matched(0);
        registry.note_told(slot, 0);
        slot
    };
    for tab in 1..=5 {
        let slot = told(&mut registry, tab);
        registry.close(slot);
    }
    for _ in 0..10 {
        for tab in [None, Some(1), Some(99)] {
            registry.note_reloaded(tab, &[9, 9, 9]);
        }
    }
    let book = registry.outcomes(&[0; 64]).of(9);
    assert_eq!((book.told, book.reloaded, book.gone()), (5, 1, 4));
    // Beyond the limit those count as gone that cannot be told from others.
    let limits = Limits {
        outcomes_max: 2,
        ..Limits::default()
    };
    let standing = Arc::clone(registry.standing());
    let mut registry = Registry::new(0, true, &limits, standing);
    for tab in 1..=5 {
        let slot = told(&mut registry, tab);
        registry.close(slot);
    }
    for tab in 1..=50 {
        registry.note_reloaded(Some(tab), &[9]);
    }
    let book = registry.outcomes(&[0; 64]).of(9);
    assert_eq!((book.told, book.reloaded, book.gone()), (5, 2, 3));
}

/// Last words are bounded too: the one that is too much is not counted, and none of the others is lost.
#[test]
fn last_words_are_bounded() {
    let limits = Limits {
        outcomes_max: 2,
        ..Limits::default()
    };
    let mut standing = Standing::new(released(&["v1", "v2"]));
    standing.add(outdated_rule(RoutePattern::exact("/", &limits).unwrap()), 64);
    let mut registry = Registry::new(0, true, &limits, Arc::new(standing));
    let slots: Vec<u32> = (0..3)
        .map(|_| {
            let slot = open(&mut registry, "/");
            registry.note_told(slot, 0);
            slot
        })
        .collect();
    for slot in &slots {
        assert!(registry.acknowledge(*slot, 9, Outcome::Held));
    }
    let held = |registry: &Registry<()>| registry.outcomes(&[0; 64]).of(9).held;
    assert_eq!(held(&registry), 2);
    registry.close(slots[0]);
    registry.acknowledge(slots[2], 9, Outcome::Held);
    assert_eq!(held(&registry), 2);
    registry.acknowledge(slots[1], 9, Outcome::Reloading);
    registry.acknowledge(slots[2], 9, Outcome::Reloading);
    assert_eq!(held(&registry), 0);
}

proptest! {
    /// Many tables, one sum: shards report in any order, and the sum is that of all of them.
    #[test]
    fn the_sum_of_many_tables_is_that_of_their_connections(
        steps in proptest::collection::vec((0..3_usize, 0..op::ROUTES.len(), any::<bool>()), 1..300),
    ) {
        let mut tables: Vec<_> = (0..3)
            .map(|_| (registry(&Limits::default()), Vec::new(), Reporter::new(Incarnation(0))))
            .collect();
        let mut sum = Sum::default();
        for (table, route, opens) in steps {
            let (registry, slots, reporter) = &mut tables[table];
            if opens {
                slots.push(open(registry, op::ROUTES[route]));
            } else if let Some(slot) = slots.pop() {
                registry.close(slot);
            }
            let report = reporter.changes(registry.take_changes());
            prop_assert!(sum.apply(SourceId(u32::try_from(table).unwrap()), report).is_ok());
            let total: u64 = tables.iter().map(|(_, slots, _)| slots.len() as u64).sum();
            prop_assert_eq!(sum.total(), total);
            prop_assert_eq!(sum.routes().values().sum::<u64>(), total);
            prop_assert_eq!(sum.versions().values().sum::<u64>(), total);
            prop_assert_eq!(sum.rows().count() as u64, total);
        }
    }
}
