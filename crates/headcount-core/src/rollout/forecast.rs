//! When a gate may open: what earlier releases and the pace of now say, with the range between them.

use super::curve::{Curve, Span, share};
use super::departures::Departures;
use super::gate::{AtLeast, Observation};

/// How long it may take. A time that is `None` is longer than anything that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// At least so long, milliseconds.
    pub low_ms: u64,
    /// As likely longer as shorter, milliseconds.
    pub median_ms: Option<u64>,
    /// At most so long, milliseconds.
    pub high_ms: Option<u64>,
    /// How many earlier releases say so.
    pub releases: u32,
    /// Whether the pace of now says so too.
    pub has_pace: bool,
}

/// What is known about how tabs leave.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    earlier: Vec<Curve>,
    pace: Departures,
}

impl Forecast {
    /// With how tabs left for earlier releases.
    pub fn new(earlier: Vec<Curve>) -> Self {
        Self {
            earlier,
            pace: Departures::default(),
        }
    }

    /// Takes in what is seen, where it can be relied on; of the tabs behind so many are hidden, if that is known.
    pub fn take(&mut self, now_ms: u64, seen: &Observation, behind_hidden: Option<u64>) {
        let behind = seen.total.saturating_sub(seen.on);
        self.pace.take(now_ms, behind, behind_hidden, seen.total);
    }

    /// The numbers that follow cannot be compared with those before, as after a restart of the server.
    pub fn interrupt(&mut self) {
        self.pace.clear();
    }

    /// How many tabs fewer are behind in a minute.
    pub fn per_minute(&self) -> Option<f64> {
        self.pace.per_minute()
    }

    /// How long it may take until this share runs the release, which was announced so long ago. `None` where too little was seen.
    ///
    /// Each earlier release gives one time, and so does the pace of now. The median is that of all; the range goes from the least to the
    /// greatest, and with the pace from its fastest to its slowest; with eleven and more the outermost tenths are left out. The next one of
    /// `n` like things falls outside of the least and the greatest in 2 of `n + 1` cases, so the range is wider by the factor `1 + 1/n`.
    pub fn estimate(&self, seen: &Observation, age_ms: u64, at_least: AtLeast) -> Option<Estimate> {
        let goal = f64::from(10_000 - at_least.hundredths()) / 10_000.0;
        let left = share(seen.total.saturating_sub(seen.on), seen.total);
        if at_least.is_reached(seen.on, seen.total) {
            return None;
        }
        let spans = self.earlier.iter();
        let spans: Vec<Span> = spans
            .filter_map(|curve| curve.remaining(age_ms, left, goal))
            .collect();
        let ahead = self.pace.ahead(goal);
        let mut likely = spans.clone();
        likely.extend(ahead.map(|ahead| ahead.likely));
        let mut range = spans.clone();
        range.extend(ahead.into_iter().flat_map(|ahead| [ahead.fast, ahead.slow]));
        // Those that end come in their order, and those of which no end was seen after them.
        likely.sort_unstable();
        range.sort_unstable();
        let tenth = range.len().saturating_sub(1) / 10;
        let low = *range.get(tenth)?;
        let high = *range.get(range.len().checked_sub(tenth + 1)?)?;
        let median = *likely.get(likely.len() / 2)?;
        let many = spans.len().max(1) as u64;
        let wider = |ms: u64| ms.saturating_add(ms / many);
        let narrower = |ms: u64| ms / (many + 1) * many;
        let has_releases = !spans.is_empty();
        Some(Estimate {
            low_ms: if has_releases {
                narrower(low.seen_ms())
            } else {
                low.seen_ms()
            },
            median_ms: median.end_ms(),
            high_ms: high.end_ms().map(|ms| if has_releases { wider(ms) } else { ms }),
            releases: u32::try_from(spans.len()).unwrap_or(u32::MAX),
            has_pace: ahead.is_some(),
        })
    }
}

impl Span {
    /// How long it is, as far as that was seen.
    fn seen_ms(self) -> u64 {
        match self {
            Self::Ends(ms) | Self::Beyond(ms) => ms,
        }
    }

    fn end_ms(self) -> Option<u64> {
        match self {
            Self::Ends(ms) => Some(ms),
            Self::Beyond(_) => None,
        }
    }
}
