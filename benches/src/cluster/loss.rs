//! A server that is killed, and all servers restarted one after the other.

use std::time::Duration;

use headcount_core::cluster::LOST_AFTER_MS;
use headcount_core::limits::Limits;

use super::deviation::Deviation;
use super::figures::Figures;
use super::site::{Seen, Site};
use crate::clock;
use crate::failure::Failure;
use crate::loader::Loader;
use crate::measure::results::number;
use crate::progress::say;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(25);

/// Longest wait for counts to be right, and for a server to end.
const PATIENCE: Duration = Duration::from_mins(1);

/// What was measured, and what it is to be compared with.
#[derive(Debug, Default)]
pub(super) struct Losses {
    pub(super) measured: Figures,
    pub(super) beside: Figures,
}

impl Losses {
    fn set(&mut self, measure: &str, measured: f64, beside: f64) {
        self.measured.set(measure, measured);
        self.beside.set(measure, beside);
    }
}

/// Kills the last server while an admin watches at the first, starts it again, and lets its tabs come back to it.
pub(super) fn kill(site: &mut Site, losses: &mut Losses) -> Result<(), Failure> {
    say("  a server is killed");
    let mut watcher = site.watch([0, 0])?;
    site.agree("before a server is killed", std::slice::from_mut(&mut watcher))?;
    let last = site.addresses.len() - 1;
    let start = clock::now();
    site.kill(last);
    let mut deviation = Deviation::default();
    let all = site.opened() as u64 + watcher.open as u64;
    let is_right = |seen: Seen| seen.open < all && seen.told == seen.open;
    if !until(site, &mut watcher, &mut deviation, is_right)? {
        site.note("the tabs of a server that was killed stay in the counts");
    }
    let bound = Duration::from_millis(LOST_AFTER_MS).as_secs_f64();
    let left = clock::since(start).as_secs_f64();
    losses.set("s until the tabs of a killed server left the counts", left, bound);
    site.restart(last)?;
    site.return_but(None)?;
    let back = clock::now();
    if !until(site, &mut watcher, &mut deviation, |seen| {
        seen.open == all && seen.told == all
    })? {
        site.note("not all tabs of a server that was killed came back");
    }
    let back = clock::since(back).as_secs_f64();
    losses.set("s until all of them were back and counted", back, 1.0);
    site.await_nodes()?;
    site.agree("after a server was killed", std::slice::from_mut(&mut watcher))
}

/// Restarts each server, with an admin at another one. Its tabs go to the others.
pub(super) fn roll(site: &mut Site, losses: &mut Losses) -> Result<(), Failure> {
    say("  all servers are restarted");
    let mut deviation = Deviation::default();
    let mut settled: f64 = 0.0;
    let each = site.opened() / site.addresses.len();
    for number in 0..site.addresses.len() {
        let other = (number + 1) % site.addresses.len();
        let mut watcher = site.watch([other, other])?;
        let all = site.opened() as u64 + watcher.open as u64;
        let is_right = |seen: Seen| seen.open == all && seen.told == all;
        // An admin who comes is told of more and more nodes at first. That is not a matter of the restart.
        until(site, &mut watcher, &mut Deviation::default(), is_right)?;
        site.return_but(Some(number))?;
        site.ask_to_stop(number)?;
        let ended = restarted(site, number, &mut watcher, &mut deviation)?;
        if !until(site, &mut watcher, &mut deviation, is_right)? {
            let seen = site.seen(&mut watcher)?;
            site.note(&format!(
                "after the restart of server {number}: {} of {all} tabs are open, and {} told",
                seen.open, seen.told
            ));
        }
        settled = settled.max(clock::since(ended).as_secs_f64());
        site.await_nodes()?;
        site.agree("after a restart", std::slice::from_mut(&mut watcher))?;
    }
    let each = number(each as u64);
    let spread_s = f64::from(Limits::default().reconnect_spread_ms) / 1e3;
    let lost_s = Duration::from_millis(LOST_AFTER_MS).as_secs_f64();
    losses.set(
        "tabs told too many during the restarts, at most",
        number(deviation.above),
        each,
    );
    losses.set("tabs told too few, at most", number(deviation.below), each);
    let longest = deviation.longest.as_secs_f64();
    losses.set("s that more than 1 % were wrong at a stretch", longest, lost_s);
    losses.set(
        "s from the end of a server until all was right, at most",
        settled,
        spread_s,
    );
    Ok(())
}

/// Waits until a server that was asked to stop has ended, and starts it again. Answers when it ended.
fn restarted(
    site: &mut Site,
    number: usize,
    watcher: &mut Loader,
    deviation: &mut Deviation,
) -> Result<Duration, Failure> {
    let end = clock::now() + PATIENCE;
    while !site.has_ended(number) {
        if clock::now() > end {
            site.note("a server that was asked to stop was killed");
            break;
        }
        deviation.see(site.seen(watcher)?, clock::now());
        clock::pause(LOOK);
    }
    let ended = clock::now();
    site.restart(number)?;
    site.return_but(None)?;
    Ok(ended)
}

/// Looks until it is right. False if the patience ended first.
fn until(
    site: &mut Site,
    watcher: &mut Loader,
    deviation: &mut Deviation,
    is_right: impl Fn(Seen) -> bool,
) -> Result<bool, Failure> {
    let end = clock::now() + PATIENCE;
    loop {
        let seen = site.seen(watcher)?;
        deviation.see(seen, clock::now());
        if is_right(seen) {
            return Ok(true);
        }
        if clock::now() > end {
            return Ok(false);
        }
        clock::pause(LOOK);
    }
}
