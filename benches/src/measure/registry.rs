//! In one process, without sockets: how many tabs are on the routes below a prefix, among a million.
//!
//! The baseline's side scans its `DashMap`, which is all it can do. Time is the median of [`REPEATS`] queries.

use std::hint::black_box;
use std::path::Path;

use dashmap::DashMap;

use super::results::{Results, number};
use crate::clock;
use crate::failure::Failure;
use crate::server::{Subject, memory_of};

/// Simulated tabs.
const ENTRIES: u32 = 1_000_000;

/// Distinct routes they are on: 100 sections of 1,000 pages. A section's prefix matches 10,000 tabs.
const ROUTES: u32 = 100_000;

const REPEATS: usize = 9;

struct Entry {
    _version: String,
    route: String,
}

/// The route of a simulated tab.
fn route_of(tab: u32) -> String {
    let page = tab % ROUTES;
    format!("/section-{:02}/page-{:03}", page / 1_000, page % 1_000)
}

pub(super) fn measure(results: &mut Results) -> Result<(), Failure> {
    let before = memory_of(Path::new("/proc/self/smaps_rollup"))?.anonymous;
    let tabs: DashMap<String, Entry> = DashMap::new();
    for tab in 0..ENTRIES {
        let entry = Entry {
            _version: format!("v{}", tab % 3),
            route: route_of(tab),
        };
        tabs.insert(format!("{tab:032x}"), entry);
    }
    let held = memory_of(Path::new("/proc/self/smaps_rollup"))?
        .anonymous
        .saturating_sub(before);
    let taken = (0..REPEATS).map(|_| {
        let start = clock::now();
        let matching = tabs
            .iter()
            .filter(|tab| tab.route.starts_with(black_box("/section-42/")))
            .count();
        black_box(matching);
        clock::since(start).as_secs_f64() * 1e6
    });
    results.median(Subject::Baseline, None, "prefix-us", taken.collect());
    results.set(
        Subject::Baseline,
        None,
        "entry-bytes",
        number(held) / f64::from(ENTRIES),
    );
    Ok(())
}
