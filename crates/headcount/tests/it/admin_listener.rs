//! The admin API on its own address, and other listeners that do not belong to the shards.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::client::{Answer, Ask, ask, connect, exchange, read_to_end};
use crate::process::{Process, SECRET};

/// A server with an admin API apart, and where that is.
fn apart(words: &[&str]) -> (Process, SocketAddr) {
    let server = Process::start(
        &[&["--ephemeral", "--admin-listen", "127.0.0.1:0"], words].concat(),
        &[],
    );
    let line = server
        .said
        .lines()
        .find_map(|line| line.strip_prefix("admin API on http://"));
    let address = line.unwrap().parse().unwrap();
    (server, address)
}

#[test]
fn its_heads_have_a_deadline_and_a_size() {
    let (_server, admin) = apart(&["--limit", "head_ms=300", "--limit", "head_bytes_max=8192"]);
    for begun in [
        "",
        "G",
        "GET /healthz HTTP/1.1\r\nhost: x\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n",
    ] {
        let mut socket = connect(admin);
        socket.write_all(begun.as_bytes()).unwrap();
        // Ends, with or without an answer; a socket that stays open fails here by its time limit.
        read_to_end(&mut socket);
    }
    let long = format!(
        "GET /healthz HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\r\n",
        "a".repeat(32_768)
    );
    let answer = String::from_utf8_lossy(&exchange(admin, long.as_bytes())).into_owned();
    // What the server has not read may reset the connection before its answer is read.
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
    assert_eq!(ask(admin, &Ask::get("/healthz")).status, 200);
    let stats = ask(admin, &Ask::get("/api/admin/stats").bearer(SECRET));
    assert_eq!(
        (stats.status, stats.header("cache-control")),
        (200, Some("no-store"))
    );
}

#[test]
fn what_is_not_there_is_said_in_json() {
    let (server, admin) = apart(&[]);
    for (address, path) in [
        (server.address, "/"),
        (server.address, "/__skew/nothing"),
        (server.address, "/api/admin/stats"),
        (admin, "/api/admin/nothing"),
        (admin, "/"),
    ] {
        let answer = ask(address, &Ask::get(path));
        assert_eq!(
            (answer.status, &*answer.code()),
            (404, "no-such-endpoint"),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    }
    let twice = exchange(
        admin,
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n",
    );
    assert_eq!(Answer::parse(&twice).status, 400);
}

#[test]
fn the_store_is_its_owners_alone() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("data");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let store = directory.join("headcount.redb");
    let check = || {
        assert_eq!((mode(&directory), mode(&store)), (0o700, 0o600));
        for entry in std::fs::read_dir(&directory).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    };
    assert_eq!(Process::durable(&directory).terminate(), Some(0));
    check();
    // As a server before this one may have left it.
    for (path, wide) in [(&directory, 0o755), (&store, 0o644)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(wide)).unwrap();
    }
    assert_eq!(Process::durable(&directory).terminate(), Some(0));
    check();
}
