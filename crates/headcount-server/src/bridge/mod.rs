//! Bridges: app servers that learn over HTTP what hooks of an embedding app learn in its process.
//!
//! A bridge is one endless answer, a line of JSON for each thing that happens, and a few endpoints for what the app has to
//! say. It begins with what is open now and goes on without a gap (the shards' taps see to that). A reader that falls behind is
//! cut off and told so; it comes back to a new beginning, so nothing is ever kept for one that is away.
//!
//! In a cluster, a bridge hears of the tabs of all nodes, a question goes to a bridge of another node where this one has none, and of the
//! bridges of all nodes that share one is told.
//!
//! Invariants: of the bridges of one app that share (`mode=one`), only one is told of connections; every question to an app is
//! answered, or its asker learns that it will not be; with no bridge open nothing is done for any connection.
//!
//! - `authorizer`: asks the app over its bridge who may see stats; `question`: a question; `questions`: how it is put and answered;
//! - `stream`: one bridge's lines; `tap`: what they are made of;
//! - `cluster`: the other nodes; `elsewhere`: what bridges need of them; `telling`: what a bridge of another node is told of this one.

mod authorizer;
mod cluster;
mod elsewhere;
mod question;
mod questions;
mod stream;
mod tap;
mod telling;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use headcount_core::limits::Limits;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::nodes::Claims;
use crate::shard::Wants;

pub(crate) use authorizer::BridgeAuthorizer;
use cluster::{Cluster, lock};
use question::{AppQuestion, Questions};
#[cfg(feature = "bridge")]
pub(crate) use stream::open;
#[cfg(feature = "bridge")]
pub(crate) use tap::Ways;

/// Questions that may wait for one bridge. The next goes to another one.
const ASKS_MAX: usize = 1_024;

/// What an app wants of its bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BridgeOptions {
    /// What it is told of connections.
    pub(crate) wants: Wants,
    /// Whether it decides who may see stats.
    pub(crate) authorizes: bool,
    /// The hash of the app that it shares connections with, if it does.
    pub(crate) shares: Option<u64>,
    /// The mark of the secret that it was opened with. It ends with that.
    pub(crate) had_for: u64,
}

/// All bridges of a server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Bridges(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// In the order in which they opened.
    open: Mutex<Vec<OpenBridge>>,
    bridges_max: usize,
    /// Changes when a bridge opens or ends.
    changes: watch::Sender<u64>,
    /// Changes when a bridge opens or ends, and when the nodes decide which of those that share is told.
    roles: watch::Sender<u64>,
    /// Numbers of bridges, taps and questions.
    numbers: AtomicU64,
    questions: Questions,
    /// Empty without a cluster.
    cluster: OnceLock<Cluster>,
}

#[derive(Debug)]
struct OpenBridge {
    number: u64,
    options: BridgeOptions,
    /// Milliseconds since the Unix epoch.
    opened_ms: u64,
    asks: mpsc::Sender<AppQuestion>,
}

/// A bridge's place among the others, until this is dropped.
#[derive(Debug)]
struct Membership {
    bridges: Bridges,
    number: u64,
    asks: mpsc::Receiver<AppQuestion>,
}

impl Bridges {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            open: Mutex::default(),
            bridges_max: limits.bridges_max as usize,
            changes: watch::Sender::default(),
            roles: watch::Sender::default(),
            numbers: AtomicU64::new(1),
            questions: Questions::default(),
            cluster: OnceLock::new(),
        }))
    }

    /// How many are open.
    #[cfg(feature = "metrics")]
    pub(crate) fn count(&self) -> usize {
        self.list().len()
    }

    /// Says when bridges opened or ended.
    fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Says when another bridge may be told, of those that share.
    fn roles(&self) -> watch::Receiver<u64> {
        self.0.roles.subscribe()
    }

    /// Adds a bridge; `None` if `limits.bridges_max` are open.
    fn join(&self, options: BridgeOptions) -> Option<Membership> {
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let number = self.number();
        let mut list = self.list();
        if list.len() >= self.0.bridges_max {
            return None;
        }
        list.push(OpenBridge {
            number,
            options,
            opened_ms: clock::unix_ms(),
            asks,
        });
        drop(list);
        self.say_opened_or_ended();
        Some(Membership {
            bridges: self.clone(),
            number,
            asks: asked,
        })
    }

    /// Ends the bridges that were opened with other secrets than those with these marks.
    pub(crate) fn end_all_but(&self, marks: &[u64]) {
        self.list()
            .retain(|bridge| marks.contains(&bridge.options.had_for));
        self.say_opened_or_ended();
    }

    /// Whether this bridge is the one of those it shares with that is told of connections; `None`: the nodes have not decided yet.
    fn is_told(&self, number: u64) -> Option<bool> {
        let list = self.list();
        let bridge = list.iter().find(|bridge| bridge.number == number);
        let Some(app) = bridge.and_then(|bridge| bridge.options.shares) else {
            return Some(true);
        };
        let first = list.iter().find(|bridge| bridge.options.shares == Some(app));
        if first.is_none_or(|first| first.number != number) {
            return Some(false);
        }
        match self.0.cluster.get() {
            None => Some(true),
            Some(cluster) => cluster.is_told(app),
        }
    }

    /// A number that was not given before.
    fn number(&self) -> u64 {
        self.0.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn say_opened_or_ended(&self) {
        if let Some(cluster) = self.0.cluster.get() {
            // While the list is held, so that the last claim is that of the last list.
            let list = self.list();
            cluster.claim(claims(&list));
        }
        for said in [&self.0.changes, &self.0.roles] {
            said.send_modify(|changes| *changes += 1);
        }
    }

    fn list(&self) -> MutexGuard<'_, Vec<OpenBridge>> {
        lock(&self.0.open)
    }
}

impl Membership {
    /// Whether the bridge may go on.
    fn holds(&self) -> bool {
        self.bridges
            .list()
            .iter()
            .any(|bridge| bridge.number == self.number)
    }

    fn is_told(&self) -> Option<bool> {
        self.bridges.is_told(self.number)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.bridges.list().retain(|bridge| bridge.number != self.number);
        // Its open questions get no answer: their askers notice, and ask another bridge.
        self.asks.close();
        self.bridges.say_opened_or_ended();
    }
}

/// What the other nodes are told of these bridges.
fn claims(list: &[OpenBridge]) -> Claims {
    let mut shared = BTreeMap::new();
    for bridge in list {
        if let Some(app) = bridge.options.shares {
            shared.entry(app).or_insert(bridge.opened_ms);
        }
    }
    let mut authorizing = list.iter().rev().filter(|bridge| bridge.options.authorizes);
    Claims {
        authorizes_ms: authorizing.next().map(|bridge| bridge.opened_ms),
        shared,
    }
}
