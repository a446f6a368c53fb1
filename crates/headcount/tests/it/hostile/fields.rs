//! Values that are too long, of the wrong type, or no values at all.

use serde_json::{Value, json};

use super::{Case, raw};
use crate::client::{Ask, Transport, Visit, ask};
use crate::process::{Process, SECRET};

pub(super) const CASES: &[Case] = &[
    ("giant routes", giant_routes),
    ("giant versions", giant_versions),
    ("fields of the wrong type", wrong_types),
    ("bodies that are no JSON", not_json),
    ("fields that nobody knows, and fields twice", odd_fields),
    ("control characters", control_characters),
    ("bytes that are no UTF-8", bad_utf8),
    ("invalid options of stats", bad_options),
    ("JSON ten thousand deep", deep_json),
    ("words that are special elsewhere", special_words),
    ("routes that climb", climbing_routes),
    ("regexes that explode elsewhere", regex_bombs),
    ("invalid patterns", bad_patterns),
    ("rules for versions that cannot be", bad_versions_of_rules),
    ("invalid matches, and several at once", bad_matches),
    ("numbers beyond all bounds", bad_numbers),
    ("tabs and resumptions that are garbage", bad_resumptions),
];

fn refused(server: &Process, endpoint: &str, body: &str) -> (u16, String) {
    let answer = server.admin(Ask::post(format!("/api/admin/{endpoint}"), body));
    (answer.status, answer.code())
}

fn route(server: &Process, body: &Value) -> Value {
    ask(server.address, &Ask::post("/__skew/route", body)).json()
}

fn giant_routes(server: &Process) {
    let long = format!("/{}", "a".repeat(5_000));
    let tab = Visit::new(Transport::Sse, &long).open(server.address);
    assert_eq!(server.stats()["routes"], json!({"/": 1}));
    assert_eq!(
        route(server, &json!({"connectionId": tab.id, "route": long})),
        json!({"ok": false})
    );
    let mut websocket = Visit::new(Transport::WebSocket, "/here").open(server.address);
    websocket.navigate(&long);
    websocket.say(&json!({"type": "ping"}));
    websocket.next_of("pong");
    assert_eq!(server.stats()["routes"], json!({"/": 1, "/here": 1}));
}

fn giant_versions(server: &Process) {
    let long = "v".repeat(3_000);
    let tabs = [
        Visit::new(Transport::Sse, "/").version(&long),
        Visit::new(Transport::WebSocket, "/").query(&format!("v={long}")),
    ]
    .map(|visit| visit.open(server.address));
    assert_eq!(server.stats()["versions"], json!({"(other)": 2}));
    assert_eq!(
        refused(server, "releases", &json!({"version": long}).to_string()),
        (400, "invalid-version".to_owned())
    );
    drop(tabs);
}

fn wrong_types(server: &Process) {
    for wrong in [
        json!(7),
        json!(null),
        json!([]),
        json!({}),
        json!(true),
        json!(["/a"]),
    ] {
        for (endpoint, body) in [
            ("releases", json!({"version": wrong})),
            ("invalidate-route", json!({"route": wrong})),
            ("invalidations", json!({"match": wrong})),
            ("invalidations", json!({"match": {"exact": wrong}})),
            ("session", json!({"secret": wrong})),
        ] {
            assert_eq!(
                refused(server, endpoint, &body.to_string()),
                (400, "invalid-body".to_owned()),
                "{endpoint} {body}"
            );
        }
        let subscribe = Ask::post("/__skew/subscribe-stats", &json!({"connectionId": wrong}));
        assert_eq!(ask(server.address, &subscribe).status, 400, "{wrong}");
        assert_eq!(
            route(server, &json!({"connectionId": wrong, "route": "/"})),
            json!({"ok": false})
        );
    }
}

fn bad_options(server: &Process) {
    let mut tab = Visit::new(Transport::Sse, "/").open(server.address);
    let mut websocket = Visit::new(Transport::WebSocket, "/").open(server.address);
    for option in ["delta", "connections"] {
        for wrong in [json!(1), json!(null), json!("true"), json!([true]), json!({})] {
            let mut body = json!({"type": "subscribe-stats", "connectionId": tab.id});
            body[option] = wrong;
            let status = |endpoint: &str| tab.post(endpoint, &body).status;
            assert_eq!(
                (status("subscribe-stats"), status("message")),
                (400, 200),
                "{body}"
            );
            assert_eq!(tab.post("message", &body).json(), json!({"ok": false}), "{body}");
            websocket.say(&body);
        }
    }
    // No authorizer was asked: without configuration the answer would be `stats-unauthorized`.
    for tab in [&mut tab, &mut websocket] {
        tab.tell(&json!({"type": "ping"}));
        assert_eq!(tab.next()["type"], "pong");
    }
    for twice in [
        r#""delta":true,"delta":false"#,
        r#""connections":true,"connections":true"#,
    ] {
        let body = format!(r#"{{"connectionId":"{}",{twice}}}"#, tab.id);
        let post = Ask::post("/__skew/subscribe-stats", &body);
        assert_eq!(ask(server.address, &post).status, 400, "{twice}");
    }
}

fn not_json(server: &Process) {
    for body in [
        "",
        " ",
        "null",
        "[]",
        "7",
        "\"x\"",
        "route=/a&secret=x",
        "{",
        "{}}",
        "{'route':'/'}",
        "NaN",
        "{\"route\":\"/\"} x",
    ] {
        for endpoint in ["releases", "invalidate-route", "invalidations", "session"] {
            assert_eq!(
                refused(server, endpoint, body),
                (400, "invalid-body".to_owned()),
                "{endpoint} {body:?}"
            );
        }
        let answer = ask(server.address, &Ask::post("/__skew/route", body));
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({"ok": false})),
            "{body:?}"
        );
        assert_eq!(
            ask(server.address, &Ask::post("/__skew/subscribe-stats", body)).status,
            400,
            "{body:?}"
        );
    }
}

fn odd_fields(server: &Process) {
    for (endpoint, body) in [
        ("releases", r#"{"version":"v1","force":true}"#),
        ("releases", r#"{"version":"v1","version":"v2"}"#),
        ("invalidations", r#"{"match":{"exact":"/"},"dry_run":true}"#),
        ("invalidations", r#"{"match":{"exact":"/","prefix":"/"}}"#),
        ("invalidations", r#"{"match":{"substring":"/"}}"#),
        (
            "invalidations",
            r#"{"match":{"exact":"/"},"audience":"everybody"}"#,
        ),
        ("invalidations", r#"{"match":{"exact":"/"},"mode":"delete"}"#),
    ] {
        assert_eq!(
            refused(server, endpoint, body),
            (400, "invalid-body".to_owned()),
            "{body}"
        );
    }
    let rules = server.admin(Ask::get("/api/admin/invalidations")).json();
    assert_eq!(rules["invalidations"], json!([]), "none of them was given");
}

fn control_characters(server: &Process) {
    let tab = Visit::new(Transport::Sse, "/plain").open(server.address);
    for text in ["\0", "a\0b", "\u{1b}[2J", "line\nbreak", "\u{7f}", "\u{9b}31m"] {
        assert_eq!(
            route(
                server,
                &json!({"connectionId": tab.id, "route": format!("/{text}")})
            ),
            json!({"ok": false}),
            "{text:?}"
        );
        let version = json!({"version": text}).to_string();
        assert_eq!(
            refused(server, "releases", &version),
            (400, "invalid-version".to_owned())
        );
    }
    assert_eq!(server.stats()["routes"], json!({"/plain": 1}));
}

fn bad_utf8(server: &Process) {
    let tab = Visit::new(Transport::Sse, "/%ff%fe")
        .version("%ff")
        .open(server.address);
    let stats = server.stats();
    assert_eq!(stats["total"], 1);
    assert_eq!(stats["versions"].as_object().unwrap().len(), 1);
    // The lean door takes what may stay open, the generic door what says that it closes.
    for (target, connection, status, said) in [
        ("/__skew/route", "keep-alive", 200, "{\"ok\":false}"),
        ("/__skew/route", "close", 200, "{\"ok\":false}"),
        ("/__skew/subscribe-stats", "close", 400, "not UTF-8"),
        ("/api/admin/invalidate-route", "close", 400, "not UTF-8"),
    ] {
        let body = b"{\"connectionId\":\"x\",\"route\":\"\xff\"}";
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: {connection}\r\nauthorization: Bearer {SECRET}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let answer = raw(server, [head.as_bytes(), body].concat());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(said),
            "{target} {connection}: {answer}"
        );
    }
    drop(tab);
}

fn deep_json(server: &Process) {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let body = format!("{{\"route\":{}1{}}}", open.repeat(9_000), close.repeat(9_000));
        assert_eq!(
            refused(server, "invalidate-route", &body),
            (400, "invalid-body".to_owned())
        );
        assert_eq!(
            ask(server.address, &Ask::post("/__skew/route", &body)).json(),
            json!({"ok": false})
        );
    }
}

fn special_words(server: &Process) {
    let words = [
        "__proto__",
        "constructor",
        "toString",
        "(other)",
        "null",
        "undefined",
    ];
    let tabs: Vec<_> = words
        .iter()
        .map(|word| {
            Visit::new(Transport::Sse, &format!("/{word}"))
                .version(word)
                .query(&format!("tab={word}"))
                .open(server.address)
        })
        .collect();
    let stats = server.stats();
    assert_eq!(stats["total"], words.len());
    for word in words {
        assert_eq!(stats["versions"][word], 1, "{stats}");
        assert_eq!(stats["routes"][format!("/{word}")], 1, "{stats}");
    }
    let polluted = json!({"__proto__": {"secret": SECRET}, "route": "/"});
    let answer = ask(
        server.address,
        &Ask::post("/api/admin/invalidate-route", &polluted),
    );
    assert_eq!(answer.status, 401);
    drop(tabs);
}

fn climbing_routes(server: &Process) {
    let routes = [
        "/../../etc/passwd",
        "/a/%2e%2e/b",
        "//evil.example/",
        "/a\\..\\b",
        "/%252e",
    ];
    let tabs: Vec<_> = routes
        .iter()
        .map(|route| Visit::new(Transport::Sse, route).open(server.address))
        .collect();
    let stats = server.stats();
    assert_eq!(stats["total"], routes.len());
    assert_eq!(
        stats["routes"].as_object().unwrap().len(),
        routes.len(),
        "{stats}"
    );
    drop(tabs);
}

fn regex_bombs(server: &Process) {
    let tab = Visit::new(Transport::Sse, &format!("/{}", "a".repeat(900))).open(server.address);
    for regex in ["^/(a+)+$b", "(a|aa)+$", "(.*)*x", "(a{1,50}){1,50}b"] {
        let body = json!({"match": {"regex": regex}, "dryRun": true});
        let answer = server.admin(Ask::post("/api/admin/invalidations", &body));
        assert!([200, 400].contains(&answer.status), "{regex}: {answer:?}");
    }
    for regex in ["a{1000000}", "((a{1000}){1000}){1000}", "\\p{L}{5000}"] {
        let body = json!({"match": {"regex": regex}}).to_string();
        assert_eq!(
            refused(server, "invalidations", &body),
            (400, "invalid-pattern".to_owned()),
            "{regex}"
        );
    }
    drop(tab);
}

fn bad_patterns(server: &Process) {
    let long = "x".repeat(2_000);
    for matches in [
        json!({"regex": "("}),
        json!({"regex": "[z-a]"}),
        json!({"regex": "(?<=a)b"}),
        json!({"regex": "\\1"}),
        json!({"regex": long}),
        json!({"glob": long}),
        json!({"exact": format!("/{long}")}),
        json!({"prefix": "checkout"}),
        json!({"segment": ""}),
        json!({"exact": "/a\u{0}b"}),
    ] {
        let body = json!({"match": matches}).to_string();
        assert_eq!(
            refused(server, "invalidations", &body),
            (400, "invalid-pattern".to_owned()),
            "{matches}"
        );
    }
}

fn bad_versions_of_rules(server: &Process) {
    for versions in [
        json!([]),
        json!([""]),
        json!(["v1", "\n"]),
        json!(["v".repeat(3_000)]),
    ] {
        for dry_run in [true, false] {
            let body = json!({"match": {"exact": "/"}, "versions": versions, "dryRun": dry_run}).to_string();
            assert_eq!(
                refused(server, "invalidations", &body),
                (400, "invalid-version".to_owned()),
                "{versions}"
            );
        }
    }
    for reserved in ["(other)", "unreleased", " "] {
        assert_eq!(
            refused(server, "releases", &json!({"version": reserved}).to_string()),
            (400, "invalid-version".to_owned())
        );
    }
}

fn bad_matches(server: &Process) {
    for matches in [
        json!({}),
        json!(null),
        json!("/checkout"),
        json!({"exact": "/a", "prefix": "/b"}),
    ] {
        let body = json!({"match": matches}).to_string();
        let answer = server.admin(Ask::post("/api/admin/invalidations", &body));
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid-body".to_owned()),
            "{matches}"
        );
        assert!(
            answer.body.contains("exactly one of `exact`, `prefix`"),
            "{answer:?}"
        );
    }
}

fn bad_numbers(server: &Process) {
    for expires in ["0", "-1", "1.5", "99999999999", "1e400", "\"60\""] {
        let body = format!("{{\"match\":{{\"exact\":\"/\"}},\"expires\":{expires}}}");
        assert_eq!(
            refused(server, "invalidations", &body),
            (400, "invalid-body".to_owned()),
            "{expires}"
        );
    }
    for query in [
        "limit=0",
        "limit=-1",
        "limit=99999",
        "limit=x",
        "cursor=x",
        "cursor=1.x",
        "unknown=1",
        "limit=1&limit=2",
    ] {
        let answer = server.admin(Ask::get(format!("/api/admin/connections?{query}")));
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "invalid-query"),
            "{query}"
        );
    }
    let beyond = server.admin(Ask::get("/api/admin/connections?cursor=99999.4294967295"));
    assert_eq!(beyond.json(), json!({"connections": []}));
    for id in ["x", "-1", "99999999999", "1.0", "%31%00"] {
        let answer = server.admin(Ask::new("DELETE", format!("/api/admin/invalidations/{id}")));
        assert!([400, 404].contains(&answer.status), "{id}: {answer:?}");
    }
}

fn bad_resumptions(server: &Process) {
    let many = format!("1;{}", "2,".repeat(4_000));
    for resumption in [
        "",
        "x",
        "-1",
        "4294967296",
        "1;",
        "1;2;3",
        ";;;;",
        "\u{1f600}",
        &many,
    ] {
        let tab = Visit::new(Transport::Sse, "/")
            .header("last-event-id", resumption)
            .query(&format!("since={}", resumption.len()))
            .query("tab=")
            .open(server.address);
        assert_eq!(server.stats()["total"], 1, "{resumption:?}");
        drop(tab);
        server.await_total(0);
    }
}
