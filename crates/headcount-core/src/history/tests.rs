//! Samples stay in order, whatever the clock does and wherever they are from.

use super::*;
use crate::intern::OTHER_TEXT;
use crate::release::{Release, ReleaseLog};

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

#[test]
fn a_gap_is_filled_with_what_another_history_has_and_stays_in_order() {
    let mut history = history();
    history.restore([sample(NOW - 7_200_000, 1)], NOW);
    history.take(sample(NOW, 2));
    let gap = NOW - 7_200_000..NOW;
    let others = [
        // Before the gap, at a time that is there, twice the same, in one minute with another, at the end of the gap, and after it.
        NOW - 7_500_000,
        NOW - 7_200_000,
        NOW - 7_000_000,
        NOW - 7_000_000,
        NOW - 6_999_999,
        NOW - 60_000,
        NOW - 2 * STEP,
        NOW - STEP,
        NOW,
        NOW + STEP,
    ];
    let others = || others.map(|at_ms| sample(at_ms, 9));
    let kept = history.fill(gap.clone(), others()).unwrap();
    let kept_times: Vec<u64> = kept.samples.iter().map(|sample| sample.at_ms).collect();
    assert_eq!(kept_times, [NOW - 7_000_000, NOW - 60_000]);
    assert_eq!((kept.forget_from_ms, kept.oldest_ms), (None, NOW - 604_800_000));
    let filled = [
        NOW - 7_200_000,
        NOW - 7_000_000,
        NOW - 60_000,
        NOW - 2 * STEP,
        NOW - STEP,
        NOW,
    ];
    assert_eq!(times(&history), filled);
    assert_eq!(history.fill(gap, others()), None, "nothing is new");
    history.take(sample(NOW + STEP, 3));
    assert_eq!(times(&history).last(), Some(&(NOW + STEP)));
}

/// Another server may have a wrong clock, or take samples faster.
#[test]
fn what_another_clock_calls_now_fills_no_gap_and_faster_samples_take_no_more_memory() {
    let mut history = history();
    assert_eq!(
        history.fill(0..NOW, [sample(NOW - STEP, 1)]),
        None,
        "there is no end of a gap yet"
    );
    history.take(sample(NOW, 2));
    let wrong = [NOW - 604_800_001, NOW + 1, NOW + 86_400_000].map(|at_ms| sample(at_ms, 9));
    assert_eq!(history.fill(0..u64::MAX, wrong), None);
    let fast = (0..36_000).map(|step| sample(NOW - 3_600_000 + step * 100, 9));
    history.fill(0..NOW, fast).unwrap();
    assert!(is_in_order(&history));
    assert!(times(&history).len() <= 2 * 720 + 2, "{}", times(&history).len());
}
