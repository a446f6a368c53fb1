//! The log of commands: what stands is a fold over its entries.
//!
//! An entry carries everything that a server could decide differently: numbers, times, which rules have ended, and the limits that hold
//! for it. So servers that apply the same entries in the same order have the same rules at the same positions.

use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use crate::invalidation::{Rule, Standing};
use crate::release::Release;

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
    /// process, and [`CommandLog::next`] will give it. An error means that it was not appended and will not be.
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
    fn next(&mut self) -> impl Future<Output = Option<(LogIndex, Entry)>> + Send;
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
    /// What keeps the log did not answer in time. The entry was taken back.
    #[error("{0}")]
    Late(&'static str),
    /// The log could not keep it.
    #[error("{reason}")]
    Failed {
        /// Why, in a few words, for an answer that anyone may read.
        reason: &'static str,
        /// The cause, for the log of the server.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// What an entry changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Where the new rule stands.
    pub position: Option<usize>,
    /// Rules that no longer stand.
    pub ended: Vec<Arc<Rule>>,
    /// Rules whose times moved, as they are now.
    pub moved: Vec<Arc<Rule>>,
    /// Releases that are no longer remembered.
    pub forgotten: Vec<Release>,
}

impl Standing {
    /// Goes over to what stands after `entry`. The same entries in the same order always lead to the same.
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
            Entry::Release {
                release,
                releases_max,
            } => {
                self.head = self.head.max(release.id);
                Change {
                    forgotten: self.releases.announce(release.clone(), *releases_max),
                    ..Change::default()
                }
            }
            Entry::Rule { rule, rules_max } => {
                self.head = self.head.max(rule.id);
                let (position, ended) = self.add(rule.clone(), *rules_max);
                Change {
                    position: Some(position),
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
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::invalidation::{Audience, Mode};
    use crate::limits::Limits;
    use crate::pattern::RoutePattern;

    fn release(id: u32, version: &str) -> Entry {
        Entry::Release {
            release: Release {
                id,
                version: version.into(),
                announced_ms: id.into(),
            },
            releases_max: 2,
        }
    }

    fn rule(id: u32, route: &str) -> Entry {
        Entry::Rule {
            rule: Rule {
                id,
                pattern: RoutePattern::exact(route, &Limits::default()).unwrap(),
                versions: None,
                audience: Audience::Outdated,
                mode: Mode::Force,
                release: "v1".into(),
                created_ms: 1_000,
                expires_ms: 2_000,
                spread_ms: 0,
            },
            rules_max: 3,
        }
    }

    fn ids(rules: &[Arc<Rule>]) -> Vec<u32> {
        rules.iter().map(|rule| rule.id).collect()
    }

    /// Everything that can be seen of it.
    fn shown(standing: &Standing) -> String {
        let rules: Vec<_> = standing.rules().collect();
        let releases: Vec<_> = standing.releases.entries().collect();
        format!("{} {rules:?} {releases:?}", standing.head)
    }

    #[test]
    fn an_announcement_forgets_the_oldest_beyond_its_own_limit() {
        let mut standing = Standing::default();
        let forgotten: Vec<usize> = [(1, "v1"), (2, "v2"), (3, "v3")]
            .map(|(id, version)| standing.apply(&release(id, version)).forgotten.len())
            .into();
        assert_eq!(forgotten, [0, 0, 1]);
        assert!(!standing.releases.contains("v1"));
        let fewer = Entry::Release {
            release: Release {
                id: 4,
                version: "v4".into(),
                announced_ms: 4,
            },
            releases_max: 1,
        };
        assert_eq!(standing.apply(&fewer).forgotten.len(), 2);
        assert_eq!(standing.head, 4);
    }

    #[test]
    fn a_rule_ends_what_it_replaces_and_the_oldest_beyond_its_own_limit() {
        let mut standing = Standing::default();
        for (id, route) in [(1, "/a"), (2, "/b"), (3, "/c")] {
            assert_eq!(standing.apply(&rule(id, route)).ended, []);
        }
        assert_eq!(ids(&standing.apply(&rule(4, "/b")).ended), [2]);
        let change = standing.apply(&rule(5, "/d"));
        assert_eq!(ids(&change.ended), [1]);
        assert_eq!(change.position, Some(0));
        assert_eq!(standing.head, 5);
    }

    #[test]
    fn rules_end_by_their_numbers_and_no_others_do() {
        let mut standing = Standing::default();
        for (id, route) in [(1, "/a"), (2, "/b"), (3, "/c")] {
            standing.apply(&rule(id, route));
        }
        let change = standing.apply(&Entry::End { ids: vec![3, 9, 1] });
        assert_eq!(ids(&change.ended), [1, 3]);
        assert_eq!(standing.head, 3, "an end is no command with a number");
        assert_eq!(standing.apply(&Entry::End { ids: vec![1] }), Change::default());
    }

    #[test]
    fn times_move_for_later_rules_only() {
        let mut standing = Standing::default();
        standing.apply(&rule(1, "/a"));
        standing.apply(&rule(2, "/b"));
        let change = standing.apply(&Entry::MoveTimes {
            after: 1,
            delta_ms: 500,
        });
        assert_eq!(ids(&change.moved), [2]);
        let times: Vec<_> = standing
            .rules()
            .map(|(_, rule)| (rule.created_ms, rule.expires_ms))
            .collect();
        assert_eq!(times, [(1_000, 2_000), (1_500, 2_500)]);
    }

    fn apply_all(standing: &mut Standing, entries: &[Entry]) {
        for entry in entries {
            standing.apply(entry);
        }
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let entry = prop_oneof![
            3 => (0_u32..8).prop_map(|version| release(0, &format!("v{version}"))),
            6 => (0_u32..6).prop_map(|route| rule(0, &format!("/{route}"))),
            2 => prop::collection::vec(1_u32..60, 1..3).prop_map(|ids| Entry::End { ids }),
            1 => (0_u32..60, -9_000_i64..9_000).prop_map(|(after, delta_ms)| Entry::MoveTimes { after, delta_ms }),
        ];
        prop::collection::vec(entry, 1..60).prop_map(|mut entries| {
            for (number, entry) in (1..).zip(&mut entries) {
                match entry {
                    Entry::Release { release, .. } => release.id = number,
                    Entry::Rule { rule, .. } => rule.id = number,
                    Entry::End { .. } | Entry::MoveTimes { .. } => {}
                }
            }
            entries
        })
    }

    proptest! {
        #[test]
        fn the_same_entries_lead_to_the_same_from_wherever_one_begins(entries in entries(), cut in 0_usize..60) {
            let cut = cut.min(entries.len());
            let (earlier, later) = entries.split_at(cut);
            let mut whole = Standing::default();
            apply_all(&mut whole, &entries);
            // As a server that took over a copy, and heard the rest.
            let mut copied = Standing::default();
            apply_all(&mut copied, earlier);
            let mut copied = copied.clone();
            apply_all(&mut copied, later);
            prop_assert_eq!(shown(&whole), shown(&copied));
        }

        #[test]
        fn a_change_names_all_that_no_longer_stands(entries in entries()) {
            let mut standing = Standing::default();
            for entry in &entries {
                let before: Vec<u32> = standing.rules().map(|(_, rule)| rule.id).collect();
                let change = standing.apply(entry);
                let gone: Vec<u32> = before.into_iter().filter(|id| standing.position(*id).is_none()).collect();
                let mut ended = ids(&change.ended);
                ended.sort_unstable();
                let mut gone = gone;
                gone.sort_unstable();
                prop_assert_eq!(ended, gone);
            }
        }
    }
}
