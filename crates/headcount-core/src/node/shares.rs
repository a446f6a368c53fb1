//! Which bridge of an app is told of connections, of those that share them.
//!
//! Each node says which apps have bridges there that share, since when, and whether one of them is told. One that is told stays so. Where none is,
//! the node takes over whose bridges have waited longest; where two are, that which was told later yields. Moments and ids decide, so all
//! nodes come to the same result from the same heartbeats.

use std::collections::BTreeMap;

use crate::cluster::{Bridging, Members, SharedApp};
use crate::connection::NodeId;

/// The apps whose bridges at this node share.
#[derive(Debug, Default)]
pub(super) struct Shares {
    apps: BTreeMap<u64, Claim>,
}

/// Moments are milliseconds since the Unix epoch.
#[derive(Debug)]
struct Claim {
    opened_ms: u64,
    told_ms: Option<u64>,
    /// Whether its bridges know that.
    is_said: bool,
}

impl Claim {
    fn of(&self, app: u64) -> SharedApp {
        SharedApp {
            app,
            since_ms: self.told_ms.unwrap_or(self.opened_ms),
            is_told: self.told_ms.is_some(),
        }
    }

    /// Whether it is told, after what other nodes say.
    fn holds(&self, here: NodeId, others: &[(SharedApp, NodeId)]) -> bool {
        let is_told = self.told_ms.is_some();
        let since = (self.told_ms.unwrap_or(self.opened_ms), here);
        others.iter().all(|(other, node)| {
            let is_later = (other.since_ms, *node) > since;
            match (is_told, other.is_told) {
                (true, false) => true,
                (false, true) => false,
                (true, true) | (false, false) => is_later,
            }
        })
    }
}

impl Shares {
    /// The apps from now on, and when the first bridge of each opened.
    pub(super) fn set(&mut self, apps: impl IntoIterator<Item = (u64, u64)>) {
        let mut before = std::mem::take(&mut self.apps);
        for (app, opened_ms) in apps {
            let told_ms = before.remove(&app).and_then(|claim| claim.told_ms);
            let claim = Claim {
                opened_ms,
                told_ms,
                is_said: false,
            };
            self.apps.insert(app, claim);
        }
    }

    /// What other nodes are told.
    pub(super) fn say(&self) -> impl Iterator<Item = SharedApp> {
        self.apps.iter().map(|(app, claim)| claim.of(*app))
    }

    /// The apps for which it changed whether a bridge here is told, and those that were just set.
    pub(super) fn decide(&mut self, here: NodeId, members: &Members, unix_ms: u64) -> Vec<SharedApp> {
        let mut changed = Vec::new();
        for (app, claim) in &mut self.apps {
            let others: Vec<_> = members
                .iter()
                .filter_map(|(node, member)| Some((node, member.heartbeat.bridges.as_ref()?)))
                .filter_map(|(node, bridges)| Some((claim_of(bridges, *app)?, node)))
                .collect();
            let is_told = claim.holds(here, &others);
            if is_told != claim.told_ms.is_some() {
                claim.told_ms = is_told.then_some(unix_ms);
                claim.is_said = false;
            }
            if !std::mem::replace(&mut claim.is_said, true) {
                changed.push(claim.of(*app));
            }
        }
        changed
    }
}

fn claim_of(bridges: &Bridging, app: u64) -> Option<SharedApp> {
    bridges.shared.iter().find(|shared| shared.app == app).copied()
}
