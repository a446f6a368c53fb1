//! How a rule opens: in named waves, or evenly in steps. Times are arguments.

use super::share::{PLACES, Share};

/// Waves of a rule at most.
pub const WAVES_MAX: usize = 100;

/// Steps in which a rule without named waves opens, at least and at most. Each is an entry of the log.
const STEPS: (u64, u64) = (20, 200);

/// The shortest time between two openings, milliseconds.
pub const STEP_MS_MIN: u32 = 1_000;

/// Steps that are made up for at once when they come late. What is later than that is delayed instead.
const LATE_STEPS_MAX: usize = 3;

/// How a rule opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Evenly, in so many steps.
    Even {
        /// How long that takes, milliseconds.
        over_ms: u32,
        /// At least 1.
        steps: u16,
        /// The rate that was asked for, tabs in a second, if the time comes of that.
        per_second: Option<u32>,
    },
    /// In waves, each at its time.
    Waves {
        /// How far each opens the rule. They ascend.
        shares: Vec<Share>,
        /// The time between two, milliseconds.
        every_ms: u32,
    },
}

/// Why a schedule cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There is no wave, or one that opens nothing.
    #[error("a wave opens more than 0 % of the tabs")]
    Nothing,
    /// A wave opens no more than the one before.
    #[error("each wave opens more than the one before")]
    NotAscending,
    /// The last wave leaves tabs out.
    #[error("the last wave opens 100 % of the tabs")]
    NotAll,
    /// More than [`WAVES_MAX`].
    #[error("a rule has at most {WAVES_MAX} waves")]
    TooMany,
    /// Less than [`STEP_MS_MIN`].
    #[error("the time is too short: use at least {STEP_MS_MIN} milliseconds")]
    TooShort,
    /// No tab in a second.
    #[error("the rate is at least 1 tab in a second")]
    NoRate,
}

impl Schedule {
    /// Evenly over this time, for about so many tabs.
    pub fn even(over_ms: u32, tabs: u64) -> Result<Self, ScheduleError> {
        if over_ms < STEP_MS_MIN {
            return Err(ScheduleError::TooShort);
        }
        let fit = u64::from(over_ms / STEP_MS_MIN);
        let steps = tabs.clamp(STEPS.0, STEPS.1).min(fit).max(1);
        Ok(Self::Even {
            over_ms,
            steps: u16::try_from(steps).unwrap_or(1),
            per_second: None,
        })
    }

    /// Evenly, over the time that so many tabs take at this rate.
    pub fn rate(per_second: u32, tabs: u64) -> Result<Self, ScheduleError> {
        if per_second == 0 {
            return Err(ScheduleError::NoRate);
        }
        let over_ms = tabs.saturating_mul(1_000).div_ceil(per_second.into());
        let over_ms = u32::try_from(over_ms).unwrap_or(u32::MAX).max(STEP_MS_MIN);
        match Self::even(over_ms, tabs)? {
            Self::Even { over_ms, steps, .. } => Ok(Self::Even {
                over_ms,
                steps,
                per_second: Some(per_second),
            }),
            waves @ Self::Waves { .. } => Ok(waves),
        }
    }

    /// In these waves, with this time between two.
    pub fn waves(shares: Vec<Share>, every_ms: u32) -> Result<Self, ScheduleError> {
        if shares.len() > WAVES_MAX {
            return Err(ScheduleError::TooMany);
        }
        if shares.first().is_none_or(|first| *first == Share::NONE) {
            return Err(ScheduleError::Nothing);
        }
        if !shares.is_sorted_by(|one, next| one < next) {
            return Err(ScheduleError::NotAscending);
        }
        if shares.last() != Some(&Share::ALL) {
            return Err(ScheduleError::NotAll);
        }
        if every_ms < STEP_MS_MIN {
            return Err(ScheduleError::TooShort);
        }
        Ok(Self::Waves { shares, every_ms })
    }

    /// How far a rule is open as it begins.
    pub fn first(&self) -> Share {
        match self {
            Self::Even { .. } => Share::NONE,
            Self::Waves { shares, .. } => shares.first().copied().unwrap_or(Share::ALL),
        }
    }

    /// How long it takes from the first tab to the last, milliseconds.
    pub fn length_ms(&self) -> u64 {
        match self {
            Self::Even { over_ms, .. } => (*over_ms).into(),
            Self::Waves { shares, every_ms } => {
                let waits = shares.len().saturating_sub(1) as u64;
                waits * u64::from(*every_ms)
            }
        }
    }

    /// The greatest part that opens at once, and how long it is until the next, milliseconds.
    pub fn widest(&self) -> (Share, u32) {
        match self {
            Self::Even { over_ms, steps, .. } => {
                let steps = (*steps).max(1);
                (Share::capped(PLACES.div_ceil(steps)), over_ms / u32::from(steps))
            }
            Self::Waves { shares, every_ms } => {
                let (mut widest, mut before) = (0, 0);
                for share in shares {
                    widest = widest.max(share.parts().saturating_sub(before));
                    before = share.parts();
                }
                (Share::capped(widest), *every_ms)
            }
        }
    }

    /// What opens next where `open` is open since `since_ms`, and when. `None`: everything is open.
    pub fn next(&self, open: Share, since_ms: u64) -> Option<(Share, u64)> {
        if open >= Share::ALL {
            return None;
        }
        match self {
            Self::Even { over_ms, steps, .. } => {
                let (steps, parts) = (u32::from(*steps).max(1), u32::from(PLACES));
                let done = u32::from(open.parts()) * steps / parts;
                let ends = (done + 1..=steps).map(|step| step * parts / steps);
                let next = ends
                    .into_iter()
                    .find(|end| *end > u32::from(open.parts()))
                    .unwrap_or(parts);
                let after_ms =
                    u64::from(*over_ms) * u64::from(next - u32::from(open.parts())) / u64::from(parts);
                let next = u16::try_from(next).unwrap_or(PLACES);
                Some((Share::capped(next), since_ms.saturating_add(after_ms)))
            }
            Self::Waves { shares, every_ms } => {
                let next = shares.iter().copied().find(|share| *share > open);
                let at_ms = since_ms.saturating_add(u64::from(*every_ms));
                Some((next.unwrap_or(Share::ALL), at_ms))
            }
        }
    }

    /// How far the rule opens at `now_ms`, and since when that counts. `None`: no further. Of what is late, little opens at once: the rest
    /// waits its time from now on.
    pub fn due(&self, open: Share, since_ms: u64, now_ms: u64) -> Option<(Share, u64)> {
        let (first, at_ms) = self.next(open, since_ms).filter(|(_, at_ms)| *at_ms <= now_ms)?;
        if matches!(self, Self::Waves { .. }) {
            return Some((first, now_ms));
        }
        let mut reached = (first, at_ms);
        for _ in 0..LATE_STEPS_MAX {
            match self.next(reached.0, reached.1) {
                Some(next) if next.1 <= now_ms => reached = next,
                _ => return Some(reached),
            }
        }
        Some((first, now_ms))
    }
}
