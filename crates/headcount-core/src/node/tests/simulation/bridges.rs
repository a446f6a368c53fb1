//! Bridges of a run: what each believes to be open at other nodes, and which of those that share is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::server::{SHARDS, Server};
use super::world::World;
use crate::cluster::{RequestId, Slice};
use crate::connection::{ConnectionKey, NodeId};
use crate::happening::{Happening, Wants};
use crate::node::BridgeAction;
use crate::stats::Row;

/// The app of all bridges.
const APP: u64 = 7;

const WANTS: Wants = Wants {
    opens: true,
    moves: true,
    closes: true,
};

/// A bridge at a server.
#[derive(Debug)]
pub(super) struct Bridge {
    number: u64,
    /// The routes of the connections of other nodes.
    believes: BTreeMap<(NodeId, ConnectionKey), Arc<str>>,
    is_ready: bool,
    /// Whether it is told, of those that share.
    pub(super) is_told: bool,
}

impl Bridge {
    fn opened(&mut self, node: NodeId, row: Row) {
        let known = self.believes.insert((node, row.key), row.route.unwrap());
        assert_eq!(known, None, "opened twice");
    }

    fn hear(&mut self, node: NodeId, happening: Happening) {
        match happening {
            Happening::Opened(row) => self.opened(node, row),
            Happening::Moved { key, route } => {
                *self
                    .believes
                    .get_mut(&(node, key))
                    .expect("moved without being open") = route;
            }
            Happening::Closed(key) => {
                self.believes
                    .remove(&(node, key))
                    .expect("closed without being open");
            }
        }
    }
}

impl Server {
    /// Tells the bridges of other nodes. Those that were not told yet what is open in that shard hear of it then.
    pub(super) fn happened(&mut self, shard: u16, happening: &Happening) {
        let told = self.telling.iter().filter(|(_, shards)| shard < **shards);
        for (owner, tap) in told.map(|(place, _)| *place).collect::<Vec<_>>() {
            self.node.tell(owner, tap, vec![happening.clone()], None);
        }
    }

    /// A slice for each shard.
    fn tell_slice(&mut self, owner: NodeId, tap: RequestId) {
        let shard = self.telling.get_mut(&(owner, tap)).unwrap();
        let registry = &self.shards[usize::from(*shard)].0;
        *shard += 1;
        let slice = Slice {
            rows: (0..registry.end())
                .filter_map(|slot| registry.own_row(slot))
                .collect(),
            is_last: *shard == SHARDS,
        };
        self.node.tell(owner, tap, Vec::new(), Some(slice));
    }

    /// What the other nodes have open, with routes.
    fn open_rows(&self) -> impl Iterator<Item = ((NodeId, ConnectionKey), Arc<str>)> {
        let rows = self
            .shards
            .iter()
            .flat_map(|(registry, _)| (0..registry.end()).filter_map(|slot| registry.own_row(slot)));
        rows.map(|row| ((self.node.id(), row.key), row.route.unwrap()))
    }
}

impl World {
    /// A bridge opens or ends at a server.
    pub(super) fn toggle_bridge(&mut self, server: usize) {
        let having = &mut self.servers[server];
        let clock = having.clock(self.now_ms);
        if let Some(bridge) = having.bridge.take() {
            having.node.untap(bridge.number);
            having.node.set_bridges(None, [], clock, clock);
        } else {
            // Their wall clocks are as far apart as their others.
            having.node.set_bridges(Some(clock), [(APP, clock)], clock, clock);
            self.begin_bridge(server, false);
        }
        self.act(server);
    }

    fn begin_bridge(&mut self, server: usize, is_told: bool) {
        self.bridges += 1;
        let number = self.bridges;
        self.note(format_args!("server {server} begins bridge {number}"));
        let having = &mut self.servers[server];
        let clock = having.clock(self.now_ms);
        having.bridge = Some(Bridge {
            number,
            believes: BTreeMap::new(),
            is_ready: false,
            is_told,
        });
        having.node.tap(number, WANTS, clock);
    }

    pub(super) fn on_bridge(&mut self, server: usize, action: BridgeAction) {
        let having = &mut self.servers[server];
        let clock = having.clock(self.now_ms);
        match action {
            BridgeAction::Open { owner, tap, .. } => {
                having.telling.insert((owner, tap), 0);
                having.tell_slice(owner, tap);
            }
            BridgeAction::Next { owner, tap } => having.tell_slice(owner, tap),
            BridgeAction::End { owner, tap } => {
                having.telling.remove(&(owner, tap));
            }
            action => {
                let Some(bridge) = &mut having.bridge else { return };
                match action {
                    BridgeAction::Told {
                        bridge: number,
                        node,
                        news,
                        slice,
                    } if number == bridge.number => {
                        for news in news {
                            bridge.hear(node, news);
                        }
                        if let Some(slice) = slice {
                            for row in slice.rows {
                                bridge.opened(node, row);
                            }
                            having.node.read(number, node, clock);
                        }
                    }
                    BridgeAction::Gone { bridge: number, node } if number == bridge.number => {
                        bridge.believes.retain(|(other, _), _| *other != node);
                    }
                    BridgeAction::Ready { bridge: number } if number == bridge.number => {
                        bridge.is_ready = true;
                    }
                    BridgeAction::Lagged { bridge: number } if number == bridge.number => {
                        let is_told = bridge.is_told;
                        self.begin_bridge(server, is_told);
                    }
                    BridgeAction::Shared { is_told, .. } => bridge.is_told = is_told,
                    _ => {}
                }
            }
        }
    }

    /// Why the bridges do not know yet what is open, or not exactly one of them is told.
    pub(super) fn unsettled_bridges(&self) -> Result<(), String> {
        let mut told = Vec::new();
        let mut bridges = 0;
        for (number, server) in self.servers.iter().enumerate() {
            let Some(bridge) = &server.bridge else { continue };
            bridges += 1;
            if bridge.is_told {
                told.push(number);
            }
            let others = self.servers.iter().filter(|other| !std::ptr::eq(*other, server));
            let open: BTreeMap<_, _> = others.flat_map(Server::open_rows).collect();
            if !bridge.is_ready || bridge.believes != open {
                return Err(format!(
                    "the bridge of server {number} believes {:?}, and {open:?} is open",
                    bridge.believes
                ));
            }
        }
        if told.len() != 1.min(bridges) {
            return Err(format!("of {bridges} bridges, those of {told:?} are told"));
        }
        Ok(())
    }
}
