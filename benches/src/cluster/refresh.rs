//! Refreshes: of all tabs, and of one in a hundred.

use std::time::Duration;

use super::figures::Figures;
use super::site::{Site, unexpected};
use crate::client::command::{Answer, Command};
use crate::failure::Failure;
use crate::loader::ask_all;
use crate::measure::results::number;
use crate::progress::say;
use crate::{admin, clock};

/// The median of so many counts.
const REPEATS: usize = 3;

/// How long is waited for tabs that must not be told.
const QUIET: Duration = Duration::from_millis(300);

/// The command is given at the last server.
pub(super) fn measure(site: &mut Site, figures: &mut Figures) -> Result<(), Failure> {
    say("  refreshing all");
    let all: Vec<usize> = site.loaders.iter().map(|loader| loader.open).collect();
    refresh(site, ("/", "all tabs"), &all, figures)?;
    say("  refreshing 1 %");
    let some: Vec<usize> = all.iter().map(|open| open / 100).collect();
    ask_all(&mut site.loaders, |index, _| Command::Place {
        count: some[index],
    })?;
    site.agree("before the refresh of 1 %", &mut [])?;
    refresh(site, ("/invalidated", "1 % of the tabs"), &some, figures)
}

fn refresh(
    site: &mut Site,
    (prefix, which): (&str, &str),
    expected: &[usize],
    figures: &mut Figures,
) -> Result<(), Failure> {
    let tabs: usize = expected.iter().sum();
    let (mut answered, mut last) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        ask_all(&mut site.loaders, |_, _| Command::Mark)?;
        let Some(server) = site.addresses.last().copied() else {
            return Ok(());
        };
        let start = clock::now();
        let matched = admin::refresh(server, prefix)?.tabs;
        answered.push(clock::since(start).as_secs_f64() * 1e3);
        if matched != tabs as u64 {
            site.note(&format!(
                "refresh of {which}: the answer says {matched} tabs, not {tabs}"
            ));
        }
        let told = told(site, expected)?;
        last.push(told.saturating_sub(start).as_secs_f64() * 1e3);
        // Once more, at rest: no other tab was told.
        clock::pause(QUIET);
        self::told(site, expected)?;
    }
    figures.set(format!("tabs refreshed: {which}"), number(tabs as u64));
    figures.set(format!("ms until the answer, {which}"), median(answered));
    let last = median(last);
    figures.set(format!("ms until the last was told, {which}"), last);
    figures.set(
        format!("µs a tab until the last was told, {which}"),
        last * 1e3 / number(tabs as u64).max(1.0),
    );
    Ok(())
}

/// Waits until so many tabs of each loader were told, and answers when the last was.
fn told(site: &mut Site, expected: &[usize]) -> Result<Duration, Failure> {
    let count = |index: usize| expected[index];
    let answers = ask_all(&mut site.loaders, |index, _| Command::AwaitVersions {
        count: count(index),
    })?;
    let mut last = Duration::ZERO;
    for (answer, expected) in answers.into_iter().zip(expected) {
        let Answer::Versions { told, last_at_ns } = answer else {
            return Err(unexpected(&answer));
        };
        if told != *expected {
            site.note(&format!(
                "{told} tabs of a loader were told to refresh, not {expected}"
            ));
        }
        if told > 0 {
            last = last.max(Duration::from_nanos(last_at_ns));
        }
    }
    Ok(last)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
