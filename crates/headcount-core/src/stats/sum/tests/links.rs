//! Nodes that come, go and come back report over a link that loses, repeats, delays and reorders messages. At every moment the sum is that
//! of states that the nodes had, and in the end it is that of all connections.

use std::collections::HashMap;

use proptest::prelude::*;

use super::node::{Node, ROUTES, ROWS_MAX, SHARDS};
use super::*;

const NODES: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Open {
        node: usize,
        shard: usize,
        route: usize,
        hidden: bool,
    },
    Close(usize, usize),
    Navigate(usize, usize, usize),
    ReportOfShard(usize, usize),
    Report(usize),
    Heartbeat(usize),
    /// A node takes it that it has no receiver.
    Forget(usize),
    /// A node is killed.
    Kill(usize),
    /// A node says goodbye.
    Drain(usize),
    Restart(usize),
    /// Nothing is heard of a node for too long, which may be there.
    Lose(usize),
    /// Receivers ask the nodes that are lacking for whole reports.
    Ask,
    Deliver(usize),
    Drop(usize),
    Repeat(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let number = 0..1_000_usize;
    prop_oneof![
        8 => (0..NODES, 0..SHARDS, 0..ROUTES.len(), any::<bool>())
            .prop_map(|(node, shard, route, hidden)| Op::Open { node, shard, route, hidden }),
        5 => (0..NODES, number.clone()).prop_map(|(node, tab)| Op::Close(node, tab)),
        5 => (0..NODES, number.clone(), 0..ROUTES.len()).prop_map(|(node, tab, route)| Op::Navigate(node, tab, route)),
        6 => (0..NODES, 0..SHARDS).prop_map(|(node, shard)| Op::ReportOfShard(node, shard)),
        9 => (0..NODES).prop_map(Op::Report),
        3 => (0..NODES).prop_map(Op::Heartbeat),
        1 => (0..NODES).prop_map(Op::Forget),
        1 => (0..NODES).prop_map(Op::Kill),
        1 => (0..NODES).prop_map(Op::Drain),
        2 => (0..NODES).prop_map(Op::Restart),
        1 => (0..NODES).prop_map(Op::Lose),
        4 => Just(Op::Ask),
        14 => number.clone().prop_map(Op::Deliver),
        3 => number.clone().prop_map(Op::Drop),
        3 => number.prop_map(Op::Repeat),
    ]
}

/// What is on the link.
#[derive(Clone, Debug)]
enum Letter {
    Report(Report),
    Heartbeat(Stamp),
    Goodbye(Incarnation),
}

/// What a node has.
#[derive(Clone, Debug, PartialEq)]
struct State {
    total: u64,
    visible: u64,
    versions: Counts,
    routes: Counts,
    rows: Vec<Row>,
}

impl State {
    fn of(sum: &Sum) -> Self {
        Self {
            total: sum.total(),
            visible: sum.visible(),
            versions: sum.versions().clone(),
            routes: sum.routes().clone(),
            rows: sum.rows().cloned().collect(),
        }
    }

    /// Whether a source has this, and as many rows as there is room for.
    fn is_of(&self, source: &Source) -> bool {
        (self.total, self.visible) == (source.total, source.total - source.hidden)
            && (&self.versions, &self.routes) == (&source.versions, &source.routes)
            && self.rows.len().min(ROWS_MAX as usize) == source.rows.len()
            && source.rows.values().all(|row| self.rows.contains(row))
    }
}

/// A reader that knows of the sum only what its steps return.
#[derive(Debug, Default)]
struct Listener {
    total: u64,
    visible: u64,
    versions: Counts,
    routes: Counts,
    rows: BTreeMap<SampleSlot, Row>,
}

impl Listener {
    fn follow(&mut self, sum: &Sum, changed: Changed) {
        if changed.total {
            self.total = sum.total();
        }
        if changed.visible {
            self.visible = sum.visible();
        }
        let learn = |mine: &mut Counts, theirs: &Counts, names: Vec<Arc<str>>| {
            for name in names {
                match theirs.get(&name) {
                    Some(count) => mine.insert(name, *count),
                    None => mine.remove(&name),
                };
            }
        };
        learn(&mut self.versions, sum.versions(), changed.versions);
        learn(&mut self.routes, sum.routes(), changed.routes);
        for (at, before) in changed.rows {
            let known = match sum.row(at) {
                Some(row) => self.rows.insert(at, row.clone()),
                None => self.rows.remove(&at),
            };
            assert_eq!(known, before);
        }
    }

    fn compare(&self, sum: &Sum) {
        assert_eq!((self.total, self.visible), (sum.total(), sum.visible()));
        assert_eq!((&self.versions, &self.routes), (sum.versions(), sum.routes()));
        assert!(self.rows.keys().copied().eq(sum.slots()));
        assert!(self.rows.values().eq(sum.rows()));
    }
}

struct World {
    nodes: Vec<Node>,
    /// Receiver, sender, and content.
    link: Vec<(usize, SourceId, Letter)>,
    /// What each node had when it said which report.
    history: HashMap<(SourceId, Stamp), Vec<State>>,
    receivers: [(Sum, Listener); 2],
}

fn id(node: usize) -> SourceId {
    SourceId(u32::try_from(node).unwrap() + 70)
}

impl World {
    fn new() -> Self {
        Self {
            nodes: (0..NODES).map(|_| Node::new(1)).collect(),
            link: Vec::new(),
            history: HashMap::new(),
            receivers: Default::default(),
        }
    }

    fn act(&mut self, op: &Op) {
        match *op {
            Op::Open {
                node,
                shard,
                route,
                hidden,
            } => self.nodes[node].open(shard, route, hidden),
            Op::Close(node, tab) => self.nodes[node].close(tab),
            Op::Navigate(node, tab, route) => self.nodes[node].navigate(tab, route),
            Op::ReportOfShard(node, shard) => self.nodes[node].report_of_shard(shard),
            Op::Report(node) => self.report(node),
            Op::Heartbeat(node) => self.heartbeat(node),
            Op::Forget(node) => self.nodes[node].digest.forget_changes(),
            Op::Kill(node) => self.nodes[node].alive = false,
            Op::Drain(node) => {
                if std::mem::take(&mut self.nodes[node].alive) {
                    self.send(node, &Letter::Goodbye(self.nodes[node].incarnation));
                }
            }
            Op::Restart(node) => {
                let next = self.nodes[node].incarnation.0 + 1;
                self.nodes[node] = Node::new(next);
            }
            Op::Lose(node) => {
                for (sum, listener) in &mut self.receivers {
                    let changed = sum.lose(id(node));
                    listener.follow(sum, changed);
                }
            }
            Op::Ask => self.ask(),
            Op::Deliver(which) => self.deliver(which),
            Op::Drop(which) => {
                if !self.link.is_empty() {
                    self.link.swap_remove(which % self.link.len());
                }
            }
            Op::Repeat(which) => {
                if let Some(letter) = self.link.get(which % self.link.len().max(1)).cloned() {
                    self.link.push(letter);
                }
            }
        }
        self.check();
    }

    /// To all receivers.
    fn send(&mut self, node: usize, letter: &Letter) {
        for receiver in 0..self.receivers.len() {
            self.link.push((receiver, id(node), letter.clone()));
        }
    }

    fn report(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        if node.alive {
            let report = node.digest.report(&node.sum);
            self.note(number, &report);
            self.send(number, &Letter::Report(report));
        }
    }

    fn note(&mut self, number: usize, report: &Report) {
        assert!(report.changes.rows.len() <= 2 * ROWS_MAX as usize);
        let states = self.history.entry((id(number), report.stamp)).or_default();
        states.push(State::of(&self.nodes[number].sum));
    }

    fn heartbeat(&mut self, number: usize) {
        let node = &self.nodes[number];
        if node.alive {
            self.send(number, &Letter::Heartbeat(node.digest.stamp()));
        }
    }

    /// The answer goes to the receiver that asked.
    fn ask(&mut self) {
        for receiver in 0..self.receivers.len() {
            let lacking: Vec<SourceId> = self.receivers[receiver].0.lacking().collect();
            for number in 0..NODES {
                let node = &mut self.nodes[number];
                if node.alive && lacking.contains(&id(number)) {
                    let whole = node.digest.whole(&node.sum);
                    self.note(number, &whole);
                    self.link.push((receiver, id(number), Letter::Report(whole)));
                }
            }
        }
    }

    fn deliver(&mut self, which: usize) {
        if self.link.is_empty() {
            return;
        }
        let (receiver, source, letter) = self.link.swap_remove(which % self.link.len());
        let (sum, listener) = &mut self.receivers[receiver];
        let changed = match letter {
            Letter::Report(report) => sum.apply(source, report).unwrap_or_default(),
            Letter::Goodbye(incarnation) => sum.leave(source, incarnation),
            Letter::Heartbeat(last) => {
                sum.heartbeat(source, last);
                Changed::default()
            }
        };
        listener.follow(sum, changed);
    }

    fn check(&self) {
        for (sum, listener) in &self.receivers {
            listener.compare(sum);
            self.check_sum(sum);
        }
    }

    fn check_sum(&self, sum: &Sum) {
        assert_eq!(sum.versions().values().sum::<u64>(), sum.total());
        assert_eq!(sum.routes().values().sum::<u64>(), sum.total());
        let mut total = 0;
        for (id, last) in sum.sources() {
            let has = &sum.sources[&id];
            let said = &self.history[&(id, last)];
            assert!(said.iter().any(|state| state.is_of(has)), "{has:?}: {said:?}");
            total += has.total;
        }
        assert_eq!(total, sum.total());
    }

    /// The link is quiet, every node that is there is heard of, and those that are not are known to be gone.
    fn settle(&mut self) {
        self.deliver_all();
        for number in 0..NODES {
            for shard in 0..SHARDS {
                self.nodes[number].report_of_shard(shard);
            }
            if !self.nodes[number].alive {
                self.act(&Op::Lose(number));
            } else if self.nodes[number].digest.has_changes() {
                self.report(number);
            }
        }
        for _ in 0..2 {
            (0..NODES).for_each(|number| self.heartbeat(number));
            self.deliver_all();
            self.ask();
            self.deliver_all();
        }
    }

    fn deliver_all(&mut self) {
        while !self.link.is_empty() {
            self.act(&Op::Deliver(self.link.len() / 2));
        }
    }

    /// The sum has every connection of every node that is there, and no other.
    fn compare_with_tabs(&self, sum: &Sum) {
        assert_eq!(sum.lacking().count(), 0);
        let alive = || self.nodes.iter().filter(|node| node.alive);
        let mut routes = Counts::new();
        for (_, _, route, _) in alive().flat_map(|node| &node.tabs) {
            *routes.entry(ROUTES[*route].into()).or_default() += 1;
        }
        assert_eq!(*sum.routes(), routes);
        assert_eq!(sum.sources().count(), alive().count());
        let visible = alive().flat_map(|node| &node.tabs).filter(|(.., hidden)| !hidden);
        assert_eq!(sum.visible(), visible.count() as u64);
        let rows: u64 = alive()
            .map(|node| node.tabs.len().min(ROWS_MAX as usize) as u64)
            .sum();
        assert_eq!(sum.rows().count() as u64, rows);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_becomes_of_reports_the_sum_is_that_of_the_nodes(ops in prop::collection::vec(op(), 1..200)) {
        let mut world = World::new();
        for op in &ops {
            world.act(op);
        }
        world.settle();
        for (sum, _) in &world.receivers {
            world.compare_with_tabs(sum);
        }
    }
}
