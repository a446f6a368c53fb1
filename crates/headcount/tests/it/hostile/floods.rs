//! Too much of what is allowed.

use serde_json::{Value, json};

use super::{Case, raw};
use crate::client::{Ask, BOTH, Transport, Visit, ask};
use crate::process::Process;

pub(super) const CASES: &[Case] = &[
    ("a hundred navigations at once", navigations),
    ("a thousand navigations at once", too_many_navigations),
    ("a flood of messages that mean nothing", nonsense),
    ("a flood of subscriptions", subscriptions),
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

/// Limits of their own need a server of their own.
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
