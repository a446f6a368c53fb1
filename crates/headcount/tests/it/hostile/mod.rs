//! Hostile input, one named case after the other against one server that must come through all of them.
//!
//! After each case the server answers and holds no connection; after all of them its memory is still small and its
//! metrics tell what happened.

mod fields;
mod floods;
mod frames;
mod heads;
mod strangers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::client::{Ask, ask, exchange};
use crate::process::Process;

/// A name, and what is done to the server.
type Case = (&'static str, fn(&Process));

#[test]
fn the_server_comes_through_everything() {
    let limits = [
        "--limit",
        "head_ms=500",
        "--limit",
        "keepalive_ms=60000",
        "--limit",
        "liveness_ms=130000",
        "--limit",
        "guesses_burst=40",
        // The `Host` of most cases: stats are open to anyone here.
        "--allowed-origin",
        "http://x",
    ];
    let server = Process::ephemeral(&[&["--release", "v1", "--ip-tracking"], &limits[..]].concat());
    let cases = [
        heads::CASES,
        fields::CASES,
        strangers::CASES,
        frames::CASES,
        floods::CASES,
    ]
    .concat();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut failed = Vec::new();
    for (name, case) in cases {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            case(&server);
            server.await_total(0);
            assert_eq!(ask(server.address, &Ask::get("/healthz")).status, 200);
        }));
        if outcome.is_err() {
            failed.push(name);
        }
    }
    assert_eq!(failed, Vec::<&str>::new());
    for (metric, least) in [
        ("headcount_refused_total{kind=\"origin\"}", 10),
        ("headcount_refused_total{kind=\"slow_head\"}", 20),
        ("headcount_refused_total{kind=\"long_head\"}", 1),
        ("headcount_refused_total{kind=\"long_body\"}", 6),
        ("headcount_refused_total{kind=\"slow_body\"}", 1),
        ("headcount_received_total{kind=\"bad_route\"}", 3),
        ("headcount_received_total{kind=\"malformed\"}", 10),
        ("headcount_received_total{kind=\"flood\"}", 50),
        ("headcount_closed_total{kind=\"violation\"}", 10),
        ("headcount_closed_total{kind=\"flood\"}", 3),
    ] {
        let count = server.metric(metric);
        assert!(count >= least, "{metric} is {count}");
    }
    assert_eq!(server.metric("headcount_connections"), 0);
    let megabytes = server.resident_bytes() >> 20;
    assert!(megabytes < 150, "{megabytes} MB");
    assert_eq!(server.terminate(), Some(0));
}

/// What these bytes are answered, as text.
fn raw(server: &Process, bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(&exchange(server.address, bytes.as_ref())).into_owned()
}

/// The status of the answer to these bytes; 0 without an answer.
fn status(server: &Process, bytes: impl AsRef<[u8]>) -> u16 {
    let answer = raw(server, bytes);
    let status = answer
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| answer.strip_prefix("HTTP/1.0 "));
    status.map_or(0, |rest| rest[..3].parse().unwrap())
}
