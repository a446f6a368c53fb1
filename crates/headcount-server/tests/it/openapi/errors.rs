//! Each operation with each error that the document says it has. An error that it does not say is a failure too.

use std::net::SocketAddr;

use headcount_server::{CommandError, Secret};
use serde_json::{Value, json};

use super::Document;
use crate::app_server::Bridge;
use crate::client::{Answer, Ask, ask, eventually, exchange};
use crate::nodes::alone;
use crate::server::{Door, SECRET, Server, config};

const BRIDGE_SECRET: &str = "a secret for the bridge alone";

/// Errors that need a disk that fails, a shard that hangs, a broker or four billion commands. `disk.rs` and `vitals.rs` have the first ones.
const ELSEWHERE: [&str; 5] = [
    "internal",
    "not-stored",
    "may-be-stored",
    "overloaded",
    "store-hangs",
];

/// A body that is fine.
fn body(id: &str) -> Option<Value> {
    match id {
        "announce" => Some(json!({"version": "v2"})),
        "invalidate" => Some(json!({"match": {"exact": "/"}})),
        "invalidate_route" => Some(json!({"route": "/"})),
        "change" => Some(json!({"state": "paused"})),
        "sign_in" => Some(json!({"secret": SECRET})),
        "messages" => Some(json!({"messages": []})),
        "answers" => Some(json!({"answers": []})),
        "ended" => Some(json!({"cookies": []})),
        _ => None,
    }
}

/// A request that is fine but for its secret.
fn request(id: &str, method: &str, path: &str, query: &str, body: Option<&Value>) -> Ask {
    // What is asked for, where no other query is tried.
    let query = match query {
        "" if id == "adoption" => "?release=v1",
        query => query,
    };
    let target = format!("/api/admin{}{query}", path.replace("{id}", "999"));
    match body {
        Some(body) => Ask::with(method, target, body),
        None if id == "lift_by_query" && query.is_empty() => Ask::new(method, target + "?id=999"),
        None => Ask::new(method, target),
    }
}

/// Sends what `ask` makes of each operation that documents this code, and holds the answers to the document.
fn provoke(document: &mut Document, code: &str, mut answer: impl FnMut(&str, &str, &str) -> Answer) {
    let mut provoked = 0;
    for (method, path, operation) in document.operations() {
        let id = operation["operationId"].as_str().unwrap();
        let documents = operation["responses"]
            .as_object()
            .unwrap()
            .values()
            .any(|response| {
                response["content"]["application/json"]["examples"]
                    .get(code)
                    .is_some()
            });
        if documents {
            let answer = answer(id, &method, &path);
            assert_eq!(answer.code(), code, "{id}: {answer:?}");
            document.check(id, &answer);
            provoked += 1;
        }
    }
    assert!(provoked > 0, "no operation documents {code}");
}

fn fine(id: &str, method: &str, path: &str) -> Ask {
    request(id, method, path, "", body(id).as_ref())
}

/// Without its own secret, because the body would have one.
fn guess(id: &str, method: &str, path: &str) -> Ask {
    let guess = json!({"secret": "wrong"});
    let body = if id == "sign_in" { Some(guess) } else { body(id) };
    request(id, method, path, "", body.as_ref()).bearer("wrong")
}

/// The same request to a host of another name.
fn to_host(address: SocketAddr, ask: &Ask, host: &str) -> Answer {
    let own = format!("host: {address}");
    let text = ask.text(address, "close").replace(&own, &format!("host: {host}"));
    Answer::parse(&exchange(address, text.as_bytes()))
}

#[test]
fn every_error_is_what_the_document_says() {
    if alone("its limits") {
        return;
    }
    let mut document = Document::read();
    of_heads_and_secrets(&mut document);
    of_secrets_that_are_not_shown_or_wrong(&mut document);
    of_bodies_and_queries(&mut document);
    of_commands(&mut document);
    of_the_state_of_a_server(&mut document);
    let mut missing = Vec::new();
    for (.., operation) in document.operations() {
        let id = operation["operationId"].as_str().unwrap();
        for (status, response) in operation["responses"].as_object().unwrap() {
            let examples = response["content"]["application/json"]["examples"].as_object();
            let codes = examples.into_iter().flat_map(|examples| examples.keys());
            let seen = |code: &&String| document.seen.contains(&format!("{id} {status} {code}"));
            missing.extend(
                codes
                    .filter(|code| !ELSEWHERE.contains(&code.as_str()) && !seen(code))
                    .map(|code| format!("{id} {status} {code}")),
            );
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "documented, and never seen");
}

fn of_heads_and_secrets(document: &mut Document) {
    let server =
        Server::start(config().with(|config| config.bridge_secret = Some(Secret::new(BRIDGE_SECRET))));
    let address = server.address;
    provoke(document, "invalid-head", |id, method, path| {
        ask(
            address,
            &fine(id, method, path)
                .bearer(SECRET)
                .header("host", "other.example"),
        )
    });
    provoke(document, "bridge-only", |id, method, path| {
        ask(address, &fine(id, method, path).bearer(BRIDGE_SECRET))
    });
    provoke(document, "bridge-secret-needed", |id, method, path| {
        let query = if id == "lines" { "?hooks=authorize" } else { "" };
        server.admin(request(id, method, path, query, body(id).as_ref()))
    });
    let signed_in = ask(
        address,
        &Ask::post("/api/admin/session", &json!({"secret": SECRET})),
    );
    let (ticket, _) = signed_in.header("set-cookie").unwrap().split_once(';').unwrap();
    provoke(document, "origin-not-allowed", |id, method, path| {
        let foreign = fine(id, method, path).header("origin", "https://foreign.example");
        ask(address, &foreign.header("cookie", ticket))
    });
}

fn of_secrets_that_are_not_shown_or_wrong(document: &mut Document) {
    let many = Server::start(config().with(|config| {
        config.limits.guesses_burst = 1_000;
        config.limits.guesses_per_second = 1_000;
    }));
    provoke(document, "unauthorized", |id, method, path| {
        ask(many.address, &guess(id, method, path))
    });
    let none = Server::start(config().with(|config| config.admin_secret = None));
    provoke(document, "not-configured", |id, method, path| {
        ask(none.address, &fine(id, method, path))
    });
    let open = Server::start(config().with(|config| config.authorize_anyone = true));
    provoke(document, "host-not-allowed", |id, method, path| {
        to_host(
            open.address,
            &fine(id, method, path).bearer(SECRET),
            "foreign.example",
        )
    });
    let limits = config().limits.with(|limits| {
        limits.guesses_burst = 1;
        limits.guesses_held_max = 0;
        limits.guess_hold_ms = 600_000;
    });
    let strict = Server::build(
        Door::Axum,
        config().with(|config| config.limits = limits),
        |builder| builder,
    );
    assert_eq!(
        ask(strict.address, &Ask::get("/api/admin/stats").bearer("wrong")).status,
        401
    );
    provoke(document, "too-many-guesses", |id, method, path| {
        ask(strict.address, &guess(id, method, path))
    });
}

fn of_bodies_and_queries(document: &mut Document) {
    let limits = config().limits.with(|limits| {
        limits.bridge_body_bytes_max = 65_536;
        limits.head_ms = 300;
    });
    let server = Server::start(config().with(|config| config.limits = limits));
    provoke(document, "invalid-body", |id, method, path| {
        server.admin(request(id, method, path, "", Some(&json!([]))))
    });
    provoke(document, "body-too-large", |id, method, path| {
        let body = json!({"text": "x".repeat(65_536)});
        server.admin(request(id, method, path, "", Some(&body)))
    });
    provoke(document, "slow-body", |id, method, path| {
        let whole = fine(id, method, path)
            .bearer(SECRET)
            .text(server.address, "close");
        let (begun, _) = whole.split_at(whole.len() - 1);
        Answer::parse(&exchange(server.address, begun.as_bytes()))
    });
    provoke(document, "invalid-query", |id, method, path| {
        let path = path.replace("{id}", "first");
        server.admin(request(id, method, &path, "?nothing=1", body(id).as_ref()))
    });
}

fn of_commands(document: &mut Document) {
    let server = Server::start(config());
    provoke(document, "invalid-version", |id, method, path| {
        let of_release = if id == "adoption" { "?release=" } else { "" };
        let body = json!({"version": ""});
        server.admin(request(id, method, path, of_release, Some(&body)))
    });
    provoke(document, "invalid-pattern", |id, method, path| {
        let bad = if id == "invalidate" {
            json!({"match": {"regex": "("}})
        } else {
            json!({"route": "no-slash"})
        };
        let of_route = if id == "adoption" {
            "?release=v1&route=no-slash"
        } else {
            ""
        };
        server.admin(request(id, method, path, of_route, Some(&bad)))
    });
    for (id, path) in [
        ("invalidate", "invalidations"),
        ("invalidate_route", "invalidate-route"),
    ] {
        let mut longer = body(id).unwrap();
        longer["spreadMs"] = 3_600_001.into();
        document.check(
            id,
            &server.admin(Ask::post(format!("/api/admin/{path}"), &longer)),
        );
    }
    provoke(document, "no-such-rule", |id, method, path| {
        server.admin(fine(id, method, path))
    });
    let rule = server.invalidate(&json!({"match": {"exact": "/"}}))["id"].to_string();
    provoke(document, "not-in-waves", |id, method, path| {
        let path = path.replace("{id}", &rule);
        server.admin(fine(id, method, &path))
    });
}

fn of_the_state_of_a_server(document: &mut Document) {
    let server = Server::start(config().with(|config| {
        config.connection_tracking = false;
        config.route_tracking = false;
    }));
    provoke(document, "tracking-off", |id, method, path| {
        let body = match id {
            "invalidate" => Some(json!({"match": {"exact": "/a"}})),
            "invalidate_route" => Some(json!({"route": "/a"})),
            _ => None,
        };
        let of_route = if id == "adoption" {
            "?release=v1&route=/a"
        } else {
            ""
        };
        server.admin(request(id, method, path, of_route, body.as_ref()))
    });
    let limits = config().limits.with(|limits| limits.bridges_max = 1);
    let server = Server::start(config().with(|config| config.limits = limits));
    let _open = Bridge::open(server.address, "");
    provoke(document, "full", |id, method, path| {
        server.admin(fine(id, method, path))
    });
    let server = Server::build(Door::Axum, config(), |builder| builder);
    let rule = server.invalidate(&json!({"match": {"exact": "/"}}))["id"].to_string();
    server.runtime.block_on(server.headcount.shutdown());
    eventually("the shards have ended", || {
        let stats = server.runtime.block_on(server.headcount.stats());
        matches!(stats, Err(CommandError::Stopped)).then_some(())
    });
    provoke(document, "draining", |id, method, path| {
        let query = if id == "lift_by_query" {
            format!("?id={rule}")
        } else {
            String::new()
        };
        let path = path.replace("{id}", &rule);
        let body = match id {
            "change" => Some(json!({"audience": "all"})),
            _ => body(id),
        };
        server.admin(request(id, method, &path, &query, body.as_ref()))
    });
}
