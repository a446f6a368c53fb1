//! One scripted session, over every door and transport: whichever way a tab comes in, it is the same tab.

use std::sync::mpsc::{Receiver, sync_channel};

use headcount_server::Hooks;
use serde_json::{Value, json};
use tungstenite::Message;

use crate::client::{Ask, PATIENCE, Tab, Transport, Visit, ask};
use crate::nodes;
use crate::server::{Door, Server, admins, config};

/// Messages sent to a tab at once, which is slow to read them: some hundred kilobytes.
const MESSAGES: u32 = 3_000;

/// What a hook saw, in one line.
type Seen = Receiver<String>;

/// The way of one tab into the server.
#[derive(Clone, Copy)]
struct Way {
    door: Door,
    transport: Transport,
    page_first: bool,
}

macro_rules! over {
    ($($name:ident: $door:ident $transport:ident $page_first:expr;)*) => {
        $(#[test]
        fn $name() {
            session(Way { door: Door::$door, transport: Transport::$transport, page_first: $page_first });
        })*
    };
}

over! {
    lean_sse: Own Sse false;
    lean_websocket: Own WebSocket false;
    sse_after_a_page_on_the_same_connection: Own Sse true;
    websocket_after_a_page_on_the_same_connection: Own WebSocket true;
    axum_sse: Axum Sse false;
    axum_websocket_adopted: Axum WebSocket false;
    axum_websocket_adopted_after_a_page: Axum WebSocket true;
    wrapped_sse: Wrapped Sse false;
    websocket_as_a_task: Wrapped WebSocket false;
}

fn session(way: Way) {
    let (server, seen) = start(way.door);
    let mut tab = opens(way, &server, &seen);
    navigates(&mut tab, &server, &seen);
    ignores_what_is_wrong(&mut tab, &server);
    watches(&mut tab, way, &server, &seen);
    is_told_once(&mut tab, &server);
    gets_messages_in_order(&tab, &server);
    in_order(&mut tab);
    closes(tab, &server, &seen);
    // A node lets go of a page that comes back to another one, and soon: `cluster::counts` looks at that.
    if *nodes::COUNT == 1 {
        is_replaced(way, &server);
    }
    watches_by_deltas(way, &server);
    comes_back(way, &server);
    says_everything_by_message(way, &server);
}

/// A tab that was away during a command is told when it reconnects, over any transport, and only then.
fn comes_back(way: Way, server: &Server) {
    let back = |since: &str| {
        let tab = visit(way, "/checkout").query(&format!("since={since}"));
        tab.open(server.address)
    };
    let away = visit(way, "/checkout").open(server.address);
    let resume = away.resume.clone();
    let before = server.stats().total;
    drop(away);
    server.await_total(before - 1);
    let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}, "audience": "all"}));
    assert_eq!(rule["tabs"], 0);
    let mut returned = back(&resume);
    let told = returned.next_of("version");
    assert_eq!((&told["id"], &told["force"]), (&rule["id"], &json!(true)));
    let mut again = back(&returned.resume);
    server.mark(&again.id);
    let forced = |message: &Value| message["force"] == true;
    assert!(!again.until("marker").iter().any(forced), "told twice");
    // As is the page that then comes back with what its `connected` said.
    let mut third = back(&again.resume);
    server.mark(&third.id);
    assert!(!third.until("marker").iter().any(forced), "told thrice");
}

fn says_everything_by_message(way: Way, server: &Server) {
    let mut tab = visit(way, "/said")
        .query("visibility=hidden")
        .open(server.address);
    tab.tell(&json!({"type": "route-update", "route": "/said/so"}));
    server.await_route("/said/so", 1);
    tab.tell(&json!({"type": "subscribe-stats"}));
    tab.next_of("stats");
    tab.tell(&json!({"type": "ping"}));
    assert_eq!(tab.next_of("pong"), json!({"type": "pong"}));
    tab.tell(&json!({"type": "a-later-revision"}));
    if way.transport == Transport::Sse {
        for (wrong, answer) in [
            (json!({"type": "ping"}), false),
            (
                json!({"type": "ping", "connectionId": "AAAAAAAAAAAAAAAAAAAAAA"}),
                false,
            ),
            (json!({"connectionId": tab.id}), false),
            (
                json!({"type": "route-update", "connectionId": tab.id, "route": "no route"}),
                false,
            ),
            (json!({"type": "ping", "connectionId": tab.id}), true),
        ] {
            assert_eq!(
                tab.post("message", &wrong).json(),
                json!({"ok": answer}),
                "{wrong}"
            );
        }
    }
}

fn start(door: Door) -> (Server, Seen) {
    let (sender, seen) = sync_channel(1_000);
    let hooks = || {
        let [opened, moved, closed] = [(); 3].map(|()| sender.clone());
        Hooks::new()
            .on_open(move |event| {
                let route = event.route.as_deref().unwrap_or("-");
                let line = format!("open {} {} {route} {:?}", event.id, event.version, event.ip);
                opened.send(line).unwrap();
                event
                    .tab
                    .send(&json!({"type": "welcome", "to": event.version}))
                    .unwrap();
            })
            .on_route_update(move |event| moved.send(format!("route {} {}", event.id, event.route)).unwrap())
            .on_close(move |event| closed.send(format!("close {}", event.id)).unwrap())
    };
    let server = Server::build(door, config(), |builder| {
        builder.authorizer(admins()).hooks(hooks())
    });
    (server, seen)
}

fn visit(way: Way, route: &str) -> Visit {
    let visit = Visit::new(way.transport, route)
        .version("build-0")
        .cookie("sid=admin");
    if way.page_first {
        visit.page_first("/healthz")
    } else {
        visit
    }
}

fn opens(way: Way, server: &Server, seen: &Seen) -> Tab {
    let mut tab = visit(way, "/check%20out?step=1#top").open(server.address);
    assert_eq!(tab.connected["version"], "v1");
    assert_eq!(tab.id.len(), 22);
    assert!(tab.connected["timestamp"].as_u64().is_some(), "{}", tab.connected);
    let stats = server.stats();
    assert_eq!(stats.total, 1);
    assert_eq!(json!(stats.versions), json!({"build-0": 1}));
    assert_eq!(json!(stats.routes), json!({"/check out": 1}));
    assert_eq!(stats.connections[0].id, tab.id);
    assert_eq!(
        seen.recv_timeout(PATIENCE).unwrap(),
        format!("open {} build-0 /check out None", tab.id)
    );
    assert_eq!(tab.next(), json!({"type": "welcome", "to": "build-0"}));
    tab
}

fn navigates(tab: &mut Tab, server: &Server, seen: &Seen) {
    // The word `ping` in a message is not a ping.
    tab.navigate("/shopping?q=1");
    server.await_route("/shopping", 1);
    assert_eq!(
        seen.recv_timeout(PATIENCE).unwrap(),
        format!("route {} /shopping", tab.id)
    );
    // Where it is already: no news.
    tab.navigate("/shopping");
    tab.navigate("/caf%C3%A9");
    server.await_route("/café", 1);
    assert_eq!(
        seen.recv_timeout(PATIENCE).unwrap(),
        format!("route {} /café", tab.id)
    );
}

fn ignores_what_is_wrong(tab: &mut Tab, server: &Server) {
    let id = tab.id.clone();
    let refused = [
        json!({"connectionId": id, "route": 7}),
        json!({"connectionId": id, "route": null}),
        json!({"connectionId": id}),
        json!({"route": "/nowhere"}),
        json!({"connectionId": 7, "route": "/nowhere"}),
        json!({"connectionId": "AAAAAAAAAAAAAAAAAAAAAA", "route": "/nowhere"}),
        json!({"connectionId": id, "route": "nowhere"}),
        json!({"connectionId": id, "route": "/no\nwhere"}),
        json!([id, "/nowhere"]),
    ];
    for body in refused {
        let answer = ask(server.address, &Ask::post("/__skew/route", &body));
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({"ok": false})),
            "{body}"
        );
    }
    if tab.transport() == Transport::WebSocket {
        for message in [
            json!({"type": "route-update"}),
            json!({"type": "route-update", "route": 7}),
            json!({"type": "route-update", "route": "nowhere"}),
            json!({"type": "of a later revision", "route": "/nowhere"}),
            json!(["route-update", "/nowhere"]),
            json!("ping"),
        ] {
            tab.say(&message);
        }
        tab.send(Message::text("pings"));
        tab.send(Message::binary(vec![0, 159, 146, 150]));
        tab.send(Message::Ping(vec![1, 2, 3].into()));
        tab.send(Message::text("ping"));
        assert_eq!(tab.next(), json!({"type": "pong"}));
        tab.say(&json!({"type": "ping"}));
        assert_eq!(tab.next(), json!({"type": "pong"}));
    }
    assert_eq!(json!(server.stats().routes), json!({"/café": 1}));
}

fn watches(tab: &mut Tab, way: Way, server: &Server, seen: &Seen) {
    tab.subscribe();
    let snapshot = tab.next();
    let row = json!({"id": tab.id, "version": "build-0", "route": "/café"});
    let expected = json!({
        "type": "stats", "total": 1, "versions": {"build-0": 1}, "routes": {"/café": 1},
        "connections": [row], "yourId": tab.id,
    });
    assert_eq!(snapshot, expected);
    let other = Visit::new(way.transport, "/other")
        .version("build-1")
        .open(server.address);
    let line = seen.recv_timeout(PATIENCE).unwrap();
    assert!(
        line.starts_with(&format!("open {} build-1 /other", other.id)),
        "{line}"
    );
    let next = tab.next();
    assert_eq!(
        (&next["type"], &next["total"], &next["routes"]),
        (&json!("stats"), &json!(2), &json!({"/café": 1, "/other": 1}))
    );
    assert_eq!(next["yourId"], *tab.id);
    drop(other);
    let line = seen.recv_timeout(PATIENCE).unwrap();
    assert!(line.starts_with("close "), "{line}");
    assert_eq!(tab.next()["total"], 1);
}

/// A subscriber with deltas gets complete stats, and then numbered changes.
fn watches_by_deltas(way: Way, server: &Server) {
    let mut reader = visit(way, "/reader").open(server.address);
    reader.tell(&json!({"type": "subscribe-stats", "delta": true, "connections": false}));
    let first = reader.next_of("stats");
    let seq = first["seq"].as_u64().unwrap();
    let expected = json!({
        "type": "stats", "seq": seq, "total": 1, "visible": 1, "versions": {"build-0": 1},
        "routes": {"/reader": 1}, "yourId": reader.id,
    });
    assert_eq!(first, expected);
    let other = Visit::new(way.transport, "/other").open(server.address);
    let opened = json!({"type": "stats-delta", "seq": seq + 1, "total": 2, "visible": 2,
        "versions": {"v2": 1}, "routes": {"/other": 1}});
    assert_eq!(reader.next_of("stats-delta"), opened);
    drop(other);
    let closed = json!({"type": "stats-delta", "seq": seq + 2, "total": 1, "visible": 1,
        "versions": {"v2": null}, "routes": {"/other": null}});
    assert_eq!(reader.next_of("stats-delta"), closed);
    drop(reader);
    server.await_total(0);
}

fn is_told_once(tab: &mut Tab, server: &Server) {
    let rule = server.invalidate(&json!({"match": {"exact": "/café"}, "audience": "all"}));
    assert_eq!((&rule["tabs"], &rule["routes"]), (&json!(1), &json!(1)), "{rule}");
    assert_eq!(
        tab.next(),
        json!({"type": "version", "version": "v1", "force": true, "id": rule["id"]})
    );
    tab.navigate("/elsewhere");
    assert_eq!(tab.next_of("stats")["routes"], json!({"/elsewhere": 1}));
    tab.navigate("/café");
    assert_eq!(tab.next_of("stats")["routes"], json!({"/café": 1}));
    let release = server.release("v2");
    assert_eq!(
        tab.next(),
        json!({"type": "version", "version": "v2", "id": release["id"]})
    );
}

fn gets_messages_in_order(tab: &Tab, server: &Server) {
    let handle = server.headcount.tab(&tab.id).unwrap();
    for number in 0..MESSAGES {
        handle.send(&json!({"type": "custom", "number": number})).unwrap();
    }
}

fn in_order(tab: &mut Tab) {
    for number in 0..MESSAGES {
        assert_eq!(tab.next(), json!({"type": "custom", "number": number}));
    }
}

fn closes(tab: Tab, server: &Server, seen: &Seen) {
    let id = tab.id.clone();
    drop(tab);
    server.await_total(0);
    let mut lines = std::iter::from_fn(|| seen.recv_timeout(PATIENCE).ok());
    let last = lines.find(|line| !line.starts_with("route ")).unwrap();
    assert_eq!(last, format!("close {id}"));
    assert_eq!(
        json!(server.stats().routes),
        Value::Object(serde_json::Map::new())
    );
}

/// The last message of a stream, and the code that it ended with.
pub(crate) fn last_words(tab: &mut Tab) -> (Option<Value>, Option<u16>) {
    let mut last = None;
    loop {
        match tab.next_or_end() {
            Ok(message) => last = Some(message),
            Err(ended) => return (last, ended),
        }
    }
}

fn is_replaced(way: Way, server: &Server) {
    let mut old = visit(way, "/a").query("tab=7f3a").open(server.address);
    let new = visit(way, "/b").query("tab=7f3a").open(server.address);
    let (said, code) = last_words(&mut old);
    // Over SSE a stream has no close code, and a client that came back with the same id would take the place of the other.
    match way.transport {
        Transport::WebSocket => assert_eq!(code, Some(4409)),
        Transport::Sse => assert_eq!(said, Some(json!({"type": "replaced"}))),
    }
    assert_eq!(json!(server.stats().routes), json!({"/b": 1}));
    drop(new);
    server.await_total(0);
}
