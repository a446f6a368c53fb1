//! The promises of nuxt-skew-protection and PROTOCOL.md, tested with the real binary.

use std::net::Ipv4Addr;
use std::process::Command;

use serde_json::{Value, json};

use crate::client::{Ask, BOTH, Tab, Transport, Visit, ask};
use crate::nodes::alone;
use crate::process::{Process, SECRET};

/// The `curl` line of nuxt-skew-protection, unchanged except for the host.
fn curl(server: &Process, body: &str) -> Value {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "-X", "POST"])
        .arg(format!("http://{}/api/admin/invalidate-route", server.address))
        .args(["-H", "Content-Type: application/json", "-d", body])
        .output();
    let Ok(output) = output else {
        // No curl on this machine: the same bytes without it.
        return ask(server.address, &Ask::post("/api/admin/invalidate-route", body)).json();
    };
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The forced refreshes a tab was told before the release of this name.
fn refreshes(server: &Process, tab: &mut Tab, marker: &str) -> Vec<Value> {
    let number = server.mark(marker);
    let mut told = Vec::new();
    loop {
        let message = tab.next_of("version");
        if message["id"] == number {
            return told;
        }
        if message["force"] == true {
            told.push(message["id"].clone());
        }
    }
}

#[test]
fn everyone_on_checkout_is_refreshed_by_the_curl_line() {
    let server = Process::ephemeral(&["--release", "v1", "--limit", "spread_ms=0"]);
    let mut tabs: Vec<_> = ["/checkout", "/checkout/pay", "/blog/post", "/blog", "/"]
        .iter()
        .flat_map(|route| BOTH.map(|transport| (*route, Visit::new(transport, route).open(server.address))))
        .collect();
    for (number, (body, begin)) in [
        (
            r#"{"route": "/checkout", "secret": "your-admin-secret"}"#,
            "/checkout",
        ),
        (r#"{"route": "/blog/", "secret": "your-admin-secret"}"#, "/blog/"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = curl(&server, body);
        assert_eq!(
            (&answer["ok"], &answer["route"]),
            (&json!(true), &json!(begin)),
            "{answer}"
        );
        let hit = tabs.iter().filter(|(route, _)| route.starts_with(begin)).count();
        assert_eq!(answer["tabs"], hit);
        for (place, (route, tab)) in tabs.iter_mut().enumerate() {
            let told = refreshes(&server, tab, &format!("marker-{number}-{place}"));
            let expected = if route.starts_with(begin) {
                vec![answer["id"].clone()]
            } else {
                vec![]
            };
            assert_eq!(told, expected, "{route}");
        }
    }
    let wrong = curl(&server, r#"{"route": "/checkout", "secret": "guessed"}"#);
    assert_eq!(wrong["error"]["code"], "unauthorized");
}

#[test]
fn an_admin_watches_visitors_come_move_and_go() {
    let server = Process::ephemeral(&["--release", "v2"]);
    let mut admin = Visit::new(Transport::WebSocket, "/admin")
        .version("v2")
        .open(server.address);
    admin.subscribe();
    assert_eq!(admin.next()["total"], 1);
    let mut visitor = Visit::new(Transport::Sse, "/").version("v1").open(server.address);
    let stats = admin.next_of("stats");
    assert_eq!(stats["versions"], json!({"v1": 1, "v2": 1}));
    assert_eq!(stats["routes"], json!({"/": 1, "/admin": 1}));
    assert_eq!(stats["yourId"], *admin.id);
    visitor.navigate("/products/7?colour=red#top");
    assert_eq!(
        admin.next_of("stats")["routes"],
        json!({"/admin": 1, "/products/7": 1})
    );
    drop(visitor);
    assert_eq!(admin.next_of("stats")["total"], 1);
}

#[test]
fn stats_over_http_need_the_secret() {
    let server = Process::ephemeral(&[]);
    let _tabs = BOTH.map(|transport| Visit::new(transport, "/a").version("v9").open(server.address));
    let stats = server.stats();
    assert_eq!(stats["total"], 2);
    assert_eq!(
        (&stats["versions"], &stats["routes"]),
        (&json!({"v9": 2}), &json!({"/a": 2}))
    );
    assert_eq!(stats["connections"].as_array().unwrap().len(), 2);
    for request in [
        Ask::get("/api/admin/stats"),
        Ask::get("/api/admin/stats").bearer("guessed"),
        Ask::get("/api/admin/stats").bearer(""),
        Ask::get("/api/admin/stats").header("authorization", SECRET),
        Ask::get("/api/admin/stats").header("authorization", format!("Basic {SECRET}")),
    ] {
        let refused = ask(server.address, &request);
        assert_eq!(
            (refused.status, &*refused.code()),
            (401, "unauthorized"),
            "{request:?}"
        );
    }
}

#[test]
fn without_a_secret_the_admin_api_answers_nobody() {
    if alone("a server without nodes") {
        return;
    }
    let server = Process::start(&["--ephemeral"], &[("HEADCOUNT_ADMIN_SECRET", "")]);
    for request in [
        Ask::get("/api/admin/stats"),
        Ask::get("/api/admin/stats").bearer(""),
        Ask::get("/api/admin/connections").bearer("undefined"),
        Ask::get("/api/admin/releases").bearer("null"),
        Ask::post("/api/admin/releases", &json!({"version": "v1"})),
        Ask::get("/api/admin/invalidations"),
        Ask::post("/api/admin/invalidations", &json!({"match": {"exact": "/"}})),
        Ask::new("DELETE", "/api/admin/invalidations/1"),
        Ask::post("/api/admin/invalidate-route", &json!({"route": "/"})),
        Ask::post(
            "/api/admin/invalidate-route",
            &json!({"route": "/", "secret": ""}),
        ),
        Ask::post("/api/admin/session", &json!({"secret": ""})),
    ] {
        let refused = ask(server.address, &request);
        assert_eq!(
            (refused.status, &*refused.code()),
            (503, "not-configured"),
            "{request:?}"
        );
    }
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/").open(server.address);
        tab.subscribe();
        assert_eq!(tab.next(), json!({"type": "stats-unauthorized"}));
    }
}

#[test]
fn with_route_tracking_off_no_route_is_known() {
    let server = Process::ephemeral(&["--route-tracking=false"]);
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/secret-page").open(server.address);
        tab.subscribe();
        let stats = tab.next();
        assert_eq!((&stats["total"], &stats["routes"]), (&json!(1), &json!({})));
        assert_eq!(stats["connections"][0].get("route"), None);
        tab.navigate("/another");
        assert_eq!(server.stats()["routes"], json!({}));
        drop(tab);
        server.await_total(0);
    }
}

#[test]
fn addresses_are_taken_only_where_that_is_on_and_in_the_stated_order() {
    let all = [
        "--address-header=cf-connecting-ip",
        "--address-header=x-forwarded-for",
        "--address-header=x-real-ip",
    ];
    let trusting = |words: &[&str]| {
        Process::ephemeral(&[&["--trusted-proxy", "127.0.0.1", "--ip-tracking"], words].concat())
    };
    let off = Process::ephemeral(&[&["--trusted-proxy", "127.0.0.1"], &all[..]].concat());
    let on = trusting(&all);
    let by_default = trusting(&[]);
    let untrusting = Process::ephemeral(&[&["--ip-tracking"], &all[..]].concat());
    let cloudflare = ("cf-connecting-ip", "203.0.113.1");
    let forwarded = ("x-forwarded-for", "203.0.113.2");
    let real = ("x-real-ip", "203.0.113.3");
    for (headers, expected, expected_by_default) in [
        (&[real, forwarded, cloudflare][..], "203.0.113.1", "203.0.113.2"),
        (&[real, forwarded], "203.0.113.2", "203.0.113.2"),
        (&[real, cloudflare], "203.0.113.1", "127.0.0.1"),
        (&[real], "203.0.113.3", "127.0.0.1"),
        (&[], "127.0.0.1", "127.0.0.1"),
    ] {
        for (server, expected) in [
            (&off, None),
            (&on, Some(expected)),
            (&by_default, Some(expected_by_default)),
            (&untrusting, Some("127.0.0.1")),
        ] {
            let mut visit = Visit::new(Transport::Sse, "/");
            for (name, value) in headers {
                visit = visit.header(name, value);
            }
            let tab = visit.open(server.address);
            let row = server.stats()["connections"][0].clone();
            assert_eq!(row["id"], *tab.id);
            assert_eq!(row.get("ip").and_then(Value::as_str), expected, "{headers:?}");
            drop(tab);
            server.await_total(0);
        }
    }
}

#[test]
fn a_listener_for_both_families_knows_its_proxy() {
    if alone("connections of an address, which each node counts") {
        return;
    }
    let limit = ["--limit", "connections_per_address_max=3"];
    let words = [&["--ephemeral", "--trusted-proxy", "127.0.0.1/32"], &limit[..]].concat();
    let server = Process::listening("[::]:0", &words, &[]);
    let address = (Ipv4Addr::LOCALHOST, server.address.port()).into();
    // The proxy comes as `::ffff:127.0.0.1`. It is not limited itself, and what it forwards is believed.
    let own: Vec<_> = (0..5)
        .map(|_| Visit::new(Transport::Sse, "/").open(address))
        .collect();
    let forwarded = || Visit::new(Transport::Sse, "/").header("x-forwarded-for", "203.0.113.7");
    let visitors: Vec<_> = (0..3).map(|_| forwarded().open(address)).collect();
    assert_eq!(forwarded().try_open(address).unwrap_err().status, 503);
    drop((own, visitors));
}

#[test]
fn an_app_on_a_mount_has_its_own_paths_and_cookie() {
    let server = Process::ephemeral(&["--base-path", "/pro/__skew", "--release", "v1"]);
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/a")
            .base("/pro/__skew")
            .cookie("__nkpv=wrong")
            .cookie("__nkpv_pro=build%207")
            .open(server.address);
        tab.subscribe();
        assert_eq!(tab.next()["versions"], json!({"build 7": 1}));
        tab.navigate("/b");
        assert_eq!(tab.next_of("stats")["routes"], json!({"/b": 1}));
        drop(tab);
        server.await_total(0);
        assert_eq!(
            Visit::new(transport, "/a")
                .try_open(server.address)
                .unwrap_err()
                .status,
            404
        );
    }
    let health = ask(server.address, &Ask::get("/pro/__skew/health")).json();
    assert_eq!((&health["ok"], &health["version"]), (&json!(true), &json!("v1")));
    assert!(health["uptime"].is_u64(), "{health}");
}

#[test]
fn the_admin_api_can_have_a_separate_address() {
    let server = Process::ephemeral(&["--admin-listen", "127.0.0.1:0", "--board-path", "off"]);
    let admin = server
        .said
        .lines()
        .find_map(|line| line.strip_prefix("admin API on http://"));
    let admin = admin
        .unwrap_or_else(|| panic!("{}", server.said))
        .parse()
        .unwrap();
    let tab = Visit::new(Transport::Sse, "/a").open(server.address);
    let stats = ask(admin, &Ask::get("/api/admin/stats").bearer(SECRET));
    assert_eq!((stats.status, &stats.json()["routes"]), (200, &json!({"/a": 1})));
    assert_eq!(ask(admin, &Ask::get("/readyz")).status, 200);
    assert_eq!(
        ask(admin, &Ask::get("/__skew/health")).status,
        404,
        "without a board, tabs have no business there"
    );
    assert_eq!(server.admin(Ask::get("/api/admin/stats")).status, 404);
    drop(tab);
}

#[test]
fn the_version_of_a_tab_is_its_querys_else_its_cookies_else_the_release() {
    let server = Process::ephemeral(&["--release", "v5"]);
    let plain = || Visit::new(Transport::Sse, "/");
    for (visit, expected) in [
        (plain(), "v5"),
        (plain().version("c%2F1"), "c/1"),
        (plain().version("c1").query("v=q1"), "q1"),
        (plain().version("\"quoted\""), "quoted"),
        (plain().version("").query("v="), "v5"),
        (plain().version(&"x".repeat(200)), "(other)"),
    ] {
        let tab = visit.open(server.address);
        assert_eq!(server.stats()["versions"], json!({expected: 1}));
        drop(tab);
        server.await_total(0);
    }
}

#[test]
fn bots_are_answered_but_not_counted() {
    if alone("the metrics of one process") {
        return;
    }
    let server = Process::ephemeral(&[]);
    let bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/")
            .header("user-agent", bot)
            .open(server.address);
        if transport == Transport::WebSocket {
            assert_eq!(tab.end(), Some(1000));
        }
        let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
        let counted = Visit::new(transport, "/")
            .header("user-agent", browser)
            .open(server.address);
        assert_eq!(server.stats()["total"], 1);
        drop(counted);
        server.await_total(0);
    }
    assert_eq!(server.metric("headcount_refused_total{kind=\"bot\"}"), 2);
}

#[test]
fn the_client_commands_work_against_it() {
    let server = Process::ephemeral(&["--release", "v1"]);
    let mut tab = Visit::new(Transport::Sse, "/checkout/pay")
        .version("v0")
        .open(server.address);
    let stats = server.run(&["stats", "--json"]);
    assert_eq!(stats.code, 0, "{stats:?}");
    let stats: Value = serde_json::from_str(&stats.stdout).unwrap();
    assert_eq!(
        (&stats["total"], &stats["versions"]),
        (&json!(1), &json!({"v0": 1}))
    );
    let listed = server.run(&["connections", "--route", "/checkout/pay", "--json"]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["connections"][0]["id"], *tab.id);
    let dry = server.run(&["invalidate", "/checkout", "--dry-run"]);
    assert_eq!(
        dry.stdout,
        "would tell 1 tab on 1 route to refresh; nothing was touched\n"
    );
    let released = server.run(&["release", "v2"]);
    assert_eq!(released.code, 0, "{released:?}");
    assert_eq!(tab.next(), json!({"type": "version", "version": "v2", "id": 2}));
    let told = server.run(&["invalidate", "/checkout", "--json"]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&told["tabs"], &told["id"]), (&json!(1), &json!(3)));
    assert_eq!(
        tab.next(),
        json!({"type": "version", "version": "v2", "force": true, "id": 3})
    );
    assert!(
        server
            .run(&["invalidations"])
            .stdout
            .contains("/checkout and below")
    );
    assert_eq!(server.run(&["lift", "3"]).code, 0);
    for (words, code) in [
        (&["lift", "3"][..], 1),
        (&["invalidate", "/[", "--regex"], 1),
        (&["stats", "--admin-secret-file", "/dev/null"], 4),
        (&["stats", "--admin-path", "/elsewhere"], 1),
    ] {
        let ended = server.run(words);
        assert_eq!(ended.code, code, "{words:?}: {ended:?}");
        assert!(ended.stderr.starts_with("error: "), "{words:?}: {ended:?}");
    }
}

#[test]
fn an_invalidation_in_waves_is_led_by_hand() {
    let server = Process::ephemeral(&["--release", "v1"]);
    let _tabs: Vec<Tab> = (0..9)
        .map(|number| {
            Visit::new(BOTH[number % 2], "/checkout")
                .version("v0")
                .query(&format!("tab=the-tab-of-visitor-{number}"))
                .open(server.address)
        })
        .collect();
    let waves = [
        "invalidate",
        "/checkout",
        "--prompt",
        "--waves",
        "40%,100%",
        "--every",
        "5m",
    ];
    let given = server.run(&waves);
    assert!(
        given
            .stdout
            .starts_with("tells 9 tabs on 1 route to offer a refresh, in waves of 40 %, 100 % every 300 s\n"),
        "{given:?}"
    );
    for (words, said) in [
        (
            &["pause", "2"][..],
            "invalidation 2 is paused, open to 40 % of the tabs",
        ),
        (&["invalidations"], "40 %, paused"),
        (
            &["resume", "2"],
            "invalidation 2 is open to 40 % of the tabs and opens further at ",
        ),
        (
            &["change", "2", "--force"],
            "invalidation 3 goes on from invalidation 2",
        ),
        (
            &["change", "3", "--all-tabs"],
            "invalidation 4 goes on from invalidation 3",
        ),
        (
            &["abort", "4"],
            "invalidation 4 was aborted, open to 40 % of the tabs; ",
        ),
    ] {
        let done = server.run(words);
        assert!(
            done.code == 0 && done.stdout.contains(said),
            "{words:?}: {done:?}"
        );
    }
}

#[test]
fn what_cannot_be_of_waves_is_refused_with_what_to_change() {
    let server = Process::ephemeral(&["--release", "v1"]);
    for (words, code, said) in [
        (&["pause", "4"][..], 1, "no invalidation has the number 4"),
        (&["change", "4"], 2, "--force"),
        (
            &["invalidate", "/", "--over", "10m", "--expires", "5m"],
            2,
            "let it stand longer",
        ),
        (
            &["invalidate", "/", "--waves", "10%,5%,100%", "--every", "5m"],
            2,
            "each wave opens more",
        ),
    ] {
        let refused = server.run(words);
        assert_eq!(refused.code, code, "{words:?}: {refused:?}");
        assert!(refused.stderr.contains(said), "{words:?}: {refused:?}");
    }
}

#[test]
fn a_signal_ends_it_kindly() {
    if alone("the end of one process") {
        return;
    }
    let server = Process::ephemeral(&[]);
    let mut tabs = BOTH.map(|transport| Visit::new(transport, "/").open(server.address));
    let ended = std::thread::spawn(move || server.terminate());
    for tab in &mut tabs {
        assert!(tab.next_of("reconnect")["after"].is_u64());
        tab.end();
    }
    assert_eq!(ended.join().unwrap(), Some(0));
}

/// The command line shows how tabs handled an invalidation.
#[test]
fn the_command_line_says_what_became_of_an_invalidation() {
    let server = Process::ephemeral(&["--release", "v2", "--limit", "spread_ms=0"]);
    let mut tabs = BOTH.map(|transport| {
        let visit = Visit::new(transport, "/checkout").version("v1");
        visit.open(server.address)
    });
    let given: Value = serde_json::from_str(
        &server
            .run(&["invalidate", "/checkout", "--spread", "0", "--json"])
            .stdout,
    )
    .unwrap();
    for tab in &mut tabs {
        tab.next_of("version");
        tab.tell(&json!({"type": "ack", "id": given["id"], "outcome": "held"}));
        tab.tell(&json!({"type": "ping"}));
        tab.next_of("pong");
    }
    drop(
        Visit::new(Transport::Sse, "/checkout")
            .version("v1")
            .open(server.address),
    );
    server.await_total(2);
    let listed = server.run(&["invalidations"]).stdout;
    let cells: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let headings = [
        "MATCHED", "TOLD", "RELOADED", "HELD", "WAITING", "PROMPTED", "STUCK", "GONE",
    ];
    assert!(cells[0].ends_with(&headings), "{listed}");
    assert!(
        cells[1].ends_with(&["3", "3", "0", "2", "0", "0", "0", "1"]),
        "{listed}"
    );
}
