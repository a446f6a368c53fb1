//! Forecasts for three kinds of simulated sites, against what then happens. `cargo nextest run -p headcount-core forecasts --no-capture`
//! prints each.

use crate::rollout::{AtLeast, Curve, Estimate, Forecast, Observation};

const DAY: u32 = 1_440;
const DAYS: u32 = 8;
const MINUTE_MS: u64 = 60_000;

/// `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from(u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// True about once in so many minutes.
    fn once_in(&mut self, minutes: f64) -> bool {
        self.unit() < 1.0 / minutes
    }
}

/// A tab, or a place where one may open.
#[derive(Clone, Copy, Default)]
struct Place {
    is_open: bool,
    is_hidden: bool,
    release: u32,
}

impl Place {
    fn load(&mut self, release: u32) {
        (self.is_open, self.is_hidden, self.release) = (true, false, release);
    }
}

/// What becomes of a place in a minute of the day, with this release on the server.
type Kind = fn(&mut Place, &mut Chance, u32, u32);

/// People come between eight and ten, keep a tab all day, and some keep it over night.
fn office(place: &mut Place, chance: &mut Chance, minute: u32, release: u32) {
    let is_work = (480..1_080).contains(&minute);
    if !place.is_open {
        let every = if (480..600).contains(&minute) { 40.0 } else { 400.0 };
        if is_work && chance.once_in(every) {
            place.load(release);
        }
        return;
    }
    let closes = if (960..1_140).contains(&minute) {
        60.0
    } else {
        2_000.0
    };
    if chance.once_in(closes) {
        place.is_open = false;
    } else if is_work && !place.is_hidden && chance.once_in(180.0) {
        place.load(release);
    } else if is_work || !place.is_hidden {
        place.is_hidden ^= chance.once_in(25.0);
    }
}

/// Visits of a few minutes, at any time; a few tabs are left open behind others.
fn shop(place: &mut Place, chance: &mut Chance, minute: u32, release: u32) {
    let (night, day) = (40.0, 8.0);
    if !place.is_open {
        let every = if (420..1_380).contains(&minute) {
            day
        } else {
            night
        };
        if chance.once_in(every) {
            place.load(release);
        }
    } else if place.is_hidden {
        if chance.once_in(120.0) {
            place.is_open = false;
        } else if chance.once_in(60.0) {
            place.is_hidden = false;
        }
    } else if chance.once_in(2.0) {
        place.is_open = chance.once_in(2.0);
        if place.is_open {
            place.load(release);
        }
    } else {
        place.is_hidden = chance.once_in(25.0);
    }
}

/// Screens on walls: never closed, hardly ever loaded again.
fn dashboard(place: &mut Place, chance: &mut Chance, _: u32, release: u32) {
    if !place.is_open || chance.once_in(f64::from(14 * DAY)) {
        place.load(release);
    }
}

/// The counts at the end of a minute.
#[derive(Clone)]
struct Minute {
    total: u64,
    on: u64,
    behind_hidden: u64,
}

/// A site over some days, with one release a day at some hour of work.
struct Run {
    minutes: Vec<Minute>,
    announced: Vec<usize>,
}

fn run(kind: Kind, places: usize, seed: u64) -> Run {
    let mut chance = Chance(seed);
    let mut site = vec![Place::default(); places];
    let (mut minutes, mut announced, mut next) = (Vec::new(), Vec::new(), DAY / 2);
    for now in 0..DAYS * DAY {
        if now == next {
            announced.push(now as usize);
            let hour = (9..15).find(|_| chance.once_in(4.0)).unwrap_or(15);
            next = (now / DAY + 1) * DAY + hour * 60;
        }
        let release = u32::try_from(announced.len()).unwrap();
        for place in &mut site {
            kind(place, &mut chance, now % DAY, release);
        }
        let open = site.iter().filter(|place| place.is_open);
        let behind = open.clone().filter(|place| place.release != release);
        minutes.push(Minute {
            total: open.clone().count() as u64,
            on: (open.count() - behind.clone().count()) as u64,
            behind_hidden: behind.filter(|place| place.is_hidden).count() as u64,
        });
    }
    Run { minutes, announced }
}

impl Run {
    fn until(&self, rollout: usize) -> usize {
        self.announced
            .get(rollout + 1)
            .copied()
            .unwrap_or(self.minutes.len())
    }

    fn curve(&self, rollout: usize) -> Option<Curve> {
        let (from, to) = (self.announced[rollout], self.until(rollout));
        let samples =
            (from..to).map(|at| (at as u64 * MINUTE_MS, self.minutes[at].on, self.minutes[at].total));
        Curve::new(from as u64 * MINUTE_MS, samples)
    }

    fn seen(&self, at: usize) -> Observation {
        let minute = &self.minutes[at];
        Observation {
            current: "v2".into(),
            is_announced: true,
            total: minute.total,
            on: minute.on,
            unknown: 0,
            is_whole: true,
            uptime_ms: u64::MAX,
        }
    }
}

/// A forecast, and in how many minutes the share is reached in truth: `None` if not before the next release.
struct Told {
    estimate: Option<Estimate>,
    truth: Option<u64>,
    /// Minutes to the next release.
    looked: u64,
}

const AT_LEAST: u32 = 9_500;

/// The forecasts at some ages of each rollout from this one on, with the `earlier` ones before it.
fn told(run: &Run, first: usize, earlier: usize) -> Vec<Told> {
    let at_least = AtLeast::new(AT_LEAST).unwrap();
    let mut told = Vec::new();
    for rollout in first..run.announced.len() {
        let curves = (rollout - earlier..rollout).filter_map(|earlier| run.curve(earlier));
        let mut forecast = Forecast::new(curves.collect());
        let (from, to) = (run.announced[rollout], run.until(rollout));
        for at in from..to.min(from + 61) {
            let seen = run.seen(at);
            let age_ms = (at - from) as u64 * MINUTE_MS;
            forecast.take(at as u64 * MINUTE_MS, &seen, Some(run.minutes[at].behind_hidden));
            if at_least.is_reached(seen.on, seen.total) || ![1, 5, 15, 30, 60].contains(&(at - from)) {
                continue;
            }
            let reached = (at..to).find(|&at| at_least.is_reached(run.minutes[at].on, run.minutes[at].total));
            told.push(Told {
                estimate: forecast.estimate(&seen, age_ms, at_least),
                truth: reached.map(|reached| (reached - at) as u64),
                looked: (to - at) as u64,
            });
        }
    }
    told
}

/// What is made of many forecasts.
#[derive(Debug, Default)]
struct Score {
    told: usize,
    unknown: usize,
    /// Truths within the range.
    within: usize,
    /// By which factor medians were off.
    factors: Vec<f64>,
    /// Medians for what never came.
    false_hopes: usize,
}

impl Score {
    fn of(name: &str, all: &[Told]) -> Self {
        let mut score = Self::default();
        let minutes = |ms: u64| ms / MINUTE_MS;
        for one in all {
            let Some(estimate) = one.estimate else {
                score.unknown += 1;
                println!("{name}: cannot say; truth {:?} min", one.truth);
                continue;
            };
            let (low, median, high) = (
                minutes(estimate.low_ms),
                estimate.median_ms.map(minutes),
                estimate.high_ms.map(minutes),
            );
            score.told += 1;
            let truth = one.truth.unwrap_or(one.looked);
            let is_below = high.is_none_or(|high| truth <= high + 1);
            let is_above = truth + 1 >= low;
            // What did not come is within where more than was looked at is possible.
            score.within += usize::from(if one.truth.is_some() {
                is_below && is_above
            } else {
                is_below
            });
            if let (Some(median), Some(truth)) = (median, one.truth) {
                let number = |minutes: u64| f64::from(u32::try_from(minutes).unwrap() + 1);
                score.factors.push(f64::max(
                    number(median) / number(truth),
                    number(truth) / number(median),
                ));
            }
            score.false_hopes +=
                usize::from(one.truth.is_none() && median.is_some_and(|median| median < one.looked));
            println!(
                "{name}: {low}..{median:?}..{high:?} min; truth {:?} min",
                one.truth
            );
        }
        score.factors.sort_by(f64::total_cmp);
        println!("{name}: {score:?}");
        score
    }

    fn within(&self) -> usize {
        self.within * 100 / self.told.max(1)
    }

    /// The factor that so many percent are within.
    fn factor(&self, percent: usize) -> f64 {
        let at = self.factors.len() * percent / 100;
        self.factors.get(at).copied().unwrap_or(1.0)
    }
}

#[test]
fn forecasts_for_a_shop_with_short_visits() {
    let run = run(shop, 600, 1);
    for earlier in [1, 3] {
        let score = Score::of(&format!("shop, {earlier} before"), &told(&run, 3, earlier));
        assert!(score.told >= 20 && score.unknown == 0, "{score:?}");
        assert!(score.within() >= 80 && score.factor(90) <= 1.5, "{score:?}");
    }
}

#[test]
fn forecasts_for_an_office_with_tabs_that_live_long() {
    let run = run(office, 600, 2);
    // One rollout of five is through on the evening before the others would be.
    for earlier in [1, 3] {
        let score = Score::of(&format!("office, {earlier} before"), &told(&run, 3, earlier));
        assert!(score.told >= 20 && score.unknown == 0, "{score:?}");
        assert!(
            score.within() >= 80 && score.factor(50) <= 1.25 && score.factor(90) <= 3.0,
            "{score:?}"
        );
    }
}

#[test]
fn forecasts_for_a_dashboard_that_is_never_closed() {
    let run = run(dashboard, 600, 3);
    let score = Score::of("dashboard, 3 before", &told(&run, 3, 3));
    assert!(score.told >= 20 && score.within() == 100, "{score:?}");
    assert_eq!(
        (score.factors.len(), score.false_hopes),
        (0, 0),
        "it says no time that it cannot know"
    );
}

#[test]
fn forecasts_without_an_earlier_release() {
    for (name, kind) in [
        ("shop", shop as Kind),
        ("office", office),
        ("dashboard", dashboard),
    ] {
        let run = run(kind, 600, 4);
        let told = told(&run, 0, 0);
        let early = told.iter().filter(|one| one.estimate.is_none()).count();
        assert!(early >= run.announced.len(), "in the first minutes it cannot say");
        let score = Score::of(&format!("{name}, none before"), &told);
        assert!(score.within() >= 75 || score.told == 0, "{score:?}");
        assert!(score.factor(90) <= 2.0 && score.false_hopes == 0, "{score:?}");
    }
}
