//! Between rules in waves in bodies and in the domain.

use crate::invalidation::Continued;
use crate::invalidation::waves::{
    Finding, Measure, STEP_MS_MIN, Schedule, ScheduleError, Seen, Share, State, StopIf, Waves,
};
use crate::protocol::admin::{
    ContinuesEntry, FindingEntry, MeasureBody, Percent, SeenEntry, SpreadEntry, SpreadRequest, SpreadState,
    StopIfBody, StopIfRequest,
};

/// Rules that one goes on from, at most.
const CONTINUED_MAX: usize = 8;

/// Why a spread cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpreadError {
    /// Not exactly one of the three.
    #[error("exactly one of `overMs`, `perSecond` and `waves` is needed")]
    NotOne,
    /// Waves without their time.
    #[error("`waves` needs `everyMs`, the time between two waves")]
    NoTime,
    /// A time without waves.
    #[error("`everyMs` is the time between two waves, and there are no `waves`")]
    NoWaves,
    /// It cannot be followed.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A rule in waves has no other spread.
    #[error("`spread` says how the tabs are told: leave `spreadMs` out")]
    Twice,
}

/// How a rule is asked to open.
#[derive(Clone, Debug, PartialEq)]
pub enum AskedSchedule {
    /// It is known.
    Known(Schedule),
    /// Over this time, in as many steps as there are tabs for.
    Over {
        /// Milliseconds.
        over_ms: u32,
    },
    /// At this rate, which takes as long as there are tabs.
    Rate {
        /// Tabs in a second.
        per_second: u32,
    },
}

impl AskedSchedule {
    /// What it comes to for so many tabs.
    pub fn for_tabs(&self, tabs: u64) -> Result<Schedule, ScheduleError> {
        match self {
            Self::Known(schedule) => Ok(schedule.clone()),
            Self::Over { over_ms } => Schedule::even(*over_ms, tabs),
            Self::Rate { per_second } => Schedule::rate(*per_second, tabs),
        }
    }
}

impl SpreadRequest {
    /// How the rule is asked to open.
    pub fn schedule(&self) -> Result<AskedSchedule, SpreadError> {
        if self.every_ms.is_some() && self.waves.is_none() {
            return Err(SpreadError::NoWaves);
        }
        let asked = match (self.over_ms, self.per_second, &self.waves) {
            (Some(over_ms), None, None) => AskedSchedule::Over { over_ms },
            (None, Some(per_second), None) => AskedSchedule::Rate { per_second },
            (None, None, Some(waves)) => {
                let every_ms = self.every_ms.filter(|_| waves.len() > 1);
                let every_ms = match (every_ms, waves.len()) {
                    (Some(every_ms), _) => every_ms,
                    (None, 0 | 1) => STEP_MS_MIN,
                    (None, _) => return Err(SpreadError::NoTime),
                };
                AskedSchedule::Known(Schedule::waves(shares(waves), every_ms)?)
            }
            _ => return Err(SpreadError::NotOne),
        };
        asked.for_tabs(1)?;
        Ok(asked)
    }

    /// When the rule is to stop by itself. `None`: never.
    pub fn stop_if(&self) -> Option<StopIf> {
        match &self.stop_if {
            StopIfRequest::Default => Some(StopIf::default()),
            StopIfRequest::Never => None,
            StopIfRequest::Limits(limits) => Some(limits.into()),
        }
    }
}

fn shares(waves: &[Percent]) -> Vec<Share> {
    waves.iter().map(|percent| percent.0).collect()
}

impl From<&StopIfBody> for StopIf {
    fn from(body: &StopIfBody) -> Self {
        let share = |percent: Option<Percent>| percent.map(|percent| percent.0);
        Self {
            stuck: share(body.stuck),
            held: share(body.held),
            gone: share(body.gone),
            after: body.after.unwrap_or(Self::AFTER),
        }
    }
}

impl From<StopIf> for StopIfBody {
    fn from(stop_if: StopIf) -> Self {
        Self {
            stuck: stop_if.stuck.map(Percent),
            held: stop_if.held.map(Percent),
            gone: stop_if.gone.map(Percent),
            after: Some(stop_if.after),
        }
    }
}

impl From<&Waves> for SpreadEntry {
    fn from(waves: &Waves) -> Self {
        let (over_ms, steps, per_second, shares, every_ms) = match &waves.schedule {
            Schedule::Even {
                over_ms,
                steps,
                per_second,
            } => (Some(*over_ms), Some(*steps), *per_second, None, None),
            Schedule::Waves { shares, every_ms } => {
                let shares = shares.iter().copied().map(Percent).collect();
                (None, None, None, Some(shares), Some(*every_ms))
            }
        };
        let (state, why) = match waves.state {
            State::Running if waves.is_complete() => (SpreadState::Complete, None),
            State::Running => (SpreadState::Running, None),
            State::Paused => (SpreadState::Paused, None),
            State::Stopped(finding) => (SpreadState::Stopped, Some(finding.into())),
        };
        Self {
            over_ms,
            steps,
            per_second,
            waves: shares,
            every_ms,
            stop_if: waves.stop_if.map(Into::into),
            open: Percent(waves.open),
            since: waves.since_ms,
            state,
            next_at: waves.next_ms(),
            why,
            accepted: (waves.accepted != Seen::default()).then(|| waves.accepted.into()),
            turns: waves.turns,
        }
    }
}

impl SpreadEntry {
    /// The waves that were written so.
    pub(super) fn into_waves(self) -> Result<Waves, SpreadError> {
        let schedule = match (self.over_ms, self.waves) {
            (Some(over_ms), None) => Schedule::Even {
                over_ms: over_ms.max(STEP_MS_MIN),
                steps: self
                    .steps
                    .unwrap_or(1)
                    .clamp(1, crate::invalidation::waves::PLACES),
                per_second: self.per_second,
            },
            (None, Some(waves)) => Schedule::waves(shares(&waves), self.every_ms.unwrap_or(STEP_MS_MIN))?,
            _ => return Err(SpreadError::NotOne),
        };
        let state = match (self.state, self.why) {
            (SpreadState::Running | SpreadState::Complete, _) => State::Running,
            (SpreadState::Stopped, Some(why)) => State::Stopped(why.into()),
            (SpreadState::Paused | SpreadState::Stopped | SpreadState::Aborted, _) => State::Paused,
        };
        Ok(Waves {
            schedule,
            stop_if: self.stop_if.as_ref().map(Into::into),
            open: self.open.0,
            since_ms: self.since,
            state,
            accepted: self.accepted.map(Into::into).unwrap_or_default(),
            turns: self.turns,
        })
    }
}

impl From<Finding> for FindingEntry {
    fn from(finding: Finding) -> Self {
        Self {
            measure: match finding.measure {
                Measure::Stuck => MeasureBody::Stuck,
                Measure::Held => MeasureBody::Held,
                Measure::Gone => MeasureBody::Gone,
            },
            tabs: finding.tabs,
            told: finding.told,
            most: Percent(finding.most),
            text: finding.to_string(),
        }
    }
}

impl From<FindingEntry> for Finding {
    fn from(entry: FindingEntry) -> Self {
        Self {
            measure: match entry.measure {
                MeasureBody::Stuck => Measure::Stuck,
                MeasureBody::Held => Measure::Held,
                MeasureBody::Gone => Measure::Gone,
            },
            tabs: entry.tabs,
            told: entry.told,
            most: entry.most.0,
        }
    }
}

impl From<Seen> for SeenEntry {
    fn from(seen: Seen) -> Self {
        let Seen {
            told,
            stuck,
            held,
            gone,
        } = seen;
        Self {
            told,
            stuck,
            held,
            gone,
        }
    }
}

impl From<SeenEntry> for Seen {
    fn from(entry: SeenEntry) -> Self {
        let SeenEntry {
            told,
            stuck,
            held,
            gone,
        } = entry;
        Self {
            told,
            stuck,
            held,
            gone,
        }
    }
}

impl From<&Continued> for ContinuesEntry {
    fn from(continued: &Continued) -> Self {
        Self {
            id: continued.before,
            first: continued.first,
            told: continued.told.clone(),
        }
    }
}

impl From<ContinuesEntry> for Continued {
    fn from(mut entry: ContinuesEntry) -> Self {
        entry.told.truncate(CONTINUED_MAX);
        Self {
            before: entry.id,
            first: entry.first,
            told: entry.told,
        }
    }
}
