//! What bridges need of the other nodes.
//!
//! The owner of the node says what must be done ([`Bridges::act`]), and bridges tell it what they need ([`BridgeEvent`]).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use headcount_core::cluster::{NODES_MAX, NodeAnswer, NodeQuestion, RequestId, Slice};
use headcount_core::connection::NodeId;
use headcount_core::happening::Happening;
use headcount_core::node::{BridgeAction, Whom};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::telling::Telling;
use super::{Bridges, lock};
use crate::nodes::{BridgeEvent, Claims, NodeEvent, Nodes};
use crate::shard::{Shards, Wants};

/// The other nodes, as bridges know them.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) nodes: Nodes,
    pub(super) here: NodeId,
    /// For each app with bridges here that share, whether one of them is told. Without an entry, that is not decided yet.
    told: Mutex<HashMap<u64, bool>>,
    /// The bridges that hear of other nodes, by the number of their tap.
    taps: Mutex<HashMap<u64, Reader>>,
    /// The taps of other nodes, and how each asks for its next slice. A tap ends with its entry.
    telling: Mutex<HashMap<(NodeId, RequestId), mpsc::Sender<()>>>,
    /// Other nodes with bridges that decide who may see stats. That of the newest bridge is the first.
    authorizing: watch::Sender<Vec<NodeId>>,
}

/// Where a bridge reads what happens at other nodes.
#[derive(Debug)]
struct Reader {
    news: mpsc::Sender<Elsewhere>,
    has_lagged: Arc<AtomicBool>,
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
    nodes: Nodes,
    number: u64,
    news: mpsc::Receiver<Elsewhere>,
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
        Some(said.ok()?.answered.pop()?.1)
    }

    /// The bridges here are these from now on.
    pub(super) fn claim(&self, claims: Claims) {
        lock(&self.told).retain(|app, _| claims.shared.contains_key(app));
        self.nodes.claim(claims);
    }

    async fn tell(&self, event: BridgeEvent) {
        self.nodes.tell(NodeEvent::Bridge(event)).await;
    }
}

impl Bridges {
    /// The server is a node of a cluster. To be called before any bridge opens.
    pub(crate) fn join_cluster(&self, nodes: Nodes, here: NodeId) {
        let _once = self.0.cluster.set(Cluster {
            nodes,
            here,
            told: Mutex::default(),
            taps: Mutex::default(),
            telling: Mutex::default(),
            authorizing: watch::Sender::default(),
        });
    }

    /// Opens a tap at all other nodes; `None` without a cluster. `room`: events that may wait for its reader.
    pub(super) async fn tap_elsewhere(
        &self,
        number: u64,
        wants: Wants,
        room: usize,
        has_lagged: &Arc<AtomicBool>,
    ) -> Option<TapElsewhere> {
        let cluster = self.0.cluster.get().filter(|_| !wants.is_nothing())?;
        // One slice of each node may wait beside the news, and that it is gone.
        let (sender, news) = mpsc::channel(room + 2 * NODES_MAX);
        let reader = Reader {
            news: sender,
            has_lagged: Arc::clone(has_lagged),
        };
        lock(&cluster.taps).insert(number, reader);
        // Where a node is lost, each of its connections is closed: the bridge must know them.
        let wants = Wants {
            opens: wants.opens || wants.closes,
            ..wants
        };
        let bridge = number;
        cluster.tell(BridgeEvent::Tap { bridge, wants }).await;
        Some(TapElsewhere {
            nodes: cluster.nodes.clone(),
            number,
            news,
        })
    }

    /// Ends a tap at all other nodes.
    pub(super) async fn untap_elsewhere(&self, tap: Option<TapElsewhere>) {
        if let (Some(tap), Some(cluster)) = (tap, self.0.cluster.get()) {
            let bridge = tap.number;
            lock(&cluster.taps).remove(&bridge);
            cluster.tell(BridgeEvent::Untap { bridge }).await;
        }
    }

    /// Does what the node says. The number of a bridge that does not keep up, which must be untapped.
    pub(crate) fn act(&self, shards: &Shards, room: usize, action: BridgeAction) -> Option<u64> {
        let cluster = self.0.cluster.get()?;
        match action {
            BridgeAction::Told {
                bridge,
                node,
                news,
                slice,
            } => {
                let news = news.into_iter().map(|news| Elsewhere::Happened(node, news));
                let slice = slice.map(|slice| Elsewhere::Slice(node, slice));
                return cluster.pass_on(bridge, news.chain(slice));
            }
            BridgeAction::Gone { bridge, node } => return cluster.pass_on(bridge, [Elsewhere::Gone(node)]),
            BridgeAction::Ready { bridge } => return cluster.pass_on(bridge, [Elsewhere::Ready]),
            BridgeAction::Lagged { bridge } => return cluster.pass_on(bridge, [Elsewhere::Lost]),
            BridgeAction::Open { owner, tap, wants } => {
                let telling = Telling::new((owner, tap), wants, cluster.nodes.clone(), shards.clone(), room);
                let next = telling.start(self.number());
                lock(&cluster.telling).insert((owner, tap), next);
            }
            BridgeAction::Next { owner, tap } => {
                if let Some(next) = lock(&cluster.telling).get(&(owner, tap)) {
                    // A slice that is asked for is sent before another one can be.
                    let _already_asked = next.try_send(());
                }
            }
            BridgeAction::End { owner, tap } => {
                lock(&cluster.telling).remove(&(owner, tap));
            }
            BridgeAction::Shared { app, is_told } => {
                lock(&cluster.told).insert(app, is_told);
                self.0.roles.send_modify(|changes| *changes += 1);
            }
            BridgeAction::Authorize { nodes } => {
                cluster.authorizing.send_replace(nodes);
            }
        }
        None
    }

    /// The server ends: other nodes are told nothing more.
    pub(crate) fn end_telling(&self) {
        if let Some(cluster) = self.0.cluster.get() {
            lock(&cluster.telling).clear();
        }
    }
}

impl Cluster {
    /// Tells a bridge. Its number, if it does not keep up or has ended.
    fn pass_on(&self, bridge: u64, news: impl IntoIterator<Item = Elsewhere>) -> Option<u64> {
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
