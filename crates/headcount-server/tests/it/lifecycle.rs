//! Limits on connections and request heads, peers that are gone without a word, and the end of a server.

use std::io::Write;

use headcount_server::Limits;
use headcount_server::{CommandError, Config};
use serde_json::json;

use crate::client::{Ask, BOTH, Transport, Visit, ask, connect, eventually, exchange, read_to_end};
use crate::nodes::{self, alone};
use crate::server::{Door, Server, config};

fn limited(limits: Limits) -> Config {
    config().with(|config| config.limits = limits)
}

#[test]
fn a_full_server_says_when_to_come_back_and_evicts_nobody() {
    if alone("its limits") {
        return;
    }
    for door in [Door::Own, Door::Axum] {
        let limits = Limits::default().with(|limits| limits.connections_max = 3);
        let server = Server::build(door, limited(limits), |builder| builder);
        let mut tabs: Vec<_> = (0..3)
            .map(|number| Visit::new(BOTH[number % 2], "/").open(server.address))
            .collect();
        for transport in BOTH {
            let refused = Visit::new(transport, "/").try_open(server.address).unwrap_err();
            assert_eq!((refused.status, &*refused.code()), (503, "full"), "{transport:?}");
            assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
        }
        // A page does not see why its handshake failed, and asks like this.
        let asked = ask(server.address, &Ask::new("GET", "/__skew/ws"));
        assert_eq!((asked.status, &*asked.code()), (503, "full"), "{door:?}");
        for tab in &mut tabs {
            server.mark(&tab.id);
            assert_eq!(tab.next()["type"], "marker");
        }
        assert_eq!(server.metric("headcount_refused_total{kind=\"full\"}"), 3);
        tabs.pop();
        server.await_total(2);
        let asked = ask(server.address, &Ask::new("GET", "/__skew/ws"));
        assert_eq!((asked.status, &*asked.code()), (426, "no-handshake"), "{door:?}");
        let _again = Visit::new(Transport::Sse, "/").open(server.address);
        server.await_total(3);
    }
}

#[test]
fn one_address_cannot_take_every_place() {
    if alone("its limits") {
        return;
    }
    let limits = Limits::default().with(|limits| limits.connections_per_address_max = 2);
    let server = Server::start(limited(limits).with(|config| {
        config.ip_tracking = true;
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    }));
    let from = |address: &str, transport| Visit::new(transport, "/").header("x-forwarded-for", address);
    let tabs = BOTH.map(|transport| from("203.0.113.7", transport).open(server.address));
    let refused = from("9.9.9.9, 203.0.113.7", Transport::Sse)
        .try_open(server.address)
        .unwrap_err();
    assert_eq!((refused.status, &*refused.code()), (503, "full"));
    assert!(refused.header("retry-after").is_some());
    let _other = from("203.0.113.8", Transport::Sse).open(server.address);
    assert_eq!(server.metric("headcount_refused_total{kind=\"address\"}"), 1);
    drop(tabs);
    server.await_total(1);
    let _again = from("203.0.113.7", Transport::WebSocket).open(server.address);
}

#[test]
fn visitors_do_not_choose_what_address_they_count_as() {
    if alone("its limits") {
        return;
    }
    let limits = Limits::default().with(|limits| limits.connections_per_address_max = 3);
    // With addresses shown and without: the limit holds either way.
    for ip_tracking in [true, false] {
        let server = Server::start(limited(limits.clone()).with(|config| {
            config.ip_tracking = ip_tracking;
            config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        }));
        let admitted = |visit: &dyn Fn(usize) -> Visit| {
            let tabs: Vec<_> = (0..20)
                .filter_map(|number| visit(number).try_open(server.address).ok())
                .collect();
            let admitted = tabs.len();
            drop(tabs);
            server.await_total(0);
            admitted
        };
        let forwarded = |value: &str| Visit::new(Transport::Sse, "/").header("x-forwarded-for", value);
        for header in ["cf-connecting-ip", "x-real-ip", "true-client-ip", "forwarded"] {
            let count =
                admitted(&|number| forwarded("203.0.113.7").header(header, &format!("198.51.100.{number}")));
            assert_eq!(count, 3, "{header}");
        }
        for value in [
            "198.51.100.{}, 203.0.113.7",
            "unknown, 203.0.113.7:{}",
            "2001:db8:1:2::{}",
            "[2001:db8:1:2:ffff::{}]:80",
            "unknown-{}",
            "203.0.113.7, unknown-{}",
        ] {
            let count = admitted(&|number| forwarded(&value.replace("{}", &number.to_string())));
            assert_eq!(count, 3, "{value}");
        }
        // Other lines of the same header stand before the proxy's own.
        let count = admitted(&|number| {
            forwarded(&format!("198.51.100.{number}")).header("x-forwarded-for", "203.0.113.7")
        });
        assert_eq!(count, 3);
        assert_eq!(admitted(&|number| forwarded(&format!("198.51.100.{number}"))), 20);
        assert_eq!(
            admitted(&|number| forwarded(&format!("2001:db8:1:{number}::1"))),
            20
        );
        // The proxy itself is not limited.
        assert_eq!(admitted(&|_| Visit::new(Transport::Sse, "/")), 20);
    }
}

#[test]
fn a_websocket_that_answers_no_ping_is_gone_within_the_liveness_timeout() {
    for door in [Door::Own, Door::Wrapped] {
        let limits = Limits::default().with(|limits| {
            limits.keepalive_ms = 200;
            limits.liveness_ms = 3_200;
        });
        let server = Server::build(door, limited(limits), |builder| builder);
        let mute = Visit::new(Transport::WebSocket, "/mute").open(server.address);
        let mut lively = Visit::new(Transport::WebSocket, "/lively").open(server.address);
        // Reading is what answers pings.
        server.await_stats("the mute tab is gone", |stats| {
            server.mark(&lively.id);
            lively.next_of("marker");
            stats.routes.keys().all(|route| &**route == "/lively") && stats.total == 1
        });
        assert_eq!(server.metric("headcount_closed_total{kind=\"silent\"}"), 1);
        drop(mute);
    }
}

#[test]
fn a_slow_head_is_answered_408_and_fast_ones_are_not_held_up() {
    let limits = Limits::default().with(|limits| limits.head_ms = 300);
    let server = Server::start(limited(limits));
    let mut silent = connect(server.address);
    let mut partial = connect(server.address);
    partial
        .write_all(b"GET /__skew/sse?route=/ HTTP/1.1\r\nhost: x\r\n")
        .unwrap();
    let tab = Visit::new(Transport::Sse, "/").open(server.address);
    // One that asked for nothing is owed no answer, and may get one.
    let word = String::from_utf8(read_to_end(&mut silent)).unwrap();
    assert!(word.is_empty() || word.starts_with("HTTP/1.1 408 "), "{word:?}");
    let answer = String::from_utf8(read_to_end(&mut partial)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    assert!(server.metric("headcount_refused_total{kind=\"slow_head\"}") >= 1);
    assert_eq!(server.stats().total, 1);
    drop(tab);
}

#[test]
fn the_oldest_unfinished_head_makes_room_for_a_new_one() {
    if alone("its limits") {
        return;
    }
    let limits = Limits::default().with(|limits| limits.heads_pending_max = 8);
    let server = Server::start(limited(limits).with(|config| config.shards = 1));
    let mut first = connect(server.address);
    first.write_all(b"GET /").unwrap();
    // In this order into the shard: each is seen before the next one comes.
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let mut socket = connect(server.address);
            socket.write_all(b"GET /").unwrap();
            socket
        })
        .collect();
    assert_eq!(read_to_end(&mut first), b"");
    eventually("the others were turned away too", || {
        (server.metric("headcount_refused_total{kind=\"heads_full\"}") >= 12).then_some(())
    });
    assert_eq!(ask(server.address, &Ask::get("/healthz")).status, 200);
    drop(waiting);
}

#[test]
fn a_head_over_the_limit_is_431_whether_it_comes_at_once_or_not() {
    let server = Server::start(config());
    let long = "x".repeat(20_000);
    for head in [
        format!("GET /__skew/sse?route=/ HTTP/1.1\r\nhost: x\r\ncookie: a={long}\r\n\r\n"),
        format!("GET /__skew/ws HTTP/1.1\r\nhost: x\r\ncookie: a={long}\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\ncookie: a={long}\r\n\r\n"),
    ] {
        let answer = String::from_utf8(exchange(server.address, head.as_bytes())).unwrap();
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    }
    server.await_total(0);
}

#[test]
fn a_drain_tells_when_to_return_closes_everyone_and_refuses_newcomers() {
    let limits = Limits::default().with(|limits| limits.reconnect_spread_ms = 5_000);
    let mut server = Server::start(limited(limits));
    let mut tabs: Vec<_> = (0..60)
        .map(|number| Visit::new(BOTH[number % 2], "/").open(server.address))
        .collect();
    assert_eq!(ask(server.address, &Ask::get("/readyz")).status, 200);
    server.stop();
    let mut returns = Vec::new();
    for tab in &mut tabs {
        let hint = tab.next_of("reconnect")["after"].as_u64().unwrap();
        assert!(hint <= 5_000);
        returns.push(hint);
        let code = tab.end();
        match tab.transport() {
            Transport::WebSocket => assert_eq!(code, Some(1012)),
            Transport::Sse => assert_eq!(code, None),
        }
    }
    returns.sort_unstable();
    returns.dedup();
    // The few tabs of a node go to the others within a second.
    let least_ms = if nodes::are_several() { 500 } else { 2_000 };
    assert!(
        returns.len() > 40 && returns.last().unwrap() - returns[0] > least_ms,
        "{returns:?}"
    );
    server.join();
    assert!(!server.headcount.is_ready());
}

#[test]
fn readyz_turns_before_streams_end_in_an_app_that_serves_by_itself() {
    if alone("how it ends") {
        return;
    }
    let server = Server::build(Door::Axum, config(), |builder| builder);
    let mut tab = Visit::new(Transport::WebSocket, "/").open(server.address);
    server.runtime.block_on(server.headcount.shutdown());
    assert_eq!(ask(server.address, &Ask::get("/readyz")).status, 503);
    assert_eq!(ask(server.address, &Ask::get("/healthz")).status, 200);
    tab.next_of("reconnect");
    assert_eq!(tab.end(), Some(1012));
    for transport in BOTH {
        let refused = Visit::new(transport, "/").try_open(server.address).unwrap_err();
        assert_eq!((refused.status, &*refused.code()), (503, "draining"));
        assert!(refused.header("retry-after").is_some());
    }
}

/// Regression: a question to a shard that had ended waited for ever.
#[test]
fn a_stopped_server_answers() {
    if alone("how it ends") {
        return;
    }
    let server = Server::build(Door::Axum, config(), |builder| builder);
    let tab = Visit::new(Transport::Sse, "/").open(server.address);
    server.runtime.block_on(server.headcount.shutdown());
    eventually("the shards have ended", || {
        let stats = server.runtime.block_on(server.headcount.stats());
        matches!(stats, Err(CommandError::Stopped)).then_some(())
    });
    let body = json!({"connectionId": tab.id, "route": "/late"});
    let late = ask(server.address, &Ask::post("/__skew/route", &body));
    assert_eq!(
        (late.status, late.json()),
        (200, json!({"ok": false})),
        "its connection is gone"
    );
    for target in ["/api/admin/stats", "/api/admin/connections"] {
        assert_eq!(server.admin(Ask::get(target)).status, 503, "{target}");
    }
    let body = json!({"match": {"exact": "/"}});
    let late = server.admin(Ask::post("/api/admin/invalidations", &body));
    assert_eq!((late.status, &*late.code()), (503, "draining"), "{late:?}");
    for target in ["/api/admin/releases", "/api/admin/invalidations"] {
        assert_eq!(server.admin(Ask::get(target)).status, 200, "{target}");
    }
    assert_eq!(ask(server.address, &Ask::get("/metrics")).status, 200);
}

#[test]
fn a_stream_takes_get_alone() {
    let server = Server::start(config());
    for method in ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
        for endpoint in ["sse", "ws"] {
            let answer = ask(
                server.address,
                &Ask::new(method, format!("/__skew/{endpoint}?route=/")),
            );
            assert_eq!(answer.status, 405, "{method} {endpoint}");
        }
    }
    server.await_total(0);
    assert_eq!(server.metric("headcount_opened_total{kind=\"sse\"}"), 0);
}

/// A navigation by POST that was put off for a flood once came back over one that was made later.
#[test]
fn after_a_flood_the_last_navigation_stands() {
    let server = Server::start(limited(Limits::default().with(|limits| {
        limits.messages_burst = 5;
        limits.messages_per_second = 500;
        limits.keepalive_ms = 100;
    })));
    for round in 0..5 {
        let mut tab = Visit::new(Transport::Sse, "/start").open(server.address);
        let post = |number: u32, connection: &str| {
            let body = json!({"connectionId": tab.id, "route": format!("/{round}/{number}")});
            Ask::post("/__skew/route", &body).text(server.address, connection)
        };
        let flood: String = (0..19).map(|number| post(number, "keep-alive")).collect();
        exchange(server.address, (flood + &post(19, "close")).as_bytes());
        // During that time the allowance recovers.
        for _ in 0..50 {
            ask(server.address, &Ask::get("/healthz"));
        }
        tab.navigate(&format!("/{round}/last"));
        // What was put off is looked at whenever keepalives are.
        for _ in 0..3 {
            while tab.receive().unwrap()["type"] != "keepalive" {}
        }
        let routes: Vec<_> = server.stats().routes.into_keys().collect();
        assert_eq!(routes, [format!("/{round}/last")]);
        drop(tab);
        server.await_total(0);
    }
    // On its way to another node a flood may become slow enough.
    let flood = server.metric("headcount_received_total{kind=\"flood\"}");
    assert!(flood > 0 || *nodes::COUNT > 1);
}

#[test]
fn a_websocket_flood_is_slowed_and_then_closed() {
    for door in [Door::Own, Door::Wrapped] {
        let limits = Limits::default().with(|limits| {
            limits.messages_burst = 3;
            limits.messages_per_second = 50;
        });
        let server = Server::build(door, limited(limits), |builder| builder);
        let mut tab = Visit::new(Transport::WebSocket, "/start").open(server.address);
        for number in 0..10 {
            tab.navigate(&format!("/{number}"));
        }
        server.await_route("/9", 1);
        let messages: Vec<_> = (0..200).map(|_| json!({"type": "ping"})).collect();
        tab.say_at_once(&messages);
        assert_eq!(tab.end(), Some(1008), "{door:?}");
        server.await_total(0);
        assert_eq!(server.metric("headcount_closed_total{kind=\"flood\"}"), 1);
    }
}
