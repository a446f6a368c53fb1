//! What stops a rule in waves: too many of the tabs that were told are stuck, hold the refresh or are gone.

use std::fmt;

use super::share::Share;

/// What tabs that were told a rule did about it, as far as it can stop the rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Page loads that were told.
    pub told: u64,
    /// Those that refreshed and got the same build.
    pub stuck: u64,
    /// Those that hold the refresh.
    pub held: u64,
    /// Those that left, and did not come back for a while.
    pub gone: u64,
}

impl Seen {
    /// What was seen since `before`. All of it where that cannot be of the same tabs, because a server has restarted since.
    pub(super) fn since(self, before: Self) -> Self {
        let Some(told) = self.told.checked_sub(before.told) else {
            return self;
        };
        Self {
            told,
            stuck: self.stuck.saturating_sub(before.stuck),
            held: self.held.saturating_sub(before.held),
            gone: self.gone.saturating_sub(before.gone),
        }
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Tabs that refreshed and got the same build.
    Stuck,
    /// Tabs that hold the refresh because of unsaved work.
    Held,
    /// Tabs that left and did not come back.
    Gone,
}

/// When a rule stops by itself. The shares are of the page loads that were told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopIf {
    /// Beyond this share of stuck tabs. `None`: never.
    pub stuck: Option<Share>,
    /// Beyond this share of tabs that hold the refresh. `None`: never.
    pub held: Option<Share>,
    /// Beyond this share of tabs that are gone. `None`: never.
    pub gone: Option<Share>,
    /// Not before so many were told.
    pub after: u32,
}

impl Default for StopIf {
    fn default() -> Self {
        Self {
            stuck: Some(Share::capped(100)),
            held: Some(Share::capped(2_000)),
            gone: Some(Share::capped(500)),
            after: Self::AFTER,
        }
    }
}

impl StopIf {
    /// How many must have been told unless it is said.
    pub const AFTER: u32 = 20;

    pub(super) fn judge(&self, seen: Seen) -> Option<Finding> {
        if seen.told < u64::from(self.after).max(1) {
            return None;
        }
        let limits = [
            (Measure::Stuck, seen.stuck, self.stuck),
            (Measure::Held, seen.held, self.held),
            (Measure::Gone, seen.gone, self.gone),
        ];
        limits.into_iter().find_map(|(measure, tabs, most)| {
            let most = most?;
            most.is_exceeded(tabs, seen.told).then_some(Finding {
                measure,
                tabs,
                told: seen.told,
                most,
            })
        })
    }
}

/// Why a rule stopped by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What there was too much of.
    pub measure: Measure,
    /// So many tabs.
    pub tabs: u64,
    /// Of so many that were told.
    pub told: u64,
    /// The share that was allowed.
    pub most: Share,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tabs, told, most, .. } = self;
        let did = match self.measure {
            Measure::Stuck => "refreshed and got the same build",
            Measure::Held => "hold the refresh because of unsaved work",
            Measure::Gone => "left and did not come back",
        };
        write!(f, "{tabs} of {told} told tabs {did}, and {most} were allowed")
    }
}
