//! What each secret opens, what becomes of wrong ones, and how secrets change.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use headcount_server::Limits;
use headcount_server::{Secret, Secrets};
use serde_json::json;

use crate::app_server::Bridge;
use crate::authorize::ticket;
use crate::client::{Ask, BOTH, Transport, Visit, ask, connect, eventually, read_to_end};
use crate::nodes::alone;
use crate::server::{Door, SECRET, Server, config};

const BRIDGE_SECRET: &str = "a secret for app servers alone";
const ENDPOINTS: [&str; 3] = ["messages", "answers", "ended"];

fn limited(limits: Limits) -> Server {
    Server::start(config().with(|config| config.limits = limits))
}

/// Every way to show a secret.
fn shown(secret: &str) -> [Ask; 5] {
    [
        Ask::get("/api/admin/stats").bearer(secret),
        Ask::post(
            "/api/admin/invalidate-route",
            &json!({"route": "/", "secret": secret}),
        ),
        Ask::post("/api/admin/session", &json!({"secret": secret})),
        Ask::get("/api/admin/bridge").bearer(secret),
        Ask::post("/api/admin/bridge/messages", &json!({"messages": []})).bearer(secret),
    ]
}

/// Sends it and does not wait for the answer.
fn send(address: SocketAddr, request: &Ask) -> TcpStream {
    let mut socket = connect(address);
    socket
        .write_all(request.text(address, "close").as_bytes())
        .unwrap();
    socket
}

fn is_unanswered(socket: &mut TcpStream) -> bool {
    socket.set_nonblocking(true).unwrap();
    let read = socket.read(&mut [0; 1]);
    socket.set_nonblocking(false).unwrap();
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn a_ticket_opens_no_bridge() {
    let server = Server::start(config());
    let ticket = ticket(&server);
    let own = format!("http://{}", server.address);
    for (name, value) in [
        ("x-none", "1"),
        ("origin", &*own),
        ("sec-fetch-site", "same-origin"),
    ] {
        for query in ["", "?hooks=authorize", "?hooks=open,route,close,authorize"] {
            let open = Ask::get(format!("/api/admin/bridge{query}"));
            let answer = ask(
                server.address,
                &open.header("cookie", &*ticket).header(name, value),
            );
            assert_eq!((answer.status, &*answer.code()), (401, "unauthorized"), "{query}");
        }
        for endpoint in ENDPOINTS {
            let request = Ask::post(format!("/api/admin/bridge/{endpoint}"), "{}");
            let request = request.header("cookie", &*ticket).header(name, value);
            assert_eq!(ask(server.address, &request).status, 401, "{endpoint}");
        }
    }
    // It is a ticket all the same.
    let stats = Ask::get("/api/admin/stats").header("cookie", &*ticket);
    assert_eq!(ask(server.address, &stats).status, 200);
    assert_eq!(server.metric("headcount_bridges"), 0);
    // The admin secret opens the bridge; the scheme may have any case.
    Bridge::open(server.address, "hooks=authorize");
    let lower = Ask::post("/api/admin/bridge/messages", &json!({"messages": []}));
    let lower = lower.header("authorization", format!("bearer {SECRET}"));
    assert_eq!(ask(server.address, &lower).status, 200);
}

#[test]
fn a_bridge_secret_opens_the_bridge_alone_and_only_it_says_who_sees_stats() {
    let server = Server::start(config().with(|config| {
        config.bridge_secret = Some(Secret::new(BRIDGE_SECRET));
        config.authorize_bridge = true;
    }));
    let with = |secret: &str, request: Ask| ask(server.address, &request.bearer(secret));
    let open = |query: &str| Ask::get(format!("/api/admin/bridge?{query}"));
    let body = |endpoint: &str| {
        let body = match endpoint {
            "messages" => json!({"messages": []}),
            "answers" => json!({"answers": []}),
            _ => json!({"cookies": []}),
        };
        Ask::post(format!("/api/admin/bridge/{endpoint}"), &body)
    };
    for request in [
        open("hooks=authorize"),
        open("hooks=open,authorize"),
        body("answers"),
        body("ended"),
    ] {
        let answer = with(SECRET, request);
        assert_eq!((answer.status, &*answer.code()), (403, "bridge-secret-needed"));
    }
    assert_eq!(with(SECRET, body("messages")).status, 200);
    Bridge::open(server.address, "hooks=open");
    for endpoint in ENDPOINTS {
        assert_eq!(with(BRIDGE_SECRET, body(endpoint)).status, 200, "{endpoint}");
    }
    drop(send(
        server.address,
        &open("hooks=authorize").bearer(BRIDGE_SECRET),
    ));
    for request in [
        Ask::get("/api/admin/stats"),
        Ask::post("/api/admin/releases", &json!({"version": "v9"})),
        Ask::post("/api/admin/invalidate-route", &json!({"route": "/"})),
        Ask::new("DELETE", "/api/admin/session"),
    ] {
        let answer = with(BRIDGE_SECRET, request);
        assert_eq!((answer.status, &*answer.code()), (403, "bridge-only"));
    }
    for request in &shown(BRIDGE_SECRET)[1..3] {
        assert_eq!(ask(server.address, request).status, 401, "{request:?}");
    }
}

#[test]
fn wrong_secrets_are_answered_late_and_right_ones_at_once() {
    let server = limited(Limits::default().with(|limits| {
        limits.guesses_burst = 5;
        limits.guesses_held_per_address_max = 64;
        limits.guess_hold_ms = 600_000;
    }));
    let guesses = (0..40).map(|number| shown(&format!("guess-{number}"))[number % 5].clone());
    let mut sockets: Vec<_> = guesses.map(|guess| send(server.address, &guess)).collect();
    eventually("all were looked at", || {
        (server.metric("headcount_refused_total{kind=\"secret\"}") == 40).then_some(())
    });
    // One a second from here on: slower than any client.
    let waiting = sockets
        .iter_mut()
        .map(is_unanswered)
        .filter(|waits| *waits)
        .count();
    assert!(waiting >= 15, "{waiting} of 40 wait");
    for request in &shown(SECRET)[..3] {
        assert_eq!(ask(server.address, request).status, 200, "{request:?}");
    }
    Bridge::open(server.address, "hooks=open");
    // A request without a secret is not a guess.
    assert_eq!(ask(server.address, &Ask::get("/api/admin/stats")).status, 401);
    assert_eq!(server.metric("headcount_refused_total{kind=\"secret\"}"), 40);
}

#[test]
fn a_wrong_secret_beyond_those_held_back_gets_no_answer() {
    if alone("its limits") {
        return;
    }
    let server = limited(Limits::default().with(|limits| {
        limits.guesses_burst = 1;
        limits.guesses_held_max = 1;
        limits.guess_hold_ms = 600_000;
    }));
    let guess = || send(server.address, &Ask::get("/api/admin/stats").bearer("wrong"));
    // The first is answered at once; one is held back, for minutes.
    assert!(read_to_end(&mut guess()).starts_with(b"HTTP/1.1 401 "));
    let _held = guess();
    eventually("it is held back", || {
        (server.metric("headcount_refused_total{kind=\"secret\"}") == 2).then_some(())
    });
    assert_eq!(read_to_end(&mut guess()), b"");
    assert_eq!(server.admin(Ask::get("/api/admin/stats")).status, 200);
    assert_eq!(server.metric("headcount_http_closed_total{kind=\"guess\"}"), 1);
}

#[test]
fn where_the_connection_is_not_ours_to_close_a_wrong_secret_beyond_those_held_back_gets_429() {
    if alone("its limits") {
        return;
    }
    let limits = Limits::default().with(|limits| {
        limits.guesses_burst = 1;
        limits.guesses_held_max = 0;
        limits.guess_hold_ms = 600_000;
    });
    let server = Server::build(
        Door::Axum,
        config().with(|config| config.limits = limits),
        |builder| builder,
    );
    let guess = || ask(server.address, &Ask::get("/api/admin/stats").bearer("wrong"));
    assert_eq!(guess().status, 401);
    let answer = guess();
    assert_eq!((answer.status, &*answer.code()), (429, "too-many-guesses"));
    assert_eq!(server.admin(Ask::get("/api/admin/stats")).status, 200);
}

#[test]
fn one_address_has_few_answers_held_back_and_leaves_places_to_others() {
    if alone("its limits") {
        return;
    }
    let server = Server::start(config().with(|config| {
        config.limits = Limits::default().with(|limits| {
            limits.guesses_burst = 1;
            limits.guesses_held_per_address_max = 2;
            limits.guess_hold_ms = 600_000;
        });
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    }));
    let guess = |from: &str| {
        let guess = Ask::get("/api/admin/stats").bearer("wrong");
        send(server.address, &guess.header("x-forwarded-for", from))
    };
    // An IPv6 network of one site is one address.
    let mut sockets: Vec<_> = (0..9).map(|host| guess(&format!("2001:db8::{host}"))).collect();
    let looked_at = |count| {
        eventually("all were looked at", || {
            (server.metric("headcount_refused_total{kind=\"secret\"}") == count).then_some(())
        });
    };
    looked_at(9);
    eventually("all but two are answered or closed", || {
        let waiting = sockets.iter_mut().map(is_unanswered).filter(|waits| *waits);
        (waiting.count() == 2).then_some(())
    });
    assert!(read_to_end(&mut guess("2001:db8:1::1")).starts_with(b"HTTP/1.1 401 "));
    let mut another = guess("2001:db8:1::2");
    looked_at(11);
    assert!(is_unanswered(&mut another));
}

#[test]
fn wrong_secrets_take_no_place_that_the_owner_needs_at_the_admin_address() {
    let server = limited(Limits::default().with(|limits| {
        limits.http_connections_max = 16;
        limits.guesses_burst = 1;
        limits.guesses_held_per_address_max = 1_000;
        limits.guess_hold_ms = 600_000;
    }));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let headcount = server.headcount.clone();
    server.runtime.spawn(async move {
        let router = headcount.router();
        headcount.serve_apart(listener, router).await
    });
    let guess = Ask::get("/api/admin/stats").bearer("wrong");
    let _guesses: Vec<_> = (1..=40)
        .map(|count| {
            let socket = send(address, &guess);
            eventually("it was looked at", || {
                (server.metric("headcount_refused_total{kind=\"secret\"}") == count).then_some(())
            });
            socket
        })
        .collect();
    assert_eq!(
        ask(address, &Ask::get("/api/admin/stats").bearer(SECRET)).status,
        200
    );
    assert_eq!(ask(address, &Ask::get("/healthz")).status, 200);
}

#[test]
fn secrets_change_without_closing_a_tab_and_what_was_had_for_one_ends_with_it() {
    if alone("its secrets") {
        return;
    }
    let server = Server::start(config());
    let change = |admin: &str, previous: Option<&str>| {
        let mut secrets = Secrets::default();
        secrets.admin = Some(Secret::new(admin));
        secrets.admin_previous = previous.map(Secret::new);
        server.runtime.block_on(server.headcount.change_secrets(secrets))
    };
    let status = |secret: &str| ask(server.address, &Ask::get("/api/admin/stats").bearer(secret)).status;
    let ticket = ticket(&server);
    let with_ticket = || {
        ask(
            server.address,
            &Ask::get("/api/admin/stats").header("cookie", &*ticket),
        )
        .status
    };
    let mut tabs = BOTH.map(|transport| Visit::new(transport, "/").open(server.address));
    let mut admin = Visit::new(Transport::WebSocket, "/")
        .cookie(&ticket)
        .open(server.address);
    admin.subscribe();
    admin.next_of("stats");
    let mut bridge = Bridge::open(server.address, "hooks=open");
    bridge.next_of("ready");

    change("another secret, a long one", Some(SECRET)).unwrap();
    assert_eq!(
        (
            status("another secret, a long one"),
            status(SECRET),
            with_ticket()
        ),
        (200, 200, 200)
    );
    let seen = Visit::new(Transport::Sse, "/seen").open(server.address);
    assert_eq!(bridge.next_of("open")["id"], *seen.id);

    change("another secret, a long one", None).unwrap();
    assert_eq!(
        (
            status("another secret, a long one"),
            status(SECRET),
            with_ticket()
        ),
        (200, 401, 401)
    );
    while bridge.next_or_end().is_some() {}
    admin.next_of("stats-unauthorized");

    // What is wrong changes nothing.
    let problems = change("", None).unwrap_err();
    assert!(problems[0].contains("admin_secret"), "{problems:?}");
    let nothing = server.headcount.change_secrets(Secrets::default());
    assert!(server.runtime.block_on(nothing).is_err());
    assert_eq!(status("another secret, a long one"), 200);
    for tab in &mut tabs {
        server.mark(&tab.id);
        assert_eq!(tab.next_of("marker")["type"], "marker");
    }
}
