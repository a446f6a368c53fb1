//! What was acknowledged survives `kill -9`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::client::{Answer, Ask, ask, connect, eventually, read_to_end};
use crate::command::{ended, headcount};
use crate::process::{Process, SECRET};

fn list(server: &Process, endpoint: &str, key: &str) -> Vec<Value> {
    let answer = server.admin(Ask::get(format!("/api/admin/{endpoint}"))).json();
    answer[key].as_array().unwrap().clone()
}

#[test]
fn what_was_acknowledged_is_there_after_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let (mut releases, mut rules, mut last) = (Vec::new(), Vec::new(), 0);
    for round in 0..20 {
        let server = Process::durable(directory.path());
        let kept: Vec<_> = list(&server, "releases", "releases");
        assert_eq!(kept, releases, "round {round}");
        let kept: Vec<_> = list(&server, "invalidations", "invalidations")
            .into_iter()
            .map(|rule| rule["id"].clone())
            .collect();
        assert_eq!(kept, rules, "round {round}");
        let mut numbered = |answer: &Value| {
            let id = answer["id"].as_u64().unwrap();
            assert!(id > last, "round {round}: {id} after {last}");
            last = id;
        };
        let release = server.post("releases", &json!({"version": format!("v{round}")}));
        numbered(&release);
        releases.push(release);
        let rule = server.post("invalidations", &json!({"match": {"exact": format!("/{round}")}}));
        numbered(&rule);
        rules.push(rule["id"].clone());
        if round % 4 == 3 {
            // A rule that was lifted stays so, and its number is not given again.
            let lifted = rules.pop().unwrap();
            let target = format!("/api/admin/invalidations/{lifted}");
            assert_eq!(server.admin(Ask::new("DELETE", target)).status, 200);
        }
        server.kill();
    }
    let server = Process::durable(directory.path());
    assert_eq!(
        server.admin(Ask::get("/api/admin/releases")).json()["current"],
        "v19"
    );
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn a_release_given_at_start_is_announced_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    for _ in 0..3 {
        let server = Process::start(&["--data-dir", path, "--release", "v7"], &[]);
        assert_eq!(list(&server, "releases", "releases").len(), 1);
        server.kill();
    }
}

/// It rolled the site back once: tabs on the current release were outdated.
#[test]
fn a_restart_with_the_release_of_an_earlier_deploy_rolls_nothing_back() {
    let directory = tempfile::tempdir().unwrap();
    // With the smallest log, so that `v2` is forgotten while the server runs.
    for log in ["releases_max=1000", "releases_max=1"] {
        let path = directory.path().join(log);
        let start = |release| {
            let words = [
                "--data-dir",
                path.to_str().unwrap(),
                "--release",
                release,
                "--limit",
                log,
            ];
            Process::start(&words, &[])
        };
        let current =
            |server: &Process| server.admin(Ask::get("/api/admin/releases")).json()["current"].clone();
        let server = start("v2");
        assert!(
            server.said.contains("v2, the configured release, is new"),
            "{}",
            server.said
        );
        server.post("releases", &json!({"version": "v3"}));
        server.kill();
        for _ in 0..2 {
            let server = start("v2");
            assert!(
                server
                    .said
                    .contains("WARN v3 stays current: v2, the configured release,"),
                "{}",
                server.said
            );
            assert_eq!(current(&server), "v3");
            server.kill();
        }
        let server = start("v4");
        assert_eq!(current(&server), "v4");
        server.kill();
        // Going back is said in words.
        let server = start("v4");
        assert!(
            server.said.contains("v4, the configured release, is current"),
            "{}",
            server.said
        );
        assert_eq!(server.run(&["release", "v3"]).code, 0);
        assert_eq!(current(&server), "v3");
        server.kill();
        let server = start("v4");
        assert_eq!(current(&server), "v3");
        server.kill();
    }
}

/// A request whose body has not come yet: it keeps a drain from ending.
struct Unfinished {
    socket: TcpStream,
    body: String,
}

impl Unfinished {
    fn begin(server: &Process, ask: Ask, body: &Value) -> Self {
        let body = body.to_string();
        let request = ask.header("expect", "100-continue").text(server.address, "close");
        let mut socket = connect(server.address);
        socket
            .write_all(request.strip_suffix(&body).unwrap().as_bytes())
            .unwrap();
        // This says that it is being answered.
        let mut go_on = [0; 25];
        socket.read_exact(&mut go_on).unwrap();
        assert_eq!(go_on, *b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { socket, body }
    }

    fn finish(mut self) -> Answer {
        self.socket.write_all(self.body.as_bytes()).unwrap();
        Answer::parse(&read_to_end(&mut self.socket))
    }
}

/// It was refused once, for as long as the drain lasted.
#[test]
fn a_successor_has_address_and_store_as_soon_as_the_drain_begins() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Process::durable(directory.path());
    server.post("releases", &json!({"version": "v1"}));
    let late = json!({"version": "late"});
    let ask = Ask::post("/api/admin/releases", &late).bearer(SECRET);
    let late = Unfinished::begin(&server, ask, &late);
    server.signal();
    let words = ["--data-dir", directory.path().to_str().unwrap()];
    let successor = Process::listening(&server.address.to_string(), &words, &[]);
    let releases = successor.admin(Ask::get("/api/admin/releases")).json();
    assert_eq!(releases["current"], "v1");
    assert!(
        server.is_running(),
        "the drain was over too soon to prove anything"
    );
    let refused = late.finish();
    assert_eq!(
        (refused.status, &*refused.code()),
        (503, "draining"),
        "{refused:?}"
    );
    successor.post("releases", &json!({"version": "v2"}));
    assert_eq!(server.wait(), Some(0));
    assert_eq!(successor.terminate(), Some(0));
}

/// The one that drains answers there until its end.
#[test]
fn a_successor_gets_the_admin_address_when_the_one_before_it_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let start = |address: &str, admin: &str| {
        let words = [
            "--data-dir",
            directory.path().to_str().unwrap(),
            "--admin-listen",
            admin,
        ];
        Process::listening(address, &words, &[])
    };
    let mut server = start("127.0.0.1:0", "127.0.0.1:0");
    let admin = server
        .said
        .lines()
        .find_map(|line| line.strip_prefix("admin API on http://"))
        .unwrap();
    let admin: SocketAddr = admin.parse().unwrap();
    let body = json!({"type": "ping", "connectionId": "x"});
    let kept = Unfinished::begin(&server, Ask::post("/__skew/message", &body), &body);
    server.signal();
    let successor = start(&server.address.to_string(), &admin.to_string());
    assert!(
        successor
            .said
            .contains("as soon as the server that drains there has ended"),
        "{}",
        successor.said
    );
    assert!(
        server.is_running(),
        "the drain was over too soon to prove anything"
    );
    let release = Ask::post("/api/admin/releases", &json!({"version": "v2"})).bearer(SECRET);
    assert_eq!(ask(admin, &Ask::get("/readyz")).body, "draining\n");
    assert_eq!(ask(admin, &release).code(), "draining");
    kept.finish();
    assert_eq!(server.wait(), Some(0));
    eventually("the successor has the address", || {
        TcpStream::connect(admin)
            .ok()
            .and_then(|_| (ask(admin, &Ask::get("/readyz")).status == 200).then_some(()))
    });
    assert_eq!(ask(admin, &release).status, 200);
}

#[test]
fn a_directory_belongs_to_one_server() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::durable(directory.path());
    let mut second = headcount(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    second.arg(directory.path());
    let second = ended(second);
    assert_eq!((second.code, &*second.stdout), (1, ""), "{second:?}");
    assert!(
        second
            .stderr
            .contains("is in use: another headcount runs with this data directory")
            && second.stderr.contains("headcount.redb"),
        "{second:?}"
    );
    server.post("releases", &json!({"version": "v1"}));
}

#[test]
fn a_store_that_cannot_be_read_is_said_so_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("headcount.redb");
    let garbage = b"not a database, but somebody's only copy of something".repeat(400);
    std::fs::write(&file, &garbage).unwrap();
    let mut command = headcount(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(directory.path());
    let ended_so = ended(command);
    assert_eq!(ended_so.code, 1, "{ended_so:?}");
    assert!(ended_so.stderr.contains(file.to_str().unwrap()), "{ended_so:?}");
    assert_eq!(std::fs::read(&file).unwrap(), garbage);
    let mut command = headcount(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(&file);
    let ended_so = ended(command);
    assert_eq!(ended_so.code, 1, "{ended_so:?}");
    assert!(ended_so.stderr.contains("cannot be made"), "{ended_so:?}");
}
