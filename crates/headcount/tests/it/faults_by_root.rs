//! Faults that need root, another program or minutes: `cargo xtask faults` runs these, and shows what they saw.
//!
//! A disk is a tmpfs of two megabytes, a wall clock that is set is libfaketime (Debian's `faketime`).

use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Ask, Transport, Visit, ask, eventually};
use crate::command::{ended, headcount};
use crate::process::{Process, SECRET};

/// For people who run this, also if it passes.
fn saw(what: &dyn Display) {
    std::io::stderr()
        .write_all(format!("saw: {what}\n").as_bytes())
        .unwrap();
}

/// A separate file system, removed when this is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(size: &str) -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", disk.path()],
        );
        disk
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    fn remount(&self, option: &str) {
        run("mount", &["-o", &format!("remount,{option}"), self.path()]);
    }

    /// Takes what space is left; gives the file that has it.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("filler");
        let mut filler = std::fs::File::create(&path).unwrap();
        while filler.write(&[1; 4_096]).is_ok_and(|written| written > 0) {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _still_in_use = Command::new("umount").args(["-l", self.path()]).status();
    }
}

fn run(program: &str, words: &[&str]) {
    let status = Command::new(program).args(words).status();
    assert!(status.unwrap().success(), "{program} {words:?}");
}

fn release(server: &Process, version: &str) -> (u16, String) {
    let answer = server.admin(Ask::post("/api/admin/releases", &json!({"version": version})));
    (answer.status, answer.body)
}

fn ready(server: &Process) -> (u16, String) {
    let answer = ask(server.address, &Ask::get("/readyz"));
    (answer.status, answer.body)
}

fn list(server: &Process, endpoint: &str, key: &str) -> Vec<Value> {
    let answer = server.admin(Ask::get(format!("/api/admin/{endpoint}"))).json();
    answer[key].as_array().unwrap().clone()
}

#[test]
#[ignore = "needs root; run by cargo xtask faults"]
fn a_full_disk_refuses_commands_until_there_is_space_again() {
    let disk = Disk::mount("4m");
    let server = Process::durable(Path::new(disk.path()));
    let mut stored = Vec::new();
    for round in 0..3 {
        let filler = disk.fill();
        let mut refused = None;
        // Some room may be left within the file.
        for number in 0..2_000 {
            let version = format!("round-{round}-{number}");
            let (status, body) = release(&server, &version);
            if status == 200 {
                stored.push(version);
            } else {
                refused = Some((status, body));
                break;
            }
        }
        let (status, body) = refused.unwrap();
        saw(&format_args!(
            "round {round}: {} stored, then {status} {body}",
            stored.len()
        ));
        assert_eq!(status, 500);
        let (status, body) = ready(&server);
        saw(&format_args!("/readyz: {status} {body}"));
        assert_eq!(status, 503);
        assert_eq!(ask(server.address, &Ask::get("/metrics")).status, 200);
        std::fs::remove_file(filler).unwrap();
        let version = format!("round-{round}-again");
        let (status, body) = release(&server, &version);
        saw(&format_args!("with space: {status} {body}"));
        assert_eq!(status, 200);
        stored.push(version);
        assert_eq!(ready(&server).0, 200);
    }
    server.kill();
    // A disk that is full must not keep a server from starting with what it knows.
    let filler = disk.fill();
    let server = Process::durable(Path::new(disk.path()));
    let releases: Vec<_> = list(&server, "releases", "releases")
        .into_iter()
        .map(|release| release["version"].clone())
        .collect();
    let kept = stored.len().min(1_000);
    assert_eq!(releases, stored[stored.len() - kept..]);
    saw(&format_args!(
        "started on the full disk with {} releases",
        releases.len()
    ));
    std::fs::remove_file(filler).unwrap();
    eventually("it can store again", || {
        (release(&server, "at last").0 == 200).then_some(())
    });
}

#[test]
#[ignore = "needs root; run by cargo xtask faults"]
fn a_file_system_that_is_read_only_is_named() {
    let disk = Disk::mount("2m");
    let server = Process::durable(Path::new(disk.path()));
    assert_eq!(release(&server, "v1").0, 200);
    assert_eq!(server.terminate(), Some(0));
    disk.remount("ro");
    let mut second = headcount(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    second.arg(disk.path());
    let second = ended(second);
    saw(&second.stderr);
    assert_eq!(second.code, 1);
    assert!(
        second.stderr.contains("is on a file system that is read-only"),
        "{second:?}"
    );
    // And a disk that is full when a store must be created.
    let disk = Disk::mount("64k");
    disk.fill();
    let mut third = headcount(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    third.arg(disk.path());
    let third = ended(third);
    saw(&third.stderr);
    assert_eq!(third.code, 1);
    assert!(third.stderr.contains("no space is left on the disk"), "{third:?}");
}

/// A server below libfaketime, and the file by which its wall clock is set.
fn under_faketime(directory: &Path, words: &[&str]) -> (Process, impl Fn(&str)) {
    let library = ["x86_64", "aarch64"]
        .map(|machine| format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1"))
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or_else(|| panic!("Debian's `faketime` is not installed"));
    let file = directory.join("faketimerc");
    let set = {
        let file = file.clone();
        move |offset: &str| std::fs::write(&file, offset).unwrap()
    };
    set("+0");
    let variables = [
        ("LD_PRELOAD", &*library),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    (Process::start(words, &variables), set)
}

fn pass(server: &Process, seconds: u64) {
    let uptime = || {
        ask(server.address, &Ask::get("/__skew/health")).json()["uptime"]
            .as_u64()
            .unwrap()
    };
    let until = uptime() + seconds;
    eventually("time passes", || (uptime() >= until).then_some(()));
}

#[test]
#[ignore = "needs libfaketime; run by cargo xtask faults"]
fn a_wall_clock_that_is_set_costs_no_rule_and_keeps_no_admission() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let words = [
        "--data-dir",
        data.to_str().unwrap(),
        "--limit",
        "admission_ms=300",
    ];
    let (server, set) = under_faketime(directory.path(), &words);
    let rule = server.post("invalidations", &json!({"match": {"exact": "/a"}}));
    let rules = |server: &Process| list(server, "invalidations", "invalidations").len();
    for offset in ["+2d", "-1d", "+400d"] {
        set(offset);
        pass(&server, 3);
        assert_eq!(rules(&server), 1, "{offset}");
        saw(&format_args!(
            "{offset} for three seconds: rule {} stands",
            rule["id"]
        ));
    }
    set("-1d");
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
    set("-2d");
    pass(&server, 2);
    let asked = || server.metric("headcount_subscribed_total{kind=\"admitted\"}");
    let before = asked();
    eventually("it is asked for again", || (asked() > before + 1).then_some(()));
    saw(&"set back a day: admissions are asked for again");
    server.kill();
    let (server, _) = under_faketime(directory.path(), &words);
    assert_eq!(rules(&server), 1);
}

#[test]
#[ignore = "takes a minute; run by cargo xtask faults"]
fn a_hundred_kills_lose_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<Value> = Vec::new();
    for round in 0..100 {
        let server = Process::durable(directory.path());
        let kept = list(&server, "releases", "releases");
        assert_eq!(kept, acknowledged, "round {round}");
        let address = server.address;
        // Commands all the while, until it is gone.
        let giving = std::thread::spawn(move || {
            let mut given = Vec::new();
            for number in 0..1_000 {
                let body = json!({"version": format!("{round}-{number}")});
                let request = Ask::post("/api/admin/releases", &body).bearer(SECRET);
                match std::panic::catch_unwind(|| ask(address, &request)) {
                    Ok(answer) if answer.status == 200 => given.push(answer.json()),
                    _ => break,
                }
            }
            given
        });
        eventually("some were given", || {
            let answer = std::panic::catch_unwind(|| list(&server, "releases", "releases").len());
            answer
                .ok()
                .filter(|&count| count > acknowledged.len() + round % 5)
        });
        server.kill();
        acknowledged.extend(giving.join().unwrap());
        // One that was under way may have come to the disk without its acknowledgement.
        let server = Process::durable(directory.path());
        let kept = list(&server, "releases", "releases");
        assert!(
            kept.len() <= acknowledged.len() + 1 && kept.starts_with(&acknowledged),
            "round {round}"
        );
        acknowledged = kept;
        server.kill();
        if acknowledged.len() > 900 {
            break;
        }
    }
    saw(&format_args!(
        "{} acknowledged commands, none lost",
        acknowledged.len()
    ));
}
