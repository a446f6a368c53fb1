//! A rule in waves: how far it is open, how that goes on, and what stops it.
//!
//! Each tab has a place in a rule ([`Rule::place`](super::Rule::place)), and the rule is open to the places below its share. The share and
//! the state stand in the log of commands. So a server decides by what it has read, and all servers that have read as far decide the same.
//!
//! - `share`: shares of the tabs. `schedule`: when it opens how far. `stop`: what stops it.
//!
//! Deliberately absent: the clock, and who opens the next wave. Times are arguments.

mod schedule;
mod share;
mod stop;
#[cfg(test)]
mod tests;

pub use schedule::{STEP_MS_MIN, Schedule, ScheduleError, WAVES_MAX};
pub use share::{PLACES, Share};
pub use stop::{Finding, Measure, Seen, StopIf};

/// Whether a rule opens further.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It does.
    #[default]
    Running,
    /// Not before somebody says so: it was paused by hand.
    Paused,
    /// Not before somebody says so: it stopped by itself.
    Stopped(Finding),
}

/// How far a rule in waves has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waves {
    /// How it opens.
    pub schedule: Schedule,
    /// What stops it. `None`: nothing.
    pub stop_if: Option<StopIf>,
    /// How far it is open.
    pub open: Share,
    /// Since when, or since when it goes on from there, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Whether it opens further.
    pub state: State,
    /// What was seen, and accepted, when it was told to go on.
    pub accepted: Seen,
    /// How often it was opened, halted or told to go on: of two states of one rule, the one with more is the later one.
    pub turns: u32,
}

impl Waves {
    /// As a rule begins.
    pub fn new(schedule: Schedule, stop_if: Option<StopIf>, now_ms: u64) -> Self {
        Self {
            open: schedule.first(),
            schedule,
            stop_if,
            since_ms: now_ms,
            state: State::Running,
            accepted: Seen::default(),
            turns: 0,
        }
    }

    /// Whether everything is open.
    pub fn is_complete(&self) -> bool {
        self.open >= Share::ALL
    }

    /// Whether it goes on by itself.
    pub fn is_running(&self) -> bool {
        self.state == State::Running && !self.is_complete()
    }

    /// When it opens further. `None`: not by itself.
    pub fn next_ms(&self) -> Option<u64> {
        let next = self.schedule.next(self.open, self.since_ms);
        next.filter(|_| self.is_running()).map(|(_, at_ms)| at_ms)
    }

    /// How far it opens at `now_ms`, and since when that counts. `None`: no further.
    pub fn due(&self, now_ms: u64) -> Option<(Share, u64)> {
        let due = self.schedule.due(self.open, self.since_ms, now_ms);
        due.filter(|_| self.is_running())
    }

    /// Whether it must stop by what was seen.
    pub fn judge(&self, seen: Seen) -> Option<Finding> {
        self.stop_if?.judge(seen.since(self.accepted))
    }

    /// Opens it further. Whether it did.
    pub(crate) fn open(&mut self, open: Share, at_ms: u64) -> bool {
        let opens = self.is_running() && open > self.open;
        if opens {
            (self.open, self.since_ms) = (open, at_ms);
        }
        self.turned(opens)
    }

    /// Halts it. Whether it did.
    pub(crate) fn halt(&mut self, why: Option<Finding>) -> bool {
        let halts = self.is_running();
        if halts {
            self.state = why.map_or(State::Paused, State::Stopped);
        }
        self.turned(halts)
    }

    /// Lets it go on. Whether it did.
    pub(crate) fn resume(&mut self, at_ms: u64, accepted: Option<Seen>) -> bool {
        let resumes = self.state != State::Running;
        if resumes {
            self.state = State::Running;
            self.since_ms = at_ms;
            self.accepted = accepted.unwrap_or(self.accepted);
        }
        self.turned(resumes)
    }

    fn turned(&mut self, has: bool) -> bool {
        self.turns = self.turns.saturating_add(has.into());
        has
    }
}
