//! `GET pages`: the most viewed pages, how many of their tabs are behind, and on which versions they are.

use serde_json::{Value, json};

use crate::client::{Ask, BOTH, Tab, Visit, ask, eventually};
use crate::nodes::{alone, are_several};
use crate::server::{SECRET, Server, config};

fn pages(server: &Server, query: &str) -> Value {
    let answer = server.admin(Ask::get(format!("/api/admin/pages{query}")));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// Waits until the answer is this: an answer may be a quarter of a second old.
fn await_pages(server: &Server, what: &str, so: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || Some(pages(server, "")).filter(&so))
}

/// A tab for each of these, over both transports alternately, so on both shards.
fn open(server: &Server, tabs: &[(&str, &str)]) -> Vec<Tab> {
    let open = |(number, (route, version)): (usize, &(&str, &str))| {
        Visit::new(BOTH[number % 2], route)
            .version(version)
            .query(&format!("tab=a-tab-of-the-test-{number}"))
            .open(server.address)
    };
    tabs.iter().enumerate().map(open).collect()
}

#[test]
fn pages_come_by_viewers_and_then_by_name_with_who_is_behind() {
    let server = Server::start(config());
    let tabs = open(
        &server,
        &[
            ("/b", "v1"),
            ("/checkout", "v0"),
            ("/checkout", "v1"),
            ("/checkout", "v1"),
            ("/a", "v0"),
        ],
    );
    let answer = await_pages(&server, "three pages", |pages| pages["routes"] == 3);
    let expected = json!({"current": "v1", "routes": 3, "pages": [
        {"route": "/checkout", "total": 3, "outdated": 1, "versions": {"v0": 1, "v1": 2}},
        {"route": "/a", "total": 1, "outdated": 1, "versions": {"v0": 1}},
        {"route": "/b", "total": 1, "outdated": 0, "versions": {"v1": 1}},
    ]});
    for part in ["current", "routes", "pages"] {
        assert_eq!(answer[part], expected[part], "{part}");
    }

    server.release("v2");
    let answer = await_pages(&server, "everybody behind", |pages| pages["current"] == "v2");
    let outdated = |answer: &Value| {
        let pages = answer["pages"].as_array().unwrap().clone();
        pages
            .iter()
            .map(|page| page["outdated"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(outdated(&answer), 5);
    drop(tabs);
    await_pages(&server, "no pages", |pages| {
        (&pages["current"], &pages["routes"], &pages["pages"]) == (&json!("v2"), &json!(0), &json!([]))
    });
}

#[test]
fn the_most_viewed_are_listed_and_all_are_counted() {
    let server = Server::start(config());
    let tabs: Vec<Tab> = (0..60)
        .map(|number| Visit::new(BOTH[number % 2], &format!("/{number:02}")).open(server.address))
        .chain([Visit::new(BOTH[0], "/59").open(server.address)])
        .collect();
    let all = await_pages(&server, "sixty pages", |pages| pages["routes"] == 60);
    assert_eq!(
        all["pages"].as_array().unwrap().len(),
        50,
        "unless told otherwise"
    );
    let two = pages(&server, "?limit=2");
    assert_eq!(two["routes"], 60);
    let routes = two["pages"].as_array().unwrap().iter().map(|page| &page["route"]);
    assert_eq!(routes.collect::<Vec<_>>(), ["/59", "/00"]);
    drop(tabs);
}

#[test]
fn no_tab_is_outdated_before_the_first_release_and_each_by_its_own_build_after_it() {
    if alone("its limits") {
        return;
    }
    let mut config = config();
    config.release = None;
    config.limits.versions_max = 1;
    let server = Server::start(config.with(|config| config.shards = 1));
    let tabs = open(&server, &[("/", "v1"), ("/", "v2"), ("/", "v3")]);
    let answer = await_pages(&server, "three tabs", |pages| pages["pages"][0]["total"] == 3);
    assert_eq!(answer["current"], "unreleased");
    let page = json!({"route": "/", "total": 3, "outdated": 0, "versions": {"v1": 1, "(other)": 2}});
    assert_eq!(answer["pages"][0], page);
    server.release("v9");
    await_pages(&server, "all are behind, also without a name", |pages| {
        pages["pages"][0]["outdated"] == 3
    });
    drop(tabs);
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let server = Server::start(config());
    for query in ["?limit=0", "?limit=1001", "?limit=x", "?limit=-1", "?from=1"] {
        let answer = server.admin(Ask::get(format!("/api/admin/pages{query}")));
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "invalid-query"),
            "{query}"
        );
    }
    assert_eq!(ask(server.address, &Ask::get("/api/admin/pages")).status, 401);
    for (routes, connections) in [(false, true), (false, false)] {
        let server = Server::start(config().with(|config| {
            config.route_tracking = routes;
            config.connection_tracking = connections;
        }));
        let answer = ask(server.address, &Ask::get("/api/admin/pages").bearer(SECRET));
        assert_eq!((answer.status, &*answer.code()), (409, "tracking-off"));
    }
}

#[test]
fn adoption_is_that_of_a_release_on_a_route_and_below() {
    let server = Server::start(config());
    server.release("v2");
    let tabs = open(
        &server,
        &[
            ("/", "v1"),
            ("/checkout", "v1"),
            ("/checkout/pay", "v2"),
            ("/checkout-help", "v1"),
        ],
    );
    let adoption = |query: &str| server.admin(Ask::get(format!("/api/admin/adoption?{query}")));
    let site = eventually("four tabs", || {
        Some(adoption("release=v2").json()).filter(|site| site["total"] == 4)
    });
    assert_eq!(
        (
            &site["current"],
            &site["on"],
            &site["behind"],
            &site["behindHidden"]
        ),
        (&json!("v2"), &json!(1), &json!(3), &json!(0)),
        "{site}"
    );
    assert_eq!(site["share"], json!(0.25));
    assert!(
        site["announcedAt"].is_u64() && site["uptimeMs"].is_u64(),
        "{site}"
    );
    if !are_several() {
        assert_eq!(server.metric("headcount_current_connections"), 1);
    }
    let checkout = adoption("release=v2&route=/checkout").json();
    assert_eq!(
        (&checkout["total"], &checkout["on"], &checkout["share"]),
        (&json!(2), &json!(1), &json!(0.5))
    );
    let never = adoption("release=v9").json();
    assert_eq!(
        (&never["on"], never.get("announcedAt")),
        (&json!(0), None),
        "{never}"
    );
    for (query, said) in [
        ("", "release"),
        ("release=", "version"),
        ("release=v2&route=checkout", "route"),
    ] {
        let answer = adoption(query);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.contains(said), "{query}: {answer:?}");
    }
    drop(tabs);
}
