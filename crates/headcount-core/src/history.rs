//! Counts by version over time: the last hour in small steps, and what was before by the minute.
//!
//! Nothing is in here about any single visitor. Samples are in the order of their times, always. Their times are the wall
//! clock's, which may be set back; then samples are left out until it has caught up, because it may be wrong only for a
//! moment, as on a machine that has just started. A clock that stays behind for ten minutes is believed, and the samples of
//! the times that have not come yet are forgotten.
//!
//! Deliberately absent: the clock and the disk. A step returns what is worth keeping over a restart.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU64;
use std::sync::Arc;

use crate::intern::OTHER_TEXT;
use crate::limits::Limits;
use crate::release::ReleaseLog;

/// How long samples are kept at the step they were taken at.
const RECENT_MS: u64 = 3_600_000;
/// The time of which one sample is kept for long.
const MINUTE_MS: u64 = 60_000;
/// How long a clock that was set back must stay behind until it is believed.
const DISBELIEF_MS: u64 = 600_000;

/// The counts at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
    versions: Box<[(Arc<str>, u64)]>,
}

/// Which versions are named first where not all can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Current,
    Released,
    Unknown,
}

impl Sample {
    /// The counts at `at_ms`. A version may come more than once. All but the `versions_max` most frequent versions are counted
    /// under [`OTHER_TEXT`], those with as many tabs by name.
    pub fn new(at_ms: u64, counts: impl IntoIterator<Item = (Arc<str>, u64)>, versions_max: u32) -> Self {
        Self::ranked(at_ms, counts, versions_max, |_| Rank::Unknown)
    }

    /// As [`Sample::new`], but the current release comes first, and then those in the log, however many tabs run other versions:
    /// visitors choose what they call theirs.
    pub fn with_releases(
        at_ms: u64,
        counts: impl IntoIterator<Item = (Arc<str>, u64)>,
        versions_max: u32,
        releases: &ReleaseLog,
    ) -> Self {
        let current = releases.current();
        Self::ranked(at_ms, counts, versions_max, |version| {
            if *version == *current {
                Rank::Current
            } else if releases.contains(version) {
                Rank::Released
            } else {
                Rank::Unknown
            }
        })
    }

    fn ranked(
        at_ms: u64,
        counts: impl IntoIterator<Item = (Arc<str>, u64)>,
        versions_max: u32,
        rank: impl Fn(&str) -> Rank,
    ) -> Self {
        let mut versions: Vec<(Arc<str>, u64)> = counts.into_iter().filter(|(_, tabs)| *tabs > 0).collect();
        versions.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        versions.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += u64::from(same) * next.1;
            same
        });
        let named = versions.iter().filter(|(name, _)| &**name != OTHER_TEXT).count();
        if named > versions_max as usize {
            // Stable, so equal counts stay sorted by name; `(other)` goes to the end.
            versions.sort_by_cached_key(|(name, tabs)| {
                (&**name == OTHER_TEXT, rank(name), std::cmp::Reverse(*tabs))
            });
            let rest = versions.split_off(versions_max as usize);
            versions.push((OTHER_TEXT.into(), rest.iter().map(|(_, tabs)| tabs).sum()));
        }
        Self {
            at_ms,
            versions: versions.into(),
        }
    }

    /// Open connections.
    pub fn total(&self) -> u64 {
        self.versions.iter().map(|(_, tabs)| tabs).sum()
    }

    /// Open connections by version; each version once.
    pub fn versions(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        self.versions.iter().map(|(name, tabs)| (name, *tabs))
    }
}

/// A sample that is worth keeping over a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minute {
    /// The sample. Samples from the same time or later must be forgotten: the clock was set back.
    pub sample: Arc<Sample>,
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
            left_out: 0,
            left_out_max: DISBELIEF_MS / u64::from(limits.history_step_ms.max(1)),
        }
    }

    /// Takes in what was kept over a restart, oldest first, without what is too old by now. Names that are the same share their
    /// memory from then on.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Sample>, now_ms: u64) {
        let mut names: HashSet<Arc<str>> = HashSet::new();
        for mut sample in kept {
            for (name, _) in &mut sample.versions {
                match names.get(name) {
                    Some(known) => *name = Arc::clone(known),
                    None => {
                        names.insert(Arc::clone(name));
                    }
                }
            }
            self.minutes.push_back(Arc::new(sample));
        }
        self.forget(now_ms);
    }

    /// Takes in the sample of this moment. Gives back what is worth keeping over a restart: the first one of each minute.
    pub fn take(&mut self, sample: Sample) -> Option<Minute> {
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
        (is_first || is_behind).then(|| Minute {
            sample,
            oldest_ms: at_ms.saturating_sub(self.keep_ms),
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

    fn newest_ms(&self) -> Option<u64> {
        let ends = [self.recent.back(), self.minutes.back()];
        ends.into_iter().flatten().map(|sample| sample.at_ms).max()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Release;

    const NOW: u64 = 1_795_318_440_000;
    const STEP: u64 = 5_000;

    fn history() -> History {
        History::new(&Limits::default())
    }

    fn sample(at_ms: u64, total: u64) -> Sample {
        Sample::new(at_ms, [("v1".into(), total)], 16)
    }

    fn named(sample: &Sample) -> Vec<(&str, u64)> {
        sample.versions().map(|(name, tabs)| (&**name, tabs)).collect()
    }

    fn times(history: &History) -> Vec<u64> {
        let samples = history.since(0, None);
        samples.iter().map(|sample| sample.at_ms).collect()
    }

    fn is_in_order(history: &History) -> bool {
        times(history).windows(2).all(|pair| pair[0] < pair[1])
    }

    #[test]
    fn only_the_most_frequent_versions_have_a_name() {
        let counts = [
            ("c", 1),
            ("a", 1),
            ("(other)", 1),
            ("b", 5),
            ("a", 2),
            ("gone", 0),
        ];
        let counts = counts.map(|(name, tabs)| (Arc::from(name), tabs));
        let all = Sample::new(0, counts.clone(), 3);
        assert_eq!(named(&all), [("(other)", 1), ("a", 3), ("b", 5), ("c", 1)]);
        let two = Sample::new(0, counts, 2);
        assert_eq!(named(&two), [("b", 5), ("a", 3), ("(other)", 2)]);
        assert_eq!((all.total(), two.total()), (10, 10));
    }

    #[test]
    fn an_hour_is_kept_in_steps_and_the_rest_by_the_minute() {
        let mut history = history();
        let minutes = (0..2 * 720).filter_map(|step| history.take(sample(NOW + step * STEP, step)));
        assert_eq!(minutes.count(), 120);
        let last = NOW + 1_439 * STEP;
        let times = times(&history);
        let recent = times.iter().filter(|at| **at >= last - RECENT_MS).count();
        assert_eq!((times.len() - recent, recent), (60, 721));
        assert!(is_in_order(&history));
    }

    #[test]
    fn what_is_too_old_is_forgotten_here_and_where_it_is_kept() {
        let mut history = History::new(&Limits {
            history_seconds: 120,
            ..Limits::default()
        });
        history.restore([sample(NOW - 500_000, 1), sample(NOW - 60_000, 2)], NOW - 500_000);
        let minute = history.take(sample(NOW, 3)).unwrap();
        assert_eq!(minute.oldest_ms, NOW - 120_000);
        assert_eq!(times(&history), [NOW - 60_000, NOW]);
        history.take(sample(NOW + 400_000, 4));
        assert_eq!(times(&history), [NOW + 400_000]);
    }

    /// Regression: builds that visitors made up took the places of releases.
    #[test]
    fn releases_are_named_before_what_strangers_run() {
        let mut releases = ReleaseLog::default();
        for (id, version) in (1..).zip(["v1", "v2", "v3"]) {
            releases.announce(
                Release {
                    id,
                    version: version.into(),
                    announced_ms: 0,
                },
                9,
            );
        }
        let counts = [("junk", 90), ("v1", 5), ("more junk", 80), ("v2", 7), ("v3", 1)];
        let counts = counts.map(|(version, tabs)| (version.into(), tabs));
        let sample = Sample::with_releases(0, counts, 2, &releases);
        let versions: Vec<_> = sample.versions().map(|(name, tabs)| (&**name, tabs)).collect();
        assert_eq!(versions, [("v3", 1), ("v2", 7), (OTHER_TEXT, 175)]);
    }

    #[test]
    fn a_step_gives_the_last_sample_of_each() {
        let mut history = history();
        for at in [0, 5, 10, 25, 30, 60] {
            history.take(sample(NOW + at * 1_000, at));
        }
        let totals = |from_ms, step: u64| {
            let samples = history.since(from_ms, NonZeroU64::new(step));
            samples.iter().map(|sample| sample.total()).collect::<Vec<_>>()
        };
        assert_eq!(totals(0, 30_000), [25, 30, 60]);
        assert_eq!(totals(NOW + 10_000, 0), [10, 25, 30, 60]);
        assert_eq!(totals(0, u64::MAX), [60]);
        assert_eq!(totals(u64::MAX, 1), [0; 0]);
    }

    #[test]
    fn a_clock_that_is_set_back_for_a_moment_costs_a_gap() {
        let mut history = history();
        history.restore([sample(NOW - 60_000, 1)], NOW - 500_000);
        assert!(
            history.take(sample(5, 2)).is_none(),
            "as after a start without a battery"
        );
        assert!(history.take(sample(NOW, 3)).is_some());
        assert!(history.take(sample(NOW, 4)).is_none());
        assert_eq!(times(&history), [NOW - 60_000, NOW]);
    }

    #[test]
    fn a_clock_that_stays_behind_is_believed_and_what_was_to_come_is_forgotten() {
        let mut history = history();
        history.restore(
            [sample(NOW - 3_600_000, 1), sample(NOW + 86_400_000, 2)],
            NOW - 500_000,
        );
        history.take(sample(NOW + 86_405_000, 3));
        let mut back = (0..200).map(|step| history.take(sample(NOW + step * STEP, 9)));
        let believed = back.position(|minute| minute.is_some()).unwrap();
        assert_eq!(believed as u64 * STEP, DISBELIEF_MS);
        assert_eq!(back.flatten().count(), 6, "and then goes on as always");
        assert_eq!(times(&history)[..2], [NOW - 3_600_000, NOW + DISBELIEF_MS]);
        assert!(is_in_order(&history));
    }

    #[test]
    fn names_from_a_restart_share_their_memory() {
        let mut history = history();
        history.restore([sample(NOW, 1), sample(NOW + MINUTE_MS, 2)], NOW - 500_000);
        let samples = history.since(0, None);
        let name = |index: usize| Arc::clone(samples[index].versions().next().unwrap().0);
        assert!(Arc::ptr_eq(&name(0), &name(1)));
    }
}
