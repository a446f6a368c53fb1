//! All that stood after some entry, so that a log need not be read from its first one.
//!
//! A checkpoint replaces everything. It says where each rule stands: what a rule that comes later displaces depends on that, and so does
//! what a shard notes of each connection.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use super::change::Change;
use super::lineage::Lineage;
use crate::epoch::Epoch;
use crate::invalidation::{POSITIONS, Rule, Standing};
use crate::release::{Release, ReleaseLog};

/// All that stood after some entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Whose numbers the commands have.
    pub epoch: Epoch,
    /// Number of the newest command, of either kind.
    pub head: u32,
    /// The releases, oldest first.
    pub releases: Vec<Release>,
    /// The rules with their positions, by position. Each position is below [`POSITIONS`].
    pub rules: Vec<(usize, Arc<Rule>)>,
    /// The last commands, where servers share the log; else empty.
    pub lineage: Lineage,
}

impl Standing {
    /// All that stands, with the epoch that its numbers are of, and without a lineage.
    ///
    /// ```
    /// use headcount_core::command_log::Entry;
    /// use headcount_core::epoch::Epoch;
    /// use headcount_core::invalidation::Standing;
    /// use headcount_core::release::Release;
    ///
    /// let mut standing = Standing::default();
    /// let release = Release { id: 1, version: "v1".into(), announced_ms: 0 };
    /// standing.apply(&Entry::Release { release, releases_max: 100 });
    ///
    /// let mut newcomer = Standing::default();
    /// newcomer.apply(&Entry::Checkpoint(Box::new(standing.checkpoint(Epoch::new(7)))));
    /// assert_eq!(&*newcomer.releases.current(), "v1");
    /// ```
    pub fn checkpoint(&self, epoch: Epoch) -> Checkpoint {
        Checkpoint {
            epoch,
            head: self.head,
            releases: self.releases.entries().cloned().collect(),
            rules: self
                .rules()
                .map(|(position, rule)| (position, Arc::clone(rule)))
                .collect(),
            lineage: Lineage::default(),
        }
    }

    /// All that stands and a rule besides, which stood before under this number. A rule that comes again as an entry has no effect.
    pub fn with_again(&self, rule: Rule, rules_max: u32) -> Checkpoint {
        let mut next = self.clone();
        next.add(rule, rules_max);
        next.checkpoint(self.epoch.unwrap_or_default())
    }

    /// Goes over to a checkpoint. A rule that stands at the same position as before is no news; one at another position is, because what is
    /// noted of it by position no longer holds.
    pub(super) fn take_over(&mut self, checkpoint: &Checkpoint) -> Change {
        let mut releases = ReleaseLog::default();
        for release in &checkpoint.releases {
            releases.announce(release.clone(), u32::MAX);
        }
        let mut next = Self::new(releases);
        next.epoch = Some(checkpoint.epoch);
        next.head = checkpoint.head;
        for (position, rule) in &checkpoint.rules {
            // What is the same stays one value: a pattern may take megabytes.
            let known = self.rule(*position).filter(|known| *known == rule);
            next.place(*position, known.unwrap_or(rule));
        }
        let before = mem::replace(self, next);
        self.difference(&before)
    }

    fn difference(&self, before: &Self) -> Change {
        let mut change = Change::default();
        for position in 0..POSITIONS {
            match (before.rule(position), self.rule(position)) {
                (Some(old), Some(new)) if old == new => {}
                (Some(old), Some(new)) if is_same(old, new) => {
                    let open = |rule: &Rule| rule.waves.as_ref().map(|waves| waves.open);
                    if open(new) > open(old) {
                        change.opened.push(Arc::clone(new));
                    } else {
                        change.moved.push(Arc::clone(new));
                    }
                }
                (old, new) => {
                    change.ended.extend(old.cloned());
                    change.began.extend(new.cloned());
                }
            }
        }
        let (old, new) = (&before.releases, &self.releases);
        change.announced = missing(new, old);
        change.forgotten = missing(old, new);
        change
    }
}

/// Whether two rules differ in their times and in how far they are open alone.
fn is_same(old: &Rule, new: &Rule) -> bool {
    let moved = Rule {
        created_ms: new.created_ms,
        expires_ms: new.expires_ms,
        waves: new.waves.clone(),
        ..old.clone()
    };
    moved == *new
}

/// The announcements of `of` that are not in `from`, oldest first.
fn missing(of: &ReleaseLog, from: &ReleaseLog) -> Vec<Release> {
    let known: HashSet<(u32, &str)> = from
        .entries()
        .map(|release| (release.id, &*release.version))
        .collect();
    of.entries()
        .filter(|release| !known.contains(&(release.id, &*release.version)))
        .cloned()
        .collect()
}
