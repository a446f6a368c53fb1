//! A server of a run: a node with its shards, what stands for it, and sockets that it does not know to be dead.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::bridges::Bridge;
use super::bus::Letter;
use crate::cluster::{Hits, NodeAnswers, RequestId, SignOuts};
use crate::command_log::{Entry, LogIndex};
use crate::connection::{ConnectionKey, NodeId};
use crate::happening::Happening;
use crate::invalidation::{Rule, Standing, positions};
use crate::limits::Limits;
use crate::node::{About, Node};
use crate::protocol::cluster::{Reader, Writer};
use crate::registry::Registry;
use crate::stats::{Incarnation, Reporter, SourceId};

pub(super) const SHARDS: u16 = 2;

/// Which connection of which tab a slot holds.
pub(super) type Peer = (usize, u64);

#[derive(Debug)]
pub(super) struct Server {
    pub(super) node: Node,
    pub(super) up: bool,
    /// It is stopped until then.
    pub(super) stopped_until_ms: u64,
    /// It does not reach the broker.
    pub(super) cut: bool,
    /// What its clock says when the run begins.
    clock_ms: u64,
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    pub(super) shards: Vec<(Registry<Peer>, Reporter)>,
    pub(super) standing: Arc<Standing>,
    pub(super) read: usize,
    pub(super) read_due_ms: Option<u64>,
    pub(super) hits: BTreeMap<LogIndex, Hits>,
    pub(super) watched: bool,
    pub(super) listens: bool,
    pub(super) tick_due_ms: u64,
    pub(super) inbox: VecDeque<(NodeId, Letter)>,
    /// Sockets that are dead, and when that is noticed.
    pub(super) dead: VecDeque<(u64, ConnectionKey)>,
    pub(super) answers: BTreeMap<RequestId, NodeAnswers>,
    pub(super) bridge: Option<Bridge>,
    /// Taps of other nodes, and how many shards each was told.
    pub(super) telling: BTreeMap<(NodeId, RequestId), u16>,
    /// Tickets and cookies that do not hold here any more.
    pub(super) ended: BTreeSet<u64>,
}

impl Server {
    pub(super) fn new(id: NodeId, now_ms: u64, clock_ms: u64) -> Self {
        let about = About {
            name: "host".into(),
            software: "0.1.0".into(),
        };
        let limits = Limits {
            stats_connections_max: 6,
            ..Limits::default()
        };
        let standing = Arc::new(Standing::default());
        let shard = |number| {
            let registry = Registry::new(number, true, &limits, Arc::clone(&standing));
            (registry, Reporter::new(Incarnation(0)))
        };
        Self {
            node: Node::new(id, about, &limits, clock_ms + now_ms),
            up: true,
            stopped_until_ms: 0,
            cut: false,
            clock_ms,
            reader: Reader::default(),
            writer: Writer::new(id),
            shards: (0..SHARDS).map(shard).collect(),
            standing,
            read: 0,
            read_due_ms: Some(now_ms),
            hits: BTreeMap::new(),
            watched: false,
            listens: false,
            tick_due_ms: now_ms,
            inbox: VecDeque::new(),
            dead: VecDeque::new(),
            answers: BTreeMap::new(),
            bridge: None,
            telling: BTreeMap::new(),
            ended: BTreeSet::new(),
        }
    }

    /// Its clock.
    pub(super) fn clock(&self, now_ms: u64) -> u64 {
        self.clock_ms + now_ms
    }

    pub(super) fn runs(&self, now_ms: u64) -> bool {
        self.up && now_ms >= self.stopped_until_ms
    }

    /// When it must be woken.
    pub(super) fn next_ms(&self) -> Option<u64> {
        if !self.up {
            return None;
        }
        let look_ms = self.node.next_look_ms().saturating_sub(self.clock_ms);
        let tick_ms = self.node.is_watched().then_some(self.tick_due_ms);
        let dead_ms = self.dead.front().map(|(noticed_ms, _)| *noticed_ms);
        let read_ms = self.read_due_ms.filter(|_| !self.cut);
        let next_ms = [Some(look_ms), tick_ms, dead_ms, read_ms]
            .into_iter()
            .flatten()
            .min()?;
        Some(next_ms.max(self.stopped_until_ms))
    }

    pub(super) fn note_ended(&mut self, ended: &SignOuts) {
        let tickets = ended.tickets.iter().map(|ticket| ticket.number);
        let cookies = ended.cookies.iter().map(|cookie| cookie.hash);
        self.ended.extend(tickets.chain(cookies));
    }

    pub(super) fn shard_of(&mut self, key: ConnectionKey) -> &mut (Registry<Peer>, Reporter) {
        &mut self.shards[usize::from(key.shard)]
    }

    pub(super) fn close(&mut self, key: ConnectionKey) -> Option<Peer> {
        let registry = &mut self.shard_of(key).0;
        let slot = registry.find(key)?;
        let closed = registry.close(slot);
        self.happened(key.shard, &Happening::Closed(key));
        closed
    }

    pub(super) fn tabs(&self) -> u64 {
        self.shards
            .iter()
            .map(|(registry, _)| registry.len() as u64)
            .sum()
    }

    /// The shards report what changed.
    pub(super) fn report(&mut self) {
        for (number, (registry, reporter)) in (0..).zip(&mut self.shards) {
            if registry.has_changes() {
                let report = reporter.changes(registry.take_changes());
                self.node.apply_local(SourceId(number), report).unwrap();
            }
        }
    }

    /// Reads an entry of the log.
    pub(super) fn apply(&mut self, entry: &Entry) {
        self.read += 1;
        let index = LogIndex(self.read as u64);
        if let Entry::Rule { rule, .. } = entry {
            let reaches = self.shards.iter().map(|(registry, _)| registry.reach(rule));
            self.hits
                .insert(index, Hits::from(reaches.sum::<crate::registry::Reach>()));
        }
        let mut standing = (*self.standing).clone();
        standing.apply(entry);
        self.standing = Arc::new(standing);
        for (registry, _) in &mut self.shards {
            registry.set_standing(Arc::clone(&self.standing));
        }
        self.node.set_read(index);
    }

    /// The rules that the connection in a slot must be told now. They count as told.
    pub(super) fn take_due(&mut self, shard: usize, slot: u32) -> Vec<Arc<Rule>> {
        let registry = &mut self.shards[shard].0;
        let due = registry.due(slot, &mut 0);
        let rule = |position| {
            registry.note_matched(position);
            registry.note_told(slot, position);
            registry.standing().rule(position).cloned()
        };
        positions(due).filter_map(rule).collect()
    }
}
