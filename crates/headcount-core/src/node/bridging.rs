//! What a node does for bridges: those of this server, and those of others.

use super::{Action, BridgeAction, Node};
use crate::cluster::{Message, RequestId, Slice, TapMessage, To};
use crate::connection::NodeId;
use crate::happening::{Happening, Wants};

impl Node {
    /// The bridges of this node changed. `authorizes_ms`: when the newest opened that decides who may see stats. `shared`: the apps whose bridges
    /// share, and when the first of each opened. These are milliseconds since the Unix epoch, as `unix_ms`, which is now.
    pub fn set_bridges(
        &mut self,
        authorizes_ms: Option<u64>,
        shared: impl IntoIterator<Item = (u64, u64)>,
        unix_ms: u64,
        now_ms: u64,
    ) {
        self.bridges.authorizes_ms = authorizes_ms;
        self.bridges.unix_ms = unix_ms.saturating_sub(now_ms);
        self.bridges.shares.set(shared);
        self.next_heartbeat_ms = now_ms;
        self.follow_bridges(now_ms);
        self.look(now_ms);
    }

    /// A bridge of this node hears of the connections of all other nodes from now on. [`BridgeAction::Ready`] follows once it was told all
    /// that was open. `bridge` is a number that was not given before.
    pub fn tap(&mut self, bridge: u64, wants: Wants, now_ms: u64) {
        let able = self.members.iter();
        let able = able.filter(|(_, member)| member.heartbeat.bridges.is_some());
        self.bridges
            .taps
            .open(bridge, wants, able.map(|(node, _)| node), now_ms);
        self.send_taps();
    }

    /// A bridge has ended.
    pub fn untap(&mut self, bridge: u64) {
        self.bridges.taps.end(bridge);
        self.send_taps();
    }

    /// A bridge has read a slice of another node, and is ready for the next one.
    pub fn read(&mut self, bridge: u64, node: NodeId, now_ms: u64) {
        self.bridges.taps.read(bridge, node, now_ms);
        self.send_taps();
    }

    /// Tells the owner of a tap what happened here, and then what is open here.
    pub fn tell(&mut self, owner: NodeId, tap: RequestId, news: Vec<Happening>, slice: Option<Slice>) {
        if let Some(message) = self.bridges.tapped.news(owner, tap, news, slice) {
            self.send(To::Node(owner), Message::Tap(message));
        }
    }

    /// The owner of a tap does not keep up: the tap has ended here.
    pub fn lag(&mut self, owner: NodeId, tap: RequestId) {
        if self.bridges.tapped.lag(owner, tap) {
            self.send(To::Node(owner), Message::Tap(TapMessage::Lagged { tap }));
        }
    }

    pub(super) fn hear_tap(&mut self, from: NodeId, message: TapMessage, now_ms: u64) {
        let is_new = match &message {
            TapMessage::Open { tap, .. } => self.bridges.seen.is_new(from, *tap),
            _ => true,
        };
        let due = self.bridges.tapped.hear(from, &message, is_new);
        self.actions.extend(due.map(Action::Bridge));
        self.bridges.taps.hear(from, message, now_ms);
        self.send_taps();
    }

    /// A node came.
    pub(super) fn tap_joined(&mut self, node: NodeId, now_ms: u64) {
        self.bridges.taps.join(node, now_ms);
        self.send_taps();
    }

    /// A node ended, or is not heard any more.
    pub(super) fn untap_lost(&mut self, node: NodeId) {
        let ended = self.bridges.tapped.lose(node);
        self.actions.extend(ended.into_iter().map(Action::Bridge));
        self.bridges.taps.lose(node);
        self.send_taps();
    }

    /// Does what is due by the clock.
    pub(super) fn look_at_taps(&mut self, now_ms: u64) {
        self.bridges.taps.look(now_ms);
        self.send_taps();
    }

    /// Says how far the taps of other nodes are.
    pub(super) fn say_taps(&mut self) {
        for (owner, message) in self.bridges.tapped.at() {
            self.send(To::Node(owner), Message::Tap(message));
        }
    }

    /// Decides again which bridges are told, and which answer questions, after what the nodes say.
    pub(super) fn follow_bridges(&mut self, now_ms: u64) {
        let unix_ms = self.bridges.unix_ms.saturating_add(now_ms);
        let changed = self.bridges.shares.decide(self.here, &self.members, unix_ms);
        if !changed.is_empty() {
            // The others are told at once.
            self.next_heartbeat_ms = now_ms;
        }
        for shared in changed {
            self.actions.push_back(Action::Bridge(BridgeAction::Shared {
                app: shared.app,
                is_told: shared.is_told,
            }));
        }
        let mut authorize: Vec<_> = self
            .members
            .iter()
            .filter_map(|(node, member)| Some((member.heartbeat.bridges.as_ref()?.authorizes_ms?, node)))
            .collect();
        authorize.sort_unstable_by(|one, other| other.cmp(one));
        let nodes: Vec<NodeId> = authorize.into_iter().map(|(_, node)| node).collect();
        if nodes != self.bridges.authorize {
            self.bridges.authorize.clone_from(&nodes);
            self.actions
                .push_back(Action::Bridge(BridgeAction::Authorize { nodes }));
        }
    }

    fn send_taps(&mut self) {
        let outgoing = std::mem::take(&mut self.bridges.taps.outgoing);
        for (node, message) in outgoing {
            self.send(To::Node(node), Message::Tap(message));
        }
        let due = std::mem::take(&mut self.bridges.taps.actions);
        self.actions.extend(due.into_iter().map(Action::Bridge));
    }
}
