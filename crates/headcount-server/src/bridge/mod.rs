//! Bridges: app servers that learn over HTTP what hooks of an embedding app learn in its process.
//!
//! A bridge is one endless answer, a line of JSON for each thing that happens, and a few endpoints for what the app has to
//! say. It begins with what is open now and goes on without a gap (the shards' taps see to that). A reader that falls behind is
//! cut off and told so; it comes back to a new beginning, so nothing is ever kept for one that is away.
//!
//! Invariants: of the bridges of one app that share (`mode=one`), only the longest-standing is told of connections; every
//! question to an app is answered, or its asker learns that it will not be; with no bridge open nothing is done for any
//! connection.
//!
//! - `authorizer`: asks the app over its bridge who may see stats;
//! - `stream`: one bridge's lines.

mod authorizer;
mod stream;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headcount_core::limits::Limits;
use tokio::sync::{mpsc, oneshot, watch};

use crate::shard::Wants;

pub(crate) use authorizer::BridgeAuthorizer;
#[cfg(feature = "bridge")]
pub(crate) use stream::{Ways, open};

/// Questions that may wait for one bridge. The next goes to another one.
const ASKS_MAX: usize = 1_024;

/// What an app wants of its bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BridgeOptions {
    /// What it is told of connections.
    pub(crate) wants: Wants,
    /// Whether it decides who may see stats.
    pub(crate) authorizes: bool,
    /// The app that it shares connections with, if it does.
    pub(crate) shares: Option<Box<str>>,
    /// The mark of the secret that it was opened with. It ends with that.
    pub(crate) had_for: u64,
}

/// A question to an app: may this connection's browser see stats?
#[derive(Clone, Debug)]
pub(crate) struct AppQuestion {
    pub(crate) number: u64,
    pub(crate) connection_id: String,
    pub(crate) headers: Vec<(String, String)>,
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
    /// Numbers of bridges, taps and questions.
    numbers: AtomicU64,
    /// Who waits for an answer, by the number of the question.
    askers: Mutex<HashMap<u64, oneshot::Sender<bool>>>,
}

#[derive(Debug)]
struct OpenBridge {
    number: u64,
    options: BridgeOptions,
    asks: mpsc::Sender<AppQuestion>,
}

/// A bridge's place among the others, until this is dropped.
#[derive(Debug)]
struct Membership {
    bridges: Bridges,
    number: u64,
    asks: mpsc::Receiver<AppQuestion>,
}

/// Waits for an answer. Drop it to give up.
#[derive(Debug)]
pub(crate) struct Asked {
    bridges: Bridges,
    number: u64,
    answer: oneshot::Receiver<bool>,
}

impl Bridges {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            open: Mutex::default(),
            bridges_max: limits.bridges_max as usize,
            changes: watch::Sender::default(),
            numbers: AtomicU64::new(1),
            askers: Mutex::default(),
        }))
    }

    /// How many are open.
    #[cfg(feature = "metrics")]
    pub(crate) fn count(&self) -> usize {
        self.list().len()
    }

    /// Says when bridges opened or ended.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
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
            asks,
        });
        drop(list);
        self.say_changed();
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
        self.say_changed();
    }

    /// Sends a question to the newest bridge that takes questions: its app was alive last. `None` if there is no such
    /// bridge, or all have too many questions already.
    pub(crate) fn ask(&self, connection_id: &str, headers: &[(String, String)]) -> Option<Asked> {
        let number = self.number();
        let ask = AppQuestion {
            number,
            connection_id: connection_id.to_owned(),
            headers: headers.to_vec(),
        };
        let (asker, answer) = oneshot::channel();
        self.askers().insert(number, asker);
        let asked = Asked {
            bridges: self.clone(),
            number,
            answer,
        };
        let list = self.list();
        let mut able = list.iter().rev().filter(|bridge| bridge.options.authorizes);
        able.any(|bridge| bridge.asks.try_send(ask.clone()).is_ok())
            .then_some(asked)
    }

    /// Takes an answer. Returns whether its question was still open.
    pub(crate) fn answer(&self, number: u64, admitted: bool) -> bool {
        let asker = self.askers().remove(&number);
        asker.is_some_and(|asker| asker.send(admitted).is_ok())
    }

    /// Whether this bridge is the one of those it shares with that is told of connections.
    fn is_first(&self, number: u64) -> bool {
        let list = self.list();
        let app = list
            .iter()
            .find(|bridge| bridge.number == number)
            .and_then(|bridge| bridge.options.shares.as_ref());
        let Some(app) = app else { return true };
        let first = list
            .iter()
            .find(|bridge| bridge.options.shares.as_ref() == Some(app));
        first.is_some_and(|first| first.number == number)
    }

    /// A number that was not given before.
    fn number(&self) -> u64 {
        self.0.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn say_changed(&self) {
        self.0.changes.send_modify(|changes| *changes += 1);
    }

    fn list(&self) -> MutexGuard<'_, Vec<OpenBridge>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn askers(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<bool>>> {
        self.0.askers.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn is_first(&self) -> bool {
        self.bridges.is_first(self.number)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.bridges.list().retain(|bridge| bridge.number != self.number);
        // Its open questions get no answer: their askers notice, and ask another bridge.
        self.asks.close();
        self.bridges.say_changed();
    }
}

impl Asked {
    /// The answer; `None` where there will be none.
    pub(crate) async fn answer(&mut self) -> Option<bool> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.bridges.askers().remove(&self.number);
    }
}
