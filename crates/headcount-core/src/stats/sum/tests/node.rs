//! A node: two shards, their sum, and what is reported of it.

use super::*;
use crate::invalidation::Standing;
use crate::limits::Limits;
use crate::registry::{Opening, Registry};

pub(super) const SHARDS: usize = 2;
pub(super) const ROWS_MAX: u32 = 3;
pub(super) const ROUTES: [&str; 4] = ["/", "/a", "/b", "/c"];

pub(super) struct Node {
    pub(super) incarnation: Incarnation,
    pub(super) alive: bool,
    pub(super) shards: Vec<(Registry<()>, Reporter)>,
    pub(super) sum: Sum,
    pub(super) digest: Digest,
    /// Shard, slot, the number of the route, and whether the tab is hidden.
    pub(super) tabs: Vec<(usize, u32, usize, bool)>,
}

impl Node {
    pub(super) fn new(incarnation: u64) -> Self {
        let limits = Limits {
            stats_connections_max: ROWS_MAX,
            ..Limits::default()
        };
        let standing = Arc::new(Standing::default());
        let shard = |number| {
            let registry = Registry::new(number, true, &limits, Arc::clone(&standing));
            (registry, Reporter::new(Incarnation(0)))
        };
        Self {
            incarnation: Incarnation(incarnation),
            alive: true,
            shards: vec![shard(0), shard(1)],
            sum: Sum::default(),
            digest: Digest::new(Incarnation(incarnation), ROWS_MAX),
            tabs: Vec::new(),
        }
    }

    pub(super) fn open(&mut self, shard: usize, route: usize, hidden: bool) {
        let opening = Opening {
            version: ["v1", "v2"][route % 2],
            route: ROUTES[route],
            hidden,
            ..Opening::default()
        };
        let key = self.shards[shard].0.open(&opening, ());
        self.tabs.push((shard, key.slot, route, hidden));
    }

    pub(super) fn close(&mut self, tab: usize) {
        if !self.tabs.is_empty() {
            let (shard, slot, ..) = self.tabs.swap_remove(tab % self.tabs.len());
            self.shards[shard].0.close(slot);
        }
    }

    pub(super) fn navigate(&mut self, tab: usize, to: usize) {
        let count = self.tabs.len().max(1);
        if let Some((shard, slot, route, _)) = self.tabs.get_mut(tab % count)
            && *route % 2 == to % 2
        {
            *route = to;
            self.shards[*shard].0.navigate(*slot, ROUTES[to]);
        }
    }

    /// Within the node, nothing is lost.
    pub(super) fn report_of_shard(&mut self, shard: usize) {
        let (registry, reporter) = &mut self.shards[shard];
        let report = reporter.changes(registry.take_changes());
        let changed = self
            .sum
            .apply(SourceId(u32::try_from(shard).unwrap()), report)
            .unwrap();
        self.digest.follow(&self.sum, &changed);
    }
}
