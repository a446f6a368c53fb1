//! Counts on their way up: what one table reports, and the sum of what many reported.
//!
//! A shard reports *absolute* numbers of what changed since its last report, so a report can be applied twice without harm.
//! [`Sum`] holds the last word of every source and the total over them. It does not care whether a source is a shard or,
//! in a cluster, a node: it is the same merge.
//!
//! [`Sum::apply`] says what a report changed. What subscribers have not been told of it yet is [`news`], and which
//! connections they are shown one by one is [`list`]. How it is written down is `protocol::stats`.

mod form;
pub mod list;
pub mod news;

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::connection::ConnectionKey;

pub use form::Form;

/// Counts by name, ordered by name.
pub type Counts = BTreeMap<Arc<str>, u64>;

/// One connection, for a list that people read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it is held.
    pub key: ConnectionKey,
    /// The build it runs.
    pub version: Arc<str>,
    /// The page it shows; `None` with route tracking off.
    pub route: Option<Arc<str>>,
    /// Its client address; `None` with IP tracking off, or where unknown.
    pub ip: Option<IpAddr>,
    /// Its tab is hidden.
    pub hidden: bool,
}

/// What changed in one source since its last report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Connections in all.
    pub total: u64,
    /// Connections of hidden tabs.
    pub hidden: u64,
    /// New counts of versions; 0 means gone.
    pub versions: Vec<(Arc<str>, u64)>,
    /// New counts of routes; 0 means gone.
    pub routes: Vec<(Arc<str>, u64)>,
    /// New state of slots in the source's sample of connections; `None` means no longer in it.
    pub rows: Vec<(u32, Option<Row>)>,
}

/// What one source last reported.
#[derive(Clone, Debug, Default)]
struct Source {
    total: u64,
    hidden: u64,
    versions: Counts,
    routes: Counts,
    rows: BTreeMap<u32, Row>,
}

/// The sum over all sources.
#[derive(Clone, Debug, Default)]
pub struct Sum {
    sources: Vec<Source>,
    total: u64,
    hidden: u64,
    versions: Counts,
    routes: Counts,
}

/// A slot in the sample of one of the sources. It holds one row at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SampleSlot {
    /// The number of the source.
    pub source: usize,
    /// The slot in its sample.
    pub slot: u32,
}

/// What a report changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Whether there are more or fewer connections.
    pub total: bool,
    /// Whether the number of visible tabs changed.
    pub visible: bool,
    /// Versions whose count differs.
    pub versions: Vec<Arc<str>>,
    /// Routes whose count differs.
    pub routes: Vec<Arc<str>>,
    /// Rows that differ, with what they were before.
    pub rows: Vec<(SampleSlot, Option<Row>)>,
}

impl Changed {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Sum {
    /// A sum over this many sources, all empty.
    pub fn new(sources: usize) -> Self {
        Self {
            sources: vec![Source::default(); sources],
            ..Self::default()
        }
    }

    /// Takes in a report. A source that does not exist is ignored.
    pub fn apply(&mut self, source: usize, changes: Changes) -> Changed {
        let Some(from) = self.sources.get_mut(source) else {
            return Changed::default();
        };
        let before = (self.total, self.total - self.hidden);
        self.total = self.total - from.total + changes.total;
        from.total = changes.total;
        self.hidden = self.hidden - from.hidden + changes.hidden;
        from.hidden = changes.hidden;
        Changed {
            total: before.0 != self.total,
            visible: before.1 != self.total - self.hidden,
            versions: apply_counts(&mut from.versions, &mut self.versions, changes.versions),
            routes: apply_counts(&mut from.routes, &mut self.routes, changes.routes),
            rows: apply_rows(source, &mut from.rows, changes.rows),
        }
    }

    /// Connections in all.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Connections of visible tabs.
    pub fn visible(&self) -> u64 {
        self.total - self.hidden
    }

    /// Connections by version. Sums to `total`.
    pub fn versions(&self) -> &Counts {
        &self.versions
    }

    /// Connections by route. Sums to `total`, or is empty with route tracking off.
    pub fn routes(&self) -> &Counts {
        &self.routes
    }

    /// A sample of the connections, in an order that stays.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sources.iter().flat_map(|source| source.rows.values())
    }

    /// The row in a slot of the samples.
    pub fn row(&self, at: SampleSlot) -> Option<&Row> {
        self.sources.get(at.source)?.rows.get(&at.slot)
    }

    /// How many connections the sample holds.
    pub fn sampled(&self) -> usize {
        self.sources.iter().map(|source| source.rows.len()).sum()
    }
}

fn apply_rows(
    source: usize,
    mine: &mut BTreeMap<u32, Row>,
    changes: Vec<(u32, Option<Row>)>,
) -> Vec<(SampleSlot, Option<Row>)> {
    let mut changed = Vec::with_capacity(changes.len());
    for (slot, row) in changes {
        let after = row.clone();
        let before = match row {
            Some(row) => mine.insert(slot, row),
            None => mine.remove(&slot),
        };
        if before != after {
            changed.push((SampleSlot { source, slot }, before));
        }
    }
    changed
}

fn apply_counts(mine: &mut Counts, sum: &mut Counts, changes: Vec<(Arc<str>, u64)>) -> Vec<Arc<str>> {
    let mut changed = Vec::with_capacity(changes.len());
    for (name, count) in changes {
        let before = if count == 0 {
            mine.remove(&name)
        } else {
            mine.insert(Arc::clone(&name), count)
        }
        .unwrap_or_default();
        if before == count {
            continue;
        }
        let total = sum.get(&name).copied().unwrap_or_default() - before + count;
        if total == 0 {
            sum.remove(&name);
        } else {
            sum.insert(Arc::clone(&name), total);
        }
        changed.push(name);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(total: u64, versions: &[(&str, u64)]) -> Changes {
        let versions = versions
            .iter()
            .map(|(name, count)| ((*name).into(), *count))
            .collect();
        Changes {
            total,
            versions,
            ..Changes::default()
        }
    }

    fn versions(sum: &Sum) -> Vec<(&str, u64)> {
        sum.versions()
            .iter()
            .map(|(name, count)| (&**name, *count))
            .collect()
    }

    #[test]
    fn sources_add_up_and_a_repeated_report_changes_nothing() {
        let mut sum = Sum::new(2);
        sum.apply(0, report(3, &[("v1", 3)]));
        let changed = sum.apply(1, report(2, &[("v1", 1), ("v2", 1)]));
        assert_eq!(changed.versions.len(), 2);
        assert_eq!((sum.total(), versions(&sum)), (5, vec![("v1", 4), ("v2", 1)]));
        assert!(sum.apply(1, report(2, &[("v1", 1), ("v2", 1)])).is_empty());
        sum.apply(0, report(0, &[("v1", 0)]));
        assert_eq!((sum.total(), versions(&sum)), (2, vec![("v1", 1), ("v2", 1)]));
    }

    #[test]
    fn a_source_that_does_not_exist_is_ignored() {
        let mut sum = Sum::new(1);
        assert!(sum.apply(7, report(9, &[("v", 9)])).is_empty());
        assert_eq!(sum.total(), 0);
    }
}
