//! The board of the real binary: said at start, served where the admin API is, and admitted to live stats by its ticket.
//!
//! Whether the board is in the binary depends on what was built before it, and both is fine: what it says must be what it does.

use std::net::SocketAddr;

use serde_json::json;

use crate::client::{Ask, BOTH, Visit, ask, eventually};
use crate::process::{Process, SECRET};

/// Where the server said it listens for this.
fn address_said(said: &str, what: &str) -> Option<SocketAddr> {
    let line = said.lines().find_map(|line| line.strip_prefix(what))?;
    let authority = line.split('/').next()?;
    Some(authority.parse().unwrap())
}

/// What the board's page is answered with must be what was said.
fn check_page(server: &Process, address: SocketAddr, path: &str) {
    let page = ask(address, &Ask::get(path));
    assert!(page.header("content-security-policy").is_some(), "{page:?}");
    if server.said.contains("no board in this binary") {
        assert_eq!(page.status, 404);
        assert!(page.body.contains("cargo xtask build"), "{page:?}");
    } else {
        assert!(
            server
                .said
                .contains(&format!("board on http://{address}{path}\n")),
            "{}",
            server.said
        );
        assert_eq!(page.status, 200, "{page:?}");
        assert!(!page.body.contains("{{"), "{page:?}");
    }
}

/// Signs in as a board's page would, and has live stats by the ticket alone.
fn check_live(address: SocketAddr) {
    let origin = format!("http://{address}");
    let signed_in = ask(
        address,
        &Ask::post("/api/admin/session", &json!({"secret": SECRET})).header("origin", &origin),
    );
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let cookie = signed_in.header("set-cookie").unwrap();
    assert!(
        cookie.contains("; Path=/;") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    let ticket = cookie.split(';').next().unwrap();
    for transport in BOTH {
        let mut board = Visit::new(transport, "/headcount/")
            .cookie(ticket)
            .header("origin", &origin)
            .open(address);
        board.subscribe();
        let stats = board.next_of("stats");
        assert_eq!(stats["routes"]["/headcount/"], 1, "{transport:?}: {stats}");
        let read = |endpoint: &str| {
            let request = Ask::get(format!("/api/admin/{endpoint}"))
                .header("cookie", ticket)
                .header("sec-fetch-site", "same-origin");
            ask(address, &request).status
        };
        assert_eq!(["pages", "history", "releases"].map(read), [200; 3]);
    }
}

#[test]
fn the_board_is_beside_the_admin_api() {
    let server = Process::start(&["--ephemeral"], &[]);
    check_page(&server, server.address, "/headcount/");
    check_live(server.address);
}

#[test]
fn on_a_separate_address_the_admin_api_has_all_that_the_board_asks() {
    let words = [
        "--ephemeral",
        "--admin-listen",
        "127.0.0.1:0",
        "--board-path",
        "/ops",
    ];
    let server = Process::start(&words, &[]);
    let admin = address_said(&server.said, "admin API on http://").unwrap();
    check_page(&server, admin, "/ops/");
    check_live(admin);
    for target in ["/ops/", "/ops", "/api/admin/stats"] {
        assert_eq!(ask(server.address, &Ask::get(target)).status, 404, "{target}");
    }
    // A visitor of the site is in the board's numbers.
    let visitor = Visit::new(BOTH[0], "/from-the-site").open(server.address);
    eventually(
        "the visitor's page is there, and the board's tabs are gone",
        || {
            let pages = ask(admin, &Ask::get("/api/admin/pages").bearer(SECRET)).json();
            let page =
                json!({"route": "/from-the-site", "total": 1, "outdated": 0, "versions": {"unreleased": 1}});
            (pages["pages"] == json!([page])).then_some(())
        },
    );
    drop(visitor);
}

#[test]
fn a_board_that_is_off_is_neither_said_nor_served() {
    for off in ["off", ""] {
        let server = Process::start(&["--ephemeral"], &[("HEADCOUNT_BOARD_PATH", off)]);
        assert!(!server.said.contains("board"), "{}", server.said);
        assert_eq!(ask(server.address, &Ask::get("/headcount/")).status, 404);
    }
}

#[test]
fn the_script_is_there_or_says_why_not() {
    let server = Process::start(&["--ephemeral", "--base-path", "/pro/__skew"], &[]);
    let script = ask(server.address, &Ask::get("/pro/__skew/client.js"));
    assert_eq!(script.header("access-control-allow-origin"), Some("*"));
    match script.status {
        200 => assert!(script.body.contains("headcount"), "{script:?}"),
        status => assert_eq!((status, &*script.code()), (404, "not-built")),
    }
}
