//! Names under pressure: visitors invent names of builds and pages, and rules still reach the other tabs.

use headcount_server::Config;
use serde_json::{Value, json};

use crate::client::{Ask, BOTH, Tab, Transport, Visit, eventually};
use crate::nodes::alone;
use crate::server::{Server, config};

fn open(server: &Server, route: &str, version: &str, number: usize) -> Tab {
    Visit::new(BOTH[number % 2], route)
        .version(version)
        .open(server.address)
}

fn strangers(server: &Server, count: usize) -> Vec<Tab> {
    (0..count)
        .map(|number| {
            open(
                server,
                &format!("/junk/{number}"),
                &format!("junk-{number}"),
                number,
            )
        })
        .collect()
}

/// What these tabs were told, releases aside: the numbers of the rules.
fn told(server: &Server, tabs: &mut [Tab]) -> Vec<Vec<u64>> {
    let tell = |tab: &mut Tab| {
        server.mark(&tab.id);
        let before = tab.until("marker");
        let rules = before
            .iter()
            .filter(|message| message["force"] == true)
            .map(|message| message["id"].as_u64().unwrap());
        rules.collect()
    };
    tabs.iter_mut().map(tell).collect()
}

fn small(versions_max: u32, routes_max: u32, unnamed_bytes_max: u32) -> Config {
    let mut config = config();
    config.shards = 1;
    config.limits.versions_max = versions_max;
    config.limits.routes_max = routes_max;
    config.limits.unnamed_bytes_max = unnamed_bytes_max;
    config
}

fn outcomes(server: &Server, rule: &Value) -> Value {
    let answer = server.admin(Ask::get("/api/admin/invalidations")).json();
    let rules = answer["invalidations"].as_array().unwrap();
    rules.iter().find(|stands| stands["id"] == rule["id"]).unwrap()["outcomes"].clone()
}

/// Regression: builds that visitors made up took all names, and outdated tabs without one were not refreshed.
#[test]
fn names_of_strangers_keep_no_rule_from_its_tabs() {
    let server = Server::start(small(4, 4, 1_000_000));
    let junk = strangers(&server, 40);
    let mut old: Vec<Tab> = (0..20)
        .map(|number| open(&server, "/checkout/pay", "old", number))
        .collect();
    server.release("v2");
    let mut new: Vec<Tab> = (0..4)
        .map(|number| open(&server, "/checkout", "v2", number))
        .collect();
    let stats = server.await_stats("64 open", |stats| stats.total == 64);
    assert_eq!(stats.versions["v2"], 4, "a release has a name: {stats:?}");
    assert_eq!(stats.versions.values().sum::<u64>(), 64);
    let checkout = json!({"match": {"segment": "/checkout"}, "dryRun": true});
    let dry = server.invalidate(&checkout);
    assert_eq!((&dry["tabs"], dry.get("unknown")), (&json!(20), None));
    let rule = server.invalidate(&json!({"match": {"segment": "/checkout"}}));
    assert_eq!((&rule["tabs"], &rule["routes"]), (&json!(20), &json!(1)));
    let id = rule["id"].as_u64().unwrap();
    assert_eq!(told(&server, &mut old), vec![vec![id]; 20]);
    assert_eq!(told(&server, &mut new), vec![Vec::<u64>::new(); 4]);
    // One that comes while the rule stands, and one that lists a build without a name.
    let mut late = [
        open(&server, "/checkout", "old", 0),
        open(&server, "/checkout", "v2", 1),
    ];
    assert_eq!(told(&server, &mut late), [vec![id], vec![]]);
    let listed = json!({"match": {"segment": "/"}, "versions": ["old", "junk-39"], "audience": "all"});
    assert_eq!(server.invalidate(&listed)["tabs"], 22);
    // Pages judge them by their own builds as well.
    let pages = server.admin(Ask::get("/api/admin/pages")).json();
    let outdated = pages["pages"].as_array().unwrap().iter();
    assert_eq!(
        outdated
            .map(|page| page["outdated"].as_u64().unwrap())
            .sum::<u64>(),
        61
    );
    drop(junk);
}

/// Regression: a release whose tabs were there before it was announced stayed without a name.
#[test]
fn a_build_gets_its_name_when_it_is_announced() {
    let server = Server::start(small(2, 2, 1_000_000));
    let junk = strangers(&server, 6);
    let early = open(&server, "/", "v2", 0);
    let stats = server.await_stats("seven open", |stats| stats.total == 7);
    assert_eq!(stats.versions.get("v2"), None);
    server.release("v2");
    server.await_stats("v2 has a name", |stats| stats.versions.get("v2") == Some(&1));
    drop((junk, early));
}

/// Regression: names that a watcher was told kept their places when it left, although no tab bore them.
#[test]
fn names_that_no_tab_bears_give_their_places_away_with_no_watcher_there() {
    let server = Server::start(small(100, 4, 0));
    let watch = || {
        let mut watcher = Visit::new(Transport::WebSocket, "/0")
            .cookie("sid=admin")
            .open(server.address);
        watcher.tell(&json!({"type": "subscribe-stats"}));
        watcher
    };
    let mut watcher = watch();
    let tabs: Vec<Tab> = (0..4)
        .map(|number| open(&server, &format!("/{number}"), "v1", number))
        .collect();
    while watcher.next_of("stats")["total"] != 5 {}
    drop(watcher);
    server.await_total(4);
    drop(tabs);
    // Asking for stats would make the shards report, and so does the admin API: the metric does not.
    eventually("no tab is open", || {
        (server.metric("headcount_connections") == 0).then_some(())
    });
    let shoppers: Vec<Tab> = (0..3)
        .map(|number| open(&server, &format!("/checkout/{number}"), "v1", number))
        .collect();
    let hit = server.admin(Ask::post(
        "/api/admin/invalidate-route",
        &json!({"route": "/checkout"}),
    ));
    assert_eq!(hit.json()["tabs"], 3);
    let routes = server.stats().routes;
    assert_eq!(routes.len(), 3, "{routes:?}");
    drop(shoppers);
}

#[test]
fn names_are_given_back_when_strangers_go() {
    let server = Server::start(small(3, 3, 1_000_000));
    let junk = strangers(&server, 10);
    let tab = open(&server, "/checkout", "old", 0);
    server.await_stats("eleven open", |stats| {
        stats.total == 11 && !stats.versions.contains_key("old")
    });
    drop(junk);
    let stats = server.await_stats("one open", |stats| stats.total == 1);
    assert_eq!((stats.versions["old"], stats.routes["/checkout"]), (1, 1));
    drop(tab);
}

#[test]
fn what_cannot_be_known_is_said_and_is_no_zero() {
    if alone("its limits") {
        return;
    }
    let server = Server::start(small(1, 1, 0));
    server.release("v2");
    // They take the only place, and those after them are known by nothing.
    let first = open(&server, "/first", "first", 0);
    let mut lost: Vec<Tab> = (0..5)
        .map(|number| open(&server, "/checkout", "old", number))
        .collect();
    let current = open(&server, "/checkout", "v2", 0);
    let outdated = json!({"match": {"segment": "/checkout"}});
    let dry = server.invalidate(&json!({"match": {"segment": "/checkout"}, "dryRun": true}));
    assert_eq!((&dry["tabs"], &dry["unknown"]), (&json!(0), &json!(5)));
    let rule = server.invalidate(&outdated);
    assert_eq!((&rule["tabs"], &rule["unknown"]), (&json!(0), &json!(5)));
    assert_eq!(
        told(&server, &mut lost),
        vec![Vec::<u64>::new(); 5],
        "none is refreshed by guess"
    );
    assert_eq!(outcomes(&server, &rule)["unknown"], 5);
    let prefix = json!({"route": "/checkout"});
    let prefix = server
        .admin(Ask::post("/api/admin/invalidate-route", &prefix))
        .json();
    assert_eq!((&prefix["tabs"], &prefix["unknown"]), (&json!(0), &json!(6)));
    // A rule for all and everywhere need know nothing.
    let all = server.invalidate(&json!({"match": {"segment": "/"}, "audience": "all"}));
    assert_eq!((&all["tabs"], all.get("unknown")), (&json!(7), None));
    // The place is free again: at the next navigation a tab regains its route.
    drop(first);
    server.await_total(6);
    lost[0].navigate("/checkout");
    server.await_route("/checkout", 1);
    drop(current);
}
