//! Counts by version over time: the last hour in small steps, and what was before by the minute.
//!
//! Nothing is in here about any single visitor. Samples are in the order of their times, always. Their times are the wall
//! clock's, which may be set back; then samples are left out until it has caught up, because it may be wrong only for a
//! moment, as on a machine that has just started. A clock that stays behind for ten minutes is believed, and the samples of
//! the times that have not come yet are forgotten.
//!
//! A gap can be filled with the samples of another history, such as that of another server of a cluster. They bear the times
//! of another clock, so only those between the two samples around the gap are taken.
//!
//! - `sample`: the counts at one time.
//!
//! Deliberately absent: the clock and the disk. A step returns what is worth keeping over a restart.

mod sample;
#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use crate::limits::Limits;

pub use sample::Sample;

/// How long samples are kept at the step they were taken at.
const RECENT_MS: u64 = 3_600_000;
/// The time of which one sample is kept for long.
const MINUTE_MS: u64 = 60_000;
/// How long a clock that was set back must stay behind until it is believed.
const DISBELIEF_MS: u64 = 600_000;

/// Samples that are worth keeping over a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minutes {
    /// The samples, oldest first.
    pub samples: Vec<Arc<Sample>>,
    /// Other samples from this time on must be forgotten, because the clock was set back. `None` for samples that fill a gap.
    pub forget_from_ms: Option<u64>,
    /// Samples older than this must be forgotten.
    pub oldest_ms: u64,
}

/// The samples.
#[derive(Clone, Debug)]
pub struct History {
    /// At the step they were taken at, oldest first.
    recent: VecDeque<Arc<Sample>>,
    /// The first of each minute, oldest first.
    minutes: VecDeque<Arc<Sample>>,
    keep_ms: u64,
    step_ms: u64,
    /// Samples left out because the clock was behind, and after how many it is believed.
    left_out: u64,
    left_out_max: u64,
}

impl History {
    /// None yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            recent: VecDeque::new(),
            minutes: VecDeque::new(),
            keep_ms: u64::from(limits.history_seconds) * 1_000,
            step_ms: limits.history_step_ms.max(1).into(),
            left_out: 0,
            left_out_max: DISBELIEF_MS / u64::from(limits.history_step_ms.max(1)),
        }
    }

    /// Takes in what was kept over a restart, oldest first, without what is too old by now. Names that are the same share their
    /// memory from then on.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Sample>, now_ms: u64) {
        let mut names: HashSet<Arc<str>> = HashSet::new();
        for mut sample in kept {
            sample.share_names(&mut names);
            self.minutes.push_back(Arc::new(sample));
        }
        self.forget(now_ms);
    }

    /// Takes in the sample of this moment. Gives back what is worth keeping over a restart: the first one of each minute.
    pub fn take(&mut self, sample: Sample) -> Option<Minutes> {
        let at_ms = sample.at_ms;
        let is_behind = self.newest_ms().is_some_and(|newest_ms| at_ms <= newest_ms);
        if is_behind && self.left_out < self.left_out_max {
            self.left_out += 1;
            return None;
        }
        self.left_out = 0;
        for samples in [&mut self.recent, &mut self.minutes] {
            while samples.back().is_some_and(|last| last.at_ms >= at_ms) {
                samples.pop_back();
            }
        }
        let sample = Arc::new(sample);
        self.recent.push_back(Arc::clone(&sample));
        let minute = |sample: &Arc<Sample>| sample.at_ms / MINUTE_MS;
        let is_first = self.minutes.back().map(minute) != Some(minute(&sample));
        if is_first {
            self.minutes.push_back(Arc::clone(&sample));
        }
        self.forget(at_ms);
        (is_first || is_behind).then(|| Minutes {
            samples: vec![sample],
            forget_from_ms: Some(at_ms),
            oldest_ms: at_ms.saturating_sub(self.keep_ms),
        })
    }

    /// Fills a gap with samples of another history, oldest first. Those outside of it, and those at times of which there is a sample,
    /// are left out. `None` where nothing is new. Otherwise what is worth keeping over a restart, which may be no sample.
    ///
    /// ```
    /// use headcount_core::history::{History, Sample};
    /// use headcount_core::limits::Limits;
    ///
    /// let mut history = History::new(&Limits::default());
    /// let sample = |at_ms, tabs| Sample::new(at_ms, [("v1".into(), tabs)], 16);
    /// history.take(sample(60_000, 3));
    /// history.take(sample(180_000, 5));
    /// let kept = history.fill(60_000..180_000, [sample(120_000, 4), sample(240_000, 9)]);
    /// assert_eq!(kept.map(|kept| kept.samples.len()), Some(1));
    /// let totals: Vec<u64> = history.since(0, None).iter().map(|sample| sample.total()).collect();
    /// assert_eq!(totals, [3, 4, 5]);
    /// ```
    pub fn fill(&mut self, gap: Range<u64>, samples: impl IntoIterator<Item = Sample>) -> Option<Minutes> {
        let newest_ms = self.newest_ms()?;
        let oldest_ms = newest_ms.saturating_sub(self.keep_ms);
        let (least_apart_ms, recent_from_ms) =
            (self.step_ms.div_ceil(2), newest_ms.saturating_sub(RECENT_MS));
        let (mut names, mut is_new, mut kept) = (HashSet::new(), false, Vec::new());
        for mut sample in samples {
            let at_ms = sample.at_ms;
            if !gap.contains(&at_ms) || !(oldest_ms..newest_ms).contains(&at_ms) {
                continue;
            }
            sample.share_names(&mut names);
            let sample = Arc::new(sample);
            let is_apart = |other_ms: u64| other_ms.abs_diff(at_ms) >= least_apart_ms;
            if at_ms >= recent_from_ms {
                is_new |= insert(&mut self.recent, &sample, is_apart);
            }
            let is_other_minute = |other_ms: u64| other_ms / MINUTE_MS != at_ms / MINUTE_MS;
            if insert(&mut self.minutes, &sample, is_other_minute) {
                is_new = true;
                kept.push(sample);
            }
        }
        is_new.then_some(Minutes {
            samples: kept,
            forget_from_ms: None,
            oldest_ms,
        })
    }

    /// The samples from `from_ms` on, oldest first. With a step, the last one of each.
    pub fn since(&self, from_ms: u64, step_ms: Option<NonZeroU64>) -> Vec<Arc<Sample>> {
        let recent_from_ms = self.recent.front().map_or(u64::MAX, |sample| sample.at_ms);
        let before = self.minutes.iter().filter(|sample| sample.at_ms < recent_from_ms);
        let wanted = before
            .chain(&self.recent)
            .filter(|sample| sample.at_ms >= from_ms);
        let mut samples: Vec<Arc<Sample>> = Vec::new();
        for sample in wanted {
            let same_step = |last: &Arc<Sample>| {
                step_ms.is_some_and(|step_ms| last.at_ms / step_ms == sample.at_ms / step_ms)
            };
            match samples.last_mut().filter(|last| same_step(last)) {
                Some(last) => *last = Arc::clone(sample),
                None => samples.push(Arc::clone(sample)),
            }
        }
        samples
    }

    /// The time of the newest sample, milliseconds since the Unix epoch.
    pub fn newest_ms(&self) -> Option<u64> {
        let ends = [self.recent.back(), self.minutes.back()];
        ends.into_iter().flatten().map(|sample| sample.at_ms).max()
    }

    /// The time of the oldest sample, milliseconds since the Unix epoch.
    pub fn oldest_ms(&self) -> Option<u64> {
        let ends = [self.recent.front(), self.minutes.front()];
        ends.into_iter().flatten().map(|sample| sample.at_ms).min()
    }

    fn forget(&mut self, now_ms: u64) {
        let too_old = [
            (&mut self.recent, RECENT_MS.min(self.keep_ms)),
            (&mut self.minutes, self.keep_ms),
        ];
        for (samples, keep_ms) in too_old {
            while samples
                .front()
                .is_some_and(|first| first.at_ms.saturating_add(keep_ms) < now_ms)
            {
                samples.pop_front();
            }
        }
    }
}

/// Inserts a sample where its time belongs, if those before and after it are such that it may be between them.
fn insert(
    samples: &mut VecDeque<Arc<Sample>>,
    sample: &Arc<Sample>,
    may_be_beside: impl Fn(u64) -> bool,
) -> bool {
    let at = samples.partition_point(|other| other.at_ms < sample.at_ms);
    let before = at.checked_sub(1).and_then(|before| samples.get(before));
    let beside = [before, samples.get(at)];
    let may_be_there = beside
        .into_iter()
        .flatten()
        .all(|other| may_be_beside(other.at_ms));
    if may_be_there {
        samples.insert(at, Arc::clone(sample));
    }
    may_be_there
}
