//! How many tabs of each node run which version, as each node says it once per step of its history.
//!
//! A word holds for some steps, so that one that is lost does no harm. The tabs of a node without a word, such as one that keeps no history, are
//! those of its last heartbeat, and count under [`OTHER_TEXT`](crate::intern::OTHER_TEXT). So the sum over the nodes has every tab, and only its names may lag behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::connection::NodeId;
use crate::history::Sample;

/// Tabs by version.
pub(super) type ByVersion = Vec<(Arc<str>, u64)>;

#[derive(Debug)]
pub(super) struct Versions {
    /// The last word of this node, for nodes that come.
    pub(super) own: Option<Said>,
    pub(super) others: BTreeMap<NodeId, Said>,
    /// Versions of a node that have a name.
    names_max: u32,
}

/// What a node said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) number: u64,
    /// Until when it holds.
    pub(super) until_ms: u64,
    pub(super) counts: ByVersion,
}

impl Versions {
    pub(super) fn new(names_max: u32) -> Self {
        Self {
            own: None,
            others: BTreeMap::new(),
            names_max,
        }
    }

    /// The word of a node that is there. Whether it is newer than the one before.
    pub(super) fn hear(&mut self, from: NodeId, number: u64, until_ms: u64, counts: ByVersion) -> bool {
        if self.others.get(&from).is_some_and(|said| number <= said.number) {
            return false;
        }
        let bounded = Sample::new(0, counts, self.names_max);
        let counts = bounded.versions().map(|(name, tabs)| (Arc::clone(name), tabs));
        let said = Said {
            number,
            until_ms,
            counts: counts.collect(),
        };
        self.others.insert(from, said);
        true
    }

    pub(super) fn forget(&mut self, node: NodeId) {
        self.others.remove(&node);
    }

    /// Forgets what holds no longer.
    pub(super) fn look(&mut self, now_ms: u64) {
        self.others.retain(|_, said| now_ms < said.until_ms);
    }
}
