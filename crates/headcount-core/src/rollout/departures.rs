//! How fast tabs leave now. Those that their users see and those that are hidden leave at rates that may differ a hundredfold, so that
//! each is measured apart.

use std::collections::VecDeque;

use super::curve::Span;

/// The time between two counts that are kept.
const STEP_MS: u64 = 5_000;
/// How far back the rates are measured.
const WINDOW_MS: u64 = 900_000;
/// A shorter time says nothing.
const SPAN_MS_MIN: u64 = 180_000;
/// With fewer tabs that left, their rate is not known to a half.
const LEFT_MIN: f64 = 10.0;
/// How many times the time that was seen is looked ahead.
const AHEAD: u64 = 6;
/// Standard deviations of a count that nine of ten stay within.
const DEVIATIONS: f64 = 1.64;

/// Tabs that are behind, over the last minutes.
#[derive(Clone, Debug, Default)]
pub struct Departures(VecDeque<Count>);

#[derive(Clone, Copy, Debug)]
struct Count {
    at_ms: u64,
    visible: f64,
    hidden: f64,
    total: f64,
}

/// When the goal is reached at the rates of now: at the slowest, the likeliest and the fastest that they may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    pub(super) fast: Span,
    pub(super) likely: Span,
    pub(super) slow: Span,
}

/// A rate per millisecond at which tabs of one kind leave.
#[derive(Clone, Copy, Debug)]
struct Rate {
    low: f64,
    likely: f64,
    high: f64,
}

impl Departures {
    /// Takes in how many tabs are behind at a time, how many of those are hidden (`None`: not known, and none is), and how many are open.
    pub fn take(&mut self, at_ms: u64, behind: u64, hidden: Option<u64>, total: u64) {
        if self.0.back().is_some_and(|last| at_ms < last.at_ms + STEP_MS) {
            return;
        }
        let number = |tabs: u64| f64::from(u32::try_from(tabs).unwrap_or(u32::MAX));
        let hidden = hidden.unwrap_or_default().min(behind);
        self.0.push_back(Count {
            at_ms,
            visible: number(behind - hidden),
            hidden: number(hidden),
            total: number(total),
        });
        while self
            .0
            .front()
            .is_some_and(|first| first.at_ms + WINDOW_MS < at_ms)
        {
            self.0.pop_front();
        }
    }

    /// Forgets all: what was behind before cannot be compared with what will be.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many tabs fewer are behind in a minute; negative where they become more. `None` in the first half minute.
    pub fn per_minute(&self) -> Option<f64> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let span_ms = u32::try_from(last.at_ms - first.at_ms).ok()?;
        let fewer = first.visible + first.hidden - last.visible - last.hidden;
        (span_ms >= 30_000).then(|| fewer * 60_000.0 / f64::from(span_ms))
    }

    /// When a share of `goal` or less will be behind. `None` where too little was seen.
    pub(super) fn ahead(&self, goal: f64) -> Option<Ahead> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let span_ms = last.at_ms - first.at_ms;
        let left = (first.visible + first.hidden) - (last.visible + last.hidden);
        if span_ms < SPAN_MS_MIN || left < LEFT_MIN {
            return None;
        }
        let visible = self.rate(|count| count.visible)?;
        let hidden = self.rate(|count| count.hidden)?;
        let most_ms = span_ms * AHEAD;
        let when = |of: fn(Rate) -> f64| {
            let behind = |after_ms: u64| {
                let after_ms = f64::from(u32::try_from(after_ms).unwrap_or(u32::MAX));
                last.visible * (-of(visible) * after_ms).exp() + last.hidden * (-of(hidden) * after_ms).exp()
            };
            first_time(most_ms, |after_ms| behind(after_ms) <= goal * last.total)
        };
        Some(Ahead {
            fast: when(|rate| rate.high),
            likely: when(|rate| rate.likely),
            slow: when(|rate| rate.low),
        })
    }

    /// The rate at which tabs of a kind become fewer, from the mean of the first half of the window to that of the second.
    fn rate(&self, kind: impl Fn(&Count) -> f64) -> Option<Rate> {
        let half = self.0.len() / 2;
        let mean = |counts: &mut dyn Iterator<Item = f64>| {
            let (sum, many) = counts.fold((0.0, 0.0), |(sum, many), count| (sum + count, many + 1.0));
            sum / f64::max(many, 1.0)
        };
        let early = mean(&mut self.0.iter().take(half).map(&kind));
        let late = mean(&mut self.0.iter().skip(half).map(&kind));
        let (first, last) = (self.0.front()?, self.0.back()?);
        let apart_ms = f64::from(u32::try_from((last.at_ms - first.at_ms) / 2).ok()?.max(1));
        let likely = f64::max(((early + 0.5) / (late + 0.5)).ln() / apart_ms, 0.0);
        let deviation = DEVIATIONS / f64::max(kind(first) - kind(last), 1.0).sqrt();
        Some(Rate {
            low: f64::max(likely * (1.0 - deviation), 0.0),
            likely,
            high: likely * (1.0 + deviation),
        })
    }
}

/// The first time up to `most_ms` at which something is so that stays so from then on.
fn first_time(most_ms: u64, is_so: impl Fn(u64) -> bool) -> Span {
    if !is_so(most_ms) {
        return Span::Beyond(most_ms);
    }
    let (mut not_yet_ms, mut then_ms) = (0, most_ms);
    while then_ms - not_yet_ms > 500 {
        let middle_ms = not_yet_ms.midpoint(then_ms);
        if is_so(middle_ms) {
            then_ms = middle_ms;
        } else {
            not_yet_ms = middle_ms;
        }
    }
    Span::Ends(then_ms)
}
