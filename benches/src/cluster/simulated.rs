//! What one node of a large cluster receives, sends and keeps, from the code of the nodes themselves.
//!
//! Each node is a [`Node`](headcount_core::node::Node) with a million tabs on 5,000 routes; its messages are written and read as they are on the bus. They reach the first
//! node, and its messages reach them. What they would say to each other is left out: no node but the first keeps anything of it.
//! Deliberately absent: the broker, the network, and tabs as such. What is here costs what it costs the hub of a server.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use headcount_core::cluster::{Heartbeat, Message, To};
use headcount_core::connection::{IdCipher, NodeId};
use headcount_core::limits::Limits;
use headcount_core::node::Action;
use headcount_core::protocol::cluster::Reader;
use headcount_core::stats::{Form, Stamp};

use super::figures::{Figures, Table};
use super::plan::Plan;
use super::speaker::{Speaker, TABS};
use crate::clock;
use crate::failure::Failure;
use crate::measure::results::number;
use crate::progress::say;
use crate::server::memory_of;

/// Nodes of the clusters.
const SIZES: [(u32, &str); 3] = [(1, "1 node"), (10, "10 nodes"), (50, "50 nodes")];

struct World {
    /// The first is the one that is looked at.
    nodes: Vec<Speaker>,
    now_ms: u64,
    /// Simulated time of a measurement.
    seconds: u64,
    heard: Heard,
    /// What the first node sent, and what the second did.
    sent: [u64; 2],
}

/// What the first node received, and what it cost to take that in.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    messages: u64,
    bytes: u64,
    spent: Duration,
}

/// The table for all sizes.
pub(super) fn measure(plan: &Plan) -> Result<Table, Failure> {
    let mut columns = Vec::new();
    // All of them live to the end, so that none is built from what another gave back.
    let mut worlds = Vec::new();
    for (nodes, name) in SIZES {
        say(&format!("simulated: {name}"));
        let mut world = World::new(nodes, plan.simulated_s());
        let mut figures = Figures::default();
        world.sizes(&mut figures);
        world.rates("unwatched", &mut figures);
        let before = held()?;
        world.watch();
        let kept = held()?.saturating_sub(before);
        figures.set(
            "MB that a node keeps of all when it is watched",
            number(kept) / 1e6,
        );
        world.rates("watched", &mut figures);
        figures.set(
            "tabs in its sum",
            number(world.nodes[0].node.feed().sum().total()),
        );
        columns.push((name, figures));
        worlds.push(world);
    }
    Ok(Table::new("Simulated: a million tabs a node", &columns).beside(1))
}

impl World {
    /// Nodes that know each other, each with all its tabs.
    fn new(nodes: u32, seconds: u64) -> Self {
        let mut world = Self {
            nodes: (1..=nodes).map(Speaker::new).collect(),
            now_ms: 0,
            seconds,
            heard: Heard::default(),
            sent: [0; 2],
        };
        for second in 1..=2 {
            world.pass(second * 1_000);
        }
        world
    }

    /// Lets time pass up to this moment, then carries what is said.
    fn pass(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        for speaker in &mut self.nodes {
            if now_ms >= speaker.node.next_look_ms() {
                speaker.node.set_tabs(TABS);
                speaker.node.look(now_ms);
            }
        }
        self.carry();
    }

    /// Carries messages between the first node and the others, until nothing is left.
    fn carry(&mut self) {
        let mut queue: VecDeque<usize> = (0..self.nodes.len()).collect();
        while let Some(index) = queue.pop_front() {
            let from = self.nodes[index].node.id();
            while let Some(action) = self.nodes[index].node.next_action() {
                let Action::Send { to, message } = action else {
                    continue;
                };
                let written = self.nodes[index].write(&message);
                let bytes: usize = written.iter().map(bytes::Bytes::len).sum();
                if let Some(sent) = self.sent.get_mut(index) {
                    *sent += bytes as u64;
                }
                if index != 0 && to != To::Node(from) {
                    self.hear(&written);
                    queue.push_back(0);
                } else if index == 0 {
                    queue.extend(self.tell(from, to, &message));
                }
            }
        }
    }

    /// The first node takes in what another sent.
    fn hear(&mut self, written: &[bytes::Bytes]) {
        let start = clock::now();
        let mut reader = Reader::default();
        for part in written {
            if let Some((from, message)) = reader.read(part, self.now_ms) {
                self.nodes[0].node.hear(from, message, self.now_ms);
            }
            self.heard.bytes += part.len() as u64;
        }
        self.heard.messages += 1;
        self.heard.spent += clock::since(start);
    }

    /// The others hear what the first node says. Answers which they are.
    fn tell(&mut self, from: NodeId, to: To, message: &Message) -> Vec<usize> {
        let now_ms = self.now_ms;
        let mut heard = Vec::new();
        for (index, speaker) in self.nodes.iter_mut().enumerate().skip(1) {
            let is_meant = match to {
                To::All => true,
                To::Watchers => false,
                To::Node(node) => node == speaker.node.id(),
            };
            if is_meant {
                speaker.node.hear(from, message.clone(), now_ms);
                heard.push(index);
            }
        }
        heard
    }

    /// An admin comes to the first node, which then gets the counts of all.
    fn watch(&mut self) {
        self.nodes[0].node.set_watched(true, self.now_ms);
        self.carry();
        for speaker in &mut self.nodes {
            speaker.node.answer_wants(self.now_ms);
        }
        self.carry();
        self.pass(self.now_ms + 1_000);
    }

    /// Bytes of the messages of one node.
    fn sizes(&mut self, figures: &mut Figures) {
        let mut node = Speaker::new(1_000_000);
        node.node.set_tabs(TABS);
        node.node.look(0);
        figures.set("bytes of a heartbeat", number(node.said()));
        node.say_versions(0);
        figures.set("bytes of the counts by version", number(node.said()));
        // Another node watches, and asks for everything.
        let heartbeat = Heartbeat {
            watches: true,
            ..self.nodes[0].node.heartbeat()
        };
        let watching = Message::Heartbeat {
            heartbeat,
            last: Stamp::default(),
            sent_ms: 0,
        };
        let watcher = self.nodes[0].node.id();
        node.node.hear(watcher, watching, 0);
        node.said();
        node.node.hear(watcher, Message::WantWhole, 0);
        node.node.answer_wants(0);
        figures.set("KB of a whole report", number(node.said()) / 1e3);
        node.change(0);
        figures.set(
            "KB of a tick in which 1,000 routes changed",
            number(node.said()) / 1e3,
        );
    }

    /// What the first node receives and sends in a second in which each node ticks, and what that costs it.
    fn rates(&mut self, when: &str, figures: &mut Figures) {
        let tick_ms = u64::from(Limits::default().tick_ms);
        (self.heard, self.sent) = (Heard::default(), [0; 2]);
        let cipher = IdCipher::new([7; 16], self.nodes[0].node.id());
        let mut told = 0;
        let step_ms = u64::from(Limits::default().history_step_ms);
        let end_ms = self.now_ms + self.seconds * 1_000;
        let mut step_due_ms = self.now_ms;
        while self.now_ms < end_ms {
            for speaker in &mut self.nodes {
                speaker.change(self.now_ms);
            }
            if self.now_ms >= step_due_ms {
                step_due_ms += step_ms;
                let now_ms = self.now_ms;
                self.nodes
                    .iter_mut()
                    .for_each(|speaker| speaker.say_versions(now_ms));
            }
            self.pass(self.now_ms + tick_ms);
            let start = clock::now();
            let feed = self.nodes[0].node.feed_mut();
            told += feed
                .tick(|form| form == Form::Counts, &cipher)
                .bytes(Form::Counts)
                .unwrap_or_default();
            self.heard.spent += clock::since(start);
        }
        let seconds = number(self.seconds);
        let second = |amount: u64| number(amount) / seconds;
        figures.set(
            format!("messages received a second, {when}"),
            second(self.heard.messages),
        );
        figures.set(
            format!("KB received a second, {when}"),
            second(self.heard.bytes) / 1e3,
        );
        let spent = u64::try_from(self.heard.spent.as_micros()).unwrap_or_default();
        figures.set(
            format!("CPU ms a second to take that in, {when}"),
            second(spent) / 1e3,
        );
        figures.set(format!("KB sent a second, {when}"), second(self.sent[0]) / 1e3);
        if self.nodes.len() > 1 {
            let other = "KB sent a second by a node without an admin";
            figures.set(format!("{other}, {when}"), second(self.sent[1]) / 1e3);
        }
        figures.set(
            format!("KB told to an admin a second, {when}"),
            second(told as u64) / 1e3,
        );
    }
}

fn held() -> Result<u64, Failure> {
    Ok(memory_of(Path::new("/proc/self/smaps_rollup"))?.anonymous)
}
