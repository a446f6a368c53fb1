//! One node of a simulated cluster: a million tabs, and what is said of them.

use headcount_core::cluster::Message;
use headcount_core::connection::{ConnectionKey, NodeId};
use headcount_core::limits::Limits;
use headcount_core::node::{About, Action, Node};
use headcount_core::protocol::cluster::Writer;
use headcount_core::stats::{Changes, Incarnation, Reporter, Row, SourceId};

/// Of each node.
pub(super) const TABS: u64 = 1_000_000;
const ROUTES: u64 = 5_000;
/// Routes whose counts change within a tick.
const CHANGED: u64 = 1_000;

/// As NATS carries by default.
const BYTES_MAX: usize = 1 << 20;

/// A node, with what it needs to write and to count.
pub(super) struct Speaker {
    pub(super) node: Node,
    writer: Writer,
    shard: Reporter,
    tick: u64,
}

impl Speaker {
    pub(super) fn new(id: u32) -> Self {
        let name = format!("node-{id}.shop.example").into();
        let software = env!("CARGO_PKG_VERSION").into();
        let mut speaker = Self {
            node: Node::new(NodeId(id), About { name, software }, &Limits::default(), 0),
            writer: Writer::new(NodeId(id)),
            shard: Reporter::new(Incarnation(0)),
            tick: 0,
        };
        let changes = Changes {
            total: TABS,
            hidden: TABS / 4,
            versions: ["v1", "v2"].map(|version| (version.into(), TABS / 2)).to_vec(),
            routes: (0..ROUTES)
                .map(|page| (route(page).into(), TABS / ROUTES))
                .collect(),
            rows: (0..Limits::default().stats_connections_max).map(row).collect(),
        };
        speaker.apply(changes);
        speaker
    }

    /// Tabs go from one route to another, on as many routes as change in a tick; and the tick ends.
    pub(super) fn change(&mut self, now_ms: u64) {
        self.tick += 1;
        let round = self.tick * CHANGED / ROUTES;
        let count = |index: u64| {
            let page = (self.tick * CHANGED + index) % ROUTES;
            // One more or one less than at the beginning, and the other way round the next time.
            let tabs = TABS / ROUTES - 1 + 2 * ((page + round) % 2);
            (route(page).into(), tabs)
        };
        let changes = Changes {
            total: TABS,
            hidden: TABS / 4,
            routes: (0..CHANGED).map(count).collect(),
            ..Changes::default()
        };
        self.apply(changes);
        self.node.answer_wants(now_ms);
    }

    /// It tells the others how many of its tabs run which version, as once per step of the history.
    pub(super) fn say_versions(&mut self, now_ms: u64) {
        let holds_ms = 3 * Limits::default().history_step_ms;
        let counts = self.node.local().versions().iter();
        let counts = counts.map(|(name, tabs)| (name.clone(), *tabs)).collect();
        self.node.say_versions(counts, holds_ms, now_ms);
    }

    fn apply(&mut self, changes: Changes) {
        let report = self.shard.changes(changes);
        let applied = self.node.apply_local(SourceId(0), report);
        debug_assert!(applied.is_ok(), "{applied:?}");
    }

    /// A message as it is on the bus.
    pub(super) fn write(&mut self, message: &Message) -> Vec<bytes::Bytes> {
        self.writer.write(message, BYTES_MAX).unwrap_or_default()
    }

    /// Bytes of what it says now.
    pub(super) fn said(&mut self) -> u64 {
        let mut bytes = 0;
        while let Some(action) = self.node.next_action() {
            if let Action::Send { message, .. } = action {
                bytes += self
                    .write(&message)
                    .iter()
                    .map(|part| part.len() as u64)
                    .sum::<u64>();
            }
        }
        bytes
    }
}

fn route(page: u64) -> String {
    format!("/section-{:02}/page-{:03}", page / 100, page % 100)
}

/// A connection of the sample.
fn row(slot: u32) -> (u32, Option<Row>) {
    let key = ConnectionKey {
        shard: 0,
        slot,
        generation: 1,
    };
    let row = Row {
        node: None,
        key,
        version: "v1".into(),
        route: Some(route(slot.into()).into()),
        ip: None,
        hidden: false,
    };
    (slot, Some(row))
}
