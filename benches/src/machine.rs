//! The machine the numbers come from, and whether it had anything else to do.

use std::fs;
use std::time::Duration;

use crate::clock;

/// Share of the cores that others may use before the run is called noisy.
const NOISY: f64 = 0.1;

/// One line: cores, processor, kernel, date.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let kernel = read("/proc/sys/kernel/osrelease");
    let cpu_info = read("/proc/cpuinfo");
    let model = cpu_info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    format!(
        "{cores} cores ({model}), Linux {kernel}, {}, loopback",
        clock::date()
    )
}

/// What the machine does before the run starts, if it is more than a little.
pub(crate) fn noise() -> Option<String> {
    let (busy, total) = ticks()?;
    clock::pause(Duration::from_secs(1));
    let (busy_after, total_after) = ticks()?;
    let share = (busy_after - busy) / (total_after - total).max(1.0);
    (share > NOISY).then(|| {
        format!(
            "noisy: other programs used {:.0} % of the machine before the run",
            share * 100.0
        )
    })
}

/// Clock ticks spent on anything but idling, and in all.
fn ticks() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    let total: f64 = fields.iter().take(8).sum();
    let idle = fields.get(3)? + fields.get(4)?;
    Some((total - idle, total))
}
