//! Too much of what is allowed.

use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Case, raw};
use crate::client::{Ask, BOTH, Transport, Visit, ask, connect, eventually, read_to_end};
use crate::process::Process;

pub(super) const CASES: &[Case] = &[
    ("a hundred navigations at once", navigations),
    ("a thousand navigations at once", too_many_navigations),
    ("a flood of messages that mean nothing", nonsense),
    ("a flood of subscriptions", subscriptions),
    ("a flood of posted subscriptions", posted_subscriptions),
    ("a flood of frames that say nothing", frames_that_say_nothing),
    ("messages a byte at a time", dribbled),
    ("a flood behind a request for SSE", behind_sse),
    ("a head a byte at a time", dribbled_head),
    ("a flood of posted navigations", posts),
    ("a thousand posted navigations at once", too_many_posts),
    (
        "navigations posted on one connection, all at once",
        pipelined_posts,
    ),
    ("three hundred tabs that come and go", churn),
    ("one tab that replaces itself over and over", replacements),
    ("a hundred releases and rules", commands),
];

fn updates(count: u32) -> Vec<Value> {
    (1..=count)
        .map(|number| json!({"type": "route-update", "route": format!("/{number}")}))
        .collect()
}

fn navigations(server: &Process) {
    let mut tab = Visit::new(Transport::WebSocket, "/0").open(server.address);
    tab.say_at_once(&updates(100));
    // Slowed, but the last one stands.
    server.await_routes(&json!({"/100": 1}));
}

fn too_many_navigations(server: &Process) {
    let mut tab = Visit::new(Transport::WebSocket, "/0").open(server.address);
    tab.say_at_once(&updates(1_000));
    assert_eq!(tab.end(), Some(1008));
}

fn nonsense(server: &Process) {
    let mut tab = Visit::new(Transport::WebSocket, "/").open(server.address);
    let messages: Vec<_> = (0..1_000)
        .map(|number| json!({"type": format!("unknown-{number}")}))
        .collect();
    tab.say_at_once(&messages);
    assert_eq!(tab.end(), Some(1008));
}

fn subscriptions(server: &Process) {
    let mut tab = Visit::new(Transport::WebSocket, "/").open(server.address);
    tab.say_at_once(&vec![json!({"type": "subscribe-stats"}); 50]);
    tab.say(&json!({"type": "unsubscribe-stats"}));
    tab.say(&json!({"type": "ping"}));
    assert!(tab.until("pong").len() <= 50);
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/").open(server.address);
        for _ in 0..20 {
            tab.subscribe();
        }
        assert_eq!(tab.next()["type"], "stats");
    }
}

fn posted_subscriptions(server: &Process) {
    for endpoint in ["subscribe-stats", "message"] {
        let mut tab = Visit::new(Transport::Sse, "/0").open(server.address);
        let before = server.metric("headcount_subscribed_total{kind=\"admitted\"}");
        let body = json!({"type": "subscribe-stats", "connectionId": tab.id});
        let post = |connection: &str| {
            Ask::post(format!("/__skew/{endpoint}"), &body).text(server.address, connection)
        };
        raw(server, post("keep-alive").repeat(2_999) + &post("close"));
        tab.end();
        server.await_total(0);
        let asked = server.metric("headcount_subscribed_total{kind=\"admitted\"}") - before;
        assert!(
            asked < 200,
            "{endpoint}: the authorizers were asked {asked} times"
        );
    }
}

/// A frame of a client, masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = 0x80 | u8::try_from(payload.len()).unwrap();
    [&[first, length, 0, 0, 0, 0][..], payload].concat()
}

fn frames_that_say_nothing(server: &Process) {
    let begun = frame(0x01, b"x");
    for (begin, flood) in [
        (&b""[..], frame(0x8a, b"")),
        (b"", frame(0x8a, b"pong")),
        (b"", frame(0x89, b"")),
        (b"", frame(0x82, b"binary")),
        (b"", frame(0x81, b"")),
        (&begun, frame(0x00, b"")),
        (&begun, frame(0x00, b"x")),
        (&begun, frame(0x8a, b"")),
    ] {
        let mut tab = Visit::new(Transport::WebSocket, "/").open(server.address);
        let all = [begin, &flood.repeat(500)].concat();
        // It may be cut off before it has sent all of it.
        let _cut_off = tab.socket().write_all(&all);
        assert!([Some(1008), None].contains(&tab.end()), "{flood:x?}");
        server.await_total(0);
    }
}

fn dribbled(server: &Process) {
    let tab = Visit::new(Transport::WebSocket, "/").open(server.address);
    let mut frame = vec![0x81, 0xfe, 0x1f, 0x40, 0, 0, 0, 0];
    frame.resize(8_000, b' ');
    let cut_off = frame.iter().any(|byte| {
        // Long enough that a busy server reads many single bytes; it cuts off after some hundred.
        std::thread::park_timeout(Duration::from_millis(1));
        tab.socket().write_all(&[*byte]).is_err()
    });
    assert!(cut_off, "all of it was read a byte at a time");
}

fn behind_sse(server: &Process) {
    let mut tab = Visit::new(Transport::Sse, "/").open(server.address);
    eventually("it is cut off", || {
        tab.socket().write_all(b"GET / HTTP/1.1\r\n\r\n").err()
    });
    tab.end();
}

fn dribbled_head(server: &Process) {
    let mut stream = connect(server.address);
    let _refused = (0..10_000).try_for_each(|_| {
        std::thread::park_timeout(Duration::from_micros(50));
        stream.write_all(b"x")
    });
    let answer = String::from_utf8(read_to_end(&mut stream)).unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
}

fn posts(server: &Process) {
    let tab = Visit::new(Transport::Sse, "/0").open(server.address);
    for number in 1..=100 {
        let body = json!({"connectionId": tab.id, "route": format!("/{number}")});
        assert_eq!(
            ask(server.address, &Ask::post("/__skew/route", &body)).json(),
            json!({"ok": true})
        );
    }
    server.await_routes(&json!({"/100": 1}));
}

fn too_many_posts(server: &Process) {
    let mut tab = Visit::new(Transport::Sse, "/0").open(server.address);
    let post = |number: u32, connection: &str| {
        let body = json!({"connectionId": tab.id, "route": format!("/{number}")});
        Ask::post("/__skew/route", &body).text(server.address, connection)
    };
    let all: String = (1..1_000).map(|number| post(number, "keep-alive")).collect();
    raw(server, all + &post(1_000, "close"));
    assert_eq!(tab.end(), None);
}

fn pipelined_posts(server: &Process) {
    // Wherever the tabs live: some of these are answered by the shard that reads them, some by another.
    let tabs = [0, 1, 2, 3].map(|_| Visit::new(Transport::Sse, "/0").open(server.address));
    let post = |number: usize, connection: &str| {
        let body = json!({"connectionId": tabs[number % 4].id, "route": format!("/{number}")});
        Ask::post("/__skew/route", &body).text(server.address, connection)
    };
    let all: String = (0..99).map(|number| post(number, "keep-alive")).collect();
    let answers = raw(server, all + &post(99, "close"));
    assert_eq!(answers.matches(r#"{"ok":true}"#).count(), 100, "{answers}");
    server.await_routes(&json!({"/96": 1, "/97": 1, "/98": 1, "/99": 1}));
}

fn churn(server: &Process) {
    for round in 0..3 {
        let tabs: Vec<_> = (0..100)
            .map(|number| Visit::new(BOTH[number % 2], &format!("/{round}/{number}")).open(server.address))
            .collect();
        assert_eq!(server.stats()["total"], 100);
        drop(tabs);
        server.await_total(0);
    }
    assert_eq!(server.stats()["routes"], json!({}));
}

fn replacements(server: &Process) {
    let tabs: Vec<_> = (0..100)
        .map(|number| {
            Visit::new(BOTH[number % 2], &format!("/{number}"))
                .query("tab=one-and-the-same")
                .open(server.address)
        })
        .collect();
    assert_eq!(server.stats()["routes"], json!({"/99": 1}));
    drop(tabs);
}

fn commands(server: &Process) {
    let mut tab = Visit::new(Transport::Sse, "/")
        .version("old")
        .open(server.address);
    for number in 0..100 {
        server.post(
            "invalidations",
            &json!({"match": {"exact": format!("/{number}")}}),
        );
        server.mark(&format!("release-{number}"));
    }
    let rules = server.admin(Ask::get("/api/admin/invalidations")).json();
    assert_eq!(rules["invalidations"].as_array().unwrap().len(), 64);
    for number in 0..100 {
        assert_eq!(tab.next_of("version")["version"], format!("release-{number}"));
    }
    for rule in rules["invalidations"].as_array().unwrap() {
        let target = format!("/api/admin/invalidations/{}", rule["id"]);
        assert_eq!(server.admin(Ask::new("DELETE", target)).status, 200);
    }
}

/// Other limits need another server.
#[test]
fn names_beyond_the_limit_count_under_other_and_totals_stay_true() {
    let server = Process::ephemeral(&[
        "--limit",
        "routes_max=20",
        "--limit",
        "versions_max=5",
        "--limit",
        "messages_burst=8000",
        "--limit",
        "messages_per_second=8000",
    ]);
    let mut tabs: Vec<_> = (0..300)
        .map(|number| {
            Visit::new(BOTH[number % 2], &format!("/{number}"))
                .version(&format!("v{number}"))
                .open(server.address)
        })
        .collect();
    let stats = server.stats();
    assert_eq!(stats["total"], 300);
    for (tally, most) in [("versions", 11), ("routes", 41)] {
        let counts = stats[tally].as_object().unwrap();
        let sum: u64 = counts.values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(sum, 300, "{stats}");
        assert!(
            counts.len() <= most && counts["(other)"].as_u64().unwrap() > 200,
            "{counts:?}"
        );
    }
    // One tab over twenty thousand routes: none of them is remembered.
    let before = server.resident_bytes();
    let mut wanderer = tabs.remove(1);
    let routes: Vec<_> = updates(20_000);
    for piece in routes.chunks(1_000) {
        wanderer.say_at_once(piece);
        wanderer.say(&json!({"type": "ping"}));
        wanderer.next_of("pong");
    }
    drop(tabs);
    server.await_stats("the last of them", |stats| {
        stats["total"] == 1
            && (stats["routes"] == json!({"/20000": 1}) || stats["routes"] == json!({"(other)": 1}))
    });
    let grown = server.resident_bytes().saturating_sub(before) >> 20;
    assert!(grown < 20, "{grown} MB");
}
