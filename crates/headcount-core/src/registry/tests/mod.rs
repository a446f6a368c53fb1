//! Random lives of a registry, compared with a naive model after every step.
//!
//! A failure prints the shortest sequence of steps that shows it. proptest writes its seed to `proptest-regressions/` and
//! replays it first from then on.

mod invariants;
mod life;
mod model;
mod op;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{Opening, Registry};
use crate::invalidation::Standing;
use crate::limits::Limits;
use crate::release::ReleaseLog;
use crate::stats::Sum;
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
    Registry::new(0, true, limits, Arc::new(Standing::new(ReleaseLog::new(9))))
}

fn open(registry: &mut Registry<()>, route: &str) -> u32 {
    let opening = Opening {
        version: "v1",
        route,
        ..Opening::default()
    };
    registry.open(&opening, ()).slot
}

/// Regression: the search for connections to list stopped for good when the table was sparse and then quiet.
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
    let mut sum = Sum::new(1);
    let mut reports = 0;
    while registry.has_changes() {
        sum.apply(0, registry.take_changes());
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

/// Regression: a table of versions filled by strangers made tabs on the newest build look outdated.
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
            .map(|slot| life.registry.take_due(*slot))
            .collect::<Vec<_>>(),
        [1, 0],
        "v1 is behind v2; what runs v2 but has no name is left alone"
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
    }));
    life.step(&Op::Install);
    for _ in 0..3 {
        life.step(&Op::Return(0));
        life.step(&Op::Due(0));
    }
    life.step(&Op::Navigate(0, 7));
    let slot = life.model.tabs[0].key.slot;
    assert_eq!(life.registry.take_due(slot), 1);
}

proptest! {
    /// Many tables, one sum: shards report in any order, and the sum is that of all of them.
    #[test]
    fn the_sum_of_many_tables_is_that_of_their_connections(
        steps in proptest::collection::vec((0..3_usize, 0..op::ROUTES.len(), any::<bool>()), 1..300),
    ) {
        let mut tables: Vec<_> = (0..3).map(|_| (registry(&Limits::default()), Vec::new())).collect();
        let mut sum = Sum::new(3);
        for (table, route, opens) in steps {
            let (registry, slots) = &mut tables[table];
            if opens {
                slots.push(open(registry, op::ROUTES[route]));
            } else if let Some(slot) = slots.pop() {
                registry.close(slot);
            }
            sum.apply(table, registry.take_changes());
            let total: u64 = tables.iter().map(|(_, slots)| slots.len() as u64).sum();
            prop_assert_eq!(sum.total(), total);
            prop_assert_eq!(sum.routes().values().sum::<u64>(), total);
            prop_assert_eq!(sum.versions().values().sum::<u64>(), total);
            prop_assert_eq!(sum.rows().count() as u64, total);
        }
    }
}
