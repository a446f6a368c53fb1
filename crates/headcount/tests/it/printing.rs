//! What commands ask, and what they print.

use std::io::pipe;

use crate::admin_server::AdminServer;
use crate::client::{Transport, Visit};
use crate::command::{ended, headcount};
use crate::process::Process;

const STATS: &str =
    r#"{"total":3,"visible":2,"versions":{"v1":1,"v2":2},"routes":{"/":3},"connections":[],"later":"field"}"#;

#[test]
fn json_is_the_answer_as_it_is() {
    let server = AdminServer::answering(&[("GET /api/admin/stats", 200, STATS)]);
    let ended = server.run(&["stats", "--json"]);
    assert_eq!((ended.code, ended.stdout), (0, format!("{STATS}\n")));
}

#[test]
fn stats_are_tables_on_stdout() {
    let server = AdminServer::answering(&[("GET /api/admin/stats", 200, STATS)]);
    let ended = server.run(&["stats"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    assert!(
        ended
            .stdout
            .starts_with("3 tabs open, 2 visible\n\nVERSION  TABS   SHARE\nv2          2  66.7 %\n"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_closed_pipe_ends_quietly_with_success() {
    let server = AdminServer::answering(&[("GET /api/admin/stats", 200, STATS)]);
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let (mut talk, stderr) = pipe().unwrap();
    let mut command = headcount(["stats", "--url", &server.url]);
    let mut child = command.stdout(writer).stderr(stderr).spawn().unwrap();
    // Our own copies of the pipes' ends live in the command.
    drop(command);
    let mut said = String::new();
    std::io::Read::read_to_string(&mut talk, &mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn connections_are_asked_for_page_after_page() {
    let server = AdminServer::answering(&[(
        "GET /api/admin/connections",
        200,
        r#"{"connections":[{"id":"a","version":"v1","route":"/x y"}],"next":"c&1"}"#,
    )]);
    let ended = server.run(&[
        "connections",
        "--route",
        "/x y",
        "--version",
        "v1",
        "--limit",
        "2",
    ]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let expected = "ROUTE  VERSION  IP  ID\n/x y   v1       -   a\n/x y   v1       -   a\nand more; --all lists every one\n";
    assert_eq!(ended.stdout, expected);
    let asked: Vec<String> = server.asked().into_iter().map(|asked| asked.what).collect();
    let first = "GET /api/admin/connections?limit=2&route=%2Fx%20y&version=v1";
    assert_eq!(
        asked,
        [
            first,
            "GET /api/admin/connections?limit=1&route=%2Fx%20y&version=v1&cursor=c%261"
        ]
    );
}

#[test]
fn an_invalidation_says_whom_it_told_and_how_to_lift_it() {
    let server = AdminServer::answering(&[
        (
            "POST /api/admin/invalidations",
            200,
            r#"{"id":17,"tabs":3,"routes":1,"dryRun":false}"#,
        ),
        (
            "GET /api/admin/invalidations",
            200,
            r#"{"invalidations":[{"id":17,"match":{"segment":"/checkout"},"audience":"outdated","mode":"force",
                "release":"v2","createdAt":0,"expiresAt":86400000}]}"#,
        ),
        (
            "DELETE /api/admin/invalidations/17",
            200,
            r#"{"ok":true,"id":17}"#,
        ),
    ]);
    let ended = server.run(&["invalidate", "/checkout"]);
    assert_eq!(
        ended.stdout,
        "told 3 tabs on 1 route to refresh\n\
         the rule stands until 1970-01-02 00:00 UTC; lift it with `headcount lift 17`\n"
    );
    let body = &server.asked()[0].body;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let expected = serde_json::json!(
        { "match": { "segment": "/checkout" }, "audience": "outdated", "mode": "force", "dryRun": false }
    );
    assert_eq!(body, expected);
    assert_eq!(server.run(&["lift", "17"]).code, 0);
    assert!(
        server
            .run(&["invalidations"])
            .stdout
            .contains("/checkout and below")
    );
}

#[test]
fn an_invalidation_that_hits_nobody_says_why() {
    let server = Process::ephemeral(&[]);
    let _tab = Visit::new(Transport::Sse, "/checkout").open(server.address);
    let said = |words: &[&str]| server.run(&[&["invalidate", "/checkout"], words].concat()).stdout;
    let unreleased = "no release was announced yet, so no tab counts as outdated; use --all-tabs, or announce one with \
                      `headcount release <version>`\n";
    for words in [&[][..], &["--dry-run"]] {
        let text = said(words);
        assert!(text.contains("0 tabs") && text.ends_with(unreleased), "{text}");
    }
    assert!(said(&["--all-tabs", "--dry-run"]).contains("1 tab "));
    let reserved = server.run(&["release", "unreleased"]);
    assert_eq!(reserved.code, 1);
    assert!(
        reserved.stderr.contains("choose another name for the release"),
        "{reserved:?}"
    );
    server.post("releases", &serde_json::json!({"version": "v1"}));
    assert!(said(&["--dry-run"]).contains("1 tab "));
    let elsewhere = server.run(&["invalidate", "/elsewhere", "--dry-run"]).stdout;
    assert!(
        elsewhere.ends_with("`headcount stats` lists the routes that are open\n"),
        "{elsewhere}"
    );
    let below = server.run(&["invalidate", "/", "--exact", "--dry-run"]).stdout;
    assert!(
        below.ends_with("without --exact, routes below it match, too\n"),
        "{below}"
    );
    let _newest = Visit::new(Transport::Sse, "/newest")
        .version("v1")
        .open(server.address);
    let latest = server.run(&["invalidate", "/newest", "--dry-run"]).stdout;
    assert!(
        latest.ends_with("--all-tabs also refreshes tabs on the latest release\n"),
        "{latest}"
    );
    let starred = server.run(&["invalidate", "/check*", "--dry-run"]).stdout;
    assert!(starred.ends_with("--glob makes it a wildcard\n"), "{starred}");
    let nobodys = server
        .run(&["invalidate", "/checkout", "--dry-run", "--version", "v0"])
        .stdout;
    assert!(
        nobodys.ends_with("no open tab runs v0; `headcount stats` lists the versions that tabs run\n"),
        "{nobodys}"
    );
    let not_there = server
        .run(&[
            "invalidate",
            "/newest",
            "--dry-run",
            "--all-tabs",
            "--version",
            "v8",
        ])
        .stdout;
    assert!(not_there.contains("no open tab runs v8"), "{not_there}");
    let elsewhere = server
        .run(&[
            "invalidate",
            "/checkout/pay",
            "--dry-run",
            "--all-tabs",
            "--version",
            "v1",
        ])
        .stdout;
    assert!(
        elsewhere.contains("no open tab on these versions is on these routes"),
        "{elsewhere}"
    );
}

#[test]
fn a_release_is_announced() {
    let server = AdminServer::answering(&[(
        "POST /api/admin/releases",
        200,
        r#"{"id":3,"version":"v3","announcedAt":0}"#,
    )]);
    let ended = server.run(&["release", "v3"]);
    assert!(
        ended
            .stdout
            .starts_with("v3 is the current release, announced 1970-01-01 00:00 UTC\n"),
        "{ended:?}"
    );
    assert_eq!(server.asked()[0].body, r#"{"version":"v3"}"#);
}

#[test]
fn the_secret_may_come_from_a_file_and_the_path_from_a_flag() {
    let server = AdminServer::answering(&[("GET /pro/admin/stats", 200, STATS)]);
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "from-a-file\n").unwrap();
    let mut command = headcount(["stats", "--url", &server.url, "--admin-path", "/pro/admin"]);
    command.env("HEADCOUNT_ADMIN_SECRET_FILE", secret.path());
    assert_eq!(ended(command).code, 0);
    assert_eq!(server.asked()[0].authorization, "Bearer from-a-file");
}
