//! Navigations: what they cost with and without admins, and how soon an admin knows.

use std::time::Duration;

use super::figures::Figures;
use super::plan::Plan;
use super::rest::steady;
use super::site::{Site, unexpected};
use crate::client::command::{Answer, Command};
use crate::clock;
use crate::failure::Failure;
use crate::loader::Loader;
use crate::measure::results::number;
use crate::progress::say;

/// Navigations a second of all tabs.
const PER_SECOND: u32 = 1_000;

/// The quiet before a lone change: longer than a tick, so that each finds its server at rest.
const QUIET_MS: u64 = 130;

pub(super) fn measure(site: &mut Site, plan: &Plan, figures: &mut Figures) -> Result<(), Failure> {
    say("  1,000 navigations a second");
    let window = plan.window();
    moving(site, window, "1,000 navigations a second, no admin", figures)?;
    let mut watchers = vec![complete(site, plan, figures)?];
    moving(site, window, "1,000 navigations a second, one admin", figures)?;
    for server in 1..site.addresses.len() {
        watchers.push(site.watch([server, server])?);
    }
    let at_each = "1,000 navigations a second, an admin at each server";
    moving(site, window, at_each, figures)?;
    site.agree("after the navigations", &mut watchers)?;
    drop(watchers);

    say("  lone changes");
    let here = site.watch([0, 0])?;
    lone(here, plan.samples(), "the same server", figures)?;
    if site.addresses.len() > 1 {
        let elsewhere = site.watch([0, 1])?;
        lone(elsewhere, plan.samples(), "another server", figures)?;
    }
    site.agree("after the changes", &mut [])
}

/// An admin who comes while nobody else is there. Answers the admin, once all tabs are told.
fn complete(site: &mut Site, plan: &Plan, figures: &mut Figures) -> Result<Loader, Failure> {
    let start = clock::now();
    let mut watcher = site.watch([0, 0])?;
    loop {
        let seen = site.seen(&mut watcher)?;
        let taken = clock::since(start);
        if seen.told == seen.open {
            figures.set(
                "ms until an admin who comes is told of all tabs",
                taken.as_secs_f64() * 1e3,
            );
            return Ok(watcher);
        }
        if taken > plan.window() {
            site.note(&format!(
                "an admin is told of {} tabs, and {} are open",
                seen.told, seen.open
            ));
            return Ok(watcher);
        }
        clock::pause(Duration::from_millis(5));
    }
}

/// What a site costs while tabs navigate. They begin before it is watched, and end after.
fn moving(site: &mut Site, window: Duration, when: &str, figures: &mut Figures) -> Result<(), Failure> {
    let loaders = u32::try_from(site.loaders.len()).unwrap_or(1);
    let seconds = window.as_secs() + 1;
    let per_second = (PER_SECOND / loaders).max(1);
    let count = usize::try_from(u64::from(per_second) * seconds).unwrap_or_default();
    for loader in &mut site.loaders {
        loader.tell(&Command::Update { count, per_second })?;
    }
    steady(site, window, when, figures)?;
    let answers: Result<Vec<Answer>, Failure> = site.loaders.iter_mut().map(Loader::answer).collect();
    for answer in answers? {
        if !matches!(answer, Answer::Updated { refused: 0, .. }) {
            site.note(&format!("navigations were refused: {answer:?}"));
        }
    }
    Ok(())
}

/// Times lone changes of the watcher's second tab until they are told to its first.
fn lone(mut watcher: Loader, samples: usize, whose: &str, figures: &mut Figures) -> Result<(), Failure> {
    let quiet_ms = QUIET_MS;
    let answer = watcher.ask(&Command::Lone { samples, quiet_ms })?;
    let Answer::Lone { mut taken_ns } = answer else {
        return Err(unexpected(&answer));
    };
    taken_ns.sort_unstable();
    let at = |share: usize| number(taken_ns[taken_ns.len() * share / 100]) / 1e6;
    figures.set(format!("ms from a click to an admin at {whose}, median"), at(50));
    figures.set(
        format!("ms from a click to an admin at {whose}, 99th percentile"),
        at(99),
    );
    Ok(())
}
