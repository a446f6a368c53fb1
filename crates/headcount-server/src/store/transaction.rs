//! What is read from the store at start, and what one write changes.

use headcount_core::command_log::{Change, Entry};
use headcount_core::epoch::Epoch;
use headcount_core::history::Sample;
use headcount_core::invalidation::{Rule, Standing};
use headcount_core::protocol::admin::{ReleaseEntry, RuleEntry};
use headcount_core::release::Release;

/// What the store held at start.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Whose numbers the commands have. It is as old as the store.
    pub(crate) epoch: Epoch,
    /// Hashes tab ids. `None`: nothing is kept.
    pub(crate) tabs: Option<u128>,
    /// The number of the newest command ever given.
    pub(crate) head: u32,
    /// The release that the configuration named last.
    pub(crate) configured: Option<String>,
    /// Releases, oldest first.
    pub(crate) releases: Vec<Release>,
    /// Rules, oldest first. One whose pattern no longer fits the limits is left out, with a warning.
    pub(crate) rules: Vec<Rule>,
    /// The history, oldest first.
    pub(crate) samples: Vec<Sample>,
    /// Where each rule stands, if the store is a copy of what this server's cluster knows.
    pub(crate) positions: Option<Positions>,
}

/// Numbers of rules, and where they stand.
pub(crate) type Positions = Vec<(u32, usize)>;

/// What makes a step the copy of all that a cluster knows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CopyOf {
    /// The name of the cluster.
    pub(crate) cluster: String,
    /// Whose numbers the commands have.
    pub(crate) epoch: Epoch,
    /// Where each rule stands.
    pub(crate) positions: Positions,
}

/// One durable step: everything in it happens, or nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transaction {
    /// The number of the newest command.
    pub(crate) head: u32,
    /// The release that the configuration names.
    pub(crate) configured: Option<String>,
    /// Releases to add.
    pub(crate) releases: Vec<ReleaseEntry>,
    /// Releases to forget, by number.
    pub(crate) forget_releases: Vec<u32>,
    /// Rules to add, or to replace where they have the number of one.
    pub(crate) rules: Vec<RuleEntry>,
    /// Rules to forget, by number.
    pub(crate) forget_rules: Vec<u32>,
    /// The step replaces everything, whatever was there.
    pub(crate) copy: Option<CopyOf>,
}

impl Transaction {
    /// The copy of all that a cluster knows.
    pub(crate) fn copy(cluster: &str, standing: &Standing) -> Self {
        let rules = || standing.rules();
        Self {
            head: standing.head,
            releases: standing.releases.entries().map(Into::into).collect(),
            rules: rules().map(|(_, rule)| RuleEntry::from(&**rule)).collect(),
            copy: Some(CopyOf {
                cluster: cluster.to_owned(),
                epoch: standing.epoch.unwrap_or_default(),
                positions: rules().map(|(position, rule)| (rule.id, position)).collect(),
            }),
            ..Self::default()
        }
    }

    /// What an entry of the log of commands changes on disk, by what it `changed` among what stands. `head` is the newest command's number.
    pub(crate) fn of(entry: &Entry, changed: &Change, head: u32) -> Self {
        let mut step = Self {
            head,
            releases: changed.announced.iter().map(Into::into).collect(),
            forget_releases: changed.forgotten.iter().map(|release| release.id).collect(),
            rules: changed.rewritten().map(|rule| RuleEntry::from(&**rule)).collect(),
            forget_rules: changed.ended.iter().map(|rule| rule.id).collect(),
            ..Self::default()
        };
        match entry {
            // Also those that stand no longer by the time of day, and so are on disk alone.
            Entry::End { ids } => step.forget_rules.clone_from(ids),
            // What it changes is what `changed` says.
            Entry::Release { .. }
            | Entry::Rule { .. }
            | Entry::MoveTimes { .. }
            | Entry::Wave { .. }
            | Entry::Halt { .. }
            | Entry::Resume { .. }
            | Entry::Checkpoint(_) => {}
        }
        step
    }
}
