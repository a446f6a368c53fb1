//! A disk that is full or hangs, under a server that goes on.

use std::path::Path;
use std::time::Duration;

use headcount_server::Limits;
use headcount_server::faults::{Disk, Faults};
use serde_json::json;

use crate::client::{Ask, Transport, Visit, ask, eventually};
use crate::nodes::alone;
use crate::server::{Door, Server, config};

const STORE: &str = "headcount_store_working";
const HISTORY: &str = "headcount_history_store_working";

fn start(directory: &Path, faults: &Faults) -> Server {
    let config =
        config().with(|config| config.limits = Limits::default().with(|limits| limits.store_ms = 200));
    Server::on_disk(Some(directory), Door::Own, config, |builder| {
        builder.faults(faults.clone())
    })
}

fn ready(server: &Server) -> (u16, String) {
    let answer = ask(server.address, &Ask::get("/readyz"));
    (answer.status, answer.body)
}

fn await_ready(server: &Server) {
    eventually("ready again", || {
        (ready(server) == (200, "ready\n".to_owned())).then_some(())
    });
}

/// One failed write broke the store until a restart once, and nothing said so.
#[test]
fn a_full_disk_refuses_commands_until_it_has_room_and_says_so() {
    if alone("its disk") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let server = start(directory.path(), &faults);
    let mut tab = Visit::new(Transport::Sse, "/").open(server.address);
    assert_eq!((ready(&server).0, server.metric(STORE)), (200, 1));
    faults.commands_disk(Disk::Full);
    let refused = server.admin(Ask::post("/api/admin/releases", &json!({"version": "v2"})));
    assert_eq!((refused.status, &*refused.code()), (500, "not-stored"));
    assert!(
        refused.body.contains("no space is left on the disk"),
        "{refused:?}"
    );
    assert_eq!(
        ready(&server),
        (
            503,
            "releases and rules cannot be stored: no space is left on the disk\n".to_owned()
        )
    );
    assert_eq!(server.metric(STORE), 0);
    assert!(server.metric("headcount_store_failures_total{kind=\"commands\"}") >= 1);
    assert_eq!(ask(server.address, &Ask::get("/healthz")).status, 200);
    faults.commands_disk(Disk::Well);
    // The next command works, and so does a server without commands.
    let released = server.release("v3");
    assert_eq!(tab.next_of("version")["id"], released["id"]);
    await_ready(&server);
    faults.commands_disk(Disk::Full);
    let body = json!({"match": {"exact": "/"}});
    assert_eq!(
        server.admin(Ask::post("/api/admin/invalidations", &body)).status,
        500
    );
    faults.commands_disk(Disk::Well);
    await_ready(&server);
    assert_eq!(server.metric(STORE), 1);
    server.invalidate(&body);
    drop(server);
    let server = start(directory.path(), &Faults::default());
    let releases = server.admin(Ask::get("/api/admin/releases")).json();
    assert_eq!(releases["current"], "v3");
    let rules = server.admin(Ask::get("/api/admin/invalidations")).json();
    assert_eq!(rules["invalidations"].as_array().unwrap().len(), 1);
}

#[test]
fn a_history_that_cannot_be_stored_concerns_no_command() {
    if alone("its disk") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    faults.history_disk(Disk::Full);
    let server = start(directory.path(), &faults);
    eventually("it is said", || {
        (ready(&server)
            == (
                200,
                "ready\nthe history cannot be stored: no space is left on the disk\n".to_owned(),
            ))
            .then_some(())
    });
    assert_eq!((server.metric(STORE), server.metric(HISTORY)), (1, 0));
    server.release("v2");
    faults.history_disk(Disk::Well);
    await_ready(&server);
    assert_eq!(server.metric(HISTORY), 1);
}

/// Reads and metrics once waited behind a command that waited for the disk.
#[test]
fn a_disk_that_hangs_stops_nothing_but_commands_and_those_are_answered() {
    if alone("its disk") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let server = start(directory.path(), &faults);
    server.release("v2");
    let mut tab = Visit::new(Transport::Sse, "/").version("v1").open(server.address);
    faults.commands_disk(Disk::Hanging);
    faults.history_disk(Disk::Hanging);
    let began = headcount_server::clock::now();
    for version in ["v3", "v4"] {
        let refused = server.admin(Ask::post("/api/admin/releases", &json!({"version": version})));
        assert_eq!(
            (refused.status, &*refused.code()),
            (503, "store-hangs"),
            "{refused:?}"
        );
        assert!(refused.header("retry-after").is_some());
    }
    let body = json!({"match": {"exact": "/"}, "dryRun": true});
    assert_eq!(server.invalidate(&body)["tabs"], 1);
    for target in [
        "releases",
        "invalidations",
        "stats",
        "connections",
        "history",
        "pages",
    ] {
        let answer = server.admin(Ask::get(format!("/api/admin/{target}")));
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
    }
    assert_eq!(
        ready(&server),
        (
            503,
            "releases and rules cannot be stored: the disk does not answer\n".to_owned()
        )
    );
    assert_eq!(server.metric(STORE), 0);
    // Far less than the disk takes, which never answers.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    faults.commands_disk(Disk::Well);
    faults.history_disk(Disk::Well);
    await_ready(&server);
    let released = server.release("v5");
    // What was refused never reached a tab.
    assert_eq!(
        tab.next_of("version"),
        json!({"type": "version", "version": "v5", "id": released["id"]})
    );
    drop(server);
    let server = start(directory.path(), &Faults::default());
    let releases = server.admin(Ask::get("/api/admin/releases")).json();
    let versions: Vec<_> = releases["releases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|release| release["version"].clone())
        .collect();
    assert_eq!(versions, ["v1", "v2", "v5"]);
}
