//! Failure, usage, unreachable and unauthorized are told apart, and each says what to do next.

use std::net::TcpListener;

use crate::admin_server::AdminServer;
use crate::command::{ended, headcount, run};

#[test]
fn usage_is_2() {
    let wrong: [&[&str]; 9] = [
        &[],
        &["dance"],
        &["stats", "--colour"],
        &["stats", "--url", "localhost"],
        &["invalidate"],
        &["invalidate", "checkout"],
        &["invalidate", "/a", "--glob", "--regex"],
        &["invalidate", "/a", "--expires", "soon"],
        &["demo", "--listen", "0.0.0.0:0"],
    ];
    for words in wrong {
        let ended = run(words);
        assert_eq!(ended.code, 2, "{words:?}: {ended:?}");
        assert!(
            !ended.stderr.is_empty() && ended.stdout.is_empty(),
            "{words:?}: {ended:?}"
        );
    }
}

#[test]
fn unreachable_is_3() {
    // Bound and released: nothing listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = run(&["stats", "--url", &format!("http://{address}")]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.stderr.contains(&address.to_string()) && ended.stderr.contains("HEADCOUNT_URL"),
        "{ended:?}"
    );
}

#[test]
fn unauthorized_is_4_and_says_what_to_set() {
    let server = AdminServer::answering(&[(
        "GET /api/admin/stats",
        401,
        r#"{"error":{"code":"unauthorized","message":"no"}}"#,
    )]);
    let wrong = server.run(&["stats"]);
    assert_eq!(wrong.code, 4, "{wrong:?}");
    assert!(
        wrong.stderr.contains("does not take this admin secret"),
        "{wrong:?}"
    );
    let none = run(&["stats", "--url", &server.url]);
    assert_eq!(none.code, 4, "{none:?}");
    assert!(
        none.stderr.contains("Set HEADCOUNT_ADMIN_SECRET here"),
        "{none:?}"
    );
    assert_eq!(server.asked()[0].authorization, "Bearer hunter2");
    assert_eq!(server.asked()[1].authorization, "");
}

#[test]
fn a_server_without_a_secret_is_4_and_says_what_to_set() {
    let server = AdminServer::answering(&[(
        "GET /api/admin/stats",
        503,
        r#"{"error":{"code":"not-configured","message":"no admin secret"}}"#,
    )]);
    let ended = server.run(&["stats"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(
        ended.stderr.contains("Start it with HEADCOUNT_ADMIN_SECRET"),
        "{ended:?}"
    );
}

#[test]
fn an_error_of_the_server_is_1_and_in_its_words() {
    let server = AdminServer::answering(&[
        (
            "GET /api/admin/stats",
            503,
            r#"{"error":{"code":"draining","message":"stopping"}}"#,
        ),
        (
            "POST /api/admin/invalidations",
            400,
            r#"{"error":{"code":"invalid-pattern","message":"bad \u001b[2J glob"}}"#,
        ),
    ]);
    let ended = server.run(&["stats"]);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (
            1,
            "error: the server answered 503 Service Unavailable (draining): stopping\n"
        )
    );
    let ended = server.run(&["invalidate", "/[", "--glob"]);
    assert_eq!(ended.code, 1);
    assert_eq!(
        ended.stderr,
        "error: the server answered 400 Bad Request (invalid-pattern): bad \\u{1b}[2J glob\n"
    );
}

#[test]
fn something_else_that_answers_is_1() {
    let server = AdminServer::answering(&[("GET /api/admin/releases", 200, "<html>hello</html>")]);
    for (command, said) in [
        ("stats", "answered 404 Not Found, but not as headcount would\n"),
        (
            "releases",
            "does not answer like headcount: its answer cannot be read",
        ),
    ] {
        let ended = server.run(&[command]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stderr.contains(said), "{ended:?}");
    }
}

#[test]
fn an_address_without_the_admin_api_is_1_and_says_where_to_look() {
    let server = AdminServer::answering(&[(
        "GET /api/admin/stats",
        404,
        r#"{"error":{"code":"no-such-endpoint","message":"no"}}"#,
    )]);
    let ended = server.run(&["stats"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains("/stats: this address has no admin API\n")
            && ended.stderr.contains("--admin-listen"),
        "{ended:?}"
    );
}

#[test]
fn a_number_that_no_invalidation_has_is_1_and_says_which_command_lists_them() {
    let server = AdminServer::answering(&[(
        "DELETE /api/admin/invalidations/7",
        404,
        r#"{"error":{"code":"no-such-rule","message":"no"}}"#,
    )]);
    let ended = server.run(&["lift", "7"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains("(no-such-rule): no invalidation has the number 7")
            && ended.stderr.contains("`headcount invalidations` lists"),
        "{ended:?}"
    );
}

#[test]
fn a_spread_that_the_server_finds_too_long_is_2_in_words_of_the_command_line() {
    let server = AdminServer::answering(&[(
        "POST /api/admin/invalidations",
        400,
        r#"{"error":{"code":"invalid-body","message":"`spreadMs`: the spread is too long"}}"#,
    )]);
    for spread in ["10m", "2h"] {
        let ended = server.run(&["invalidate", "/a", "--spread", spread]);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(
            ended.stderr.contains("at most 1h")
                && ended.stderr.contains("--spread")
                && !ended.stderr.contains("Ms"),
            "{ended:?}"
        );
    }
}

#[test]
fn an_address_that_is_taken_is_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = ended(headcount(["serve", "--ephemeral", "--listen", &address]));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(
        ended.stderr.contains(&format!("cannot listen on {address}")),
        "{ended:?}"
    );
    let demo = crate::command::ended(headcount(["demo", "--listen", &address]));
    assert_eq!(demo.code, 1, "{demo:?}");
    for ended in [ended, demo] {
        assert!(
            ended.stderr.ends_with("choose another address with --listen.\n"),
            "{ended:?}"
        );
    }
    let admin = crate::command::ended(headcount([
        "serve",
        "--ephemeral",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        &address,
    ]));
    assert!(
        admin
            .stderr
            .ends_with("choose another address with --admin-listen.\n"),
        "{admin:?}"
    );
}
