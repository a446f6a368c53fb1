//! The counts of this node, and those of all nodes while somebody watches here.
//!
//! The shards report to the sum of this node. A digest of that is what all receivers are told: the nodes where somebody watches, and the feed
//! of this node. So this node is a source among others in its own feed.

use std::collections::BTreeMap;

use crate::connection::NodeId;
use crate::feed::Feed;
use crate::stats::{Changes, Digest, Incarnation, NotApplied, Report, SourceId, Stamp, Sum};

/// A node has one life: one that starts again has another id.
pub(super) const INCARNATION: Incarnation = Incarnation(1);

#[derive(Debug)]
pub(super) struct Counting {
    here: NodeId,
    rows_max: u32,
    local: Sum,
    digest: Digest,
    feed: Feed,
    /// The last word of each other node about its reports.
    last: BTreeMap<NodeId, Stamp>,
    /// Whether somebody watches here.
    watched: bool,
    /// Whether somebody watches here or elsewhere.
    reports: bool,
    /// Whether the feed changed.
    changed: bool,
}

impl Counting {
    pub(super) fn new(here: NodeId, rows_max: u32) -> Self {
        Self {
            here,
            rows_max,
            local: Sum::default(),
            digest: Digest::new(INCARNATION, rows_max),
            feed: Feed::new(rows_max),
            last: BTreeMap::new(),
            watched: false,
            reports: false,
            changed: false,
        }
    }

    pub(super) fn local(&self) -> &Sum {
        &self.local
    }

    pub(super) fn everything(&self) -> Changes {
        self.local.everything(self.rows_max)
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(super) fn feed_mut(&mut self) -> &mut Feed {
        &mut self.feed
    }

    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    pub(super) fn is_reporting(&self) -> bool {
        self.reports
    }

    /// The report that every receiver must have.
    pub(super) fn stamp(&self) -> Stamp {
        self.digest.stamp()
    }

    /// Whether the counts of a node are in the feed.
    pub(super) fn has(&self, node: NodeId) -> bool {
        self.feed.sum().has(node.into())
    }

    /// Whether the counts of a node are needed here, and are missing or old.
    pub(super) fn lacks(&self, node: NodeId) -> bool {
        self.watched && (!self.has(node) || self.feed.sum().is_lacking(node.into()))
    }

    pub(super) fn apply_local(&mut self, shard: SourceId, report: Report) -> Result<bool, NotApplied> {
        let changed = self.local.apply(shard, report)?;
        self.digest.follow(&self.local, &changed);
        Ok(!changed.is_empty())
    }

    /// What changed since the last call goes to the feed, and is returned where other nodes must be told.
    pub(super) fn tick(&mut self, others_watch: bool) -> Option<Report> {
        if !self.watched && !others_watch || !self.digest.has_changes() {
            return None;
        }
        let report = self.digest.report(&self.local);
        match (self.watched, others_watch) {
            (true, true) => self.apply_here(report.clone()),
            (true, false) => {
                self.apply_here(report);
                return None;
            }
            (false, _) => {}
        }
        Some(report)
    }

    /// Everything, for a node that asked for it. Only while this node reports.
    pub(super) fn whole(&mut self) -> Report {
        self.digest.whole(&self.local)
    }

    /// Whether that is news.
    pub(super) fn set_watched(&mut self, watched: bool) -> bool {
        if std::mem::replace(&mut self.watched, watched) == watched {
            return false;
        }
        if watched {
            let report = self.digest.whole(&self.local);
            self.apply_here(report);
            for (node, last) in &self.last {
                self.feed.heartbeat((*node).into(), *last);
            }
        } else {
            let sources: Vec<_> = self.feed.sum().sources().map(|(source, _)| source).collect();
            let lacking: Vec<_> = self.feed.sum().lacking().collect();
            for source in sources.into_iter().chain(lacking) {
                self.feed.lose(source);
            }
            self.feed.forget_news();
            self.feed.forget_messages();
            self.changed = false;
        }
        true
    }

    /// Whether this node reports from now on, if that is news.
    pub(super) fn set_others_watch(&mut self, others_watch: bool) -> Option<bool> {
        let reports = self.watched || others_watch;
        if std::mem::replace(&mut self.reports, reports) == reports {
            return None;
        }
        if !reports {
            self.digest.forget_changes();
        }
        Some(reports)
    }

    fn apply_here(&mut self, report: Report) {
        let applied = self.feed.apply(self.here.into(), report);
        debug_assert!(applied.is_ok(), "{applied:?}");
        self.changed |= applied.unwrap_or_default();
    }

    /// Takes in a report of another node. Whether it was applied.
    pub(super) fn hear(&mut self, from: NodeId, report: Report) -> bool {
        if !self.watched {
            return true;
        }
        let applied = self.feed.apply(from.into(), report);
        self.changed |= *applied.as_ref().unwrap_or(&false);
        applied.is_ok()
    }

    pub(super) fn heartbeat(&mut self, from: NodeId, last: Stamp) {
        self.last.insert(from, last);
        if self.watched {
            self.feed.heartbeat(from.into(), last);
        }
    }

    pub(super) fn lose(&mut self, node: NodeId) {
        self.last.remove(&node);
        self.changed |= self.feed.lose(node.into());
    }

    pub(super) fn leave(&mut self, node: NodeId, incarnation: Incarnation) {
        self.last.remove(&node);
        self.changed |= self.feed.leave(node.into(), incarnation);
    }
}
