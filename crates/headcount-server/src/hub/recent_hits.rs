//! How far the rules of late reached here, for the nodes that ask.
//!
//! The other nodes ask as soon as a rule stands, so a few rules would do; a node that was cut off for a moment asks later. What takes memory is the names
//! of routes, so those are bounded in bytes over all rules: the oldest rules lose theirs first, and are then answered with numbers alone.

use std::collections::VecDeque;

use headcount_core::cluster::Hits;
use headcount_core::command_log::LogIndex;

/// Rules of which is known how far they reached.
const RULES_MAX: usize = 256;

/// Bytes of the names of their routes together. A rule that reaches 100,000 routes of 40 bytes has 7 MB.
const NAMES_BYTES_MAX: usize = 16 << 20;

#[derive(Debug, Default)]
pub(super) struct RecentHits {
    /// By the entry of the log that each rule is, in that order.
    rules: VecDeque<(LogIndex, Hits)>,
    /// Bytes of the names of all routes.
    bytes: usize,
}

impl RecentHits {
    /// Remembers how far a rule reached.
    pub(super) fn note(&mut self, index: LogIndex, mut hits: Hits) {
        hits.name_within(NAMES_BYTES_MAX);
        self.bytes += hits.names_bytes();
        self.rules.push_back((index, hits));
        if self.rules.len() > RULES_MAX
            && let Some((_, first)) = self.rules.pop_front()
        {
            self.bytes -= first.names_bytes();
        }
        for (_, hits) in &mut self.rules {
            if self.bytes <= NAMES_BYTES_MAX {
                break;
            }
            self.bytes -= hits.names_bytes();
            hits.name_within(0);
        }
    }

    pub(super) fn get(&self, index: LogIndex) -> Option<&Hits> {
        let known = self.rules.iter().find(|(known, _)| *known == index);
        known.map(|(_, hits)| hits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(routes: usize) -> Hits {
        let name = |number: usize| format!("/{number}/{}", "x".repeat(1_000)).into();
        Hits {
            tabs: 7,
            routes: (0..routes).map(name).collect(),
            ..Hits::default()
        }
    }

    #[test]
    fn the_names_of_routes_are_bounded_over_all_rules_and_the_numbers_stay() {
        let mut recent = RecentHits::default();
        for index in 1..=9 {
            recent.note(LogIndex(index), hits(5_000));
            let held: usize = recent.rules.iter().map(|(_, hits)| hits.names_bytes()).sum();
            assert_eq!(recent.bytes, held);
            assert!(held <= NAMES_BYTES_MAX, "{held}");
        }
        let said = |index| {
            let hits = recent.get(LogIndex(index)).unwrap();
            (hits.tabs, hits.routes.len(), hits.more_routes)
        };
        assert_eq!(said(1), (7, 0, 5_000));
        assert_eq!(said(9), (7, 5_000, 0));
        recent.note(LogIndex(10), hits(100_000));
        let hits = recent.get(LogIndex(10)).unwrap();
        assert!(hits.routes.len() > 10_000, "{}", hits.routes.len());
        assert_eq!(hits.routes.len() as u64 + hits.more_routes, 100_000);
    }

    #[test]
    fn rules_of_long_ago_are_forgotten() {
        let mut recent = RecentHits::default();
        for index in 1..=1_000 {
            recent.note(LogIndex(index), hits(1));
        }
        assert_eq!((recent.rules.len(), recent.get(LogIndex(744))), (RULES_MAX, None));
        assert!(recent.get(LogIndex(745)).is_some());
        assert_eq!(
            recent.bytes,
            recent
                .rules
                .iter()
                .map(|(_, hits)| hits.names_bytes())
                .sum::<usize>()
        );
    }
}
