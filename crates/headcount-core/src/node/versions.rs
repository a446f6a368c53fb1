//! How many tabs of each node run which version, as each node says it once per step of its history.
//!
//! A word holds for some steps, so that one that is lost does no harm. The tabs of a node without a word, such as one that keeps no history, are
//! those of its last heartbeat, and count under [`OTHER_TEXT`]. So the sum over the nodes has every tab, and only its names may lag behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Node;
use crate::cluster::{Message, To};
use crate::connection::NodeId;
use crate::history::Sample;
use crate::intern::OTHER_TEXT;

/// Tabs by version.
type ByVersion = Vec<(Arc<str>, u64)>;

#[derive(Debug)]
pub(super) struct Versions {
    /// The last word of this node, for nodes that come.
    own: Option<Said>,
    others: BTreeMap<NodeId, Said>,
    /// Versions of a node that have a name.
    names_max: u32,
}

#[derive(Clone, Debug)]
struct Said {
    number: u64,
    /// Until when it holds.
    until_ms: u64,
    counts: ByVersion,
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

impl Node {
    /// Tells the others how many tabs of this node run which version. To be called once per step of the history; the word holds for `holds_ms`.
    pub fn say_versions(&mut self, counts: ByVersion, holds_ms: u32, now_ms: u64) {
        if self.ended {
            return;
        }
        let number = self.versions.own.as_ref().map_or(0, |said| said.number) + 1;
        self.versions.own = Some(Said {
            number,
            until_ms: now_ms + u64::from(holds_ms),
            counts,
        });
        self.send_versions(To::All, now_ms);
    }

    /// How many tabs of all other nodes run which version. A version may come more than once.
    pub fn versions_of_others(&self) -> ByVersion {
        let mut sum = Vec::new();
        for (node, member) in self.members.iter() {
            match self.versions.others.get(&node) {
                Some(said) => sum.extend(said.counts.iter().cloned()),
                None => sum.push((OTHER_TEXT.into(), member.heartbeat.tabs)),
            }
        }
        sum
    }

    /// The last word of this node, as long as it holds.
    pub(super) fn send_versions(&mut self, to: To, now_ms: u64) {
        let Some(said) = &self.versions.own else { return };
        let holds_ms = said.until_ms.saturating_sub(now_ms);
        if holds_ms > 0 {
            let message = Message::Versions {
                number: said.number,
                holds_ms: u32::try_from(holds_ms).unwrap_or(u32::MAX),
                counts: said.counts.clone(),
            };
            self.send(to, message);
        }
    }
}
