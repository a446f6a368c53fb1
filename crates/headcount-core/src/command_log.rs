//! The log of commands: what stands is a fold over its entries.
//!
//! An entry carries everything that a server could decide differently: numbers, times, which rules have ended, and the limits that hold
//! for it. So servers that apply the same entries in the same order have the same rules at the same positions.
//!
//! - `change`: what an entry changed. `checkpoint`: all that stood after some entry, as an entry that a log may begin with. `lineage`: the
//!   last commands. `kept`: whether a log still has what was read of it.

mod change;
mod checkpoint;
mod kept;
mod lineage;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::future::Future;

use crate::invalidation::waves::{Finding, Seen, Share};
use crate::invalidation::{Rule, Standing};
use crate::release::Release;

pub use change::Change;
pub use checkpoint::Checkpoint;
pub use kept::{Kept, Source, compare};
pub use lineage::{Lineage, REMEMBERED};

/// One entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A release is announced. The newest `releases_max` are remembered.
    Release {
        /// What is announced.
        release: Release,
        /// At least 1.
        releases_max: u32,
    },
    /// A rule stands from now on. At most `rules_max` stand: the oldest end for it.
    Rule {
        /// What stands.
        rule: Rule,
        /// From 1 to [`POSITIONS`](crate::invalidation::POSITIONS).
        rules_max: u32,
    },
    /// These rules end: they were lifted, or have lapsed by the clock of the server that says so. Numbers of no rule have no effect.
    End {
        /// Their numbers.
        ids: Vec<u32>,
    },
    /// The clock that times were taken from was wrong: those of the rules after command `after` move.
    MoveTimes {
        /// Rules up to this number keep their times.
        after: u32,
        /// By how much, milliseconds.
        delta_ms: i64,
    },
    /// A rule in waves is open as far as this from now on. Has no effect where it is open as far already, or does not go on.
    Wave {
        /// The number of the rule.
        rule: u32,
        /// How far, from the first place on.
        open: Share,
        /// Since when that counts, milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// A rule in waves opens no further.
    Halt {
        /// The number of the rule.
        rule: u32,
        /// What stopped it. `None`: it was paused by hand.
        why: Option<Finding>,
    },
    /// A rule in waves goes on.
    Resume {
        /// The number of the rule.
        rule: u32,
        /// When, milliseconds since the Unix epoch.
        at_ms: u64,
        /// What was seen by then, which stops it no more. `None`: what was accepted before.
        accepted: Option<Seen>,
    },
    /// All that stands, whatever stood before. For a server that has read every entry before this one it changes nothing.
    Checkpoint(Box<Checkpoint>),
}

/// How far a log was read: the number of its last entry that was. 0 is before the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogIndex(pub u64);

/// Where entries are kept in order, and where every server that shares them reads them again.
///
/// A server decides by what stands after some entry, appends what it decided *after* that one, and lets an entry stand when it reads it
/// back, its own ones too. So all servers let the same entries stand in the same order.
pub trait CommandLog {
    /// Appends an entry that was decided by what stood at `after`. When this returns the entry's index, the entry outlives this
    /// process, and [`CommandLog::next`] will give it. An error means that it was not appended and will not be; only
    /// [`AppendError::Unknown`] leaves that open.
    fn append(
        &mut self,
        entry: &Entry,
        after: LogIndex,
    ) -> impl Future<Output = Result<LogIndex, AppendError>> + Send;

    /// As [`CommandLog::append`], for what any server would decide again at a later look: a rule has lapsed, the clock was wrong. So it need
    /// not be durable when it is read.
    fn note(
        &mut self,
        entry: &Entry,
        after: LogIndex,
    ) -> impl Future<Output = Result<LogIndex, AppendError>> + Send;

    /// The next entry and its index, as soon as there is one. Dropping the future loses none. `None`: the log has ended.
    ///
    /// Indexes increase. A checkpoint may stand for entries that were not read one by one, which is so for the first one of a log that others
    /// wrote before. Where what keeps the log lost entries that were read already, the next one is a checkpoint, and its index may be
    /// lower than those before.
    fn next(&mut self) -> impl Future<Output = Option<(LogIndex, Entry)>> + Send;

    /// As [`CommandLog::next`], without waiting: `None` where nothing is there yet. What was appended while this server could not read, such as a rule
    /// and its end, is there together.
    fn ready(&mut self) -> Option<(LogIndex, Entry)>;

    /// Whether the next entry is one that this version does not know. Then nothing is read from there on, and nothing appended.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Why an entry was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// There are newer entries. Read them and decide again.
    #[error("other entries were appended since")]
    Behind,
    /// The log belongs to another server by now.
    #[error("the log belongs to another server by now")]
    Closed,
    /// What keeps the log did not answer in time. The entry was taken back, or was never sent.
    #[error("{0}")]
    Late(&'static str),
    /// What keeps the log was sent the entry, and did not say in time what became of it. It stands where [`CommandLog::next`] gives it, and
    /// can no longer come where another entry has its index.
    #[error("{0}")]
    Unknown(&'static str),
    /// The log could not keep it.
    #[error("{reason}")]
    Failed {
        /// Why, in a few words, for an answer that anyone may read.
        reason: &'static str,
        /// The cause, for the log of the server.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Lineage {
    /// Goes on with an entry. A checkpoint brings its own; one of a version that wrote none says nothing against what is known.
    pub fn follow(&mut self, entry: &Entry) {
        match entry {
            Entry::Release { release, .. } => self.note(release.id, release.announced_ms),
            Entry::Rule { rule, .. } => self.note(rule.id, rule.created_ms),
            Entry::Checkpoint(checkpoint) if checkpoint.lineage.iter().next().is_some() => {
                self.clone_from(&checkpoint.lineage);
            }
            Entry::Checkpoint(_)
            | Entry::End { .. }
            | Entry::MoveTimes { .. }
            | Entry::Wave { .. }
            | Entry::Halt { .. }
            | Entry::Resume { .. } => {}
        }
    }
}

impl Standing {
    /// Goes over to what stands after `entry`. The same entries in the same order always lead to the same.
    ///
    /// A release or a rule has effect only if its number is larger than that of every command before it. One that comes again, because
    /// somebody recorded it and repeats it, changes nothing.
    ///
    /// ```
    /// use headcount_core::command_log::Entry;
    /// use headcount_core::invalidation::Standing;
    /// use headcount_core::release::Release;
    ///
    /// let mut standing = Standing::default();
    /// let release = Release { id: 1, version: "v1".into(), announced_ms: 0 };
    /// standing.apply(&Entry::Release { release, releases_max: 100 });
    /// assert_eq!(&*standing.releases.current(), "v1");
    /// assert_eq!(standing.head, 1);
    /// ```
    pub fn apply(&mut self, entry: &Entry) -> Change {
        match entry {
            Entry::Release { release, .. } if release.id <= self.head => Change::default(),
            Entry::Rule { rule, .. } if rule.id <= self.head => Change::default(),
            Entry::Release {
                release,
                releases_max,
            } => {
                self.head = release.id;
                Change {
                    announced: vec![release.clone()],
                    forgotten: self.releases.announce(release.clone(), *releases_max),
                    ..Change::default()
                }
            }
            Entry::Rule { rule, rules_max } => {
                self.head = rule.id;
                let (position, ended) = self.add(rule.clone(), *rules_max);
                Change {
                    position: Some(position),
                    began: self.rule(position).cloned().into_iter().collect(),
                    ended,
                    ..Change::default()
                }
            }
            Entry::End { ids } => Change {
                ended: self.end(ids),
                ..Change::default()
            },
            Entry::MoveTimes { after, delta_ms } => Change {
                moved: self.move_times(*after, *delta_ms),
                ..Change::default()
            },
            Entry::Wave { rule, open, at_ms } => {
                let opened = self.turn(*rule, |waves| waves.open(*open, *at_ms));
                Change {
                    opened: opened.into_iter().collect(),
                    ..Change::default()
                }
            }
            Entry::Halt { rule, why } => Change::turned(self.turn(*rule, |waves| waves.halt(*why))),
            Entry::Resume {
                rule,
                at_ms,
                accepted,
            } => Change::turned(self.turn(*rule, |waves| waves.resume(*at_ms, *accepted))),
            Entry::Checkpoint(checkpoint) => self.take_over(checkpoint),
        }
    }
}
