//! What a sum reports, as a source of another sum: a node to its cluster, as a shard to its node.
//!
//! It remembers *names* of what changed since the last report, never amounts, and a sample of the rows that is as bounded as that of a shard.
//! Where the whole is shorter than what changed, such as after many routes came and went, the next report is whole. So what it remembers is
//! bounded by what there is. Without receivers it remembers only the sample.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::news::is_shorter_whole;
use super::{Changed, Changes, Counts, Incarnation, Report, Reporter, Row, SampleSlot, Stamp, Sum};

/// Reports of one sum.
///
/// ```
/// use headcount_core::stats::{Changes, Digest, Incarnation, Reporter, SourceId, Sum};
///
/// // A shard, and the node that it belongs to.
/// let (mut shard, mut node) = (Reporter::new(Incarnation(0)), Sum::default());
/// let mut digest = Digest::new(Incarnation(1), 200);
/// let tabs = Changes { total: 3, versions: vec![("v1".into(), 3)], ..Changes::default() };
/// let changed = node.apply(SourceId(0), shard.changes(tabs))?;
/// digest.follow(&node, &changed);
///
/// let mut cluster = Sum::default();
/// cluster.apply(SourceId(7), digest.report(&node))?;
/// assert_eq!(cluster.total(), 3);
/// # Ok::<(), headcount_core::stats::NotApplied>(())
/// ```
#[derive(Clone, Debug)]
pub struct Digest {
    reporter: Reporter,
    next: Next,
    totals: bool,
    versions: BTreeSet<Arc<str>>,
    routes: BTreeSet<Arc<str>>,
    sample: Sample,
}

/// What the next report has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Everything: there was no receiver up to now.
    First,
    /// What changed.
    Changes,
    /// Everything: that is less than what changed.
    Everything,
}

impl Digest {
    /// Of a sum, in this life of the source that it is, with at most `rows_max` rows. The first report is whole.
    pub fn new(incarnation: Incarnation, rows_max: u32) -> Self {
        Self {
            reporter: Reporter::new(incarnation),
            next: Next::First,
            totals: false,
            versions: BTreeSet::new(),
            routes: BTreeSet::new(),
            sample: Sample::new(rows_max),
        }
    }

    /// Follows the sum over a step. To be called after each.
    pub fn follow(&mut self, sum: &Sum, changed: &Changed) {
        self.sample.follow(sum, &changed.rows);
        if self.next != Next::Changes {
            return;
        }
        self.totals |= changed.total || changed.visible;
        self.versions.extend(changed.versions.iter().cloned());
        self.routes.extend(changed.routes.iter().cloned());
        let names = self.versions.len() + self.routes.len();
        if is_shorter_whole(names, sum.versions().len() + sum.routes().len()) {
            self.forget(Next::Everything);
        }
    }

    /// Whether there is anything to report.
    pub fn has_changes(&self) -> bool {
        self.next != Next::Changes
            || self.totals
            || !self.versions.is_empty()
            || !self.routes.is_empty()
            || !self.sample.changed.is_empty()
    }

    /// The next report, for all receivers: what changed since the one before, or everything.
    pub fn report(&mut self, sum: &Sum) -> Report {
        if self.next != Next::Changes {
            self.forget(Next::Changes);
            let everything = self.everything(sum);
            self.sample.changed.clear();
            return self.reporter.everything(everything);
        }
        let count = |counts: &Counts, name: Arc<str>| {
            let count = counts.get(&name).copied().unwrap_or_default();
            (name, count)
        };
        let versions = std::mem::take(&mut self.versions).into_iter();
        let routes = std::mem::take(&mut self.routes).into_iter();
        let changes = Changes {
            total: sum.total(),
            hidden: sum.total() - sum.visible(),
            versions: versions.map(|name| count(sum.versions(), name)).collect(),
            routes: routes.map(|name| count(sum.routes(), name)).collect(),
            rows: self.sample.take_changed(sum),
        };
        self.totals = false;
        self.reporter.changes(changes)
    }

    /// A whole report, for a receiver that asks for it alone. It takes no number, unless there was no receiver before.
    pub fn whole(&mut self, sum: &Sum) -> Report {
        if self.next == Next::First {
            return self.report(sum);
        }
        let everything = self.everything(sum);
        self.reporter.whole(everything)
    }

    /// There is no receiver any more: the next report will be whole.
    pub fn forget_changes(&mut self) {
        self.forget(Next::First);
    }

    fn forget(&mut self, next: Next) {
        self.next = next;
        self.totals = false;
        self.versions.clear();
        self.routes.clear();
    }

    fn everything(&mut self, sum: &Sum) -> Changes {
        self.sample.refill(sum);
        Changes {
            rows: self.sample.rows(sum),
            ..sum.everything(0)
        }
    }

    /// The report that every receiver must have, for [`Sum::heartbeat`]: the last one. While there is no receiver that is known of, it is the one
    /// that would come next. So a receiver that is not known, because nothing is heard of it, sees that its state is old.
    pub fn stamp(&self) -> Stamp {
        let last = self.reporter.stamp();
        let ahead = self.next == Next::First && last.sequence > 0;
        Stamp {
            sequence: last.sequence + u64::from(ahead),
            ..last
        }
    }
}

/// The rows that are reported, each under a number that it keeps.
#[derive(Clone, Debug)]
struct Sample {
    max: usize,
    numbers: BTreeMap<SampleSlot, u32>,
    /// The other way round.
    slots: BTreeMap<u32, SampleSlot>,
    /// Numbers whose row differs from that of the last report.
    changed: BTreeSet<u32>,
}

impl Sample {
    fn new(max: u32) -> Self {
        Self {
            max: max as usize,
            numbers: BTreeMap::new(),
            slots: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    /// Follows the sum over a change of these rows.
    fn follow(&mut self, sum: &Sum, rows: &[(SampleSlot, Option<Row>)]) {
        for (at, _) in rows {
            let Some(number) = self.numbers.get(at).copied() else {
                continue;
            };
            self.changed.insert(number);
            if sum.row(*at).is_none() {
                self.numbers.remove(at);
                self.slots.remove(&number);
            }
        }
        if !rows.is_empty() {
            self.refill(sum);
        }
    }

    /// Takes in rows of the sum, as far as there is room for them.
    fn refill(&mut self, sum: &Sum) {
        let room = self.max.min(sum.sampled()).saturating_sub(self.numbers.len());
        if room == 0 {
            return;
        }
        let numbers = &self.numbers;
        let new: Vec<_> = sum
            .slots()
            .filter(|at| !numbers.contains_key(at))
            .take(room)
            .collect();
        let mut free = (0..).filter(|number| !self.slots.contains_key(number));
        let free: Vec<u32> = free.by_ref().take(new.len()).collect();
        for (at, number) in new.into_iter().zip(free) {
            self.numbers.insert(at, number);
            self.slots.insert(number, at);
            self.changed.insert(number);
        }
    }

    fn take_changed(&mut self, sum: &Sum) -> Vec<(u32, Option<Row>)> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        changed
            .map(|number| {
                let row = self.slots.get(&number).and_then(|at| sum.row(*at));
                (number, row.cloned())
            })
            .collect()
    }

    fn rows(&self, sum: &Sum) -> Vec<(u32, Option<Row>)> {
        let rows = self.slots.iter();
        rows.map(|(number, at)| (*number, sum.row(*at).cloned()))
            .collect()
    }
}
