//! The cost of one subscriber as connections grow, how soon it sees a change, and an invalidation of 1 %.
//!
//! At two thirds of the tabs, which is 10,000 in a full run: the cost of having opened them all under the admin's eyes, lone
//! changes, the invalidation. At all of them: the rates, and a subscriber of the older kind, which wants complete stats.

use super::plan::Part;
use super::resting::{RATES, REPEATS, announce, rest, told};
use super::results::number;
use super::stand::Stand;
use crate::client::command::{Answer, Command, Subscription};
use crate::failure::Failure;
use crate::loader::ask_all;
use crate::progress::say;
use crate::{admin, clock};

/// The rate at which the cost of a subscriber is taken.
const RATE: u32 = 50;

/// CPU seconds that one rate may cost a server. A server for which each update is dear makes fewer of them.
const BUDGET_S: f64 = 8.0;

/// Lone changes, and the quiet before each: longer than a tick of headcount's, so that each finds it at rest.
const LONE: usize = 200;
const QUIET_MS: u64 = 104;

/// The route prefix that is invalidated.
const INVALIDATED: &str = "/invalidated";

pub(super) fn measure(mut stand: Stand<'_>) -> Result<(), Failure> {
    let [few, third, most, all] = stand.plan.stages();
    let growing = stand.plan.wants(Part::Subscriber);
    stand.watch(Subscription::Deltas)?;
    let (mut cpu_s, mut bytes) = (0.0, 0.0);
    for stage in [few, third, most] {
        let (spent, received) = stand.watched(|stand| stand.open_up_to(stage))?;
        cpu_s += spent.cpu_s;
        bytes += received;
        rest(&mut stand)?;
        if growing {
            grown(&mut stand, stage)?;
        }
        stand.rest = 0.0;
    }
    stand.set("opening-cpu-s", cpu_s);
    stand.set("opening-mb", bytes / 1e6);
    rest(&mut stand)?;
    if stand.plan.wants(Part::Lone) {
        lone(&mut stand)?;
    }
    stand.agree("with one admin")?;
    stand.unwatch()?;
    if stand.plan.wants(Part::Invalidation) {
        invalidation(&mut stand)?;
    }
    if growing {
        stand.rest = 0.0;
        stand.open_up_to(all)?;
        stand.watch(Subscription::Deltas)?;
        rest(&mut stand)?;
        let update_s = grown(&mut stand, all)?;
        rates(&mut stand, update_s)?;
        stand.unwatch()?;
        stand.watch(Subscription::Complete)?;
        complete(&mut stand)?;
        stand.agree("at the end")?;
    }
    Ok(())
}

/// The cost of an update at this many tabs. Answers CPU seconds an update.
fn grown(stand: &mut Stand<'_>, tabs: usize) -> Result<f64, Failure> {
    say(&format!("  {tabs} tabs, {RATE} updates a second"));
    let (cost, size) = cost_of(stand, RATE, 50, REPEATS)?;
    let update_s = median(&cost) / 1e6;
    stand.median(&format!("grown-{tabs}-us"), cost);
    stand.median(&format!("grown-{tabs}-bytes"), size);
    Ok(update_s)
}

fn rates(stand: &mut Stand<'_>, update_s: f64) -> Result<(), Failure> {
    for (per_second, count) in RATES {
        if per_second == RATE {
            continue;
        }
        say(&format!("  {per_second} updates a second, one admin"));
        let wanted = update_s * number(count as u64) * number(REPEATS as u64);
        let (count, repeats) = if wanted <= BUDGET_S {
            (count, REPEATS)
        } else {
            (count.min(500), 1)
        };
        let (cost, _) = cost_of(stand, per_second, count, repeats)?;
        stand.median(&format!("watched-{per_second}-us"), cost);
    }
    Ok(())
}

fn complete(stand: &mut Stand<'_>) -> Result<(), Failure> {
    say("  one admin who wants complete stats");
    let (cost, size) = cost_of(stand, RATE, 50, REPEATS)?;
    stand.median("complete-us", cost);
    stand.median("complete-bytes", size);
    Ok(())
}

/// CPU microseconds an update, and bytes an update to the admin, repeat by repeat.
fn cost_of(
    stand: &mut Stand<'_>,
    per_second: u32,
    count: usize,
    repeats: usize,
) -> Result<(Vec<f64>, Vec<f64>), Failure> {
    let (mut cost, mut size) = (Vec::new(), Vec::new());
    for _ in 0..repeats {
        let (spent, bytes) = stand.watched(|stand| stand.update(count, per_second))?;
        cost.push(spent.cpu_s * 1e6 / number(count as u64));
        size.push(bytes / number(count as u64));
    }
    Ok((cost, size))
}

fn lone(stand: &mut Stand<'_>) -> Result<(), Failure> {
    say("  lone changes");
    let command = Command::Lone {
        samples: LONE,
        quiet_ms: QUIET_MS,
    };
    if let Answer::Lone { mut taken_ns } = stand.watcher.ask(&command)? {
        taken_ns.sort_unstable();
        stand.set("lone-median-ms", number(taken_ns[taken_ns.len() / 2]) / 1e6);
        stand.set("lone-p99-ms", number(taken_ns[taken_ns.len() * 99 / 100]) / 1e6);
    }
    Ok(())
}

fn invalidation(stand: &mut Stand<'_>) -> Result<(), Failure> {
    say("  invalidation of 1 %");
    // A release newer than any tab's: otherwise no tab is outdated.
    announce(stand, "v4")?;
    let placed: Vec<usize> = stand.loaders.iter().map(|loader| loader.open / 100).collect();
    ask_all(&mut stand.loaders, |index, _| Command::Place {
        count: placed[index],
    })?;
    stand.agree("before the invalidation")?;
    let (mut costs, mut lasts) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        ask_all(&mut stand.loaders, |_, _| Command::Mark)?;
        let mut last = 0.0;
        let spent = stand.spent(|stand| {
            let start = clock::now();
            admin::invalidate(stand.server.address, INVALIDATED)?;
            last = told(stand, &placed)?.saturating_sub(start).as_secs_f64() * 1e3;
            Ok(())
        })?;
        // Once more, at rest: no other tab was told.
        told(stand, &placed)?;
        costs.push(spent.cpu_s * 1e3);
        lasts.push(last);
    }
    stand.median("invalidation-cpu-ms", costs);
    stand.median("invalidation-last-ms", lasts);
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
