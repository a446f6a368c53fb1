//! Faults outside the server, under the real binary: a part that panics, and a wall clock that is set.
//!
//! The build that tests run takes orders for faults (`HEADCOUNT_FAULTS`); a release build has none.

use serde_json::{Value, json};

use crate::client::{Ask, Transport, Visit, ask, eventually};
use crate::process::{Process, SECRET};

const DAY_MS: i64 = 86_400_000;

fn start(words: &[&str], faults: &str) -> Process {
    Process::start(words, &[("HEADCOUNT_FAULTS", faults)])
}

/// Orders a fault, as a visitor.
fn order(server: &Process, fault: &str) {
    let _refused = Visit::new(Transport::Sse, &format!("/fault/{fault}")).try_open(server.address);
}

/// Lets the server look at its clocks a few times.
fn pass(server: &Process, seconds: u64) {
    let uptime = || {
        ask(server.address, &Ask::get("/__skew/health")).json()["uptime"]
            .as_u64()
            .unwrap()
    };
    let until = uptime() + seconds;
    eventually("time passes", || (uptime() >= until).then_some(()));
}

fn rules(server: &Process) -> Vec<Value> {
    let answer = server.admin(Ask::get("/api/admin/invalidations")).json();
    answer["invalidations"].as_array().unwrap().clone()
}

#[test]
fn a_part_that_panics_ends_the_process_with_an_error() {
    for (part, name) in [
        ("shard-0", "shard 0"),
        ("shard-1", "shard 1"),
        ("hub", "the hub"),
        ("commander", "the commander"),
    ] {
        let mut server = start(&["--ephemeral"], "routes");
        order(&server, part);
        eventually("it ends", || {
            if let Ok(socket) = std::net::TcpStream::connect(server.address) {
                drop(socket);
                // What a part that is idle is woken by. It may end in the middle of it.
                let address = server.address;
                let asked =
                    std::thread::spawn(move || ask(address, &Ask::get("/api/admin/stats").bearer(SECRET)));
                let _ended = asked.join();
            }
            (!server.is_running()).then_some(())
        });
        let sentence = format!("{name} has ended unexpectedly, so the server cannot go on");
        let said = server.await_said(&sentence);
        assert!(said.contains("ERROR"), "{part}: {said}");
        assert_eq!(server.wait(), Some(1), "{part}: {said}");
    }
}

/// Regression: the clock jumped two days ahead for two and a half seconds, and every standing rule was lost permanently.
#[test]
fn a_clock_that_jumps_for_a_moment_costs_no_rule() {
    let directory = tempfile::tempdir().unwrap();
    let words = ["--data-dir", directory.path().to_str().unwrap()];
    let server = start(&words, "routes");
    let before = server.post(
        "invalidations",
        &json!({"match": {"exact": "/a"}, "expires": 3_600}),
    );
    for shift_ms in [2 * DAY_MS, -DAY_MS] {
        order(&server, &format!("clock/{shift_ms}"));
        pass(&server, 3);
        assert_eq!(rules(&server).len(), 1, "{shift_ms}");
    }
    // Given while the clock is wrong, it lasts as long as it was to.
    order(&server, &format!("clock/{}", 2 * DAY_MS));
    pass(&server, 2);
    server.post("invalidations", &json!({"match": {"exact": "/b"}, "expires": 2}));
    order(&server, "clock/0");
    assert_eq!(rules(&server).len(), 2);
    eventually("it lapses in its time", || {
        (rules(&server).len() == 1).then_some(())
    });
    server.kill();
    // A server that starts while the clock is wrong lets the rule rest, and forgets it not.
    let server = start(&words, &format!("routes,clock={}", 2 * DAY_MS));
    pass(&server, 2);
    assert_eq!(rules(&server), [] as [Value; 0]);
    server.kill();
    let server = start(&words, "routes");
    let after = rules(&server);
    assert_eq!((after.len(), &after[0]["id"]), (1, &before["id"]));
}

/// Admissions were not asked for again for as long as the clock was set back.
#[test]
fn a_clock_that_is_set_back_keeps_no_admission_open() {
    let words = ["--ephemeral", "--limit", "admission_ms=300"];
    let server = start(&words, "routes");
    let signed_in = ask(
        server.address,
        &Ask::post("/api/admin/session", &json!({"secret": SECRET})),
    );
    let cookie = signed_in
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let mut admin = Visit::new(Transport::WebSocket, "/")
        .header("cookie", &cookie)
        .open(server.address);
    admin.say(&json!({"type": "subscribe-stats"}));
    admin.next_of("stats");
    order(&server, &format!("clock/{}", -DAY_MS));
    pass(&server, 2);
    // Each time that it is asked for, it is counted.
    let asked = || server.metric("headcount_subscribed_total{kind=\"admitted\"}");
    let before = asked();
    eventually("it is asked for again", || (asked() > before + 1).then_some(()));
}
