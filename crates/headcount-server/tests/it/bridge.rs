//! Bridges, as an app server sees them.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use headcount_server::{Config, ConnectionsQuery, Limits, clock};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::app_server::Bridge;
use crate::client::{Answer, Ask, BOTH, PATIENCE, Tab, Transport, Visit, ask, eventually};
use crate::nodes;
use crate::server::{Door, Server, config};

const ALL: &str = "hooks=open,route,close";

fn start(config: Config) -> Server {
    Server::build(Door::Own, config, |builder| builder)
}

/// A server whose app decides who may see stats.
fn asking(limits: Limits) -> Server {
    start(config().with(|config| {
        config.authorize_bridge = true;
        config.limits = limits;
    }))
}

fn answer(server: &Server, ask: &Value, admitted: bool) {
    let body = json!({"answers": [{"ask": ask["ask"], "admitted": admitted}]});
    let answer = server.admin(Ask::post("/api/admin/bridge/answers", &body));
    assert_eq!(answer.json(), json!({"taken": 1, "unknown": 0}));
}

/// A question for stats by POST: of the browser that opened this stream, with other cookies now.
fn subscribe_anew(server: &Server, tab: &Tab, cookie: &str) -> Answer {
    let (_, rest) = tab.head.split_once("headcount_browser=").unwrap();
    let browser: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
    let request = Ask::post("/__skew/subscribe-stats", &json!({"connectionId": tab.id}));
    let cookies = format!("headcount_browser={browser}; {cookie}");
    ask(server.address, &request.header("cookie", cookies))
}

/// Ends the background work, also if a test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Every open connection, as the admin API lists them.
fn listed(server: &Server) -> BTreeMap<String, (String, String)> {
    let mut all = BTreeMap::new();
    let mut cursor = None;
    loop {
        let mut query = ConnectionsQuery::first(1_000);
        query.cursor = cursor;
        let page = server
            .runtime
            .block_on(server.headcount.connections(query))
            .unwrap()
            .unwrap();
        for row in page.connections {
            all.insert(row.id, (row.version, row.route.unwrap_or_default()));
        }
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

#[test]
fn a_bridge_begins_with_what_is_open_and_goes_on_with_what_happens() {
    for transport in BOTH {
        let config = config().with(|config| config.ip_tracking = true);
        let server = start(config);
        let mut first = Visit::new(transport, "/a").version("b0").open(server.address);
        let mut bridge = Bridge::open(server.address, ALL);
        let open = json!({"type": "open", "id": first.id, "version": "b0", "route": "/a", "ip": "127.0.0.1", "replay": true});
        assert_eq!(bridge.next(), open);
        assert_eq!(bridge.next(), json!({"type": "ready"}));
        first.navigate("/b");
        assert_eq!(
            bridge.next(),
            json!({"type": "route-update", "id": first.id, "route": "/b"})
        );
        let second = Visit::new(transport, "/c").version("b1").open(server.address);
        let open =
            json!({"type": "open", "id": second.id, "version": "b1", "route": "/c", "ip": "127.0.0.1"});
        assert_eq!(bridge.next(), open);
        let id = first.id.clone();
        drop(first);
        assert_eq!(bridge.next(), json!({"type": "close", "id": id}));
    }
}

#[test]
fn a_bridge_is_told_what_it_asked_for_alone() {
    let server = start(config());
    let mut tab = Visit::new(Transport::WebSocket, "/a").open(server.address);
    let mut closes = Bridge::open(server.address, "hooks=close");
    let mut moves = Bridge::open(server.address, "hooks=route");
    assert_eq!(closes.next()["type"], "ready");
    assert_eq!(moves.next()["type"], "ready");
    tab.navigate("/b");
    assert_eq!(moves.next()["route"], "/b");
    let id = tab.id.clone();
    drop(tab);
    assert_eq!(closes.next(), json!({"type": "close", "id": id}));
}

#[test]
fn what_comes_and_goes_while_a_bridge_opens_is_known_as_it_is_in_the_end() {
    let server = start(config());
    // More than a slice on each of the two shards.
    let mut resting: Vec<Tab> = (0..1_300)
        .map(|number| Visit::new(Transport::Sse, &format!("/r{}", number % 7)).open(server.address))
        .collect();
    let over = AtomicBool::new(false);
    let (address, is_over) = (server.address, &over);
    thread::scope(|scope| {
        for worker in 0..3 {
            scope.spawn(move || {
                let mut tabs: Vec<Tab> = Vec::new();
                let mut step = 0_usize;
                while !is_over.load(Ordering::Acquire) {
                    step += 1;
                    let transport = BOTH[step % 2];
                    match step % 5 {
                        0 | 1 => tabs.push(Visit::new(transport, &format!("/{worker}/{step}")).open(address)),
                        2 if tabs.len() > 20 => drop(tabs.swap_remove(step % tabs.len())),
                        _ => {
                            let count = tabs.len();
                            if let Some(tab) = tabs.get_mut(step % count.max(1)) {
                                tab.navigate(&format!("/{worker}/moved/{step}"));
                            }
                        }
                    }
                }
            });
        }
        let ends = Ends(is_over);
        let bridges: Vec<_> = (0..4)
            .map(|_| {
                // Closed ones leave slots before the cursor, to which others then come.
                drop(resting.swap_remove(resting.len() / 2));
                let mut bridge = Bridge::open(address, ALL);
                bridge.next_of("ready");
                bridge
            })
            .collect();
        drop(ends);
        drop(resting.split_off(700));
        for mut bridge in bridges {
            server.await_total(700);
            let expected = listed(&server);
            assert_eq!(expected.len(), 700);
            while bridge.known != expected {
                bridge.next();
            }
            assert_eq!(bridge.surprises, Vec::<Value>::new());
        }
    });
}

#[test]
fn a_reader_that_falls_behind_is_cut_off_and_comes_back_to_a_beginning() {
    // 4,000 bytes a line: so the buffers of sockets, the pieces that wait for them and the queues hold fewer lines than there are.
    let server = start(config().with(|config| {
        config.limits = Limits::default().with(|limits| {
            limits.hook_events_max = 16;
            limits.route_bytes_max = 4_096;
            limits.message_bytes_max = 8_192;
        });
    }));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&server.address.into()).unwrap();
    let socket: TcpStream = socket.into();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut slow = Bridge::open_on(socket, server.address, ALL);
    slow.next_of("ready");
    let long = "x".repeat(4_000);
    let mut tabs: Vec<Tab> = (0..120)
        .map(|_| Visit::new(Transport::WebSocket, "/").open(server.address))
        .collect();
    for step in 0..50 {
        for tab in &mut tabs {
            tab.navigate(&format!("/{step}/{long}"));
        }
    }
    server.await_route(&format!("/49/{long}"), 120);
    let mut last = Value::Null;
    let end = clock::now() + PATIENCE;
    while let Some(line) = slow.next_or_end() {
        assert!(clock::now() < end, "the reader keeps up");
        last = line;
    }
    assert_eq!(last, json!({"type": "lagged"}));
    let mut again = Bridge::open(server.address, ALL);
    again.next_of("ready");
    assert_eq!(again.known, listed(&server));
}

#[test]
fn of_bridges_that_share_one_is_told_until_it_ends_and_then_the_next() {
    let server = start(config());
    let one = "hooks=open&mode=one&app=shop";
    let mut first = Bridge::open(server.address, one);
    assert_eq!(first.next()["type"], "ready");
    let mut second = Bridge::open(server.address, one);
    let mut other_app = Bridge::open(server.address, "hooks=open&mode=one&app=blog");
    let mut each = Bridge::open(server.address, "hooks=open&mode=each&app=shop");
    for bridge in [&mut other_app, &mut each] {
        assert_eq!(bridge.next()["type"], "ready");
    }
    let tab = Visit::new(Transport::Sse, "/a").open(server.address);
    for bridge in [&mut first, &mut other_app, &mut each] {
        assert_eq!(bridge.next()["id"], json!(tab.id));
    }
    drop(first);
    // Nothing came before that.
    assert_eq!(second.next(), json!({"type": "hello", "standby": false}));
    assert_eq!(second.next()["id"], json!(tab.id));
    assert_eq!(second.next()["type"], "ready");
}

#[test]
fn messages_reach_their_tabs_in_order_thousands_at_once() {
    let server = start(config());
    let mut tabs = BOTH.map(|transport| Visit::new(transport, "/").open(server.address));
    let gone = Visit::new(Transport::Sse, "/").open(server.address);
    let gone_id = gone.id.clone();
    drop(gone);
    server.await_total(2);
    let mut messages: Vec<Value> = (0..4_000)
        .map(|number| json!({"id": tabs[number % 2].id, "data": {"type": "news", "number": number}}))
        .collect();
    messages.push(json!({"id": gone_id, "data": {"type": "news"}}));
    messages.push(json!({"id": "nobody", "data": {"type": "news"}}));
    messages.push(json!({"id": tabs[0].id, "data": {"type": "news", "text": "x".repeat(70_000)}}));
    let answer = server.admin(Ask::post(
        "/api/admin/bridge/messages",
        &json!({"messages": messages}),
    ));
    assert_eq!(answer.json(), json!({"sent": 4_000, "unknown": 2, "refused": 1}));
    for (first, tab) in tabs.iter_mut().enumerate() {
        for number in (first..4_000).step_by(2) {
            assert_eq!(tab.next_of("news")["number"], number);
        }
    }
}

#[test]
fn the_app_says_over_its_bridge_who_sees_stats() {
    let server = asking(Limits::default());
    let mut app = Bridge::open(server.address, "hooks=authorize");
    for transport in BOTH {
        let mut admin = Visit::new(transport, "/")
            .cookie("sid=1")
            .cookie("theme=dark")
            .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0")
            .open(server.address);
        admin.subscribe();
        let asked = app.next_of("authorize");
        assert_eq!(asked["id"], json!(admin.id));
        assert_eq!(asked["headers"]["cookie"], "sid=1; theme=dark", "{transport:?}");
        if transport == Transport::WebSocket {
            assert_eq!(
                asked["headers"]["user-agent"],
                "Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0"
            );
        }
        answer(&server, &asked, true);
        assert_eq!(admin.next()["type"], "stats");

        // The app may admit by something else than what a browser shows.
        let mut stranger = Visit::new(transport, "/").open(server.address);
        stranger.subscribe();
        let asked = app.next_of("authorize");
        assert_eq!(asked["headers"]["cookie"], Value::Null);
        answer(&server, &asked, false);
        assert_eq!(stranger.next()["type"], "stats-unauthorized");
    }
}

#[test]
fn a_question_waits_for_an_app_that_is_away_and_goes_to_another_one_when_it_leaves() {
    let server = asking(Limits::default());
    let mut admin = Visit::new(Transport::WebSocket, "/").open(server.address);
    admin.subscribe();
    let mut first = Bridge::open(server.address, "hooks=authorize");
    first.next_of("authorize");
    let mut second = Bridge::open(server.address, "hooks=authorize");
    drop(first);
    let asked = second.next_of("authorize");
    // It may have been asked once when it came and once more when the other one left: the last question counts.
    let body = json!({"answers": [{"ask": asked["ask"], "admitted": true}]});
    if server.admin(Ask::post("/api/admin/bridge/answers", &body)).json()["taken"] == 0 {
        let asked = second.next_of("authorize");
        answer(&server, &asked, true);
    }
    assert_eq!(admin.next()["type"], "stats");
}

#[test]
fn without_an_answer_in_time_nobody_is_admitted() {
    let server = asking(Limits::default().with(|limits| limits.bridge_answer_ms = 50));
    let mut tab = Visit::new(Transport::WebSocket, "/").open(server.address);
    tab.subscribe();
    assert_eq!(tab.next()["type"], "stats-unauthorized");
    assert_eq!(
        server.metric("headcount_subscribed_total{kind=\"unavailable\"}"),
        1
    );
    let mut silent = Bridge::open(server.address, "hooks=authorize");
    tab.subscribe();
    let asked = silent.next_of("authorize");
    assert_eq!(tab.next()["type"], "stats-unauthorized");
    let late = json!({"answers": [{"ask": asked["ask"], "admitted": true}]});
    let is_late = || {
        let answer = server.admin(Ask::post("/api/admin/bridge/answers", &late));
        answer.json() == json!({"taken": 0, "unknown": 1})
    };
    if nodes::are_several() {
        // The node of the bridge was asked a moment later than the tab asked, and waits until a moment later. That admits nobody.
        eventually("it is too late", || is_late().then_some(()));
    } else {
        assert!(is_late());
    }
    server.mark(&tab.id);
    assert!(tab.until("marker").is_empty());
}

#[test]
fn a_cookie_that_the_app_took_back_loses_its_streams_at_once_and_another_one_gets_them() {
    let server = asking(Limits::default());
    let mut app = Bridge::open(server.address, "hooks=authorize");
    for transport in BOTH {
        let mut admin = Visit::new(transport, "/")
            .cookie(&format!("sid={transport:?}"))
            .open(server.address);
        admin.subscribe();
        let asked = app.next_of("authorize");
        answer(&server, &asked, true);
        assert_eq!(admin.next()["type"], "stats");
        let ended = json!({"cookies": [format!("sid={transport:?}")]});
        let answered = server.admin(Ask::post("/api/admin/bridge/ended", &ended));
        assert_eq!(answered.json(), nodes::ended());
        admin.until("stats-unauthorized");
        admin.subscribe();
        assert_eq!(admin.next()["type"], "stats-unauthorized", "{transport:?}");
        // The same browser, after it signed in again.
        let posted = subscribe_anew(&server, &admin, &format!("sid=new-{transport:?}"));
        assert_eq!(posted.json(), json!({"ok": true}));
        let asked = app.next_of("authorize");
        assert!(
            asked["headers"]["cookie"]
                .as_str()
                .unwrap()
                .contains(&format!("sid=new-{transport:?}"))
        );
        answer(&server, &asked, true);
        assert_eq!(admin.next()["type"], "stats", "{transport:?}");
    }
}

#[test]
fn a_bridge_opens_for_the_secret_alone_and_for_hooks_that_exist() {
    let server = start(
        config().with(|config| config.limits = Limits::default().with(|limits| limits.bridges_max = 1)),
    );
    assert_eq!(ask(server.address, &Ask::get("/api/admin/bridge")).status, 401);
    for endpoint in ["messages", "answers", "ended"] {
        let request = Ask::post(format!("/api/admin/bridge/{endpoint}"), "{}");
        assert_eq!(ask(server.address, &request).status, 401, "{endpoint}");
        assert_eq!(server.admin(request).code(), "invalid-body", "{endpoint}");
    }
    for query in ["hooks=opens", "mode=some", "what=1"] {
        let answer = server.admin(Ask::get(format!("/api/admin/bridge?{query}")));
        assert_eq!(answer.code(), "invalid-query", "{query}");
    }
    // The limit is one of each node.
    let bridges: Vec<_> = (0..*nodes::COUNT)
        .map(|_| Bridge::open(server.address, ALL))
        .collect();
    assert_eq!(server.admin(Ask::get("/api/admin/bridge")).code(), "full");
    assert_eq!(server.metric("headcount_bridges"), *nodes::COUNT as u64);
    drop(bridges);
    eventually("the bridge is gone", || {
        (server.metric("headcount_bridges") == 0).then_some(())
    });
}

#[test]
fn bridges_end_with_the_server_those_that_wait_too() {
    let mut server = start(config());
    let tab = Visit::new(Transport::Sse, "/").open(server.address);
    let mut bridges =
        ["mode=one", "mode=one", "hooks=authorize"].map(|query| Bridge::open(server.address, query));
    bridges[0].next_of("ready");
    server.stop();
    // Where all nodes end at once, the bridge may end before it hears of the tab of another one.
    if !nodes::are_several() {
        assert_eq!(bridges[0].next(), json!({"type": "close", "id": tab.id}));
    }
    for bridge in &mut bridges {
        while bridge.next_or_end().is_some() {}
    }
    server.join();
}

#[test]
fn a_bridge_at_rest_says_that_it_is_there() {
    let server = start(config());
    let mut socket = crate::client::connect(server.address);
    let request = Ask::get("/api/admin/bridge").bearer(crate::server::SECRET);
    std::io::Write::write_all(&mut socket, request.text(server.address, "keep-alive").as_bytes()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut text = String::new();
    while !text.contains("keepalive") {
        let mut piece = [0; 1_024];
        let read = std::io::Read::read(&mut socket, &mut piece).unwrap();
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
}
