//! The cost of connections without a subscriber: memory at rest, opening, navigating, a release to all, closing.

use std::time::Duration;

use super::plan::Part;
use super::results::number;
use super::stand::{Stand, unexpected};
use crate::client::command::{Answer, Command};
use crate::failure::Failure;
use crate::loader::ask_all;
use crate::progress::say;
use crate::server::Memory;
use crate::{admin, clock};

/// One in so many connections is opened and closed before anything is measured, so that pools and arenas exist. A share and
/// not a number: what the warm-up left for others to use again must be little beside what is measured.
const WARM_UP_SHARE: usize = 30;

/// Time from the last opening to the measurement of memory.
pub(super) const REST: Duration = Duration::from_millis(1_500);

/// Windows over which CPU at rest is taken, and their length.
const WINDOWS: usize = 3;
const WINDOW: Duration = Duration::from_millis(400);

/// Repeats of what is cheap; the median counts.
pub(super) const REPEATS: usize = 3;

/// How often every connection is opened and closed to see what that costs.
const ROUNDS: usize = 5;

/// Rates of route updates, a second, and how many are made in one repeat.
pub(super) const RATES: [(u32, usize); 3] = [(50, 50), (500, 500), (5_000, 5_000)];

pub(super) fn measure(mut stand: Stand<'_>) -> Result<(), Failure> {
    let tabs = stand.plan.connections;
    let (empty, opened) = memory(&mut stand, ["rest-bytes", "rest-anonymous-bytes"], REST)?;
    rest(&mut stand)?;

    if stand.plan.wants(Part::Updates) {
        updates(&mut stand)?;
    }
    if stand.plan.wants(Part::Broadcast) {
        broadcast(&mut stand, opened)?;
    }
    let worked = stand.server.memory()?;
    stand.set(
        "worked-bytes",
        number(worked.total.saturating_sub(empty.total)) / opened,
    );

    stand.rest = 0.0;
    stand.close()?;
    stand.settle()?;
    stand.agree("after closing")?;
    if stand.plan.wants(Part::Accept) {
        coming_and_going(&mut stand, tabs)?;
    }
    Ok(())
}

/// What a connection takes `after` so long, in all and of it anonymous, beyond what the server holds as long after its warm-up. Answers
/// that, and how many connections are open now.
pub(super) fn memory(
    stand: &mut Stand<'_>,
    [total, anonymous]: [&str; 2],
    after: Duration,
) -> Result<(Memory, f64), Failure> {
    let tabs = stand.plan.connections;
    stand.open_up_to(tabs.div_ceil(WARM_UP_SHARE))?;
    stand.close()?;
    stand.settle()?;
    stand.agree("after the warm-up")?;
    clock::pause(after);
    let empty = stand.server.memory()?;

    stand.open_up_to(tabs)?;
    let opened = number(stand.opened() as u64).max(1.0);
    stand.settle()?;
    clock::pause(after);
    let full = stand.server.memory()?;
    let each = |full: u64, empty: u64| number(full.saturating_sub(empty)) / opened;
    stand.set(total, each(full.total, empty.total));
    stand.set(anonymous, each(full.anonymous, empty.anonymous));
    stand.agree("after opening")?;
    Ok((empty, opened))
}

/// Opens and closes every connection, again and again; the least counts. A virtual machine gives unused pages back to
/// its host, and the first process that uses them again pays for getting them: up to three times the work itself, for
/// any of the servers.
fn coming_and_going(stand: &mut Stand<'_>, tabs: usize) -> Result<(), Failure> {
    say("  opening and closing");
    let (mut opening, mut closing, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let open = stand.spent(|stand| stand.open_up_to(tabs))?.cpu_s * 1e6;
        let opened = number(stand.opened() as u64).max(1.0);
        let close = stand.spent(Stand::close)?.cpu_s * 1e6;
        opening.push(open / opened);
        closing.push(close / opened);
        both.push((open + close) / opened);
    }
    stand.agree("after closing again")?;
    stand.least("accept-us", &opening);
    stand.least("close-us", &closing);
    stand.least("cycle-us", &both);
    Ok(())
}

/// Takes the share of a core that the server uses at rest: the least of a few windows. A server that spreads its keepalives
/// uses the same in each; one that sends them all at once would otherwise have its storm taken off the work measured next.
pub(super) fn rest(stand: &mut Stand<'_>) -> Result<(), Failure> {
    let mut least = f64::INFINITY;
    for _ in 0..WINDOWS {
        let (cpu, start) = (stand.server.cpu()?, clock::now());
        clock::pause(WINDOW);
        let used = stand.server.cpu()?.saturating_sub(cpu);
        least = least.min(used.as_secs_f64() / clock::since(start).as_secs_f64());
    }
    stand.rest = least;
    Ok(())
}

fn updates(stand: &mut Stand<'_>) -> Result<(), Failure> {
    for (per_second, count) in RATES {
        say(&format!("  {per_second} route updates a second"));
        let mut costs = Vec::with_capacity(REPEATS);
        for _ in 0..REPEATS {
            let spent = stand.spent(|stand| stand.update(count, per_second))?;
            costs.push(spent.cpu_s * 1e6 / number(count as u64));
        }
        stand.median(&format!("update-{per_second}-us"), costs);
    }
    stand.agree("after the route updates")
}

fn broadcast(stand: &mut Stand<'_>, tabs: f64) -> Result<(), Failure> {
    say("  a release to every tab");
    let (mut costs, mut lasts) = (Vec::new(), Vec::new());
    for repeat in 0..REPEATS {
        let mut last = Duration::ZERO;
        let spent = stand.spent(|stand| {
            last = announce(stand, &format!("v3-{repeat}"))?;
            Ok(())
        })?;
        costs.push(spent.cpu_s * 1e6 / tabs);
        lasts.push(last.as_secs_f64() * 1e3);
    }
    stand.median("broadcast-us", costs);
    stand.median("broadcast-last-ms", lasts);
    Ok(())
}

/// Announces a release and waits until every tab was told. Answers how long that took.
pub(super) fn announce(stand: &mut Stand<'_>, version: &str) -> Result<Duration, Failure> {
    ask_all(&mut stand.loaders, |_, _| Command::Mark)?;
    let start = clock::now();
    admin::release(stand.server.address, &stand.subject.release(version))?;
    let open: Vec<usize> = stand.loaders.iter().map(|loader| loader.open).collect();
    told(stand, &open).map(|last| last.saturating_sub(start))
}

/// Waits until so many tabs of each loader were told of a version, and answers when the last was.
pub(super) fn told(stand: &mut Stand<'_>, expected: &[usize]) -> Result<Duration, Failure> {
    let answers = ask_all(&mut stand.loaders, |index, _| Command::AwaitVersions {
        count: expected[index],
    })?;
    let mut last = Duration::ZERO;
    for (answer, expected) in answers.into_iter().zip(expected) {
        let Answer::Versions { told, last_at_ns } = answer else {
            return Err(unexpected(&answer));
        };
        if told != *expected {
            stand.note(&format!("{told} tabs were told of a version, not {expected}"));
        }
        if told > 0 {
            last = last.max(Duration::from_nanos(last_at_ns));
        }
    }
    Ok(last)
}
