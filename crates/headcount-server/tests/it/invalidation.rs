//! Rules over the wire: which tabs are told, when, and that none is told twice.

use serde_json::{Value, json};

use crate::client::{Answer, Ask, BOTH, Tab, Transport, Visit, ask, eventually};
use crate::nodes::are_several;
use crate::server::{SECRET, Server, config};

/// No rule's number.
const NONE: [u64; 0] = [];

/// What a tab was told up to now, releases aside: the numbers of the rules.
fn told(server: &Server, tab: &mut Tab) -> Vec<u64> {
    server.mark(&tab.id);
    tab.until("marker")
        .iter()
        .filter(|message| message["force"] == true || message["prompt"] == true)
        .map(|message| message["id"].as_u64().unwrap())
        .collect()
}

fn tab(server: &Server, transport: Transport, route: &str, version: &str) -> Tab {
    Visit::new(transport, route).version(version).open(server.address)
}

fn id(rule: &Value) -> u64 {
    rule["id"].as_u64().unwrap()
}

/// Moves a tab, and waits until it is there.
fn go(server: &Server, tab: &mut Tab, route: &str) {
    tab.navigate(route);
    eventually("the tab is there", || {
        let page = server.admin(Ask::get("/api/admin/connections?limit=1000")).json();
        let rows = page["connections"].as_array().unwrap();
        rows.iter()
            .any(|row| row["id"] == *tab.id && row["route"] == route)
            .then_some(())
    });
}

#[test]
fn every_kind_of_match_hits_exactly_its_routes() {
    let server = Server::start(config());
    let routes = [
        "/",
        "/checkout",
        "/checkout/pay",
        "/checkout-help",
        "/blog/a",
        "/blog/a/b",
        "/caf%C3%A9",
        "/Checkout",
    ];
    let mut tabs: Vec<_> = routes
        .iter()
        .enumerate()
        .map(|(number, route)| tab(&server, BOTH[number % 2], route, "old"))
        .collect();
    for (matches, hit) in [
        (json!({"exact": "/checkout"}), &["/checkout"][..]),
        (
            json!({"prefix": "/checkout"}),
            &["/checkout", "/checkout/pay", "/checkout-help"],
        ),
        (json!({"segment": "/checkout"}), &["/checkout", "/checkout/pay"]),
        (json!({"segment": "/checkout/"}), &["/checkout", "/checkout/pay"]),
        (json!({"glob": "/blog/*"}), &["/blog/a"]),
        (json!({"glob": "/blog/**"}), &["/blog/a", "/blog/a/b"]),
        (
            json!({"regex": "^/(blog/a|checkout)$"}),
            &["/checkout", "/blog/a"],
        ),
        (json!({"exact": "/caf%c3%a9"}), &["/caf%C3%A9"]),
        (json!({"segment": "/"}), &routes),
        (json!({"exact": "/nowhere"}), &[]),
    ] {
        let rule = json!({"match": matches, "audience": "all"});
        let dry = server.invalidate(&json!({"match": matches, "audience": "all", "dryRun": true}));
        let dry_told: Vec<_> = tabs.iter_mut().map(|tab| told(&server, tab)).collect();
        assert!(
            dry_told.iter().all(Vec::is_empty),
            "a dry run touches nobody: {matches}"
        );
        let answer = server.invalidate(&rule);
        assert_eq!(answer["tabs"], hit.len(), "{matches}");
        assert_eq!(
            (&dry["tabs"], &dry["routes"], dry.get("id")),
            (&answer["tabs"], &answer["routes"], None)
        );
        for (tab, route) in tabs.iter_mut().zip(routes) {
            let expected = if hit.contains(&route) {
                vec![id(&answer)]
            } else {
                vec![]
            };
            assert_eq!(told(&server, tab), expected, "{route} by {matches}");
        }
    }
}

#[test]
fn the_specifications_call_matches_equal_or_begins_with() {
    let server = Server::start(config());
    let mut tabs = ["/checkout", "/checkout/pay", "/checkout-help", "/cart", "/"]
        .map(|route| (route, tab(&server, Transport::WebSocket, route, "old")));
    let body = json!({"route": "/checkout", "secret": SECRET});
    let answer = ask(server.address, &Ask::post("/api/admin/invalidate-route", &body)).json();
    assert_eq!(
        (&answer["ok"], &answer["route"], &answer["tabs"]),
        (&json!(true), &json!("/checkout"), &json!(3))
    );
    for (route, tab) in &mut tabs {
        let expected = if route.starts_with("/checkout") {
            vec![id(&answer)]
        } else {
            vec![]
        };
        assert_eq!(told(&server, tab), expected, "{route}");
    }
    // Those on the current release too, and once more when called once more.
    let mut current = tab(&server, Transport::Sse, "/blog/a", "v1");
    for _ in 0..2 {
        let body = json!({"route": "/blog/"});
        let answer = server
            .admin(Ask::post("/api/admin/invalidate-route", &body))
            .json();
        assert_eq!(told(&server, &mut current), [id(&answer)]);
    }
}

#[test]
fn outdated_tabs_are_told_and_those_on_the_release_or_a_newer_one_are_not() {
    let server = Server::start(config());
    let mut on_v1 = tab(&server, Transport::Sse, "/a", "v1");
    let mut unknown = tab(&server, Transport::WebSocket, "/a", "never-announced");
    server.release("v2");
    let mut on_v2 = tab(&server, Transport::WebSocket, "/a", "v2");
    let rule = server.invalidate(&json!({"match": {"segment": "/a"}}));
    assert_eq!(rule["tabs"], 2);
    assert_eq!(told(&server, &mut on_v1), [id(&rule)]);
    assert_eq!(told(&server, &mut unknown), [id(&rule)]);
    assert_eq!(told(&server, &mut on_v2), NONE);
    server.release("v3");
    let mut on_v3 = tab(&server, Transport::Sse, "/a", "v3");
    let mut still_v1 = tab(&server, Transport::Sse, "/a", "v1");
    assert_eq!(told(&server, &mut on_v3), NONE, "newer than the rule asks for");
    assert_eq!(told(&server, &mut on_v2), NONE);
    assert_eq!(told(&server, &mut still_v1), [id(&rule)]);
    let listed =
        server.invalidate(&json!({"match": {"segment": "/a"}, "versions": ["v2"], "mode": "prompt"}));
    assert_eq!(listed["tabs"], 1);
    server.mark(&on_v2.id);
    assert_eq!(
        on_v2.next_of("version"),
        json!({"type": "version", "version": "v3", "prompt": true, "id": listed["id"]})
    );
}

#[test]
fn a_rule_is_told_to_who_comes_onto_its_routes_later_and_once_per_page_load() {
    let server = Server::start(config());
    for transport in BOTH {
        let mut wanderer = tab(&server, transport, "/cart", "old");
        let rule = server.invalidate(&json!({"match": {"segment": "/checkout"}, "audience": "all"}));
        assert_eq!(told(&server, &mut wanderer), NONE);
        for (route, expected) in [
            ("/checkout-help", vec![]),
            ("/checkout/pay", vec![id(&rule)]),
            ("/checkout", vec![]),
            ("/cart", vec![]),
            ("/checkout", vec![]),
        ] {
            go(&server, &mut wanderer, route);
            assert_eq!(told(&server, &mut wanderer), expected, "{transport:?} {route}");
        }
        // A page loaded after the command is what the command asked for.
        let mut fresh = tab(&server, transport, "/checkout", "old");
        assert_eq!(told(&server, &mut fresh), NONE);
    }
}

#[test]
fn a_tab_that_was_reconnecting_is_judged_by_what_it_missed() {
    let server = Server::start(config());
    let again = |event: Option<&str>, route: &str| {
        let mut visit = Visit::new(Transport::Sse, route).version("old");
        if let Some(event) = event {
            visit = visit.header("last-event-id", event);
        }
        visit.open(server.address)
    };
    let gone = again(None, "/checkout");
    let seen = gone.last_event_id.clone().unwrap();
    drop(gone);
    server.await_total(0);
    let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}, "audience": "all"}));
    assert_eq!(rule["tabs"], 0);
    let mut back = again(Some(&seen), "/checkout");
    assert_eq!(told(&server, &mut back), [id(&rule)]);
    let told_since = back.last_event_id.clone().unwrap();
    drop(back);
    // It was told, and has not reloaded: the same page load is not told again, over any transport.
    let mut back = again(Some(&told_since), "/checkout");
    assert_eq!(told(&server, &mut back), NONE);
    // A page load from after the command, that reconnects.
    let fresh = again(None, "/checkout");
    let mut fresh = again(fresh.last_event_id.as_deref(), "/checkout");
    assert_eq!(told(&server, &mut fresh), NONE);
    // The same by query, as a WebSocket client says it.
    let mut websocket = Visit::new(Transport::WebSocket, "/checkout")
        .version("old")
        .query(&format!("since={seen}"))
        .open(server.address);
    assert_eq!(told(&server, &mut websocket), [id(&rule)]);
    for nonsense in ["", "x", "-1", "99999999999999999999", "1;2;3", "\u{1f600}"] {
        let mut tab = again(Some(nonsense), "/checkout");
        assert_eq!(told(&server, &mut tab), NONE, "{nonsense:?}");
    }
}

/// Regression: of what a page said it was told, no more than 64 commands were read, and the others were told again.
#[test]
fn a_page_that_was_told_more_than_can_stand_is_told_nothing_twice() {
    let server = Server::start(config());
    let rule = server.invalidate(&json!({"match": {"exact": "/a"}, "audience": "all"}));
    let stands = id(&rule);
    let others = (1_000..1_400).map(|id| id.to_string());
    let told_before: Vec<String> = others.chain([stands.to_string()]).collect();
    for transport in BOTH {
        let since = format!("since=0;{}", told_before.join(","));
        let visit = Visit::new(transport, "/a").version("old").query(&since);
        let mut tab = visit.open(server.address);
        assert_eq!(told(&server, &mut tab), NONE, "{transport:?}");
        let resume = tab.connected["resume"].as_str().unwrap();
        let known = format!("{}.0;{stands}", tab.epoch);
        // A node may be behind its page: it gives back what the page knows beyond the newest command here.
        assert!(
            resume == known || are_several() && resume.starts_with(&known),
            "{resume}"
        );
    }
}

/// A pattern that would take a step for each of its many states at each byte of a route.
#[test]
fn a_pattern_that_costs_too_much_is_refused_with_what_to_do() {
    let server = Server::start(config());
    for (matches, hint) in [
        (json!({"regex": "(a{1,50}){1,40}b"}), "smaller repetitions"),
        (json!({"glob": "/**a????????????????????b"}), "fewer wildcards"),
        (json!({"regex": r"\bcart\b"}), r"(?-u:\b)"),
    ] {
        for dry_run in [true, false] {
            let body = json!({"match": matches, "dryRun": dry_run});
            let refused = server.admin(Ask::post("/api/admin/invalidations", &body));
            assert_eq!((refused.status, &*refused.code()), (400, "invalid-pattern"));
            let message = refused.json()["error"]["message"].to_string();
            assert!(message.replace(r"\\", r"\").contains(hint), "{message}");
        }
    }
}

#[test]
fn a_release_is_told_to_everyone_once() {
    let server = Server::start(config());
    let mut tabs: Vec<_> = (0..20)
        .map(|number| tab(&server, BOTH[number % 2], "/", "old"))
        .collect();
    let entry = server.release("v2");
    assert_eq!(
        server.release("v2")["id"],
        entry["id"],
        "what is current is not announced again"
    );
    for tab in &mut tabs {
        server.mark(&tab.id);
        assert_eq!(
            tab.until("marker"),
            [json!({"type": "version", "version": "v2", "id": entry["id"]})]
        );
    }
    assert_eq!(
        tab(&server, Transport::Sse, "/", "old").connected["version"],
        "v2"
    );
    let log = server.admin(Ask::get("/api/admin/releases")).json();
    assert_eq!(log["current"], "v2");
    assert_eq!(log["releases"].as_array().unwrap().len(), 2);
}

#[test]
fn lifted_and_expired_rules_tell_nobody() {
    let server = Server::start(config());
    let rules = |expected: usize| {
        eventually("the rules stand so", || {
            let of_each = server.admin_of_each(&Ask::get("/api/admin/invalidations"));
            let stand = |answer: &Answer| answer.json()["invalidations"].as_array().unwrap().len();
            of_each
                .iter()
                .all(|answer| stand(answer) == expected)
                .then_some(())
        });
    };
    let lifted = server.invalidate(&json!({"match": {"exact": "/a"}}));
    server.invalidate(&json!({"match": {"exact": "/b"}, "expires": 1}));
    let target = format!("/api/admin/invalidations/{}", lifted["id"]);
    assert_eq!(server.admin(Ask::new("DELETE", &*target)).status, 200);
    assert_eq!(server.admin(Ask::new("DELETE", &*target)).status, 404);
    rules(0);
    for route in ["/a", "/b"] {
        let mut tab = tab(&server, Transport::WebSocket, route, "old");
        assert_eq!(told(&server, &mut tab), NONE, "{route}");
    }
}

#[test]
fn the_oldest_rule_lapses_for_one_too_many_and_equal_rules_replace_each_other() {
    let mut config = config();
    config.limits.rules_max = 3;
    let server = Server::start(config);
    let first = server.invalidate(&json!({"match": {"exact": "/0"}}));
    for number in 1..3 {
        server.invalidate(&json!({"match": {"exact": format!("/{number}")}}));
    }
    let again = server.invalidate(&json!({"match": {"exact": "/2"}}));
    assert_eq!(again["lapsed"].as_array().unwrap().len(), 1);
    let fourth = server.invalidate(&json!({"match": {"exact": "/3"}}));
    assert_eq!(fourth["lapsed"], json!([first["id"]]));
    let rules = server.admin(Ask::get("/api/admin/invalidations")).json();
    assert_eq!(rules["invalidations"].as_array().unwrap().len(), 3);
}

#[test]
fn without_route_tracking_only_a_rule_for_every_route_can_be_given() {
    let server = Server::start(config().with(|config| config.route_tracking = false));
    let mut tab = tab(&server, Transport::WebSocket, "/a", "old");
    let refused = server.admin(Ask::post(
        "/api/admin/invalidations",
        &json!({"match": {"exact": "/a"}}),
    ));
    assert_eq!((refused.status, &*refused.code()), (409, "tracking-off"));
    let rule = server.invalidate(&json!({"match": {"segment": "/"}, "audience": "all"}));
    assert_eq!(told(&server, &mut tab), [id(&rule)]);
}
