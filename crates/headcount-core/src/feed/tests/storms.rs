//! The state from deltas equals that of a whole message, whatever happens on the shards, and whenever readers come and fall
//! behind.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Client, cipher, value};
use crate::connection::ConnectionKey;
use crate::feed::{Feed, Follower, Pace};
use crate::invalidation::Standing;
use crate::limits::Limits;
use crate::registry::{Opening, Registry};
use crate::stats::{Form, Incarnation, Reporter, Row, SourceId};

const SHARDS: usize = 2;
const ROUTES: [&str; 4] = ["/", "/a", "/b", "/__proto__"];

#[derive(Clone, Debug)]
enum Op {
    Open {
        shard: usize,
        route: usize,
        hidden: bool,
    },
    Close(usize),
    Navigate(usize, usize),
    Sight(usize, bool),
    Report(usize),
    /// A report that is lost on its way.
    Miss(usize),
    Lose(usize),
    Subscribe(usize, Form),
    /// A reader is behind at the next tick, or has caught up.
    Behind(usize, bool),
    /// Forms whose bits are set get their message later.
    Tick {
        later: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let number = 0..1_000_usize;
    let form = prop::sample::select(Form::ALL.to_vec());
    prop_oneof![
        4 => (0..SHARDS, 0..ROUTES.len(), any::<bool>()).prop_map(|(shard, route, hidden)| Op::Open { shard, route, hidden }),
        2 => number.clone().prop_map(Op::Close),
        4 => (number.clone(), 0..ROUTES.len()).prop_map(|(tab, route)| Op::Navigate(tab, route)),
        2 => (number.clone(), any::<bool>()).prop_map(|(tab, hidden)| Op::Sight(tab, hidden)),
        6 => (0..SHARDS).prop_map(Op::Report),
        1 => (0..SHARDS).prop_map(Op::Miss),
        1 => (0..SHARDS).prop_map(Op::Lose),
        3 => (number.clone(), form).prop_map(|(tab, form)| Op::Subscribe(tab, form)),
        2 => (number, any::<bool>()).prop_map(|(reader, behind)| Op::Behind(reader, behind)),
        5 => prop_oneof![3 => Just(0), 1 => 0_u8..8].prop_map(|later| Op::Tick { later }),
    ]
}

#[derive(Debug)]
struct Reader {
    key: ConnectionKey,
    follower: Follower,
    client: Client,
    behind: bool,
}

struct World {
    shards: Vec<(Registry<()>, Reporter)>,
    feed: Feed,
    open: Vec<ConnectionKey>,
    readers: Vec<Reader>,
}

impl World {
    fn new() -> Self {
        let limits = Limits {
            stats_connections_max: 3,
            routes_max: 3,
            ..Limits::default()
        };
        let standing = Arc::new(Standing::default());
        let shard = |number| {
            let registry = Registry::new(number, true, &limits, Arc::clone(&standing));
            (registry, Reporter::new(Incarnation(0)))
        };
        Self {
            shards: vec![shard(0), shard(1)],
            feed: Feed::new(limits.stats_connections_max),
            open: Vec::new(),
            readers: Vec::new(),
        }
    }

    fn act(&mut self, op: &Op) {
        match *op {
            Op::Open { shard, route, hidden } => {
                let opening = Opening {
                    version: ["v1", "v2"][route % 2],
                    route: ROUTES[route],
                    hidden,
                    ..Opening::default()
                };
                self.open.push(self.shards[shard].0.open(&opening, ()));
            }
            Op::Close(tab) => {
                if let Some(key) = self.pick(tab) {
                    self.open.retain(|open| *open != key);
                    self.readers.retain(|reader| reader.key != key);
                    self.shards[usize::from(key.shard)].0.close(key.slot);
                }
            }
            Op::Navigate(tab, route) => {
                if let Some(key) = self.pick(tab) {
                    self.shards[usize::from(key.shard)]
                        .0
                        .navigate(key.slot, ROUTES[route]);
                }
            }
            Op::Sight(tab, hidden) => {
                if let Some(key) = self.pick(tab) {
                    self.shards[usize::from(key.shard)].0.set_hidden(key.slot, hidden);
                }
            }
            Op::Report(shard) => {
                let source = SourceId(u32::try_from(shard).unwrap());
                self.feed.heartbeat(source, self.shards[shard].1.stamp());
                let (registry, reporter) = &mut self.shards[shard];
                if self.feed.sum().lacking().any(|lacking| lacking == source) {
                    let whole = reporter.whole(registry.whole());
                    assert!(self.feed.apply(source, whole).is_ok());
                } else {
                    let report = reporter.changes(registry.take_changes());
                    assert!(self.feed.apply(source, report).is_ok());
                }
            }
            Op::Miss(shard) => {
                let (registry, reporter) = &mut self.shards[shard];
                reporter.changes(registry.take_changes());
            }
            Op::Lose(shard) => {
                self.feed.lose(SourceId(u32::try_from(shard).unwrap()));
            }
            Op::Subscribe(tab, form) => self.subscribe(tab, form),
            Op::Behind(reader, behind) => self.set_behind(reader, behind),
            Op::Tick { later } => self.tick(later),
        }
    }

    fn pick(&self, number: usize) -> Option<ConnectionKey> {
        self.open.get(number % self.open.len().max(1)).copied()
    }

    fn row(&self, key: ConnectionKey) -> Row {
        self.shards[usize::from(key.shard)].0.row(key.slot).unwrap()
    }

    fn subscribe(&mut self, tab: usize, form: Form) {
        let Some(key) = self.pick(tab) else { return };
        self.readers.retain(|reader| reader.key != key);
        let mut reader = Reader {
            key,
            follower: Follower::new(form),
            client: Client::default(),
            behind: false,
        };
        self.begin(&mut reader);
        self.readers.push(reader);
    }

    fn begin(&mut self, reader: &mut Reader) {
        let message = self.feed.snapshot(reader.follower.form(), &cipher());
        let text = reader.follower.begin(&message, &self.row(reader.key), &cipher());
        assert!(reader.client.read(&value(&text.unwrap())));
    }

    fn set_behind(&mut self, reader: usize, behind: bool) {
        let count = self.readers.len();
        if count == 0 {
            return;
        }
        let mut reader = self.readers.swap_remove(reader % count);
        reader.behind = behind;
        if !behind && reader.follower.needs_whole() {
            self.begin(&mut reader);
        }
        self.readers.push(reader);
    }

    fn tick(&mut self, later: u8) {
        let forms: Vec<Form> = self.readers.iter().map(|reader| reader.follower.form()).collect();
        let is_later = |form: Form| later & (1 << form as u8) != 0;
        let pace = |form| match forms.contains(&form) {
            false => Pace::Unread,
            true if is_later(form) => Pace::Later,
            true => Pace::Now,
        };
        let tick = self.feed.tick_paced(pace, &cipher());
        for mut reader in std::mem::take(&mut self.readers) {
            let row = self.row(reader.key);
            let heard = reader.follower.hears(&tick);
            if heard && reader.behind {
                reader.follower.miss();
            } else if heard {
                let text = reader.follower.go_on(&tick, &row, &cipher());
                let message = value(&text.expect("consecutive"));
                assert!(reader.client.read(&message), "a gap before {message}");
            }
            if !reader.follower.needs_whole() && !is_later(reader.follower.form()) {
                self.compare(&reader, heard);
            }
            self.readers.push(reader);
        }
    }

    /// What the client made of its messages is what a whole message says now.
    fn compare(&mut self, reader: &Reader, heard: bool) {
        let mut fresh = Reader {
            key: reader.key,
            follower: Follower::new(reader.follower.form()),
            client: Client::default(),
            behind: false,
        };
        self.begin(&mut fresh);
        let (mut expected, mut known) = (fresh.client, reader.client.clone());
        if !heard {
            // A reader beyond the list that moved alone, and was not reported yet: it is told with the next message.
            let id = expected.your_id.clone();
            expected.connections.remove(&id);
            known.connections.remove(&id);
        }
        assert_eq!(known, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn deltas_lead_to_what_a_whole_message_says(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        for op in &ops {
            world.act(op);
        }
    }
}
