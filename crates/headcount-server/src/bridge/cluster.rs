//! The other nodes, as bridges know them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use headcount_core::cluster::{NodeAnswer, NodeQuestion, RequestId, Slice};
use headcount_core::connection::NodeId;
use headcount_core::happening::Happening;
use headcount_core::node::Whom;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::nodes::{BridgeEvent, Claims, NodeEvent, Nodes};

/// The other nodes, as bridges know them.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) nodes: Nodes,
    pub(super) here: NodeId,
    /// For each app with bridges here that share, whether one of them is told. Without an entry, that is not decided yet.
    pub(super) told: Mutex<HashMap<u64, bool>>,
    /// The bridges that hear of other nodes, by the number of their tap.
    pub(super) taps: Mutex<HashMap<u64, Reader>>,
    /// The taps of other nodes, and how each asks for its next slice. A tap ends with its entry.
    pub(super) telling: Mutex<HashMap<(NodeId, RequestId), mpsc::Sender<()>>>,
    /// Other nodes with bridges that decide who may see stats. That of the newest bridge is the first.
    pub(super) authorizing: watch::Sender<Vec<NodeId>>,
}

/// Where a bridge reads what happens at other nodes.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) news: mpsc::Sender<Elsewhere>,
    pub(super) has_lagged: Arc<AtomicBool>,
}

/// What a bridge is told of other nodes.
#[derive(Debug)]
pub(super) enum Elsewhere {
    /// It happened there just now.
    Happened(NodeId, Happening),
    /// It was open there. The next slice is to be asked for.
    Slice(NodeId, Slice),
    /// The connections there are closed, as far as they are known.
    Gone(NodeId),
    /// All that was open was told.
    Ready,
    /// Something was lost on the way.
    Lost,
}

/// A tap at all other nodes.
#[derive(Debug)]
pub(super) struct TapElsewhere {
    pub(super) nodes: Nodes,
    pub(super) number: u64,
    pub(super) news: mpsc::Receiver<Elsewhere>,
}

impl TapElsewhere {
    /// What is told next. `None`: the bridge has lagged, or the server ends.
    pub(super) async fn next(&mut self) -> Option<Elsewhere> {
        self.news.recv().await
    }

    /// Asks a node for the next slice.
    pub(super) async fn read(&self, node: NodeId) {
        let bridge = self.number;
        self.nodes
            .tell(NodeEvent::Bridge(BridgeEvent::Read { bridge, node }))
            .await;
    }
}

impl Cluster {
    /// Whether a bridge here is told of connections, of those that share them. `None`: that is not decided yet.
    pub(super) fn is_told(&self, app: u64) -> Option<bool> {
        lock(&self.told).get(&app).copied()
    }

    /// The other nodes with bridges that decide who may see stats. That of the newest bridge is the first.
    pub(super) fn authorizing(&self) -> watch::Receiver<Vec<NodeId>> {
        self.authorizing.subscribe()
    }

    /// What a node answers until then.
    pub(super) async fn ask(
        &self,
        node: NodeId,
        question: NodeQuestion,
        until: Instant,
    ) -> Option<NodeAnswer> {
        let left = until.saturating_duration_since(Instant::now());
        let within_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
        let said = self.nodes.ask(Whom::Node(node), question, within_ms).await;
        Some(said.ok()?.answers.answered.pop()?.1)
    }

    /// The bridges here are these from now on.
    pub(super) fn claim(&self, claims: Claims) {
        lock(&self.told).retain(|app, _| claims.shared.contains_key(app));
        self.nodes.claim(claims);
    }

    pub(super) async fn tell(&self, event: BridgeEvent) {
        self.nodes.tell(NodeEvent::Bridge(event)).await;
    }
}

impl Cluster {
    /// Tells a bridge. Its number, if it does not keep up or has ended.
    pub(super) fn pass_on(&self, bridge: u64, news: impl IntoIterator<Item = Elsewhere>) -> Option<u64> {
        let taps = lock(&self.taps);
        let Some(reader) = taps.get(&bridge) else {
            return Some(bridge);
        };
        let is_told = news.into_iter().all(|news| reader.news.try_send(news).is_ok());
        drop(taps);
        if is_told {
            return None;
        }
        self.lag(bridge);
        Some(bridge)
    }

    fn lag(&self, bridge: u64) {
        if let Some(reader) = lock(&self.taps).remove(&bridge) {
            reader.has_lagged.store(true, Ordering::Release);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
