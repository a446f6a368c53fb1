//! A few nodes with a bus that carries everything at once, unless the test says otherwise.

mod asking;
mod moving;
mod sharing;
mod signing_out;
mod simulation;
mod tapping;
mod ties;
mod versions;
mod watching;

use std::collections::BTreeSet;

use super::*;
use crate::cluster::{LOST_AFTER_MS, SignOutMark, SignOuts};
use crate::stats::{Changes, Incarnation, Reporter, SourceId};

/// Nodes with the ids 1, 2, and so on.
struct World {
    nodes: Vec<Node>,
    shards: Vec<Reporter>,
    now_ms: u64,
    /// Which nodes listen to reports.
    listens: BTreeSet<NodeId>,
    /// Messages, with their senders, and what was done, by node.
    sent: Vec<(NodeId, To, Message)>,
    done: Vec<(NodeId, Action)>,
    /// Nodes that neither send nor hear.
    cut_off: BTreeSet<NodeId>,
    /// Whether a message does not arrive.
    loses: fn(&Message) -> bool,
}

impl World {
    fn new(nodes: u32) -> Self {
        let mut world = Self {
            nodes: (1..=nodes).map(|id| node(NodeId(id), 0)).collect(),
            shards: (0..nodes).map(|_| Reporter::new(Incarnation(0))).collect(),
            now_ms: 0,
            listens: BTreeSet::new(),
            sent: Vec::new(),
            done: Vec::new(),
            cut_off: BTreeSet::new(),
            loses: |_| false,
        };
        world.pass(0);
        world
    }

    fn node(&mut self, id: u32) -> &mut Node {
        &mut self.nodes[id as usize - 1]
    }

    /// The node has these tabs, all of one version, and says so.
    fn count(&mut self, id: u32, total: u64) {
        let changes = Changes {
            total,
            versions: vec![("v1".into(), total)],
            ..Changes::default()
        };
        let report = self.shards[id as usize - 1].changes(changes);
        let now_ms = self.now_ms;
        let node = self.node(id);
        node.apply_local(SourceId(0), report).unwrap();
        node.answer_wants(now_ms);
        self.carry();
    }

    fn watch(&mut self, id: u32, watched: bool) {
        let now_ms = self.now_ms;
        self.node(id).set_watched(watched, now_ms);
        self.carry();
        self.tick();
    }

    /// The nodes whose counts are needed tell what changed.
    fn tick(&mut self) {
        for node in &mut self.nodes {
            if node.is_watched() {
                node.answer_wants(self.now_ms);
            }
        }
        self.carry();
    }

    /// What a node shows.
    fn shown(&mut self, id: u32) -> u64 {
        self.node(id).feed().sum().total()
    }

    /// Time passes: each node looks when it is due, and ticks ten times a second.
    fn pass(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        self.carry();
        loop {
            let look_ms = self.nodes.iter().map(Node::next_look_ms).min().unwrap();
            let tick_ms = (self.now_ms / 100 + 1) * 100;
            let next_ms = look_ms.min(tick_ms);
            if next_ms > end_ms {
                break;
            }
            self.now_ms = self.now_ms.max(next_ms);
            for node in &mut self.nodes {
                if node.next_look_ms() <= self.now_ms {
                    node.look(self.now_ms);
                    assert!(node.next_look_ms() > self.now_ms, "it would turn without end");
                }
            }
            self.carry();
            if self.now_ms == tick_ms {
                self.tick();
            }
        }
        self.now_ms = end_ms;
    }

    /// Delivers until there is nothing to deliver.
    fn carry(&mut self) {
        while let Some((from, action)) = self.next_action() {
            match action {
                Action::Send { to, message } => {
                    self.sent.push((from, to, message.clone()));
                    self.deliver(from, to, &message);
                }
                Action::Listen(true) => {
                    self.listens.insert(from);
                }
                Action::Listen(false) => {
                    self.listens.remove(&from);
                }
                action => self.done.push((from, action)),
            }
        }
    }

    fn next_action(&mut self) -> Option<(NodeId, Action)> {
        self.nodes
            .iter_mut()
            .find_map(|node| Some((node.id(), node.next_action()?)))
    }

    fn deliver(&mut self, from: NodeId, to: To, message: &Message) {
        if (self.loses)(message) || self.cut_off.contains(&from) {
            return;
        }
        for node in &mut self.nodes {
            let hears = match to {
                To::All => true,
                To::Watchers => self.listens.contains(&node.id()),
                To::Node(id) => id == node.id(),
            };
            if hears && node.id() != from && !self.cut_off.contains(&node.id()) {
                node.hear(from, message.clone(), self.now_ms);
            }
        }
    }

    /// What a node was told to do since the last call.
    fn done(&mut self, id: u32) -> Vec<Action> {
        let (of_node, others) = std::mem::take(&mut self.done)
            .into_iter()
            .partition(|(node, _)| *node == NodeId(id));
        self.done = others;
        let of_node: Vec<(NodeId, Action)> = of_node;
        of_node.into_iter().map(|(_, action)| action).collect()
    }

    /// How many messages were sent since the last call that are not heartbeats.
    fn said(&mut self) -> Vec<Message> {
        let sent = std::mem::take(&mut self.sent).into_iter();
        sent.map(|(_, _, message)| message)
            .filter(|message| !matches!(message, Message::Heartbeat { .. }))
            .collect()
    }
}

fn node(id: NodeId, now_ms: u64) -> Node {
    let about = About {
        name: format!("host-{id}").into(),
        software: "0.1.0".into(),
    };
    Node::new(id, about, &Limits::default(), now_ms)
}

#[test]
fn nodes_know_each_other_at_once_and_forget_those_that_are_silent() {
    let mut world = World::new(3);
    for id in 1..=3 {
        assert_eq!(world.node(id).members().len(), 2, "{id}");
    }
    world.done.clear();
    world.cut_off.insert(NodeId(3));
    world.pass(LOST_AFTER_MS - 1);
    assert_eq!(world.done(1), []);
    // Not at the next heartbeat only: after a node that dies has spoken, its tabs would be counted for four and a half seconds.
    world.pass(1);
    let lost = |node| Action::Lost {
        node: NodeId(node),
        heard_ms: 0,
    };
    assert_eq!(world.done(1), [lost(3)]);
    assert_eq!(world.done(3), [lost(1), lost(2)]);
    world.cut_off.clear();
    world.pass(1_000);
    assert_eq!(world.done(1), [Action::Joined(NodeId(3))]);
    world.node(3).goodbye();
    world.pass(5_000);
    assert_eq!(world.done(1), [Action::Left(NodeId(3))]);
    assert_eq!(world.node(1).members().len(), 1);
}

#[test]
fn what_a_node_says_of_itself_is_told() {
    let mut world = World::new(2);
    let node = world.node(2);
    node.set_tabs(7);
    node.set_drains(true);
    node.set_read(LogIndex(9));
    world.pass(1_000);
    let (_, member) = world.node(1).members().iter().next().unwrap();
    let heartbeat = &member.heartbeat;
    assert_eq!(
        (heartbeat.tabs, heartbeat.drains, heartbeat.read),
        (7, true, LogIndex(9))
    );
    assert_eq!(&*heartbeat.name, "host-00000002");
}

#[test]
fn a_name_is_told_as_far_as_it_is_short_enough() {
    let about = About {
        name: "é".repeat(1_000).into(),
        software: "0.1.0".into(),
    };
    let mut node = Node::new(NodeId(1), about, &Limits::default(), 0);
    node.look(0);
    let Some(Action::Send {
        message: Message::Heartbeat { heartbeat, .. },
        ..
    }) = node.next_action()
    else {
        panic!("a heartbeat is due at once");
    };
    assert_eq!(&*heartbeat.name, "é".repeat(128));
}

/// The next heartbeat of a node that is alone.
fn next_heartbeat(node: &mut Node, now_ms: u64) -> Message {
    node.look(now_ms);
    let Some(Action::Send { message, .. }) = node.next_action() else {
        panic!("a heartbeat is due");
    };
    message
}

#[test]
fn a_node_that_hears_another_with_its_id_must_start_again() {
    let mut one = node(NodeId(1), 0);
    next_heartbeat(&mut one, 0);
    let mut other = node(NodeId(1), 0);
    let first = next_heartbeat(&mut other, 7);
    one.hear(NodeId(1), first, 10);
    assert_eq!(one.next_action(), Some(Action::Double));
}

/// Regression: it ended, because what it had sent over a link that it gave up reached it over the next one.
#[test]
fn a_node_that_hears_what_it_said_itself_goes_on() {
    let mut one = node(NodeId(1), 0);
    let said: Vec<Message> = (0..200)
        .map(|second| next_heartbeat(&mut one, 1_000 * second))
        .collect();
    for message in said.into_iter().chain([Message::WantWhole]) {
        one.hear(NodeId(1), message, 199_500);
    }
    assert_eq!(one.next_action(), None);
    assert_eq!(one.ignored().echoes, 201);
}

/// What waited for a process that was stopped is old.
#[test]
fn a_node_that_was_stopped_forgets_the_others_before_it_hears_what_waited() {
    let mut world = World::new(2);
    world.watch(1, true);
    world.count(2, 5);
    assert_eq!(world.shown(1), 5);
    world.now_ms = 10_000;
    let report = world.shards[1].changes(Changes::default());
    world.node(1).hear(NodeId(2), Message::Report(report), 10_000);
    assert_eq!(world.shown(1), 0);
    assert_eq!(world.node(1).ignored().strangers, 1);
    world.carry();
    let is_lost = |action: &Action| matches!(action, Action::Lost { node: NodeId(2), .. });
    assert!(world.done(1).iter().any(is_lost));
    world.pass(1_000);
    assert_eq!(world.shown(1), 5);
}

#[test]
fn there_are_not_more_nodes_than_there_is_room_for() {
    let mut one = node(NodeId(1), 0);
    for id in 2..1_000 {
        let mut other = node(NodeId(id), 0);
        other.look(0);
        while let Some(action) = other.next_action() {
            if let Action::Send { message, .. } = action {
                one.hear(NodeId(id), message, 0);
            }
        }
    }
    assert_eq!(one.members().len(), NODES_MAX);
    assert_eq!(one.ignored().full, 998 - NODES_MAX as u64);
}
