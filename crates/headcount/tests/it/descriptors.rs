//! A process that may open few files: new connections get `503`, and everything else goes on.

use std::io::{Read, Write};
use std::net::TcpStream;

use headcount_server::clock;

use crate::client::{Ask, Transport, Visit, connect, eventually, exchange};
use crate::process::Process;

/// Files the server may open: room for some two hundred tabs.
const FILES: u32 = 256;

fn limited() -> Process {
    Process::with_files(FILES, &["--ephemeral", "--release", "v1"])
}

fn stream_request(server: &Process) -> String {
    Ask::get("/__skew/sse?v=v1&route=/").text(server.address, "keep-alive")
}

/// Everything that must go on, however many sockets are open: health, the admin API, and a clear answer to a new connection.
fn goes_on(server: &Process) {
    eventually("health answers", || {
        (status(server, &Ask::get("/healthz").text(server.address, "close")) == 200).then_some(())
    });
    eventually("the admin API answers", || {
        let request = Ask::get("/api/admin/stats").bearer(crate::process::SECRET);
        (status(server, &request.text(server.address, "close")) == 200).then_some(())
    });
}

fn status(server: &Process, request: &str) -> u16 {
    let answer = exchange(server.address, request.as_bytes());
    let answer = String::from_utf8_lossy(&answer);
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_default()
}

/// Opens this many sockets that all send this, and keeps them.
fn hold(server: &Process, sockets: usize, bytes: &[u8]) -> Vec<TcpStream> {
    (0..sockets)
        .map(|_| {
            let mut stream = connect(server.address);
            // One that is refused may be closed already.
            let _sent = stream.write_all(bytes);
            stream
        })
        .collect()
}

/// The status of what a socket was answered.
fn answered(stream: &mut TcpStream) -> u16 {
    let mut start = [0; 12];
    match stream.read_exact(&mut start) {
        Ok(()) => std::str::from_utf8(&start[9..]).unwrap().parse().unwrap(),
        Err(_) => 0,
    }
}

#[test]
fn beyond_the_descriptors_newcomers_get_their_503_and_the_rest_goes_on() {
    let server = limited();
    let room = server.metric("headcount_connections_max");
    assert!((150..230).contains(&room), "{room}");
    let request = stream_request(&server);
    let mut tabs = hold(&server, 400, request.as_bytes());
    let statuses: Vec<_> = tabs.iter_mut().map(answered).collect();
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count() as u64;
    assert_eq!((count(200), count(503)), (room, 400 - room), "{statuses:?}");
    goes_on(&server);
    assert_eq!(server.metric("headcount_connections"), room);
    for transport in [Transport::Sse, Transport::WebSocket] {
        let refused = Visit::new(transport, "/").try_open(server.address).unwrap_err();
        assert_eq!((refused.status, &*refused.code()), (503, "full"));
        assert!(refused.header("retry-after").is_some());
    }
    drop(tabs);
    server.await_total(0);
    let _tab = Visit::new(Transport::Sse, "/").open(server.address);
    server.await_total(1);
}

#[test]
fn sockets_that_ask_nothing_take_no_descriptor_from_those_that_do() {
    let server = limited();
    let request = stream_request(&server);
    let half: &[u8] = b"GET /__skew/sse HTTP/1.1\r\n";
    for talk in [
        &b""[..],
        half,
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let strangers = hold(&server, 400, talk);
        goes_on(&server);
        let mut tabs = hold(&server, 30, request.as_bytes());
        let statuses: Vec<_> = tabs.iter_mut().map(answered).collect();
        assert!(
            statuses.iter().all(|status| [200, 503].contains(status)),
            "{statuses:?}"
        );
        drop((strangers, tabs));
        server.await_total(0);
    }
}

/// As where the app around an embedded server takes every descriptor.
#[test]
fn with_no_descriptor_left_newcomers_are_told_and_the_log_stays_short() {
    let server = limited();
    let tab = Visit::new(Transport::Sse, "/").open(server.address);
    let request = stream_request(&server);
    server.limit_files(server.files());
    // There may be gaps between the descriptors that are open, and the limit is on their numbers.
    let filling = hold(&server, 20, request.as_bytes());
    let begun = clock::now();
    eventually("three seconds of it", || {
        let mut refused = hold(&server, 20, request.as_bytes());
        // Each ends, and most get the reason: one whose request comes too late loses the answer to a reset.
        let statuses: Vec<_> = refused.iter_mut().map(answered).collect();
        let told = statuses.iter().filter(|status| **status == 503).count();
        assert!(told > 10, "{statuses:?} {}", server.said_since());
        (begun.elapsed().as_secs() >= 3).then_some(())
    });
    server.limit_files(FILES);
    // One that comes while the last are being refused is refused with them.
    goes_on(&server);
    let refused = server.metric("headcount_refused_total{kind=\"descriptors\"}");
    assert!(refused >= 20, "{refused}");
    let said = server.said_since().matches("can be accepted").count() as u64;
    // Two shards, and a second that had begun.
    assert!(
        (1..=2 * (begun.elapsed().as_secs() + 1)).contains(&said),
        "{said}"
    );
    drop(filling);
    server.await_total(1);
    drop(tab);
}
