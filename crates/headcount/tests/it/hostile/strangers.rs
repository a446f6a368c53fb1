//! Forged requests: foreign pages, guessed secrets, forged addresses, ids of others.

use std::io::Write;

use serde_json::json;

use super::Case;
use crate::client::{Ask, BOTH, Transport, Visit, ask, connect, eventually};
use crate::process::{Process, SECRET};

pub(super) const CASES: &[Case] = &[
    ("forged forwarding headers", forged_addresses),
    ("pages of foreign origins", foreign_origins),
    (
        "foreign pages with an admin's ticket",
        foreign_pages_with_a_ticket,
    ),
    ("origins that are almost ours", near_origins),
    ("secrets that are wrong", wrong_secrets),
    ("secrets of the wrong type", odd_secrets),
    ("two hundred guesses", guesses),
    ("ids that name nobody", unknown_ids),
    ("ids of tabs that are gone", old_ids),
    ("a tab id that another tab has", stolen_tab),
    ("bots that ask for stats", bots),
];

fn forged_addresses(server: &Process) {
    for header in [
        "x-forwarded-for",
        "cf-connecting-ip",
        "x-real-ip",
        "forwarded",
        "true-client-ip",
    ] {
        let tab = Visit::new(Transport::Sse, "/")
            .header(header, "203.0.113.99")
            .open(server.address);
        assert_eq!(server.stats()["connections"][0]["ip"], "127.0.0.1", "{header}");
        drop(tab);
        server.await_total(0);
    }
}

/// Every endpoint that changes something or tells of others, by a page's own means.
fn by_a_page() -> Vec<Ask> {
    vec![
        Ask::get("/__skew/sse?route=/"),
        Ask::post("/__skew/route", &json!({"connectionId": "x", "route": "/"})),
        Ask::post("/__skew/subscribe-stats", &json!({"connectionId": "x"})),
        Ask::post("/api/admin/session", &json!({"secret": SECRET})),
    ]
}

fn foreign_origins(server: &Process) {
    let own = format!("http://{}", server.address);
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "file://")],
        &[("origin", &own), ("origin", "https://evil.example")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        for mut request in by_a_page() {
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            let answer = ask(server.address, &request);
            assert_eq!(
                (answer.status, &*answer.code()),
                (403, "origin-not-allowed"),
                "{request:?}"
            );
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        let mut visit = Visit::new(Transport::WebSocket, "/");
        for (name, value) in headers {
            visit = visit.header(name, value);
        }
        assert_eq!(
            visit.try_open(server.address).unwrap_err().status,
            403,
            "{headers:?}"
        );
    }
    for transport in BOTH {
        Visit::new(transport, "/")
            .header("origin", &own)
            .header("sec-fetch-site", "same-origin")
            .open(server.address);
    }
}

fn foreign_pages_with_a_ticket(server: &Process) {
    let signed_in = ask(
        server.address,
        &Ask::post("/api/admin/session", &json!({"secret": SECRET})),
    );
    let ticket = signed_in
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    for request in [
        Ask::get("/api/admin/stats"),
        Ask::get("/api/admin/connections"),
        Ask::get("/api/admin/releases"),
        Ask::post("/api/admin/releases", &json!({"version": "evil"})),
        Ask::get("/api/admin/invalidations"),
        Ask::post("/api/admin/invalidations", &json!({"match": {"segment": "/"}})),
        Ask::new("DELETE", "/api/admin/invalidations/1"),
        Ask::new("DELETE", "/api/admin/invalidations?id=1"),
        Ask::post("/api/admin/invalidate-route", &json!({"route": "/"})),
        Ask::new("DELETE", "/api/admin/session"),
    ] {
        let request = request.header("cookie", &*ticket);
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let answer = ask(server.address, &request.clone().header(name, value));
            assert_eq!(
                (answer.status, &*answer.code()),
                (403, "origin-not-allowed"),
                "{request:?}"
            );
        }
    }
    let still = Ask::get("/api/admin/stats").header("cookie", &*ticket);
    assert_eq!(ask(server.address, &still).status, 200);
}

fn near_origins(server: &Process) {
    let port = server.address.port();
    for origin in [
        format!("http://127.0.0.1.evil.example:{port}"),
        format!("http://evil.example:{port}"),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("http://127.0.0.1:{port}/path"),
        format!("http://user@127.0.0.1:{port}"),
        format!("ws://127.0.0.1:{port}"),
        format!("http://127.0.0.1:{port}%20"),
        format!("http://127.0.0.1:{port}, http://127.0.0.1:{port}"),
        "*".to_owned(),
    ] {
        let answer = ask(server.address, &by_a_page()[1].clone().header("origin", &*origin));
        assert_eq!(answer.status, 403, "{origin}");
    }
}

fn wrong_secrets(server: &Process) {
    let near = [
        &SECRET[1..],
        &SECRET[..SECRET.len() - 1],
        &format!("{SECRET}x"),
        &SECRET.to_uppercase(),
        "",
        " ",
        "*",
    ];
    for secret in near {
        let bearer = ask(server.address, &Ask::get("/api/admin/stats").bearer(secret));
        assert_eq!(
            (bearer.status, bearer.header("www-authenticate")),
            (401, Some("Bearer")),
            "{secret:?}"
        );
        let body = json!({"route": "/", "secret": secret});
        assert_eq!(
            ask(server.address, &Ask::post("/api/admin/invalidate-route", &body)).status,
            401,
            "{secret:?}"
        );
        let body = json!({"secret": secret});
        assert_eq!(
            ask(server.address, &Ask::post("/api/admin/session", &body)).status,
            401,
            "{secret:?}"
        );
    }
    let in_query = Ask::get(format!("/api/admin/stats?secret={SECRET}&token={SECRET}"));
    assert_eq!(ask(server.address, &in_query).status, 401);
    let right_in_body_only = Ask::post("/api/admin/releases", &json!({"version": "v9", "secret": SECRET}));
    assert_eq!(ask(server.address, &right_in_body_only).status, 401);
}

fn odd_secrets(server: &Process) {
    for secret in [
        json!(null),
        json!(true),
        json!(0),
        json!([SECRET]),
        json!({"$ne": ""}),
    ] {
        let body = json!({"route": "/", "secret": secret});
        let answer = ask(server.address, &Ask::post("/api/admin/invalidate-route", &body));
        assert!([400, 401].contains(&answer.status), "{secret}: {answer:?}");
        let answer = ask(
            server.address,
            &Ask::post("/api/admin/session", &json!({"secret": secret})),
        );
        assert_eq!(answer.status, 400, "{secret}");
    }
}

fn guesses(server: &Process) {
    let before = server.metric("headcount_refused_total{kind=\"secret\"}");
    // The answers come late, which is tested elsewhere; this test does not wait for them.
    let guesses: Vec<_> = (0..200)
        .map(|number| {
            let request = Ask::get("/api/admin/stats").bearer(&format!("guess-{number}"));
            let mut socket = connect(server.address);
            socket
                .write_all(request.text(server.address, "close").as_bytes())
                .unwrap();
            socket
        })
        .collect();
    eventually("all were looked at", || {
        (server.metric("headcount_refused_total{kind=\"secret\"}") == before + 200).then_some(())
    });
    assert_eq!(server.admin(Ask::get("/api/admin/stats")).status, 200);
    drop(guesses);
}

fn unknown_ids(server: &Process) {
    let mut tab = Visit::new(Transport::Sse, "/here").open(server.address);
    let mut altered = tab.id.clone();
    let last = if altered.pop() == Some('A') { 'Q' } else { 'A' };
    altered.push(last);
    for id in [
        "",
        "x",
        "0",
        "AAAAAAAAAAAAAAAAAAAAAA",
        &altered,
        &"A".repeat(10_000),
    ] {
        let body = json!({"connectionId": id, "route": "/there"});
        assert_eq!(
            ask(server.address, &Ask::post("/__skew/route", &body)).json(),
            json!({"ok": false}),
            "{id}"
        );
        let subscribe = Ask::post("/__skew/subscribe-stats", &json!({"connectionId": id}));
        assert_eq!(
            ask(server.address, &subscribe).json(),
            json!({"ok": true}),
            "{id}"
        );
    }
    assert_eq!(server.stats()["routes"], json!({"/here": 1}));
    tab.subscribe();
    assert_eq!(tab.next()["type"], "stats");
}

fn old_ids(server: &Process) {
    for transport in BOTH {
        let gone = Visit::new(transport, "/gone").open(server.address).id;
        server.await_total(0);
        // Another client takes the place.
        let tabs = [0, 1, 2].map(|_| Visit::new(Transport::Sse, "/here").open(server.address));
        let body = json!({"connectionId": gone, "route": "/there"});
        assert_eq!(
            ask(server.address, &Ask::post("/__skew/route", &body)).json(),
            json!({"ok": false})
        );
        assert_eq!(server.stats()["routes"], json!({"/here": 3}));
        drop(tabs);
        server.await_total(0);
    }
}

fn stolen_tab(server: &Process) {
    // Tab ids are random and never sent to others; one that is too long is ignored.
    let long = format!("tab={}", "t".repeat(65));
    let tabs = BOTH.map(|transport| Visit::new(transport, "/").query(&long).open(server.address));
    assert_eq!(server.stats()["total"], 2);
    drop(tabs);
}

fn bots(server: &Process) {
    for transport in BOTH {
        let bot = Visit::new(transport, "/bot")
            .header("user-agent", "curl/8.0")
            .open(server.address);
        let subscribe = Ask::post("/__skew/subscribe-stats", &json!({"connectionId": bot.id}));
        assert_eq!(ask(server.address, &subscribe).json(), json!({"ok": true}));
        let body = json!({"connectionId": bot.id, "route": "/"});
        assert_eq!(
            ask(server.address, &Ask::post("/__skew/route", &body)).json(),
            json!({"ok": false})
        );
        assert_eq!(server.stats()["total"], 0);
    }
}
