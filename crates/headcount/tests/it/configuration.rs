//! What `serve` says about a configuration that does not hold. Precedence itself is tested beside the code.

use std::fs;

use crate::command::{ended, headcount};

#[test]
fn every_problem_of_every_source_is_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("headcount.toml");
    fs::write(&file, "ip_traking = true\n[limits]\nkeepalive_ms = 50_000\n").unwrap();
    let mut command = headcount([
        "serve",
        "--ephemeral",
        "--listen",
        "127.0.0.1:0",
        "--limit",
        "shards=2",
    ]);
    command
        .arg("--config")
        .arg(&file)
        .env("HEADCOUNT_CONNECTION_TRACKING", "false")
        .env("HEADCOUNT_SECRET", "x");
    let ended = ended(command);
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    for part in [
        &format!(
            "{}:1: unknown key `ip_traking`; did you mean `ip_tracking`?",
            file.display()
        ),
        "HEADCOUNT_SECRET: unknown variable; did you mean HEADCOUNT_ADMIN_SECRET?",
        "--limit: unknown limit `shards`; `headcount serve --help` lists the limits",
        "`route_tracking` needs `connection_tracking`",
        &format!("`limits.keepalive_ms` was set in {}:3", file.display()),
    ] {
        assert!(ended.stderr.contains(part), "{part}\n{}", ended.stderr);
    }
    assert_eq!(ended.stderr.matches("\n  - ").count(), 5, "{}", ended.stderr);
}

#[test]
fn secrets_are_never_shown() {
    let mut command = headcount(["serve", "--listen", "nowhere"]);
    command
        .env("HEADCOUNT_ADMIN_SECRET", "hunter2")
        .env("HEADCOUNT_SESSION_PASSWORD", "too-short");
    let ended = ended(command);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("sealed_session.password"),
        "{}",
        ended.stderr
    );
    assert!(
        !ended.stderr.contains("hunter2") && !ended.stderr.contains("too-short"),
        "{}",
        ended.stderr
    );
}

#[test]
fn anyone_is_refused_beyond_loopback() {
    for listen in ["--listen", "--admin-listen"] {
        let ended = ended(headcount([
            "serve",
            "--ephemeral",
            listen,
            "0.0.0.0:0",
            "--authorize",
            "anyone",
        ]));
        assert_eq!(ended.code, 2, "{listen}");
        assert!(ended.stderr.contains("loopback"), "{}", ended.stderr);
    }
}
