//! In one process, without sockets: what a table of a million tabs takes, and how many of them are below a prefix.
//!
//! The baseline is a `DashMap` from a number to two strings, leaner than that of the baseline's server; it scans, which is all it
//! can do. headcount's is the registry of one shard. Time is the median of [`REPEATS`] queries. Memory is what the process
//! grew by, and both tables live to the end, so that neither is built from what the other gave back.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use dashmap::DashMap;
use headcount_core::invalidation::{Audience, Mode, Rule, Standing};
use headcount_core::limits::Limits;
use headcount_core::pattern::RoutePattern;
use headcount_core::registry::{Opening, Registry};

use super::results::{Results, number};
use crate::clock;
use crate::failure::Failure;
use crate::server::{Subject, memory_of};

/// Simulated tabs.
const ENTRIES: u32 = 1_000_000;

/// Distinct routes they are on: 100 sections of 1,000 pages.
const ROUTES: u32 = 100_000;

/// Matches 1,000 routes, and 10,000 tabs.
const PREFIX: &str = "/section-42/";

/// Tabs that the prefix matches.
const MATCHING: u64 = 10_000;

const REPEATS: usize = 9;

/// Route and version.
type Baseline = DashMap<u64, (String, String)>;

pub(super) fn measure(results: &mut Results) -> Result<(), Failure> {
    let before = anonymous()?;
    let baseline = baseline();
    let between = anonymous()?;
    let registry = registry();
    let after = anonymous()?;
    entry_bytes(results, Subject::Baseline, between.saturating_sub(before));
    entry_bytes(results, Subject::Headcount, after.saturating_sub(between));
    prefix_us(results, Subject::Baseline, || {
        let found = baseline
            .iter()
            .filter(|tab| tab.0.starts_with(black_box(PREFIX)))
            .count();
        found as u64
    });
    if let Some(rule) = rule() {
        prefix_us(results, Subject::Headcount, || {
            registry.reach(black_box(&rule)).tabs
        });
    }
    Ok(())
}

/// The route and the version of a simulated tab.
fn tab(tab: u32) -> (String, String) {
    let page = tab % ROUTES;
    let route = format!("/section-{:02}/page-{:03}", page / 1_000, page % 1_000);
    (route, format!("v{}", tab % 3))
}

fn baseline() -> Baseline {
    (0..ENTRIES)
        .map(|number| (u64::from(number), tab(number)))
        .collect()
}

fn registry() -> Registry<()> {
    let limits = Limits::default().with(|limits| limits.routes_max = ROUTES);
    let mut registry = Registry::new(0, true, &limits, Arc::new(Standing::default()));
    for number in 0..ENTRIES {
        let (route, version) = tab(number);
        let opening = Opening {
            version: &version,
            route: &route,
            ..Opening::default()
        };
        registry.open(&opening, ());
    }
    registry
}

/// All tabs below the prefix. The pattern is valid; if it were not, its row would stay empty.
fn rule() -> Option<Rule> {
    Some(Rule {
        id: 1,
        pattern: RoutePattern::prefix(PREFIX, &Limits::default()).ok()?,
        versions: None,
        audience: Audience::All,
        mode: Mode::Force,
        release: "v2".into(),
        created_ms: 0,
        expires_ms: u64::MAX,
        spread_ms: 0,
        waves: None,
        continues: None,
    })
}

fn anonymous() -> Result<u64, Failure> {
    Ok(memory_of(Path::new("/proc/self/smaps_rollup"))?.anonymous)
}

fn entry_bytes(results: &mut Results, subject: Subject, held: u64) {
    results.set(subject, None, "entry-bytes", number(held) / f64::from(ENTRIES));
}

fn prefix_us(results: &mut Results, subject: Subject, query: impl Fn() -> u64) {
    let mut taken = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        let start = clock::now();
        let found = query();
        taken.push(clock::since(start).as_secs_f64() * 1e6);
        if found != MATCHING {
            results.notes.push(format!(
                "{subject:?}: {found} tabs below {PREFIX}, not {MATCHING}"
            ));
        }
    }
    results.median(subject, None, "prefix-us", taken);
}
