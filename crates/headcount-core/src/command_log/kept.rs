//! Whether one state of a log came of another, or their numbers name different commands.
//!
//! What keeps the log may lose entries that servers have read: its disk was restored from an older copy, or its stream was deleted. Commands that are given
//! then get numbers that tabs have heard already, under the same epoch, and such a tab would miss them. So each state remembers when its last
//! commands were given. Two states of one epoch with the same command under the newest number that both have are one history.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::checkpoint::Checkpoint;
use crate::invalidation::Rule;

/// What a log has, compared with what a server has read of it before.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// It has another epoch: what the server has read does not count.
    OtherEpoch,
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
/// use headcount_core::command_log::{Checkpoint, Kept, Lineage, compare};
///
/// let state = |commands: &[(u32, u64)]| Checkpoint {
///     head: commands.last().map_or(0, |(id, _)| *id),
///     lineage: Lineage::new(commands.iter().copied()),
///     ..Checkpoint::default()
/// };
/// let read = state(&[(1, 100), (2, 200)]);
/// assert_eq!(compare(&read, &state(&[(1, 100), (2, 200), (3, 300)])), Kept::All);
/// assert_eq!(compare(&read, &state(&[(1, 100)])), Kept::Earlier(read.clone()));
/// assert_eq!(compare(&read, &state(&[(1, 100), (2, 250)])), Kept::Otherwise);
/// ```
pub fn compare(read: &Checkpoint, log: &Checkpoint) -> Kept {
    if read.epoch != log.epoch {
        return Kept::OtherEpoch;
    }
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
    let is_all = stands.head == log.head && stands.releases == log.releases && stands.rules == log.rules;
    if is_all { Kept::All } else { Kept::Earlier(stands) }
}

/// When each command was given, as far as that is known.
fn given(state: &Checkpoint) -> BTreeMap<u32, u64> {
    let releases = state.releases.iter();
    let releases = releases.map(|release| (release.id, release.announced_ms));
    let rules = state.rules.iter();
    let rules = rules.map(|(_, rule)| (rule.id, rule.created_ms));
    releases.chain(rules).chain(state.lineage.iter()).collect()
}

/// What was read, without the rules that the log had too and that have ended there.
fn without_ended(read: &Checkpoint, log: &Checkpoint) -> Checkpoint {
    let there: HashSet<u32> = log.rules.iter().map(|(_, rule)| rule.id).collect();
    let stands = |rule: &Arc<Rule>| rule.id > log.head || there.contains(&rule.id);
    let rules = read.rules.iter();
    let rules = rules.filter(|(_, rule)| stands(rule)).cloned().collect();
    Checkpoint {
        rules,
        ..read.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_log::Lineage;
    use crate::epoch::Epoch;
    use crate::invalidation::{Audience, Mode};
    use crate::limits::Limits;
    use crate::pattern::RoutePattern;

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
        assert_eq!(compare(&state(&READ, &[]), &other), Kept::OtherEpoch);
    }
}
