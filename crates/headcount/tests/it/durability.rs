//! What was acknowledged survives `kill -9`.

use serde_json::{Value, json};

use crate::client::Ask;
use crate::command::{ended, headcount};
use crate::process::Process;

fn list(server: &Process, endpoint: &str, key: &str) -> Vec<Value> {
    let answer = server.admin(Ask::get(format!("/api/admin/{endpoint}"))).json();
    answer[key].as_array().unwrap().clone()
}

#[test]
fn whatever_was_acknowledged_is_there_after_kill_9() {
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

#[test]
fn an_older_release_given_at_start_rolls_back_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let start = |release| {
        let words = [
            "--data-dir",
            directory.path().to_str().unwrap(),
            "--release",
            release,
        ];
        Process::start(&words, &[])
    };
    for release in ["v2", "v3", "v3"] {
        let server = start(release);
        assert!(!server.said.contains("rolled back"), "{}", server.said);
        server.kill();
    }
    let server = start("v2");
    assert!(
        server.said.contains("WARN rolled back from v3 to v2: "),
        "{}",
        server.said
    );
    let releases = server.admin(Ask::get("/api/admin/releases")).json();
    assert_eq!(releases["current"], "v2");
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
        second.stderr.contains("another headcount may be using it")
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
