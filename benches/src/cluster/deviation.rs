//! How far what an admin is told is from the truth, and for how long.

use std::time::Duration;

use super::site::Seen;

/// What is off by less than this share of the tabs is not counted as long: counts are told ten times a second.
const SHARE: u64 = 100;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deviation {
    /// Tabs that were told too many, at most.
    pub(super) above: u64,
    /// Tabs that were told too few, at most.
    pub(super) below: u64,
    /// The longest time over which more than 1 % was missing or too much, all the time.
    pub(super) longest: Duration,
    since: Option<Duration>,
}

impl Deviation {
    /// Takes in what was seen at a moment.
    pub(super) fn see(&mut self, seen: Seen, now: Duration) {
        self.above = self.above.max(seen.told.saturating_sub(seen.open));
        self.below = self.below.max(seen.open.saturating_sub(seen.told));
        if seen.told.abs_diff(seen.open) * SHARE <= seen.open {
            self.since = None;
            return;
        }
        let since = *self.since.get_or_insert(now);
        self.longest = self.longest.max(now.saturating_sub(since));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_time_is_that_without_a_moment_within_1_percent() {
        let mut deviation = Deviation::default();
        for (ms, open, told) in [
            (0, 1_000, 1_000),
            (100, 900, 1_000),
            (300, 900, 1_000),
            (400, 900, 909),
            (500, 1_000, 900),
            (600, 1_000, 1_011),
            (650, 1_000, 1_000),
        ] {
            deviation.see(Seen { open, told }, Duration::from_millis(ms));
        }
        assert_eq!((deviation.above, deviation.below), (100, 100));
        assert_eq!(deviation.longest, Duration::from_millis(200));
    }
}
