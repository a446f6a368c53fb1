//! Whether one state of a log came of another, or their numbers name different commands.
//!
//! What keeps the log may lose entries that servers have read: its disk was restored from an older copy, or its stream was deleted. Commands that are given
//! then get numbers that tabs have heard already, under the same epoch, and such a tab would miss them. So each state remembers when its last
//! commands were given. Two states of one epoch with the same command under the newest number that both have are one history.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use crate::invalidation::Rule;

/// Where a server has from what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It has read the log, and its tabs know what it has read.
    Log,
    /// From its own disk. The log counts where it has another epoch.
    Copy,
}

/// What a log has, compared with what a server has read of it before.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// It has another epoch: what the server has read does not count.
    OtherEpoch,
    /// It was begun under another epoch, and has no command: what the server has read stands, under its own epoch.
    Blank,
    /// It has another epoch, and less: this is what stands, under a new epoch, because numbers were given under either.
    Less(Checkpoint),
    /// Everything, as far as can be known.
    All,
    /// An earlier state. This is what stands: what the server has read, without the rules that were ended in the log since.
    Earlier(Checkpoint),
    /// Numbers that the server has read may name other commands there.
    Otherwise,
}

/// Compares what a log has with what a server has read of it before.
///
/// ```
/// use headcount_core::command_log::{Checkpoint, Kept, Lineage, Source, compare};
///
/// let state = |commands: &[(u32, u64)]| Checkpoint {
///     head: commands.last().map_or(0, |(id, _)| *id),
///     lineage: Lineage::new(commands.iter().copied()),
///     ..Checkpoint::default()
/// };
/// let read = state(&[(1, 100), (2, 200)]);
/// let compare = |log: &Checkpoint| compare(&read, Source::Log, log);
/// assert_eq!(compare(&state(&[(1, 100), (2, 200), (3, 300)])), Kept::All);
/// assert_eq!(compare(&state(&[(1, 100)])), Kept::Earlier(read.clone()));
/// assert_eq!(compare(&state(&[(1, 100), (2, 250)])), Kept::Otherwise);
/// ```
///
/// Servers that give back one after the other come to an end: each time, the newest number is larger, or fewer rules stand or one is further in
/// its waves, or more releases are remembered.
pub fn compare(read: &Checkpoint, source: Source, log: &Checkpoint) -> Kept {
    match source {
        _ if read.epoch == log.epoch => compare_commands(read, log),
        Source::Log => compare_epochs(read, log),
        Source::Copy => Kept::OtherEpoch,
    }
}

/// Of two states of different epochs, the one that came of the other counts, and else the one with more commands.
fn compare_epochs(read: &Checkpoint, log: &Checkpoint) -> Kept {
    if read.head == 0 {
        return Kept::OtherEpoch;
    }
    if log.head == 0 {
        return Kept::Blank;
    }
    let theirs = given(log);
    let is_related = given(read)
        .iter()
        .any(|(id, given_ms)| theirs.get(id) == Some(given_ms));
    match compare_commands(read, log) {
        Kept::Earlier(stands) => Kept::Less(stands),
        _ if !is_related && (read.head, read.epoch) > (log.head, log.epoch) => Kept::Less(read.clone()),
        _ => Kept::OtherEpoch,
    }
}

fn compare_commands(read: &Checkpoint, log: &Checkpoint) -> Kept {
    let (ours, theirs) = (given(read), given(log));
    let both = read.head.min(log.head);
    let differs = |(id, given_ms): (&u32, &u64)| theirs.get(id).is_some_and(|other| other != given_ms);
    let is_known_at = |id| {
        ours.get(&id)
            .is_some_and(|given_ms| theirs.get(&id) == Some(given_ms))
    };
    if ours.range(..=both).any(differs) {
        return Kept::Otherwise;
    }
    if log.head > read.head {
        return Kept::All;
    }
    if log.head < read.head && both > 0 && !is_known_at(both) {
        return Kept::Otherwise;
    }
    let stands = without_ended(read, log);
    let is_less = log.head < stands.head || rules(&stands) != rules(log) || is_without_some(log, &stands);
    if is_less { Kept::Earlier(stands) } else { Kept::All }
}

/// The numbers of the rules that stand, and how far each has come.
fn rules(state: &Checkpoint) -> BTreeSet<(u32, Option<u32>)> {
    let turns = |rule: &Rule| rule.waves.as_ref().map(|waves| waves.turns);
    let rules = state.rules.iter();
    rules.map(|(_, rule)| (rule.id, turns(rule))).collect()
}

/// Whether all the releases of a log were read here, and more.
fn is_without_some(log: &Checkpoint, read: &Checkpoint) -> bool {
    let ids =
        |state: &Checkpoint| -> BTreeSet<u32> { state.releases.iter().map(|release| release.id).collect() };
    let (theirs, ours) = (ids(log), ids(read));
    theirs.len() < ours.len() && theirs.is_subset(&ours)
}

/// When each command was given, as far as that is known.
fn given(state: &Checkpoint) -> BTreeMap<u32, u64> {
    let releases = state.releases.iter();
    let releases = releases.map(|release| (release.id, release.announced_ms));
    let rules = state.rules.iter();
    let rules = rules.map(|(_, rule)| (rule.id, rule.created_ms));
    releases.chain(rules).chain(state.lineage.iter()).collect()
}

/// What was read, without the rules that the log had too and that have ended there. A rule in waves has come as far as either of them knows.
fn without_ended(read: &Checkpoint, log: &Checkpoint) -> Checkpoint {
    let there: HashSet<u32> = log.rules.iter().map(|(_, rule)| rule.id).collect();
    let stands = |rule: &Arc<Rule>| rule.id > log.head || there.contains(&rule.id);
    let further = |(position, rule): &(usize, Arc<Rule>)| {
        let turns = |rule: &Rule| rule.waves.as_ref().map(|waves| waves.turns);
        let theirs = log.rules.iter().map(|(_, theirs)| theirs);
        let mut later = theirs.filter(|theirs| theirs.id == rule.id && turns(theirs) > turns(rule));
        (*position, Arc::clone(later.next().unwrap_or(rule)))
    };
    let rules = read.rules.iter();
    let rules = rules.filter(|(_, rule)| stands(rule)).map(further).collect();
    Checkpoint {
        rules,
        ..read.clone()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command_log::Lineage;
    use crate::epoch::Epoch;
    use crate::invalidation::waves::{Schedule, Waves};
    use crate::invalidation::{Audience, Mode};
    use crate::limits::Limits;
    use crate::pattern::RoutePattern;

    fn compare(read: &Checkpoint, log: &Checkpoint) -> Kept {
        super::compare(read, Source::Log, log)
    }

    /// What stands after these commands, each a rule with its number and the time of it, without those that have `ended`.
    fn state(commands: &[(u32, u64)], ended: &[u32]) -> Checkpoint {
        let rule = |(position, (id, created_ms)): (usize, &(u32, u64))| {
            let rule = Rule {
                id: *id,
                pattern: RoutePattern::exact("/", &Limits::default()).unwrap(),
                versions: None,
                audience: Audience::All,
                mode: Mode::Force,
                release: "v1".into(),
                created_ms: *created_ms,
                expires_ms: 9_000,
                spread_ms: 0,
                waves: None,
                continues: None,
            };
            (position, Arc::new(rule))
        };
        let rules = commands.iter().enumerate().map(rule);
        Checkpoint {
            epoch: Epoch::new(7),
            head: commands.last().map_or(0, |(id, _)| *id),
            releases: Vec::new(),
            rules: rules.filter(|(_, rule)| !ended.contains(&rule.id)).collect(),
            lineage: Lineage::new(commands.iter().copied()),
        }
    }

    const READ: [(u32, u64); 3] = [(1, 10), (2, 20), (3, 30)];

    #[test]
    fn a_log_that_lost_its_end_has_an_earlier_state() {
        let read = state(&READ, &[]);
        for kept in 0..3 {
            assert_eq!(
                compare(&read, &state(&READ[..kept], &[])),
                Kept::Earlier(read.clone())
            );
        }
        assert_eq!(compare(&read, &read), Kept::All);
        assert_eq!(compare(&state(&READ[..2], &[]), &read), Kept::All);
    }

    #[test]
    fn what_has_ended_on_either_side_stays_ended() {
        let expected = Kept::Earlier(state(&READ, &[1, 2]));
        assert_eq!(compare(&state(&READ, &[1]), &state(&READ, &[2])), expected);
        assert_eq!(compare(&state(&READ, &[1]), &state(&READ[..2], &[2])), expected);
        assert_eq!(compare(&state(&READ, &[]), &state(&READ, &[2])), Kept::All);
    }

    /// Its waves are no commands with numbers, so neither side is behind by these.
    #[test]
    fn a_rule_in_waves_has_come_as_far_as_either_side_knows() {
        let at = |turns| {
            let mut state = state(&READ, &[]);
            let rule = Arc::make_mut(&mut state.rules[1].1);
            let schedule = Schedule::even(60_000, 9).unwrap();
            rule.waves = Some(Box::new(Waves {
                turns,
                ..Waves::new(schedule, None, 0)
            }));
            state
        };
        assert_eq!(compare(&at(3), &at(5)), Kept::All, "an older copy");
        assert_eq!(
            compare(&at(5), &at(3)),
            Kept::Earlier(at(5)),
            "a log that lost its end"
        );
    }

    #[test]
    fn a_number_that_was_given_again_is_noticed_also_where_its_rules_have_ended() {
        let read = state(&READ, &[1, 2, 3]);
        for again in [&[(1, 10), (2, 21)][..], &[(1, 10), (2, 20), (3, 31), (4, 40)]] {
            assert_eq!(compare(&read, &state(again, &[1, 2, 3, 4])), Kept::Otherwise);
        }
    }

    #[test]
    fn what_cannot_be_known_is_no_earlier_state() {
        let unknown = Checkpoint {
            lineage: Lineage::default(),
            ..state(&READ[..2], &[1, 2])
        };
        assert_eq!(compare(&state(&READ, &[]), &unknown), Kept::Otherwise);
        // A copy that is a hundred commands old says nothing against the log.
        assert_eq!(compare(&unknown, &state(&READ, &[])), Kept::All);
        let other = Checkpoint {
            epoch: Epoch::new(8),
            ..unknown
        };
        let read = state(&READ, &[]);
        assert_eq!(super::compare(&read, Source::Copy, &other), Kept::OtherEpoch);
    }

    /// The same under another epoch.
    fn of(epoch: u64, state: Checkpoint) -> Checkpoint {
        let epoch = Epoch::new(epoch);
        Checkpoint { epoch, ..state }
    }

    #[test]
    fn a_log_that_was_begun_again_counts_only_where_it_has_more() {
        let read = state(&READ, &[]);
        let blank = of(8, Checkpoint::default());
        assert_eq!(compare(&read, &blank), Kept::Blank);
        assert_eq!(compare(&blank, &read), Kept::OtherEpoch);
        let (less, more) = ([(1, 15), (2, 25)], [(1, 15), (2, 25), (3, 35), (4, 45)]);
        assert_eq!(
            compare(&read, &of(8, state(&less, &[]))),
            Kept::Less(read.clone())
        );
        assert_eq!(compare(&read, &of(8, state(&more, &[]))), Kept::OtherEpoch);
        // An old checkpoint of an epoch that is over.
        assert_eq!(
            compare(&read, &of(8, state(&READ[..2], &[]))),
            Kept::Less(read.clone())
        );
    }

    #[test]
    fn what_came_of_the_same_log_under_a_new_epoch_counts() {
        let read = state(&READ, &[]);
        let again = [(1, 10), (2, 21)];
        let log = Checkpoint {
            head: 3,
            ..state(&again, &[])
        };
        assert_eq!(compare(&read, &of(8, log)), Kept::OtherEpoch);
        assert_eq!(compare(&read, &of(8, read.clone())), Kept::OtherEpoch);
    }

    /// A state of one of three epochs, with some of the commands that were given twice at different times.
    fn any_state() -> impl Strategy<Value = Checkpoint> {
        let commands = prop::collection::vec(0_u64..2, 0..6);
        (commands, prop::collection::vec(1_u32..6, 0..3), 7_u64..10).prop_map(|(times, ended, epoch)| {
            let commands: Vec<(u32, u64)> = (1..).zip(times).collect();
            of(epoch, state(&commands, &ended))
        })
    }

    /// What a server appends to a log that has this, where it appends something.
    fn given_back(read: &Checkpoint, log: &Checkpoint, new_epoch: u64) -> Option<Checkpoint> {
        match compare(read, log) {
            Kept::OtherEpoch | Kept::All => None,
            Kept::Blank => Some(read.clone()),
            Kept::Earlier(stands) => Some(stands),
            Kept::Less(stands) => Some(of(new_epoch, stands)),
            Kept::Otherwise => Some(Checkpoint {
                epoch: Epoch::new(new_epoch),
                head: log.head.max(read.head),
                ..log.clone()
            }),
        }
    }

    proptest! {
        /// However many servers give back, in whatever order: it ends, and all have the same.
        #[test]
        fn servers_that_give_back_agree_in_the_end(
            mut servers in prop::collection::vec(any_state(), 1..6), newcomer in any_state(),
        ) {
            let mut log = newcomer;
            let mut appended = 0_u64;
            loop {
                let before = appended;
                for read in &mut servers {
                    if let Some(stands) = given_back(read, &log, 100 + appended) {
                        log = stands;
                        appended += 1;
                    }
                    *read = log.clone();
                }
                prop_assert!(appended < 100, "{:?}", log);
                if appended == before {
                    break;
                }
            }
            prop_assert!(servers.iter().all(|read| *read == log));
        }

        /// Regression: a server with an older copy, or an empty one, began the log again after the stream was purged, and all others went over to that.
        #[test]
        fn a_newcomer_that_begins_the_log_again_takes_nothing_away(
            ended in prop::collection::vec(1_u32..6, 0..3), kept in 0_usize..5, is_empty: bool,
        ) {
            let commands: Vec<(u32, u64)> = (1..=5).map(|id| (id, u64::from(id) * 10)).collect();
            let read = state(&commands, &ended);
            let copy = Checkpoint { lineage: Lineage::default(), ..state(&commands[..kept], &[]) };
            let log = if is_empty { of(8, Checkpoint::default()) } else { copy };
            prop_assert_eq!(given_back(&read, &log, 100), Some(read));
        }
    }
}
