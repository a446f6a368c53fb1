//! Subscriptions by deltas, with a client that is written from PROTOCOL.md alone.

use headcount_server::Config;
use headcount_server::Limits;
use serde_json::{Value, json};

use crate::client::{BOTH, Tab, Transport, Visit};
use crate::naive::Client;
use crate::server::{Door, Server, config};

const DELTAS: [(bool, bool); 3] = [(false, true), (true, true), (true, false)];

/// Anyone may watch, and the rate limits are out of the way.
fn open_to_all(limits: &Limits) -> Config {
    config().with(|config| {
        config.authorize_anyone = true;
        config.limits = limits.clone().with(|limits| {
            limits.messages_burst = 8_000;
            limits.messages_per_second = 8_000;
        });
    })
}

fn quick() -> Limits {
    Limits::default().with(|limits| {
        limits.tick_ms = 1;
        limits.stats_bytes_per_second = u32::MAX;
    })
}

fn form(delta: bool, connections: bool) -> Value {
    json!({"type": "subscribe-stats", "delta": delta, "connections": connections})
}

/// A subscriber and what it made of its messages.
struct Reader {
    tab: Tab,
    client: Client,
    /// Messages of each kind.
    whole: usize,
    deltas: usize,
}

impl Reader {
    fn new(server: &Server, transport: Transport, form: &Value) -> Self {
        let mut tab = Visit::new(transport, "/reader").open(server.address);
        tab.tell(form);
        let mut reader = Self {
            tab,
            client: Client::default(),
            whole: 0,
            deltas: 0,
        };
        assert_eq!(reader.read()["type"], "stats");
        reader
    }

    /// The next message, which must follow the one before.
    fn read(&mut self) -> Value {
        let message = self.tab.next();
        assert!(self.client.read(&message), "a gap before {message}");
        if message["type"] == "stats" {
            self.whole += 1;
        } else {
            self.deltas += 1;
        }
        message
    }

    fn read_until(&mut self, so: impl Fn(&Client) -> bool) {
        while !so(&self.client) {
            self.read();
        }
    }

    /// Reads on until it knows what the server knows, where nothing happens any more.
    fn read_until_it_agrees(&mut self, server: &Server) {
        let stats = server.stats();
        let (total, versions, routes) = (json!(stats.total), json!(stats.versions), json!(stats.routes));
        self.read_until(|client| {
            client.numbers[0] == total && json!(client.versions) == versions && json!(client.routes) == routes
        });
    }
}

#[test]
fn the_deltas_lead_to_the_state_whatever_happens() {
    let server = Server::start(open_to_all(
        &quick().with(|limits| limits.stats_connections_max = 8),
    ));
    let mut readers: Vec<_> = DELTAS
        .iter()
        .flat_map(|(delta, connections)| BOTH.map(|transport| (transport, form(*delta, *connections))))
        .map(|(transport, form)| Reader::new(&server, transport, &form))
        .collect();
    let mut tabs: Vec<_> = (0..12)
        .map(|number| {
            let visit = Visit::new(Transport::WebSocket, "/").version(["v1", "v2"][number % 2]);
            visit.open(server.address)
        })
        .collect();
    for number in 0..3_000_usize {
        let index = number % tabs.len();
        let tab = &mut tabs[index];
        match number % 7 {
            6 => {
                *tab = Visit::new(Transport::WebSocket, "/back")
                    .version("v2")
                    .open(server.address);
            }
            5 => {
                let state = ["visible", "hidden"][number / 7 % 2];
                tab.say(&json!({"type": "visibility", "state": state}));
            }
            _ => tab.navigate(&format!("/{}", number % 11)),
        }
    }
    for tab in &mut tabs {
        tab.say(&json!({"type": "ping"}));
        tab.next_of("pong");
    }
    // A state that none before was like: the last one.
    tabs[0].navigate("/last");
    server.await_route("/last", 1);
    server.await_total(readers.len() as u64 + 12);
    // A second subscription gets complete stats, and they equal what the deltas led to.
    for (reader, (delta, connections)) in readers.iter_mut().zip(DELTAS.iter().flat_map(|form| [form; 2])) {
        reader.read_until_it_agrees(&server);
        let known = reader.client.clone();
        reader.tab.tell(&form(*delta, *connections));
        let whole = reader.whole;
        while reader.whole == whole {
            reader.read();
        }
        assert_eq!(
            reader.client,
            Client {
                seq: reader.client.seq,
                ..known
            }
        );
        assert_eq!(reader.deltas > 20, *delta, "{}", reader.deltas);
    }
}

#[test]
fn a_reader_that_asks_again_gets_whole_stats_in_the_form_that_it_asked_for() {
    let server = Server::start(open_to_all(&quick()));
    for transport in BOTH {
        let mut reader = Reader::new(&server, transport, &json!({"type": "subscribe-stats"}));
        for (delta, connections) in [DELTAS, [DELTAS[2], DELTAS[1], DELTAS[0]]].concat() {
            reader.tab.tell(&form(delta, connections));
            let first = reader.read();
            assert_eq!(first["type"], "stats", "{first}");
            assert_eq!(first.get("seq").is_some(), delta, "{first}");
            assert_eq!(first.get("visible").is_some(), delta, "{first}");
            assert_eq!(
                first.get("connections").is_some(),
                connections || !delta,
                "{first}"
            );
            assert_eq!(first["yourId"], *reader.tab.id);
            let other = Visit::new(Transport::Sse, "/other").open(server.address);
            let kind = if delta { "stats-delta" } else { "stats" };
            reader.read_until(|client| client.routes.contains_key("/other"));
            drop(other);
            let mut last = Value::Null;
            while reader.client.routes.contains_key("/other") {
                last = reader.read();
            }
            assert_eq!(last["type"], kind);
            reader.read_until_it_agrees(&server);
        }
    }
}

/// A field that an older client sends does not make a list disappear that it needs.
#[test]
fn without_deltas_the_list_is_always_there() {
    let server = Server::start(open_to_all(&quick()));
    let mut tab = Visit::new(Transport::Sse, "/").open(server.address);
    tab.tell(&form(false, false));
    assert_eq!(tab.next()["connections"].as_array().unwrap().len(), 1);
}

#[test]
fn who_can_be_seen_is_told_to_those_who_want_deltas_only() {
    let server = Server::start(open_to_all(&quick()));
    let mut older = Reader::new(&server, Transport::WebSocket, &form(false, true));
    let mut reader = Reader::new(&server, Transport::WebSocket, &form(true, true));
    older.read_until(|client| client.numbers[0] == 2);
    let mut tab = Visit::new(Transport::Sse, "/")
        .query("visibility=hidden")
        .open(server.address);
    older.read_until(|client| client.numbers[0] == 3);
    reader.read_until(|client| client.numbers == [json!(3), json!(2)]);
    assert_eq!(reader.client.connections[&tab.id]["hidden"], true);
    for (state, visible) in [("visible", 3), ("hidden", 2), ("visible", 3)] {
        tab.tell(&json!({"type": "visibility", "state": state}));
        reader.read_until(|client| client.numbers[1] == visible);
        let row = reader.client.connections[&tab.id].get("hidden").cloned();
        assert_eq!(row, (state == "hidden").then_some(json!(true)));
        let stats = server.stats();
        assert_eq!((stats.total, stats.visible), (3, visible));
        let listed = stats.connections.iter().find(|row| row.id == tab.id).unwrap();
        assert_eq!(listed.hidden, state == "hidden");
        server.mark(&older.tab.id);
        assert_eq!(older.tab.next()["type"], "marker", "the same stats once more");
    }
}

#[test]
fn a_reader_that_fell_behind_gets_a_whole_message_and_goes_on_from_there() {
    const ROUNDS: usize = 40;
    for door in [Door::Own, Door::Wrapped] {
        let server = Server::build(door, open_to_all(&quick()), |builder| builder);
        let mut slow = Reader::new(&server, Transport::WebSocket, &form(true, false));
        let mut other = Reader::new(&server, Transport::WebSocket, &form(true, true));
        // Each round is a delta of a quarter of a megabyte: no socket buffers many of those.
        let page = |round: usize, number: usize| format!("/{round}/{number}/{}", "x".repeat(900));
        let mut tabs: Vec<_> = (0..150)
            .map(|number| Visit::new(Transport::WebSocket, &page(0, number)).open(server.address))
            .collect();
        for round in 1..=ROUNDS {
            for (number, tab) in tabs.iter_mut().enumerate() {
                tab.navigate(&page(round, number));
            }
            for number in 0..tabs.len() {
                let page = page(round, number);
                other.read_until(|client| client.routes.contains_key(&page));
            }
        }
        slow.read_until(|client| (0..150).all(|number| client.routes.contains_key(&page(ROUNDS, number))));
        slow.read_until_it_agrees(&server);
        assert!(slow.whole > 1, "{door:?}: {} deltas were kept", slow.deltas);
        // Once it has caught up, it gets changes like the others. It agrees a moment before that if it missed one more message meanwhile.
        let mut was_whole = (0..5).map(|round| {
            let (whole, page) = (slow.whole, format!("/short/{round}"));
            tabs[0].navigate(&page);
            slow.read_until(|client| client.routes.contains_key(&page));
            slow.whole > whole
        });
        assert!(was_whole.any(|was_whole| !was_whole), "{door:?}");
    }
}

#[test]
fn a_renewed_admission_goes_on_with_deltas() {
    let server = Server::start(open_to_all(&quick().with(|limits| limits.admission_ms = 100)));
    let mut tab = Visit::new(Transport::WebSocket, "/0").open(server.address);
    let mut reader = Reader::new(&server, Transport::Sse, &form(true, false));
    let mut number = 0;
    while server.metric("headcount_subscribed_total{kind=\"admitted\"}") < 3 {
        number += 1;
        tab.navigate(&format!("/{number}"));
        reader.read();
    }
    reader.read_until(|client| client.routes.contains_key(&format!("/{number}")));
    assert_eq!(reader.whole, 1);
    reader.read_until_it_agrees(&server);
}

#[test]
fn invalid_options_subscribe_nobody() {
    let server = Server::start(open_to_all(&quick()));
    let mut sse = Visit::new(Transport::Sse, "/").open(server.address);
    let mut websocket = Visit::new(Transport::WebSocket, "/").open(server.address);
    for wrong in [json!(1), json!("true"), json!(null), json!([]), json!({})] {
        for option in ["delta", "connections"] {
            let mut message = json!({"type": "subscribe-stats", "connectionId": sse.id});
            message[option] = wrong.clone();
            assert_eq!(sse.post("subscribe-stats", &message).status, 400, "{message}");
            assert_eq!(
                sse.post("message", &message).json(),
                json!({"ok": false}),
                "{message}"
            );
            websocket.say(&message);
        }
    }
    for tab in [&mut sse, &mut websocket] {
        tab.tell(&json!({"type": "ping"}));
        assert_eq!(tab.next(), json!({"type": "pong"}));
    }
    assert_eq!(server.metric("headcount_subscribers"), 0);
    let body = json!({"connectionId": sse.id, "delta": true, "connections": false, "later": 7});
    assert_eq!(sse.post("subscribe-stats", &body).json(), json!({"ok": true}));
    assert_eq!(sse.next()["seq"], 1);
}
