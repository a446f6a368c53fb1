//! What every request must be like, and what every answer of a kind is like, whichever door it comes in by.

use serde_json::json;

use crate::client::{Answer, Ask, ask, exchange};
use crate::server::{Door, SECRET, Server, config};

const DOORS: [Door; 3] = [Door::Own, Door::Axum, Door::Wrapped];

const HANDSHAKE: &str = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Start lines and headers of requests that are answered well with a host.
fn requests() -> [(&'static str, String); 7] {
    let body = json!({"connectionId": "x", "route": "/"}).to_string();
    let posted = format!("content-length: {}\r\n\r\n{body}", body.len());
    [
        (
            "GET /__skew/sse?route=/",
            "user-agent: Mozilla/5.0 (X11) Firefox/140.0\r\n\r\n".to_owned(),
        ),
        (
            "GET /__skew/ws?route=/",
            format!("user-agent: Mozilla/5.0 (X11) Firefox/140.0\r\n{HANDSHAKE}\r\n"),
        ),
        ("POST /__skew/route", posted),
        ("GET /__skew/health", "\r\n".to_owned()),
        (
            "GET /api/admin/stats",
            format!("authorization: Bearer {SECRET}\r\n\r\n"),
        ),
        ("GET /healthz", "\r\n".to_owned()),
        ("GET /metrics", "\r\n".to_owned()),
    ]
}

/// The answer to a request with these header lines, up to the end of the connection.
fn answer(server: &Server, start: &str, version: &str, lines: &str, rest: &str) -> Answer {
    let text = format!("{start} {version}\r\nconnection: close\r\n{lines}{rest}");
    Answer::parse(&exchange(server.address, text.as_bytes()))
}

#[test]
fn a_request_that_does_not_name_one_host_is_refused_by_every_door() {
    for door in DOORS {
        let server = Server::build(door, config(), |builder| builder);
        for (start, rest) in requests() {
            for hosts in [
                "host: a\r\nhost: b\r\n",
                "host: a\r\nhost: a\r\n",
                "host: a\r\nHost: \r\n",
                "host: a, b\r\n",
                "host: a b\r\n",
                "host: user@a\r\n",
                "host: a/b\r\n",
                "host: \u{e9}\r\n",
            ] {
                let refused = answer(&server, start, "HTTP/1.1", hosts, &rest);
                assert_eq!(
                    (refused.status, &*refused.code()),
                    (400, "invalid-head"),
                    "{door:?} {start} {hosts:?}"
                );
            }
        }
        server.await_total(0);
    }
    let server = Server::start(config());
    for (start, rest) in requests() {
        assert_eq!(
            answer(&server, start, "HTTP/1.1", "", &rest).status,
            400,
            "{start}"
        );
    }
}

#[test]
fn open_to_anyone_it_answers_under_its_own_names_alone() {
    for door in DOORS {
        let config = config().with(|config| {
            config.authorize_anyone = true;
            config.allowed_origins = vec!["https://site.example".to_owned()];
        });
        let server = Server::build(door, config, |builder| builder);
        let evil = "origin: http://evil.example\r\nhost: evil.example\r\n";
        for (start, rest) in requests() {
            for hosts in [
                evil,
                "host: evil.example:80\r\n",
                "host: 127.0.0.1.evil.example\r\n",
                "host: 203.0.113.7\r\n",
            ] {
                let refused = answer(&server, start, "HTTP/1.1", hosts, &rest);
                assert_eq!(
                    (refused.status, &*refused.code()),
                    (403, "host-not-allowed"),
                    "{door:?} {start} {hosts:?}"
                );
            }
        }
        for host in [
            "localhost:4477",
            "127.0.0.1",
            "[::1]:1",
            "shop.localhost",
            "site.example",
        ] {
            let host = format!("host: {host}\r\n");
            assert_eq!(
                answer(&server, "GET /__skew/health", "HTTP/1.1", &host, "\r\n").status,
                200,
                "{host}"
            );
        }
        // Load balancers that speak HTTP/1.0 send no `Host`, and are not browsers.
        assert_eq!(
            answer(&server, "GET /healthz", "HTTP/1.0", "", "\r\n").status,
            200
        );
        assert!(server.metric("headcount_refused_total{kind=\"host\"}") >= 28);
    }
    // Where a secret or a session decides, the site's own name comes through its proxy.
    let server = Server::start(config());
    for (start, rest) in &requests()[2..] {
        assert_eq!(
            answer(&server, start, "HTTP/1.1", "host: example.com\r\n", rest).status,
            200,
            "{start}"
        );
    }
}

#[test]
fn no_cache_may_keep_what_the_admin_api_answers() {
    for door in DOORS {
        let server = Server::build(door, config(), |builder| builder);
        for request in [
            Ask::get("/api/admin/stats"),
            Ask::get("/api/admin/pages"),
            Ask::get("/api/admin/adoption?release=v1"),
            Ask::get("/api/admin/history"),
            Ask::get("/api/admin/connections"),
            Ask::get("/api/admin/connections?limit=0"),
            Ask::get("/api/admin/releases"),
            Ask::post("/api/admin/releases", "{}"),
            Ask::new("PUT", "/api/admin/releases"),
            Ask::get("/api/admin/invalidations"),
            Ask::new("DELETE", "/api/admin/invalidations/7"),
            Ask::post("/api/admin/session", &json!({"secret": SECRET})),
            Ask::post("/api/admin/bridge/messages", &json!({"messages": []})),
        ] {
            for request in [request.clone(), request.bearer(SECRET)] {
                let answer = ask(server.address, &request);
                assert_eq!(
                    answer.header("cache-control"),
                    Some("no-store"),
                    "{request:?}: {answer:?}"
                );
            }
        }
    }
}

#[test]
fn a_method_that_an_endpoint_does_not_take_is_refused_with_a_body() {
    for door in DOORS {
        let server = Server::build(door, config(), |builder| builder);
        for (path, method, allowed) in [
            ("/__skew/sse", "POST", "GET"),
            ("/__skew/sse", "DELETE", "GET"),
            ("/__skew/ws", "POST", "GET"),
            ("/__skew/route", "GET", "POST"),
            ("/__skew/message", "PUT", "POST"),
            ("/__skew/health", "POST", "GET,HEAD"),
            ("/api/admin/bridge", "POST", "GET"),
            ("/api/admin/stats", "POST", "GET,HEAD"),
            ("/api/admin/session", "GET", "POST,DELETE"),
            ("/healthz", "POST", "GET,HEAD"),
        ] {
            let answer = ask(server.address, &Ask::new(method, path).bearer(SECRET));
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some(allowed)),
                "{door:?} {method} {path}"
            );
            assert_eq!(answer.code(), "method-not-allowed", "{door:?} {method} {path}");
        }
        for path in ["/__skew/sse", "/__skew/ws", "/api/admin/bridge"] {
            let answer = ask(server.address, &Ask::new("HEAD", path).bearer(SECRET));
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some("GET")),
                "{door:?} {path}"
            );
        }
        assert_eq!(server.metric("headcount_bridges"), 0);
    }
}

#[test]
fn http_1_0_opens_no_websocket() {
    for door in DOORS {
        let server = Server::build(door, config(), |builder| builder);
        let lines = "host: 127.0.0.1\r\nuser-agent: Mozilla/5.0 (X11) Firefox/140.0\r\n";
        let text = format!("GET /__skew/ws?route=/ HTTP/1.0\r\n{lines}{HANDSHAKE}\r\n");
        let answer = Answer::parse(&exchange(server.address, text.as_bytes()));
        assert_eq!(
            (answer.status, &*answer.code()),
            (426, "no-handshake"),
            "{door:?}"
        );
        server.await_total(0);
    }
}

#[test]
fn a_handshake_with_a_body_is_refused_by_every_door() {
    for door in DOORS {
        let server = Server::build(door, config(), |builder| builder);
        for body in [
            "content-length: 5\r\n\r\nhello",
            "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let lines = format!("host: a\r\nuser-agent: Mozilla/5.0 (X11) Firefox/140.0\r\n{HANDSHAKE}");
            let refused = answer(&server, "GET /__skew/ws?route=/", "HTTP/1.1", &lines, body);
            assert_eq!(
                (refused.status, &*refused.code()),
                (426, "no-handshake"),
                "{door:?} {body:?}"
            );
        }
        server.await_total(0);
    }
}
