//! The one place of the benchmark that reads a clock or waits for time to pass.
//!
//! Moments are nanoseconds of `CLOCK_MONOTONIC`, which all processes of a machine share: a moment noted by a loader can be
//! subtracted from one noted by the parent.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Now, as time since the machine started.
pub(crate) fn now() -> Duration {
    read(ClockId::CLOCK_MONOTONIC).unwrap_or_default()
}

/// Time since an earlier moment.
pub(crate) fn since(earlier: Duration) -> Duration {
    now().saturating_sub(earlier)
}

/// CPU time that a process has used so far, user and system, all its threads, ended ones included. Nanosecond resolution,
/// where `/proc/PID/stat` counts in ticks of 10 ms. `None` once the process is gone.
pub(crate) fn cpu_of(pid: u32) -> Option<Duration> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?);
    read(nix::time::clock_getcpuclockid(pid).ok()?)
}

fn read(clock: ClockId) -> Option<Duration> {
    clock_gettime(clock).ok().map(Duration::from)
}

/// Lets time pass.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement at rest is a wait; nothing else happens during it"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Today in UTC, as `2026-11-22`.
pub(crate) fn date() -> String {
    let days = read(ClockId::CLOCK_REALTIME).unwrap_or_default().as_secs() / 86_400;
    civil(days)
}

/// The date so many days after 1970-01-01, by Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn civil(days: u64) -> String {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), "1970-01-01");
        assert_eq!(civil(11_016), "2000-02-29");
        assert_eq!(civil(20_779), "2026-11-22");
    }
}
