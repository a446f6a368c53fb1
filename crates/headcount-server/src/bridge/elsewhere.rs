//! What bridges need of the other nodes.
//!
//! The owner of the node says what must be done ([`Bridges::act`]), and bridges tell it what they need ([`BridgeEvent`]).

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use headcount_core::cluster::NODES_MAX;
use headcount_core::connection::NodeId;
use headcount_core::node::BridgeAction;
use tokio::sync::{mpsc, watch};

use super::Bridges;
use super::cluster::{Cluster, Elsewhere, Reader, TapElsewhere, lock};
use super::telling::Telling;
use crate::nodes::{BridgeEvent, Nodes};
use crate::shard::{Shards, Wants};

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
