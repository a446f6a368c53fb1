//! What this node's bridges hear of other nodes: a tap at each of them for each bridge.
//!
//! A message with a number that is too high says that one was lost: the bridge has lagged and is over, and its app comes back to a new beginning. A
//! node that says nothing about a tap for as long as a lost node is silent has forgotten it: its connections count as closed, and a new tap is opened
//! there. Requests are repeated until they are answered.

use std::collections::BTreeMap;

use super::BridgeAction;
use crate::cluster::{LOST_AFTER_MS, RequestId, Slice, TapMessage};
use crate::connection::NodeId;
use crate::happening::{Happening, Wants};

/// After how long a request is repeated.
const PAUSE_MS: u64 = 500;

#[derive(Debug, Default)]
pub(super) struct Taps {
    last: RequestId,
    bridges: BTreeMap<u64, Bridge>,
    /// Bridge and node of each tap.
    places: BTreeMap<RequestId, (u64, NodeId)>,
    /// What is to be sent, and what is to be done.
    pub(super) outgoing: Vec<(NodeId, TapMessage)>,
    pub(super) actions: Vec<BridgeAction>,
}

#[derive(Debug)]
struct Bridge {
    wants: Wants,
    nodes: BTreeMap<NodeId, Tap>,
    is_ready: bool,
}

/// One node, for one bridge.
#[derive(Debug)]
struct Tap {
    id: RequestId,
    /// Messages that were heard.
    heard: u64,
    /// Slices that were heard, and that were asked for.
    slices: u32,
    asked: u32,
    is_whole: bool,
    heard_ms: u64,
    /// When the request for the next slice is repeated.
    repeat_ms: u64,
}

impl Tap {
    fn waits(&self) -> bool {
        !self.is_whole && self.slices < self.asked
    }

    fn next_ms(&self) -> u64 {
        let lost_ms = self.heard_ms + LOST_AFTER_MS;
        if self.waits() {
            lost_ms.min(self.repeat_ms)
        } else {
            lost_ms
        }
    }
}

impl Taps {
    /// A bridge opens, and hears of these nodes.
    pub(super) fn open(
        &mut self,
        bridge: u64,
        wants: Wants,
        nodes: impl IntoIterator<Item = NodeId>,
        now_ms: u64,
    ) {
        let nodes: Vec<NodeId> = nodes.into_iter().collect();
        self.bridges.insert(
            bridge,
            Bridge {
                wants,
                nodes: BTreeMap::new(),
                is_ready: false,
            },
        );
        for node in nodes {
            self.tap(bridge, node, now_ms);
        }
        self.look_whether_ready(bridge);
    }

    /// A bridge has ended.
    pub(super) fn end(&mut self, bridge: u64) {
        let Some(ended) = self.bridges.remove(&bridge) else {
            return;
        };
        for (node, Tap { id: tap, .. }) in ended.nodes {
            self.places.remove(&tap);
            self.outgoing.push((node, TapMessage::End { tap }));
        }
    }

    /// A node came that understands taps.
    pub(super) fn join(&mut self, node: NodeId, now_ms: u64) {
        let bridges: Vec<u64> = self.bridges.keys().copied().collect();
        for bridge in bridges {
            self.tap(bridge, node, now_ms);
        }
    }

    /// A node ended, or is not heard any more.
    pub(super) fn lose(&mut self, node: NodeId) {
        let bridges: Vec<u64> = self.bridges.keys().copied().collect();
        for bridge in bridges {
            self.drop_tap(bridge, node);
            self.look_whether_ready(bridge);
        }
    }

    /// The bridge has read a slice of this node.
    pub(super) fn read(&mut self, bridge: u64, node: NodeId, now_ms: u64) {
        let tap = self.bridges.get_mut(&bridge);
        let Some(tap) = tap.and_then(|bridge| bridge.nodes.get_mut(&node)) else {
            return;
        };
        if !tap.is_whole && tap.asked == tap.slices {
            tap.asked += 1;
            self.ask(bridge, node, now_ms);
        }
    }

    pub(super) fn hear(&mut self, from: NodeId, message: TapMessage, now_ms: u64) {
        match message {
            TapMessage::News {
                tap,
                number,
                news,
                slice,
            } => self.hear_news(from, (tap, number), news, slice, now_ms),
            TapMessage::At { taps } => {
                for (tap, number) in taps {
                    if let Some((bridge, known)) = self.known(from, tap) {
                        known.heard_ms = now_ms;
                        if number > known.heard {
                            self.lag(bridge);
                        }
                    }
                }
            }
            TapMessage::Lagged { tap } => {
                if let Some((bridge, _)) = self.known(from, tap) {
                    self.lag(bridge);
                }
            }
            TapMessage::Open { .. } | TapMessage::Next { .. } | TapMessage::End { .. } => {}
        }
    }

    fn hear_news(
        &mut self,
        from: NodeId,
        (tap, number): (RequestId, u64),
        news: Vec<Happening>,
        slice: Option<Slice>,
        now_ms: u64,
    ) {
        let Some((bridge, known)) = self.known(from, tap) else {
            return;
        };
        known.heard_ms = now_ms;
        if number > known.heard + 1 {
            return self.lag(bridge);
        }
        if number <= known.heard {
            return;
        }
        known.heard = number;
        if let Some(slice) = &slice {
            known.slices += 1;
            known.is_whole = slice.is_last;
        }
        self.actions.push(BridgeAction::Told {
            bridge,
            node: from,
            news,
            slice,
        });
        self.look_whether_ready(bridge);
    }

    /// Repeats requests, and opens a new tap where nothing is heard of one.
    pub(super) fn look(&mut self, now_ms: u64) {
        if self.next_ms().is_none_or(|next_ms| now_ms < next_ms) {
            return;
        }
        let due: Vec<_> = self
            .places
            .values()
            .copied()
            .filter(|place| self.get(*place).is_some_and(|tap| tap.next_ms() <= now_ms))
            .collect();
        for (bridge, node) in due {
            let is_silent = |tap: &Tap| now_ms >= tap.heard_ms + LOST_AFTER_MS;
            if self.get((bridge, node)).is_some_and(is_silent) {
                self.drop_tap(bridge, node);
                self.tap(bridge, node, now_ms);
            } else {
                self.ask(bridge, node, now_ms);
            }
        }
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        let taps = self.bridges.values().flat_map(|bridge| bridge.nodes.values());
        taps.map(Tap::next_ms).min()
    }

    fn get(&self, (bridge, node): (u64, NodeId)) -> Option<&Tap> {
        self.bridges.get(&bridge)?.nodes.get(&node)
    }

    /// The bridge and the state of a tap at this node. One that is not known any more is ended there.
    fn known(&mut self, from: NodeId, tap: RequestId) -> Option<(u64, &mut Tap)> {
        let place = self.places.get(&tap).copied();
        let Some((bridge, node)) = place.filter(|(_, node)| *node == from) else {
            self.outgoing.push((from, TapMessage::End { tap }));
            return None;
        };
        let known = self.bridges.get_mut(&bridge)?.nodes.get_mut(&node)?;
        Some((bridge, known))
    }

    /// Opens a tap.
    fn tap(&mut self, bridge: u64, node: NodeId, now_ms: u64) {
        let Some(opening) = self.bridges.get_mut(&bridge) else {
            return;
        };
        self.last = RequestId(self.last.0 + 1);
        let tap = Tap {
            id: self.last,
            heard: 0,
            slices: 0,
            asked: 1,
            is_whole: false,
            heard_ms: now_ms,
            repeat_ms: now_ms,
        };
        self.places.insert(self.last, (bridge, node));
        opening.nodes.insert(node, tap);
        self.ask(bridge, node, now_ms);
    }

    /// Asks for the next slice. The first one comes when the tap opens.
    fn ask(&mut self, bridge: u64, node: NodeId, now_ms: u64) {
        let Some(asking) = self.bridges.get_mut(&bridge) else {
            return;
        };
        let wants = asking.wants;
        let Some(tap) = asking.nodes.get_mut(&node) else {
            return;
        };
        tap.repeat_ms = now_ms + PAUSE_MS;
        let (tap, slice) = (tap.id, tap.asked);
        let message = match slice {
            1 => TapMessage::Open { tap, wants },
            _ => TapMessage::Next { tap, slice },
        };
        self.outgoing.push((node, message));
    }

    /// Forgets a tap: its connections are closed, as far as is known.
    fn drop_tap(&mut self, bridge: u64, node: NodeId) {
        let dropping = self.bridges.get_mut(&bridge);
        let Some(Tap { id: tap, .. }) = dropping.and_then(|bridge| bridge.nodes.remove(&node)) else {
            return;
        };
        self.places.remove(&tap);
        self.outgoing.push((node, TapMessage::End { tap }));
        self.actions.push(BridgeAction::Gone { bridge, node });
    }

    fn lag(&mut self, bridge: u64) {
        self.end(bridge);
        self.actions.push(BridgeAction::Lagged { bridge });
    }

    fn look_whether_ready(&mut self, bridge: u64) {
        let Some(looked_at) = self.bridges.get_mut(&bridge) else {
            return;
        };
        if !looked_at.is_ready && looked_at.nodes.values().all(|tap| tap.is_whole) {
            looked_at.is_ready = true;
            self.actions.push(BridgeAction::Ready { bridge });
        }
    }
}
