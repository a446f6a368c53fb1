//! What is kept of a browser's cookies, and for how long.

use headcount_server::Config;
use headcount_server::Limits;
use serde_json::json;

use crate::authorize::ticket;
use crate::client::{Ask, BOTH, Tab, Transport, Visit, ask};
use crate::server::{Door, Server, config};

/// Drops what a handshake showed as soon as the stream is open.
fn forgetful() -> Config {
    config()
        .with(|config| config.limits = Limits::default().with(|limits| limits.handshake_credentials_ms = 0))
}

fn admin(server: &Server, transport: Transport) -> Tab {
    Visit::new(transport, "/")
        .cookie("sid=admin")
        .open(server.address)
}

/// Waits until the shards have finished the turn in which this stream opened.
fn settle(server: &Server, tab: &mut Tab) {
    server.mark(&tab.id);
    assert_eq!(tab.next()["type"], "marker");
}

#[test]
fn a_post_shows_the_cookies_of_now_over_either_transport() {
    let server = Server::start(forgetful());
    for transport in BOTH {
        let mut tab = admin(&server, transport);
        settle(&server, &mut tab);
        let answer = tab.post("subscribe-stats", &json!({"connectionId": tab.id}));
        assert_eq!(answer.json(), json!({"ok": true}));
        assert_eq!(tab.next()["type"], "stats", "{transport:?}");
    }
}

#[test]
fn a_websocket_that_subscribes_late_by_message_comes_back_with_its_cookies() {
    for door in [Door::Own, Door::Axum, Door::Wrapped] {
        let server = Server::build(door, forgetful(), |builder| {
            builder.authorizer(crate::server::admins())
        });
        let mut tab = admin(&server, Transport::WebSocket);
        settle(&server, &mut tab);
        tab.subscribe();
        assert_eq!(tab.end(), Some(4100), "{door:?}");
        assert_eq!(server.metric("headcount_closed_total{kind=\"show_anew\"}"), 1);
        // A client without credentials has nothing to send again.
        let mut visitor = Visit::new(Transport::WebSocket, "/").open(server.address);
        settle(&server, &mut visitor);
        visitor.subscribe();
        assert_eq!(visitor.next()["type"], "stats-unauthorized");
    }
}

#[test]
fn an_admitted_websocket_asks_again_by_message_on_the_same_stream() {
    let server = Server::start(forgetful());
    let mut tab = admin(&server, Transport::WebSocket);
    settle(&server, &mut tab);
    tab.post("subscribe-stats", &json!({"connectionId": tab.id}));
    assert_eq!(tab.next()["type"], "stats");
    tab.say(&json!({"type": "unsubscribe-stats"}));
    tab.subscribe();
    assert_eq!(tab.next()["type"], "stats");
}

#[test]
fn a_browser_that_shows_too_much_is_one_that_shows_nothing() {
    let server = Server::start(config().with(|config| {
        config.limits = Limits::default().with(|limits| limits.credentials_bytes_max = 1_024);
    }));
    let long = format!("sid={}", "a".repeat(2_000));
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/").cookie(&long).open(server.address);
        tab.subscribe();
        assert_eq!(tab.next()["type"], "stats-unauthorized", "{transport:?}");
    }
}

#[test]
fn a_browser_is_known_again_by_what_it_showed_where_it_keeps_no_cookie_of_ours() {
    let server = Server::start(config());
    let ticket = ticket(&server);
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/").cookie(&ticket).open(server.address);
        let request = Ask::post("/__skew/subscribe-stats", &json!({"connectionId": tab.id}));
        let request = request.header("cookie", &*ticket);
        assert_eq!(ask(server.address, &request).json(), json!({"ok": true}));
        assert_eq!(tab.next()["type"], "stats", "{transport:?}");
    }
}
