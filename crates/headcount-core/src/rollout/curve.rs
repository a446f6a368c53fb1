//! How tabs left for an earlier release: the share that was left, by the age of the release.

/// Fewer points than this are no curve.
const POINTS_MIN: usize = 3;
/// A curve over a shorter time says nothing.
const SPAN_MS_MIN: u64 = 120_000;
/// Fewer tabs than this are no point of a curve: one of them would be a tenth.
const TABS_MIN: u64 = 10;

/// The share of tabs on other versions by the age of a release, from its announcement to the next one.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve(Vec<Point>);

#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    age_ms: u64,
    left: f64,
}

/// How long something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Span {
    /// So many milliseconds.
    Ends(u64),
    /// Longer than so many milliseconds, and no longer was looked.
    Beyond(u64),
}

impl Curve {
    /// The curve of a release that was announced at `announced_ms`, of samples in the order of their times: when, how many tabs ran the
    /// release, and how many were open. `None` if that is too little.
    pub fn new(announced_ms: u64, samples: impl IntoIterator<Item = (u64, u64, u64)>) -> Option<Self> {
        let points = samples.into_iter().filter_map(|(at_ms, on, total)| {
            let age_ms = at_ms.checked_sub(announced_ms)?;
            let left = share(total.saturating_sub(on), total);
            (total >= TABS_MIN).then_some(Point { age_ms, left })
        });
        let points: Vec<Point> = points.collect();
        let span_ms = points.last()?.age_ms - points.first()?.age_ms;
        (points.len() >= POINTS_MIN && span_ms >= SPAN_MS_MIN).then_some(Self(points))
    }

    /// How long it took from where a share of `left` was left at this age, until a share of `goal` was. `None` if it does not reach to
    /// that age.
    ///
    /// Tabs that are left at an age are alike in that they stay: so it is what became of those that were left at the same age, as a share
    /// of them. Where fewer were left at that age than are wanted in the end, the curve is entered where as many were left.
    pub(super) fn remaining(&self, age_ms: u64, left: f64, goal: f64) -> Option<Span> {
        let at = self
            .0
            .partition_point(|point| point.age_ms <= age_ms)
            .checked_sub(1)?;
        let (last, here) = (self.0.last()?, self.0.get(at)?);
        let (from, wanted) = if age_ms <= last.age_ms && here.left > goal {
            (at, here.left * goal / left)
        } else {
            (self.0.iter().position(|point| point.left <= left)?, goal)
        };
        let began_ms = self.0.get(from)?.age_ms;
        let rest = self.0.get(from..)?;
        let end = rest.iter().find(|point| point.left <= wanted);
        Some(match end {
            Some(end) => Span::Ends(end.age_ms - began_ms),
            None => Span::Beyond(last.age_ms - began_ms),
        })
    }
}

/// What `part` is of `whole`; 0 of none.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    let number = |tabs: u64| f64::from(u32::try_from(tabs).unwrap_or(u32::MAX));
    number(part) / number(whole.max(1))
}
