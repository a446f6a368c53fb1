//! HTTP/2, and sockets of the generic door: what they may take, and for how long.

mod client;

use std::io::Write;

use headcount_server::Limits;
use serde_json::json;

use crate::client::{Ask, BOTH, Transport, Visit, ask, connect, eventually, exchange, read_to_end};
use crate::nodes::{self, alone};
use crate::server::{SECRET, Server, config};
use client::{
    CONTINUATION, Connection, DATA, GOAWAY, HEADERS, PING, PREFACE, RESET, SETTINGS, WINDOW, frame,
};

fn server(limits: Limits) -> Server {
    Server::start(config().with(|config| config.limits = limits))
}

/// Waits that end soon, each by itself; what is not tested lasts.
fn lasting() -> Limits {
    Limits::default().with(|limits| {
        limits.head_ms = 600_000;
        limits.http_idle_ms = 600_000;
        limits.outbox_ms = 600_000;
    })
}

fn closed(server: &Server, cause: &str) -> u64 {
    server.metric(&format!("headcount_http_closed_total{{kind=\"{cause}\"}}"))
}

#[test]
fn a_client_that_begins_http2_and_asks_nothing_is_let_go() {
    let limits = lasting().with(|limits| limits.head_ms = 300);
    let server = server(limits);
    for begun in [&PREFACE[..16], &PREFACE[..23], PREFACE] {
        let mut stream = connect(server.address);
        stream.write_all(begun).unwrap();
        let _settings = read_to_end(&mut stream);
    }
    let mut with_settings = Connection::open(server.address);
    with_settings.rest();
    // Half of a head is not a request either.
    let mut with_half_a_head = Connection::open(server.address);
    with_half_a_head.begin_get("/healthz");
    with_half_a_head.rest();
    assert_eq!(closed(&server, "slow_head"), 5);
}

#[test]
fn a_second_guess_of_a_secret_while_one_waits_ends_the_connection_and_at_a_trusted_proxy_its_stream() {
    for proxies in ["192.0.2.0/24", "127.0.0.0/8"] {
        let server = Server::start(config().with(|config| {
            config.limits = lasting().with(|limits| {
                limits.guesses_burst = 1;
                limits.guess_hold_ms = 600_000;
            });
            config.trusted_proxies = vec![proxies.parse().unwrap()];
        }));
        let mut connection = Connection::open(server.address);
        for _ in 0..3 {
            connection.get_with_secret("/api/admin/stats", "wrong");
        }
        // In either order, one is answered and one waits.
        if proxies == "127.0.0.0/8" {
            connection.until(|frame| frame.kind == RESET);
            let right = connection.get_with_secret("/api/admin/stats", SECRET);
            assert_eq!(connection.status(right), 200);
            assert_eq!(closed(&server, "guess"), 0);
        } else {
            let came = connection.rest();
            assert!(came.iter().filter(|frame| frame.kind == HEADERS).count() <= 1);
            assert_eq!(closed(&server, "guess"), 1);
        }
    }
}

#[test]
fn a_guess_that_is_taken_back_still_waits() {
    let server = server(lasting().with(|limits| {
        limits.guesses_burst = 1;
        limits.guess_hold_ms = 600_000;
    }));
    let mut connection = Connection::open(server.address);
    let answered = connection.get_with_secret("/api/admin/stats", "wrong");
    connection.until(|frame| (frame.kind, frame.stream) == (HEADERS, answered));
    let waiting = connection.get_with_secret("/api/admin/stats", "wrong");
    eventually("it is held back", || {
        (server.metric("headcount_refused_total{kind=\"secret\"}") == 2).then_some(())
    });
    connection.frame(RESET, 0, waiting, &[0, 0, 0, 8]);
    connection.get_with_secret("/api/admin/stats", "wrong");
    connection.rest();
    assert_eq!(closed(&server, "guess"), 1);
}

#[test]
fn pings_and_settings_keep_no_connection_open() {
    let limits = lasting().with(|limits| {
        limits.head_ms = 300;
        limits.messages_per_second = 10_000;
    });
    let server = server(limits);
    for talk in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
        let connection = Connection::open(server.address);
        eventually("it is closed", || connection.socket().write_all(&talk).err());
    }
    assert_eq!(closed(&server, "slow_head"), 2);
}

#[test]
fn a_connection_without_requests_is_told_goodbye_and_one_with_a_stream_stays() {
    let limits = lasting().with(|limits| {
        limits.http_idle_ms = 200;
        limits.keepalive_ms = 100;
    });
    let server = server(limits);
    let mut busy = Connection::open(server.address);
    let stream = busy.get("/__skew/sse");
    assert_eq!(busy.status(stream), 200);
    let mut idle = Connection::open(server.address);
    let asked = idle.get("/healthz");
    assert_eq!(idle.status(asked), 200);
    assert!(idle.rest().iter().any(|frame| frame.kind == GOAWAY));
    assert_eq!(closed(&server, "idle"), 1);
    for _ in 0..5 {
        busy.until(|frame| (frame.kind, frame.stream) == (DATA, stream));
    }
    server.await_total(1);
}

#[test]
fn an_idle_connection_holds_up_no_drain() {
    let limits = lasting().with(|limits| limits.drain_ms = 600_000);
    let mut server = server(limits);
    let mut idle = Connection::open(server.address);
    let asked = idle.get("/healthz");
    assert_eq!(idle.status(asked), 200);
    let mut begun = connect(server.address);
    begun.write_all(&PREFACE[..16]).unwrap();
    let mut kept = connect(server.address);
    kept.write_all(Ask::get("/healthz").text(server.address, "keep-alive").as_bytes())
        .unwrap();
    eventually("all are served", || {
        // Each node counts the connection that asks it.
        let asking = *nodes::COUNT as u64;
        (server.metric("headcount_http_connections") == 3 + asking).then_some(())
    });
    server.stop();
    // None of them answers anything, and the window is ten minutes.
    server.join();
    assert!(!read_to_end(&mut kept).is_empty());
}

/// Sockets whose requests never get the rest from their client.
fn waited_for(server: &Server) -> (Vec<Connection>, Vec<std::net::TcpStream>) {
    let connections = (0..8).map(|number| {
        let mut connection = Connection::open(server.address);
        if number % 2 == 0 {
            connection.begin_post("/__skew/route");
        } else {
            // No byte of an answer may be sent.
            connection.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
            connection.get("/healthz");
        }
        connection
    });
    let connections = connections.collect();
    let heads = [
        "content-length: 99\r\n\r\n",
        "content-length: 99\r\nexpect: 100-continue\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\nhe",
    ];
    let sockets = heads.map(|rest| {
        let mut socket = connect(server.address);
        let head = format!(
            "POST /__skew/route HTTP/1.1\r\nhost: {}\r\n{rest}",
            server.address
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket
    });
    (connections, sockets.into())
}

#[test]
fn a_client_that_is_waited_for_holds_up_no_drain() {
    let mut server = server(lasting().with(|limits| limits.drain_ms = 600_000));
    let _held = waited_for(&server);
    eventually("all are served", || {
        (server.metric("headcount_http_connections") >= 9).then_some(())
    });
    server.stop();
    // The window is ten minutes.
    server.join();
}

#[test]
fn in_a_crowd_a_client_that_is_waited_for_leaves_its_place() {
    if alone("its limits") {
        return;
    }
    let server = server(lasting().with(|limits| limits.http_connections_max = 12));
    let _held = waited_for(&server);
    eventually("they are let go", || {
        (closed(&server, "stuck") >= 2).then_some(())
    });
    assert_eq!(ask(server.address, &Ask::get("/healthz")).status, 200);
}

#[test]
fn frames_that_ask_nothing_are_bounded() {
    let server = server(lasting());
    let floods = [
        frame(PING, 0, 0, &[0; 8]),
        frame(SETTINGS, 0, 0, &[]),
        frame(WINDOW, 0, 0, &[0, 0, 0, 1]),
        frame(2, 0, 3, &[0, 0, 0, 0, 1]),
        frame(77, 0, 0, &[]),
    ];
    for (number, flood) in floods.iter().enumerate() {
        let connection = Connection::open(server.address);
        let flood = flood.repeat(100);
        eventually("it is closed", || connection.socket().write_all(&flood).err());
        assert_eq!(closed(&server, "flood"), number as u64 + 1);
    }
    // And headers that never end.
    let mut connection = Connection::open(server.address);
    let stream = connection.begin_get("/healthz");
    let flood = frame(CONTINUATION, 0, stream, &[]).repeat(100);
    eventually("it is closed", || connection.socket().write_all(&flood).err());
    assert_eq!(ask(server.address, &Ask::get("/healthz")).status, 200);
}

#[test]
fn streams_count_as_connections_do() {
    if alone("its limits") {
        return;
    }
    let limits = lasting().with(|limits| {
        limits.connections_max = 3;
        limits.http_streams_max = 5;
    });
    let server = server(limits);
    let mut connection = Connection::open(server.address);
    for status in [200, 200, 200, 503] {
        let stream = connection.get("/__skew/sse");
        assert_eq!(connection.status(stream), status);
    }
    server.await_total(3);
    drop(connection);
    server.await_total(0);
    let per_address = lasting().with(|limits| limits.connections_per_address_max = 2);
    let server = self::server(per_address);
    let mut connections = [(); 2].map(|()| Connection::open(server.address));
    let mut status_of = |number: usize| {
        let stream = connections[number].get("/__skew/sse");
        connections[number].status(stream)
    };
    assert_eq!([0, 1, 0, 1].map(&mut status_of), [200, 200, 503, 503]);
}

#[test]
fn a_stream_that_is_not_read_is_reset_and_the_others_go_on() {
    // What hyper was given with some room left is out of sight, so the next sign of life is what shows a client that takes nothing.
    let limits = lasting().with(|limits| {
        limits.outbox_ms = 300;
        limits.keepalive_ms = 100;
    });
    let server = server(limits);
    let mut connection = Connection::open(server.address);
    let stuck = connection.get("/__skew/sse");
    let connected = connection.until(|frame| (frame.kind, frame.stream) == (DATA, stuck));
    let text = String::from_utf8(connected.payload).unwrap();
    let id = text.split("\"connectionId\":\"").nth(1).unwrap()[..22].to_owned();
    // A stream takes 65,535 bytes until its client allows more, which this one never does.
    let tab = server.headcount.tab(&id).unwrap();
    for _ in 0..9 {
        tab.send(&json!({"type": "long", "text": "x".repeat(10_000)}))
            .unwrap();
    }
    connection.until(|frame| (frame.kind, frame.stream) == (RESET, stuck));
    server.await_total(0);
    connection.frame(WINDOW, 0, 0, &65_535_u32.to_be_bytes());
    let other = connection.get("/healthz");
    assert_eq!(connection.status(other), 200);
    assert_eq!(closed(&server, "stuck"), 1);
}

#[test]
fn an_answer_that_is_not_read_is_given_up() {
    let limits = lasting().with(|limits| {
        limits.outbox_ms = 300;
        limits.http_idle_ms = 300;
        limits.keepalive_ms = 100;
    });
    let server = server(limits);
    // A list for an admin that is longer than what the system holds for a socket, asked for over and over.
    let tabs: Vec<_> = (0..50)
        .map(|number| {
            Visit::new(BOTH[number % 2], &format!("/{}{number}", "x".repeat(900))).open(server.address)
        })
        .collect();
    let asked = Ask::get("/api/admin/stats")
        .bearer(crate::server::SECRET)
        .text(server.address, "keep-alive");
    let mut stream = connect(server.address);
    let _full = stream.write_all(asked.repeat(400).as_bytes());
    eventually("it is given up", || {
        let given_up = closed(&server, "stuck") + closed(&server, "idle");
        (given_up > 0).then_some(())
    });
    drop((stream, tabs));
}

#[test]
fn a_full_door_refuses_at_once_and_idle_sockets_make_room() {
    let limits = lasting().with(|limits| limits.http_connections_max = 4);
    let server = server(limits);
    let hold = || {
        let mut stream = connect(server.address);
        stream.write_all(&PREFACE[..16]).unwrap();
        stream
    };
    let mut held: Vec<_> = Vec::new();
    let refused = eventually("the door is full", || {
        held.push(hold());
        let answer = exchange(
            server.address,
            Ask::get("/nothing").text(server.address, "close").as_bytes(),
        );
        let answer = String::from_utf8(answer).unwrap();
        answer.starts_with("HTTP/1.1 503 ").then_some(answer)
    });
    assert!(refused.contains("retry-after"), "{refused}");
    // If the door is crowded, waits are short, whatever the limits are.
    eventually("there is room again", || {
        let answer = exchange(
            server.address,
            Ask::get("/nothing").text(server.address, "close").as_bytes(),
        );
        answer.starts_with(b"HTTP/1.1 404 ").then_some(())
    });
    drop(held);
    // Streams of the lean door are not concerned.
    let _tab = Visit::new(Transport::Sse, "/").open(server.address);
}

/// Regression: a stream over HTTP/2 keeps its seat as long as it lasts, and health and the admin API were refused during
/// that time.
#[test]
fn health_and_the_admin_api_are_answered_while_streams_fill_the_door() {
    if alone("its limits") {
        return;
    }
    let limits = lasting().with(|limits| limits.http_connections_max = 4);
    let server = server(limits);
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut connection = Connection::open(server.address);
        let stream = connection.get("/__skew/sse");
        assert_eq!(connection.status(stream), 200);
        streams.push(connection);
    }
    let status = |asked: Ask| {
        let answer = exchange(server.address, asked.text(server.address, "close").as_bytes());
        String::from_utf8(answer).unwrap()[9..12].to_owned()
    };
    assert_eq!(status(Ask::get("/nothing")), "503");
    for _ in 0..20 {
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(status(Ask::get(path)), "200", "{path}");
        }
        let stats = Ask::get("/api/admin/stats").bearer(crate::server::SECRET);
        assert_eq!(status(stats), "200");
    }
    server.await_total(4);
    drop(streams);
}

#[test]
fn resets_in_quick_succession_end_the_connection() {
    if alone("how its connection ends, which the front does not pass on") {
        return;
    }
    let server = server(lasting());
    let mut connection = Connection::open(server.address);
    let mut flood = Vec::new();
    for stream in (1..2_000).step_by(2) {
        flood.extend(frame(HEADERS, 5, stream, &[0x82, 0x86, 0x84, 0x01, 1, b'h']));
        flood.extend(frame(RESET, 0, stream, &[0, 0, 0, 8]));
    }
    let _cut_off = connection.socket().write_all(&flood);
    assert!(connection.rest().iter().any(|frame| frame.kind == GOAWAY));
}
