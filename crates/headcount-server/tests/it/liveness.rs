//! Clients that answer each `keepalive`: a proxy in between keeps no tab in the counts that is gone.

use std::thread;

use headcount_server::Config;
use headcount_server::Limits;
use serde_json::{Value, json};

use crate::client::{Tab, Transport, Visit, eventually};
use crate::server::{Door, Server, config};

/// Keepalives, of which a silent client gets one.
const LONG: usize = 3;

/// A keepalive is what a client has for its answer: a busy machine may leave it waiting for a good part of a second.
fn quick() -> Config {
    let limits = Limits::default().with(|limits| {
        limits.keepalive_ms = 1_000;
        limits.liveness_ms = 4_000;
    });
    config().with(|config| config.limits = limits)
}

fn owing(transport: Transport, route: &str) -> Visit {
    Visit::new(transport, route).query("alive=1")
}

/// Reads up to the next keepalive.
fn await_keepalive(tab: &mut Tab) {
    while tab.receive().unwrap()["type"] != "keepalive" {}
}

/// Reads what has come. How many keepalives there were.
fn keepalives(server: &Server, tab: &mut Tab) -> usize {
    server.mark(&tab.id);
    let types = std::iter::from_fn(|| Some(tab.receive().unwrap()["type"].clone()));
    types
        .take_while(|kind| kind != "marker")
        .filter(|kind| kind == "keepalive")
        .count()
}

/// Runs them all at once, since they mostly wait.
fn each<T: Send>(of: impl IntoIterator<Item = T>, run: impl Fn(T) + Sync) {
    let run = &run;
    thread::scope(|scope| {
        for one in of {
            scope.spawn(move || run(one));
        }
    });
}

/// What a proxy in between looks like: everything that is sent is taken, and nothing says whether a tab took it.
#[test]
fn an_sse_tab_that_owes_a_sign_of_life_and_gives_none_is_gone_in_time() {
    each([Door::Own, Door::Axum, Door::Wrapped], |door| {
        let server = Server::build(door, quick(), |builder| builder);
        let mut gone = owing(Transport::Sse, "/gone").open(server.address);
        let _owes_nothing = Visit::new(Transport::Sse, "/owes-nothing").open(server.address);
        let mut lively = owing(Transport::Sse, "/lively").open(server.address);
        for _ in 0..LONG {
            await_keepalive(&mut lively);
            lively.tell(&json!({"type": "alive"}));
        }
        assert_eq!(gone.end(), None);
        let stats = server.stats();
        let routes: Vec<_> = stats.routes.keys().map(|route| &**route).collect();
        assert_eq!(
            (stats.total, routes),
            (2, vec!["/lively", "/owes-nothing"]),
            "{door:?}"
        );
        assert_eq!(server.metric("headcount_closed_total{kind=\"silent\"}"), 1);
    });
}

#[test]
fn every_post_of_a_tab_is_a_sign_of_life() {
    let says: [(&str, Value); 4] = [
        ("route", json!({"route": "/elsewhere"})),
        ("message", json!({"type": "visibility", "state": "hidden"})),
        ("message", json!({"type": "of-a-later-revision"})),
        ("subscribe-stats", json!({})),
    ];
    each(says, |(endpoint, mut body)| {
        let server = Server::start(quick());
        let mut tab = owing(Transport::Sse, "/").open(server.address);
        body["connectionId"] = tab.id.as_str().into();
        for _ in 0..LONG {
            await_keepalive(&mut tab);
            assert_eq!(tab.post(endpoint, &body).json(), json!({"ok": true}), "{body}");
        }
        assert_eq!(server.stats().total, 1, "{body}");
        drop(tab);
        server.await_total(0);
    });
}

#[test]
fn a_page_sees_signs_of_life_on_its_websocket_if_it_asks_for_them() {
    each([Door::Own, Door::Wrapped], |door| {
        let server = Server::build(door, quick(), |builder| builder);
        let mut asked = owing(Transport::WebSocket, "/asked").open(server.address);
        let mut other = Visit::new(Transport::WebSocket, "/other").open(server.address);
        let mut mute = owing(Transport::WebSocket, "/mute").open(server.address);
        let mut signs = 0;
        // Reading is what answers pings.
        server.await_stats("signs of life, and the mute tab is gone", |stats| {
            signs += keepalives(&server, &mut asked);
            assert_eq!(keepalives(&server, &mut other), 0);
            signs > LONG && stats.total == 2
        });
        assert_eq!(mute.end(), None);
    });
}

#[test]
fn a_sign_of_life_arrives_whichever_sockets_say_it() {
    let server = Server::start(config());
    let mut tabs: Vec<_> = (0..8)
        .map(|_| Visit::new(Transport::Sse, "/").open(server.address))
        .collect();
    // Each browser's socket is now where its own tab is.
    for tab in &mut tabs {
        tab.navigate("/elsewhere");
    }
    let alive = json!({"type": "alive", "connectionId": tabs[0].id});
    let heard = || server.metric("headcount_received_total{kind=\"other\"}");
    for (said, tab) in tabs.iter().enumerate() {
        assert_eq!(tab.post("message", &alive).json(), json!({"ok": true}));
        assert_eq!(heard(), said as u64 + 1);
    }
    tabs.remove(0);
    server.await_total(7);
    for tab in &tabs {
        assert_eq!(tab.post("message", &alive).json(), json!({"ok": false}));
    }
}

#[test]
fn signs_of_life_cost_allowance() {
    let limits = Limits::default().with(|limits| {
        limits.messages_burst = 4;
        limits.messages_per_second = 1;
    });
    let server = Server::start(config().with(|config| config.limits = limits));
    let tab = Visit::new(Transport::Sse, "/").open(server.address);
    let alive = json!({"type": "alive", "connectionId": tab.id});
    eventually("a client that floods is closed", || {
        (tab.post("message", &alive).json() == json!({"ok": false})).then_some(())
    });
    assert_eq!(server.metric("headcount_closed_total{kind=\"flood\"}"), 1);
}
