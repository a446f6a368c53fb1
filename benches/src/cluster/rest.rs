//! What a site costs that nobody watches: memory of its tabs, CPU, and what the broker carries.

use std::time::Duration;

use super::figures::Figures;
use super::plan::Plan;
use super::site::Site;
use crate::clock;
use crate::failure::Failure;
use crate::measure::results::number;
use crate::progress::say;

/// One in so many tabs is opened and closed before anything is measured, so that pools and arenas exist.
const WARM_UP_SHARE: usize = 30;

/// Time until a site is at rest after tabs came or went.
const REST: Duration = Duration::from_secs(2);

/// An empty site, then one with all its tabs, which stay open.
pub(super) fn measure(site: &mut Site, plan: &Plan, figures: &mut Figures) -> Result<(), Failure> {
    empty(site, plan, figures)?;
    memory(site, plan.each(), figures)?;
    say("  at rest, with tabs");
    steady(site, plan.window(), "tabs at rest", figures)
}

/// Without a tab.
pub(super) fn empty(site: &Site, plan: &Plan, figures: &mut Figures) -> Result<(), Failure> {
    say("  at rest, empty");
    clock::pause(REST);
    steady(site, plan.window(), "no tab", figures)
}

/// Opens the tabs of each server. Memory is the share of it that is the server's own (PSS), anonymous and not.
fn memory(site: &mut Site, each: usize, figures: &mut Figures) -> Result<(), Failure> {
    say("  memory");
    site.open_up_to(each.div_ceil(WARM_UP_SHARE))?;
    site.close()?;
    site.agree("after the warm-up", &mut [])?;
    clock::pause(REST);
    let held = |site: &Site| -> Result<f64, Failure> {
        Ok(number(site.memory()?.iter().map(|memory| memory.total).sum()))
    };
    let (empty, servers) = (held(site)?, number(site.addresses.len() as u64));
    figures.set("MB of a server without tabs", empty / servers / 1e6);
    let (cpu, start) = (total(&site.cpu()?), clock::now());
    site.open_up_to(each)?;
    let seconds = clock::since(start).as_secs_f64();
    let opened = number(site.opened() as u64).max(1.0);
    clock::pause(REST);
    figures.set("bytes of memory a tab at rest", (held(site)? - empty) / opened);
    let spent = total(&site.cpu()?).saturating_sub(cpu).as_secs_f64() * 1e6;
    figures.set("CPU µs to open a tab", spent / opened);
    figures.set("tabs opened a second", opened / seconds);
    site.agree("after opening", &mut [])
}

/// What goes on by itself: CPU of a server and of the broker, and what the broker carries.
pub(super) fn steady(
    site: &Site,
    window: Duration,
    when: &str,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let broker = |site: &Site| -> Result<_, Failure> {
        let Some(broker) = &site.broker else {
            return Ok(None);
        };
        Ok(Some((broker.cpu(), broker.traffic()?)))
    };
    let (cpu, carried, start) = (total(&site.cpu()?), broker(site)?, clock::now());
    clock::pause(window);
    let seconds = clock::since(start).as_secs_f64();
    let servers = number(site.addresses.len() as u64);
    let spent = total(&site.cpu()?).saturating_sub(cpu).as_secs_f64() * 1e3;
    figures.set(
        format!("CPU ms a second and server, {when}"),
        spent / seconds / servers,
    );
    if let (Some((cpu, carried)), Some((cpu_after, carried_after))) = (carried, broker(site)?) {
        let carried = carried_after - carried;
        let mut rate = |what: &str, amount: f64| figures.set(format!("{what}, {when}"), amount / seconds);
        rate(
            "CPU ms a second of the broker",
            cpu_after.saturating_sub(cpu).as_secs_f64() * 1e3,
        );
        rate("messages a second to the broker", number(carried.in_msgs));
        rate("messages a second from the broker", number(carried.out_msgs));
        rate("KB a second to the broker", number(carried.in_bytes) / 1e3);
        rate("KB a second from the broker", number(carried.out_bytes) / 1e3);
    }
    Ok(())
}

fn total(cpu: &[Duration]) -> Duration {
    cpu.iter().sum()
}
