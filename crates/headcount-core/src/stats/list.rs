//! Which connections subscribers are shown one by one.
//!
//! A list of fifteen thousand rows is of no use, and a list that is watched should stand still. So a listed connection
//! stays listed as long as it is open, and a new one is listed only if there is room. Updating the list costs time for
//! what changed, not for its length.
//!
//! Deliberately absent: the reader. Each reader is in its own list, so if not all rows fit, one row stays free for it.

use std::collections::BTreeSet;

use super::news::News;
use super::{Row, SampleSlot, Sum};

/// The list of one sum.
#[derive(Clone, Debug)]
pub struct List {
    max: usize,
    listed: BTreeSet<SampleSlot>,
    /// Slots of the samples that are not listed.
    spare: BTreeSet<SampleSlot>,
    truncated: bool,
}

impl List {
    /// A list of at most `max` connections, the reader's own among them.
    pub fn new(max: u32) -> Self {
        Self {
            max: max as usize,
            listed: BTreeSet::new(),
            spare: BTreeSet::new(),
            truncated: false,
        }
    }

    /// Follows the sum over a change of these rows, and notes what subscribers must be told of it.
    pub fn follow(&mut self, sum: &Sum, rows: &[(SampleSlot, Option<Row>)], news: &mut News) {
        for (at, before) in rows {
            let now = sum.row(*at);
            if self.listed.contains(at) {
                news.note_row(*at, before.as_ref(), now);
                if now.is_none() {
                    self.listed.remove(at);
                }
            } else if now.is_some() {
                self.spare.insert(*at);
            } else {
                self.spare.remove(at);
            }
        }
        self.settle(sum, news);
    }

    /// Makes the list as long as it shall be.
    fn settle(&mut self, sum: &Sum, news: &mut News) {
        let sampled = sum.sampled().min(self.max);
        let truncated = sum.total() > sampled as u64;
        news.truncated |= std::mem::replace(&mut self.truncated, truncated) != truncated;
        let full = truncated && sampled == self.max;
        // Room for the reader, which is in every list.
        let room = if full {
            self.max.saturating_sub(1)
        } else {
            self.max
        };
        while self.listed.len() > room
            && let Some(at) = self.listed.pop_last()
        {
            news.note_row(at, sum.row(at), None);
            self.spare.insert(at);
        }
        while self.listed.len() < room
            && let Some(at) = self.spare.pop_first()
        {
            news.note_row(at, None, sum.row(at));
            self.listed.insert(at);
        }
    }

    /// How many rows are listed.
    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    /// The rows that are listed, in an order that stays.
    pub fn rows<'a>(&self, sum: &'a Sum) -> impl Iterator<Item = &'a Row> {
        self.listed.iter().filter_map(|at| sum.row(*at))
    }

    /// The row in this slot, if it is listed.
    pub fn row<'a>(&self, sum: &'a Sum, at: SampleSlot) -> Option<&'a Row> {
        self.listed.contains(&at).then(|| sum.row(at)).flatten()
    }

    /// Whether there are connections that the list does not hold.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::ConnectionKey;
    use crate::stats::{Changes, Incarnation, Reporter, SourceId};

    fn row(slot: u32, generation: u32) -> Row {
        Row {
            node: None,
            key: ConnectionKey {
                shard: 0,
                slot,
                generation,
            },
            version: "v1".into(),
            route: None,
            ip: None,
            hidden: false,
        }
    }

    /// Slots that come (with their generation) and go (with none); what is listed then.
    fn after(
        (sum, reporter): &mut (Sum, Reporter),
        list: &mut List,
        total: u64,
        rows: &[(u32, Option<u32>)],
    ) -> Vec<(u32, u32)> {
        let rows = rows
            .iter()
            .map(|(slot, generation)| (*slot, generation.map(|generation| row(*slot, generation))));
        let report = reporter.changes(Changes {
            total,
            rows: rows.collect(),
            ..Changes::default()
        });
        let changed = sum.apply(SourceId(0), report).unwrap();
        list.follow(sum, &changed.rows, &mut News::default());
        list.rows(sum)
            .map(|row| (row.key.slot, row.key.generation))
            .collect()
    }

    #[test]
    fn who_is_listed_stays_listed_and_others_move_up() {
        let (mut shown, mut list) = ((Sum::default(), Reporter::new(Incarnation(0))), List::new(3));
        let mut after = |total, rows: &[_]| after(&mut shown, &mut list, total, rows);
        assert_eq!(after(2, &[(5, Some(1)), (7, Some(2))]), [(5, 1), (7, 2)]);
        assert_eq!(after(3, &[(9, Some(3))]), [(5, 1), (7, 2), (9, 3)]);
        // A fourth: a row stays free for the reader, and the first ones stay listed.
        assert_eq!(after(4, &[(1, Some(4))]), [(5, 1), (7, 2)]);
        assert_eq!(after(3, &[(7, None)]), [(1, 4), (5, 1), (9, 3)]);
        // The slot is used again by another.
        assert_eq!(after(3, &[(5, Some(6))]), [(1, 4), (5, 6), (9, 3)]);
        assert_eq!(after(0, &[(1, None), (5, None), (9, None)]), []);
    }
}
