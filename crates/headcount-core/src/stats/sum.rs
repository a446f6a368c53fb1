//! The sum over sources that come, leave and come back.
//!
//! It keeps the last applied state of every source, so it can take a source out again. Every step returns what it changed, and a reader that
//! follows these changes has the same numbers. After every step the counts by version and by route are the sums over these states, whatever
//! happened to the reports on their way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{Changes, Counts, Incarnation, NotApplied, Receiver, Report, Row, Stamp};
use crate::connection::NodeId;

#[cfg(test)]
mod tests;

/// How many sources without counts are remembered, so that their late reports are recognised. The one that left first is forgotten first.
const ABSENT_MAX: usize = 1_024;

/// Names a source: the number of a shard, or that of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

impl From<u16> for SourceId {
    fn from(shard: u16) -> Self {
        Self(shard.into())
    }
}

impl From<NodeId> for SourceId {
    fn from(node: NodeId) -> Self {
        Self(node.0)
    }
}

/// One source: how far its reports were followed, and what it has.
#[derive(Clone, Debug, Default)]
struct Source {
    receiver: Receiver,
    /// The report that its part in the sum is from; `None`: it has no part.
    last: Option<Stamp>,
    total: u64,
    hidden: u64,
    versions: Counts,
    routes: Counts,
    rows: BTreeMap<u32, Row>,
}

/// The sum over all sources.
///
/// A count is a number of connections, of which a shard has fewer than 2³². So sums of them do not overflow. Code that reads reports from messages
/// must refuse greater counts.
///
/// ```
/// use headcount_core::stats::{Changes, Incarnation, NotApplied, Reporter, SourceId, Sum};
///
/// let tabs = |total| Changes { total, versions: vec![("v1".into(), total)], ..Changes::default() };
/// let (mut sum, mut reporter) = (Sum::default(), Reporter::new(Incarnation(1)));
/// let node = SourceId(4);
/// sum.apply(node, reporter.changes(tabs(3)))?;
/// let lost = reporter.changes(tabs(4));
/// assert_eq!(sum.apply(node, reporter.changes(tabs(5))), Err(NotApplied::Gap));
/// assert_eq!((sum.total(), sum.lacking().next()), (3, Some(node)));
/// sum.apply(node, reporter.whole(tabs(6)))?;
/// assert_eq!((sum.total(), sum.lacking().next()), (6, None));
/// assert_eq!(sum.apply(node, lost), Err(NotApplied::Repeated));
/// assert!(sum.lose(node).total);
/// assert_eq!(sum.total(), 0);
/// # Ok::<(), NotApplied>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sum {
    sources: BTreeMap<SourceId, Source>,
    /// Sources that have no part in the sum, in the order in which they left.
    absent: VecDeque<SourceId>,
    total: u64,
    hidden: u64,
    versions: Counts,
    routes: Counts,
}

/// A slot in the sample of one of the sources. It holds one row at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SampleSlot {
    /// Whose sample.
    pub source: SourceId,
    /// The slot in its sample.
    pub slot: u32,
}

/// What a step changed in a sum.
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
    /// Takes in a report. A source that was not known comes with its first one.
    ///
    /// # Errors
    ///
    /// The reason why the report changes nothing. After a gap, the source is [lacking](Sum::lacking), and what was applied last stands.
    pub fn apply(&mut self, id: SourceId, report: Report) -> Result<Changed, NotApplied> {
        let source = self.source(id);
        source.receiver.receive(report.stamp, report.whole)?;
        let comes = source.last.replace(report.stamp).is_none();
        let changes = if report.whole {
            source.completed(report.changes)
        } else {
            report.changes
        };
        if comes {
            self.absent.retain(|absent| *absent != id);
        }
        Ok(self.take_in(id, changes))
    }

    /// A source says which report is its last. If that was not applied, the source is [lacking](Sum::lacking).
    pub fn heartbeat(&mut self, id: SourceId, last: Stamp) {
        self.source(id).receiver.heartbeat(last);
    }

    /// A source was silent for too long: its counts leave the sum. When it sends something again, it is [lacking](Sum::lacking) until a whole
    /// report comes.
    pub fn lose(&mut self, id: SourceId) -> Changed {
        let Some(source) = self.sources.get_mut(&id) else {
            return Changed::default();
        };
        source.receiver.lose();
        self.remove(id)
    }

    /// A source says that its incarnation ends: its counts leave the sum, and only a later incarnation is accepted.
    pub fn leave(&mut self, id: SourceId, incarnation: Incarnation) -> Changed {
        if self.source(id).receiver.end(incarnation) {
            self.remove(id)
        } else {
            Changed::default()
        }
    }

    /// Sources that must be asked for a whole report, until they have sent one.
    pub fn lacking(&self) -> impl Iterator<Item = SourceId> {
        let lacking = |(_, source): &(&SourceId, &Source)| source.receiver.needs_whole();
        self.sources.iter().filter(lacking).map(|(id, _)| *id)
    }

    /// Whether a source is among the [lacking](Sum::lacking).
    pub fn is_lacking(&self, id: SourceId) -> bool {
        self.sources
            .get(&id)
            .is_some_and(|source| source.receiver.needs_whole())
    }

    /// Whether a source has a part in the sum.
    pub fn has(&self, id: SourceId) -> bool {
        self.sources.get(&id).is_some_and(|source| source.last.is_some())
    }

    /// Sources that have a part in the sum, each with the report that it is from.
    pub fn sources(&self) -> impl Iterator<Item = (SourceId, Stamp)> {
        let sources = self.sources.iter();
        sources.filter_map(|(id, source)| Some((*id, source.last?)))
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
        self.sources.values().flat_map(|source| source.rows.values())
    }

    /// The row in a slot of the samples.
    pub fn row(&self, at: SampleSlot) -> Option<&Row> {
        self.sources.get(&at.source)?.rows.get(&at.slot)
    }

    /// How many connections the samples hold.
    pub fn sampled(&self) -> usize {
        self.sources.values().map(|source| source.rows.len()).sum()
    }

    /// Everything, as a source of another sum would report it, with at most `rows_max` rows.
    pub fn everything(&self, rows_max: u32) -> Changes {
        let owned = |counts: &Counts| {
            let counts = counts.iter();
            counts.map(|(name, count)| (Arc::clone(name), *count)).collect()
        };
        let rows = (0..rows_max).zip(self.rows());
        Changes {
            total: self.total,
            hidden: self.hidden,
            versions: owned(&self.versions),
            routes: owned(&self.routes),
            rows: rows.map(|(slot, row)| (slot, Some(row.clone()))).collect(),
        }
    }

    /// The slots of the samples that hold a row, ordered.
    pub(super) fn slots(&self) -> impl Iterator<Item = SampleSlot> {
        self.sources.iter().flat_map(|(source, held)| {
            let slots = held.rows.keys();
            slots.map(|slot| SampleSlot {
                source: *source,
                slot: *slot,
            })
        })
    }

    /// A source, which is remembered from now on.
    fn source(&mut self, id: SourceId) -> &mut Source {
        if !self.sources.contains_key(&id) {
            self.note_absent(id);
        }
        self.sources.entry(id).or_default()
    }

    fn note_absent(&mut self, id: SourceId) {
        if self.absent.len() >= ABSENT_MAX
            && let Some(first) = self.absent.pop_front()
        {
            self.sources.remove(&first);
        }
        self.absent.push_back(id);
    }

    /// Takes what a source has out of the sum.
    fn remove(&mut self, id: SourceId) -> Changed {
        let source = self.source(id);
        if source.last.take().is_none() {
            return Changed::default();
        }
        let everything = source.completed(Changes::default());
        let changed = self.take_in(id, everything);
        self.note_absent(id);
        changed
    }

    /// Replaces numbers of a source by new ones.
    fn take_in(&mut self, id: SourceId, changes: Changes) -> Changed {
        let before = (self.total, self.visible());
        let from = self.sources.entry(id).or_default();
        // What a source had is a part of the sum, so nothing goes below 0.
        self.total = self.total - from.total + changes.total;
        from.total = changes.total;
        // A source may be wrong: it never counts more hidden tabs than tabs.
        let hidden = changes.hidden.min(changes.total);
        self.hidden = self.hidden - from.hidden + hidden;
        from.hidden = hidden;
        let versions = apply_counts(&mut from.versions, &mut self.versions, changes.versions);
        let routes = apply_counts(&mut from.routes, &mut self.routes, changes.routes);
        let rows = apply_rows(id, &mut from.rows, changes.rows);
        Changed {
            total: before.0 != self.total,
            visible: before.1 != self.visible(),
            versions,
            routes,
            rows,
        }
    }
}

impl Source {
    /// Adds what the source has and the whole report has not, as gone.
    fn completed(&self, mut whole: Changes) -> Changes {
        let versions = missing(&self.versions, &whole.versions);
        let routes = missing(&self.routes, &whole.routes);
        let rows = missing(&self.rows, &whole.rows);
        whole.versions.extend(versions.into_iter().map(|name| (name, 0)));
        whole.routes.extend(routes.into_iter().map(|name| (name, 0)));
        whole.rows.extend(rows.into_iter().map(|slot| (slot, None)));
        whole
    }
}

/// Which of the held keys the report does not have. Costs nothing for a new source.
fn missing<K: Ord + Clone, Held, Said>(held: &BTreeMap<K, Held>, said: &[(K, Said)]) -> Vec<K> {
    if held.is_empty() {
        return Vec::new();
    }
    let said: BTreeSet<&K> = said.iter().map(|(key, _)| key).collect();
    held.keys().filter(|key| !said.contains(key)).cloned().collect()
}

fn apply_rows(
    source: SourceId,
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
