//! Whether enough tabs run a release: a machine that is told what is seen, and says when to stop.

use std::sync::Arc;

use crate::release::UNRELEASED;

/// How long another release must be current before the gate ends for it. A node of a cluster may know an announcement a moment later.
const GONE_MS: u64 = 3_000;

/// A share of the tabs, in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AtLeast(u32);

impl AtLeast {
    /// The share of so many hundredths of a percent; `None` beyond all of them.
    ///
    /// ```
    /// use headcount_core::rollout::AtLeast;
    ///
    /// let share = AtLeast::new(9_550).unwrap();
    /// assert!(share.is_reached(191, 200) && !share.is_reached(190, 200));
    /// assert_eq!(AtLeast::new(10_001), None);
    /// ```
    pub fn new(hundredths: u32) -> Option<Self> {
        (hundredths <= 10_000).then_some(Self(hundredths))
    }

    /// In hundredths of a percent.
    pub fn hundredths(self) -> u32 {
        self.0
    }

    /// Whether `on` of `total` are at least this share.
    pub fn is_reached(self, on: u64, total: u64) -> bool {
        u128::from(on) * 10_000 >= u128::from(total) * u128::from(self.0)
    }
}

/// What a gate waits for.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The release.
    pub release: Arc<str>,
    /// The share of the tabs that must run it.
    pub at_least: AtLeast,
    /// Fewer tabs than this open no gate.
    pub tabs_min: u64,
    /// For how long it waits, milliseconds.
    pub timeout_ms: u64,
    /// How long the share may stay below its highest before the gate gives up, milliseconds. `None`: for ever.
    pub stalled_ms: Option<u64>,
    /// How long a server must run before its numbers count, milliseconds: its tabs come back one after the other.
    pub settle_ms: u64,
}

/// What is seen at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The current release.
    pub current: Arc<str>,
    /// Whether the release that is waited for was announced.
    pub is_announced: bool,
    /// Open tabs.
    pub total: u64,
    /// Open tabs on the release.
    pub on: u64,
    /// Open tabs of which it is not known whether they belong to the others. They count as behind.
    pub unknown: u64,
    /// Whether these are the numbers of the whole cluster.
    pub is_whole: bool,
    /// For how long the server runs, milliseconds.
    pub uptime_ms: u64,
}

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateState {
    /// Go on waiting.
    Wait(Hold),
    /// It is over.
    End(End),
}

/// Why a gate waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Too few tabs run the release.
    Behind,
    /// The release was not announced yet.
    NotAnnounced,
    /// The server has just started.
    Settling,
    /// Fewer tabs are open than must be.
    FewTabs,
    /// A node of the cluster did not answer.
    Partial,
    /// The server does not answer.
    Away,
    /// Another release is current, perhaps only for a moment.
    Going,
}

/// How a gate ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Enough tabs run the release.
    Reached,
    /// The time is over.
    TimedOut,
    /// The share does not rise any more.
    Stalled,
    /// Another release is current now.
    GoneBack,
    /// The time is over, and the last numbers were not those of the whole cluster.
    Partial,
}

/// Waits until enough tabs run a release. Times are those of one clock that is never set back.
///
/// ```
/// use headcount_core::rollout::{End, Gate, Goal, Hold, Observation, AtLeast, GateState};
///
/// let goal = Goal {
///     release: "v2".into(),
///     at_least: AtLeast::new(9_500).unwrap(),
///     tabs_min: 1,
///     timeout_ms: 60_000,
///     stalled_ms: None,
///     settle_ms: 0,
/// };
/// let seen = |on| Observation {
///     current: "v2".into(),
///     is_announced: true,
///     total: 100,
///     on,
///     unknown: 0,
///     is_whole: true,
///     uptime_ms: 1,
/// };
/// let mut gate = Gate::new(goal, 0);
/// assert_eq!(gate.see(1_000, &seen(94)), GateState::Wait(Hold::Behind));
/// assert_eq!(gate.away(2_000), GateState::Wait(Hold::Away));
/// assert_eq!(gate.see(3_000, &seen(95)), GateState::End(End::Reached));
/// ```
#[derive(Clone, Debug)]
pub struct Gate {
    goal: Goal,
    began_ms: u64,
    /// The highest share so far: tabs on the release, and all of them.
    best: Option<(u64, u64)>,
    /// For how long good numbers have not passed it.
    still_ms: u64,
    /// The time of the numbers before these, where they were good.
    good_ms: Option<u64>,
    /// Since when another release is current.
    gone_ms: Option<u64>,
    was_current: bool,
    was_partial: bool,
}

impl Gate {
    /// A gate that begins to wait at `now_ms`.
    pub fn new(goal: Goal, now_ms: u64) -> Self {
        Self {
            goal,
            began_ms: now_ms,
            best: None,
            still_ms: 0,
            good_ms: None,
            gone_ms: None,
            was_current: false,
            was_partial: false,
        }
    }

    /// When its time is over.
    pub fn ends_ms(&self) -> u64 {
        self.began_ms.saturating_add(self.goal.timeout_ms)
    }

    /// What it waits for.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// Takes in what is seen.
    pub fn see(&mut self, now_ms: u64, seen: &Observation) -> GateState {
        self.was_partial = !seen.is_whole;
        if self.has_gone(now_ms, seen) {
            return GateState::End(End::GoneBack);
        }
        let hold = self.hold(seen);
        let is_good = matches!(hold, Hold::Behind | Hold::FewTabs);
        if hold == Hold::Behind && self.is_reached(seen) {
            return GateState::End(End::Reached);
        }
        if is_good && seen.is_announced {
            self.compare(now_ms, seen);
        }
        self.good_ms = is_good.then_some(now_ms);
        self.or_over(now_ms, hold)
    }

    /// Notes that no answer was had. What was known is kept, and the time goes on.
    pub fn away(&mut self, now_ms: u64) -> GateState {
        self.good_ms = None;
        self.gone_ms = None;
        self.or_over(now_ms, Hold::Away)
    }

    /// Whether another release than this one has been current for so long that it is no matter of a late node.
    fn has_gone(&mut self, now_ms: u64, seen: &Observation) -> bool {
        if seen.current == self.goal.release {
            self.was_current = true;
            self.gone_ms = None;
            return false;
        }
        if &*seen.current == UNRELEASED || !(self.was_current || seen.is_announced) {
            self.gone_ms = None;
            return false;
        }
        let since_ms = *self.gone_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since_ms) >= GONE_MS
    }

    fn hold(&self, seen: &Observation) -> Hold {
        if self.gone_ms.is_some() {
            Hold::Going
        } else if !seen.is_whole {
            Hold::Partial
        } else if seen.uptime_ms < self.goal.settle_ms {
            Hold::Settling
        } else if seen.total >= self.goal.tabs_min && (seen.is_announced || self.is_reached(seen)) {
            Hold::Behind
        } else if seen.is_announced {
            Hold::FewTabs
        } else {
            Hold::NotAnnounced
        }
    }

    fn is_reached(&self, seen: &Observation) -> bool {
        let all = seen.total.saturating_add(seen.unknown);
        self.goal.at_least.is_reached(seen.on, all)
    }

    /// Starts the clock of a stall again where the share is higher than ever.
    fn compare(&mut self, now_ms: u64, seen: &Observation) {
        let (on, total) = (seen.on, seen.total.saturating_add(seen.unknown));
        let is_higher = |(best, of): (u64, u64)| {
            u128::from(on) * u128::from(of.max(1)) > u128::from(best) * u128::from(total.max(1))
        };
        if self.best.is_none_or(is_higher) {
            self.best = Some((on, total));
            self.still_ms = 0;
        } else if let Some(before_ms) = self.good_ms {
            self.still_ms += now_ms.saturating_sub(before_ms);
        }
    }

    fn or_over(&self, now_ms: u64, hold: Hold) -> GateState {
        if now_ms >= self.ends_ms() {
            return GateState::End(if self.was_partial {
                End::Partial
            } else {
                End::TimedOut
            });
        }
        match self.goal.stalled_ms {
            Some(most_ms) if self.best.is_some() && self.still_ms >= most_ms => GateState::End(End::Stalled),
            _ => GateState::Wait(hold),
        }
    }
}
