//! The parts of a shard together, without a socket: tabs are reached over queues, and the server around them is a value.

mod clients;
mod deliveries;
mod ends;
mod subscribers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use headcount_core::connection::{ConnectionKey, IdCipher, NodeId};
use headcount_core::epoch::Epoch;
use headcount_core::invalidation::Standing;
use headcount_core::limits::Limits;
use headcount_core::protocol::client::Reloaded;
use headcount_core::registry::Registry;
use tokio::sync::mpsc;

use crate::arrive::Connections;
use crate::census::{Census, Seat};
use crate::credentials::Credentials;
use crate::decision::Decision;
use crate::deliver::Deliveries;
use crate::guests::Guests;
use crate::judgement::Judgement;
use crate::link::{self, FarEnd};
use crate::mail::{Arrival, NewLink};
use crate::mark::Mark;
use crate::meters::Meters;
use crate::newcomer::{Newcomer, Transport};
use crate::outlets::{AuthorizeJob, Outlets, ShardEvent, Subscribing};
use crate::readers::Readers;
use crate::receive::Clients;
use crate::roll::Roll;
use crate::surroundings::{Asking, Surroundings, Terms};
use crate::table::Table;
use crate::tabs::Tabs;
use crate::wire::Wire;

const UNIX_MS: u64 = 1_700_000_000_000;

/// A server that says the same whenever it is asked.
#[derive(Debug)]
struct Server(Option<Decision>);

impl Surroundings for Server {
    fn unix_ms(&self) -> u64 {
        UNIX_MS
    }

    fn steady_ms(&self) -> u64 {
        0
    }

    fn judge(&self, _: &[u8], _: SocketAddr, _: &Meters) -> Judgement {
        Judgement::HandOver
    }

    fn decide(&self, _: &AuthorizeJob) -> Option<Decision> {
        self.0
    }

    fn mark(&self, shown: &Credentials) -> Mark {
        Mark::of(shown.bytes() as u64)
    }

    fn guests_max(&self) -> usize {
        9
    }

    fn run(&self, _: &str, run: Box<dyn FnOnce() -> std::io::Result<()> + Send>) {
        run().unwrap();
    }
}

/// The connections of a shard, and what the hub hears of them.
struct Shard {
    connections: Connections,
    reports: mpsc::Receiver<ShardEvent>,
    subscribing: mpsc::Receiver<Subscribing>,
}

/// A tab, as its browser sees it.
struct Tab {
    key: ConnectionKey,
    queue: FarEnd,
}

/// Nothing stands, in the epoch of these tests.
fn standing() -> Standing {
    let mut standing = Standing::default();
    standing.epoch = Some(Epoch::new(5));
    standing
}

impl Shard {
    fn new() -> Self {
        Self::with(&Limits::default(), None)
    }

    /// A shard whose authorizers say this at once.
    fn with(limits: &Limits, decision: Option<Decision>) -> Self {
        let (reports, report_queue) = mpsc::channel(64);
        let (subscribing, subscribing_queue) = mpsc::channel(64);
        let (handoff, _) = mpsc::channel(1);
        let standing = Arc::new(standing());
        let terms = Terms {
            shards: 1,
            limits: limits.clone(),
            route_tracking: true,
            cipher: IdCipher::new([7; 16], NodeId(1)),
            is_joined: false,
            asking: Asking {
                is_open: true,
                without_credentials: true,
                same_browser: false,
            },
            census: Arc::new(Census::new(1_000, 0)),
            spare: Arc::default(),
            full_answer: b"",
            server: Arc::new(Server(decision)),
        };
        let tabs = Tabs {
            number: 0,
            terms: Arc::new(terms),
            meters: Arc::default(),
            table: Table::new(
                Registry::new(0, true, limits, standing),
                Arc::new(Roll::new(limits.connections_max)),
            ),
            wire: Wire::new(mio::Poll::new().unwrap(), limits.outbox_bytes_max),
            guests: Guests::default(),
            readers: Readers::new(Arc::default()),
            outlets: Outlets {
                reports,
                subscribing,
                witness: crate::Witness::default(),
                handoff,
            },
            now_ms: 0,
        };
        Self {
            connections: Connections {
                tabs,
                deliveries: Deliveries::default(),
                clients: Clients::default(),
                drain: None,
            },
            reports: report_queue,
            subscribing: subscribing_queue,
        }
    }

    fn tabs(&mut self) -> &mut Tabs {
        &mut self.connections.tabs
    }

    /// A tab opens on this page, and was greeted.
    fn open(&mut self, route: &str) -> Tab {
        self.arrive(newcomer(route))
    }

    fn arrive(&mut self, newcomer: Newcomer) -> Tab {
        let (link, queue) = link::queue();
        let place = Seat::take(&self.tabs().terms.census, None).unwrap();
        self.connections.arrive(Arrival {
            newcomer,
            place,
            link: NewLink::Remote(link),
            greeting: Vec::new(),
            early: Vec::new(),
        });
        let tab = Tab {
            key: queue.key().unwrap(),
            queue,
        };
        let told = tab.told();
        assert!(told.starts_with("id: "), "{told}");
        assert!(told.contains(r#"{"type":"connected""#), "{told}");
        tab
    }

    /// A client sends this text.
    fn hear(&mut self, tab: &Tab, text: &str) {
        let Connections {
            tabs,
            deliveries,
            clients,
            ..
        } = &mut self.connections;
        clients.on_text(tabs, deliveries, tab.key.slot, text);
    }

    /// Sends all that is on its way.
    fn deliver(&mut self) {
        let Connections { tabs, deliveries, .. } = &mut self.connections;
        deliveries.end_waits(tabs);
        while deliveries.is_delivering() {
            deliveries.deliver_some(tabs);
        }
    }

    fn route_of(&self, tab: &Tab) -> Option<String> {
        let table = &self.connections.tabs.table;
        let row = table.find(tab.key).and_then(|slot| table.row(slot))?;
        Some(row.route?.to_string())
    }
}

impl Tab {
    /// All that it was sent since this was last asked.
    fn told(&self) -> String {
        let mut told = Vec::new();
        while let Poll::Ready(Some(piece)) = self.queue.poll_next(&mut Context::from_waker(Waker::noop())) {
            told.extend_from_slice(&piece);
        }
        String::from_utf8(told).unwrap()
    }

    /// Whether its stream has ended.
    fn is_ended(&self) -> bool {
        let next = self.queue.poll_next(&mut Context::from_waker(Waker::noop()));
        matches!(next, Poll::Ready(None))
    }
}

fn newcomer(route: &str) -> Newcomer {
    Newcomer {
        transport: Transport::Sse,
        version: Some("v1".to_owned()),
        route: route.to_owned(),
        tab: None,
        resume: None,
        hidden: false,
        owes: false,
        reloaded: Reloaded::default(),
        ip: None,
        credentials: None,
        shown: Mark::NONE,
        browser: Mark::NONE,
    }
}
