//! What a node knows of bridges: those of this server, and those of others.

use std::sync::Arc;

use super::seen::Seen;
use super::shares::Shares;
use super::tapped::Tapped;
use super::taps::Taps;
use crate::cluster::Bridging;
use crate::connection::NodeId;

/// What a node knows of bridges.
#[derive(Debug, Default)]
pub(super) struct Bridges {
    pub(super) shares: Shares,
    pub(super) taps: Taps,
    pub(super) tapped: Tapped,
    /// The taps that others opened here.
    pub(super) seen: Seen,
    pub(super) authorizes_ms: Option<u64>,
    /// Unix time minus the time of this node.
    pub(super) unix_ms: u64,
    /// Other nodes with bridges that decide who may see stats, as was said last.
    pub(super) authorize: Vec<NodeId>,
}

impl Bridges {
    /// What the other nodes are told.
    pub(super) fn say(&self) -> Bridging {
        Bridging {
            authorizes_ms: self.authorizes_ms,
            shared: self.shares.say().collect::<Arc<[_]>>(),
        }
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        self.taps.next_ms()
    }
}
