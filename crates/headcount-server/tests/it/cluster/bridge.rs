//! Bridges that hear of the tabs of all servers, and apps that share one.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::counts::await_nodes;
use super::node::{Site, without_release};
use crate::app_server::Bridge;
use crate::client::{Ask, BOTH, PATIENCE, Tab, Transport, Visit, eventually};
use crate::server::Server;
use headcount_server::clock;

at_each_broker! {
    a_bridge_hears_of_the_tabs_of_all_servers_and_of_those_that_join,
    the_tabs_of_a_server_that_dies_are_closed_and_of_one_that_ends_too,
    of_bridges_at_several_servers_one_is_told_and_the_next_takes_over,
    a_bridge_knows_what_is_open_after_the_broker_was_away,
    a_question_goes_to_the_server_that_has_a_bridge_and_its_answer_comes_to_any,
}

const ALL: &str = "hooks=open,route,close";

fn open(server: &Server, transport: Transport, route: &str) -> Tab {
    Visit::new(transport, route).open(server.address)
}

/// Three servers that know each other, with a tab each, and a bridge at the first.
fn three_with_tabs(site: &Site) -> ([Server; 3], Vec<Tab>, Bridge) {
    let servers = site.three();
    await_nodes(&servers);
    let open = |server| open(server, Transport::WebSocket, "/a");
    let tabs = servers.iter().map(open).collect();
    let mut bridge = Bridge::open(servers[0].address, ALL);
    bridge.next_of("ready");
    (servers, tabs, bridge)
}

/// A process that ends without a word.
fn kill(server: Server) {
    let Server {
        runtime, headcount, ..
    } = server;
    runtime.shutdown_background();
    drop(headcount);
}

/// What is open at these servers, by the ids of the tabs.
fn ids(tabs: &[&Tab]) -> BTreeSet<String> {
    tabs.iter().map(|tab| tab.id.clone()).collect()
}

/// Waits until the heartbeats that this server has heard say that the nodes hold so many tabs together.
fn await_held(server: &Server, tabs: usize) {
    eventually(&format!("{tabs} tabs"), || {
        let nodes = server.admin(Ask::get("/api/admin/nodes")).json();
        let held = nodes["nodes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|node| node["tabs"].as_u64());
        (held.sum::<Option<u64>>() == Some(tabs as u64)).then_some(())
    });
}

fn known(bridge: &Bridge) -> BTreeSet<String> {
    bridge.known.keys().cloned().collect()
}

/// Reads lines until the bridge knows these tabs.
fn until_known(bridge: &mut Bridge, tabs: &[&Tab]) {
    while known(bridge) != ids(tabs) {
        bridge.next();
    }
    assert_eq!(bridge.surprises, Vec::<Value>::new());
}

fn a_bridge_hears_of_the_tabs_of_all_servers_and_of_those_that_join(version: Version) {
    let site = Site::start(version);
    let (servers, mut tabs, mut bridge) = three_with_tabs(&site);
    assert_eq!(known(&bridge), ids(&tabs.iter().collect::<Vec<_>>()));
    tabs[2].navigate("/b");
    let line = bridge.next();
    assert_eq!(
        line,
        json!({"type": "route-update", "id": tabs[2].id, "route": "/b"})
    );
    let id = tabs[1].id.clone();
    drop(tabs.remove(1));
    assert_eq!(bridge.next(), json!({"type": "close", "id": id}));
    for transport in BOTH {
        let tab = open(&servers[1], transport, "/c");
        let line = bridge.next();
        assert_eq!(
            line,
            json!({"type": "open", "id": tab.id, "version": "unreleased", "route": "/c"})
        );
        tabs.push(tab);
    }
    // A tab that moves to another server is a new connection there, and the old one ends.
    let visit = || Visit::new(Transport::Sse, "/m").query("tab=a-tab-that-moves");
    let before = visit().open(servers[1].address);
    assert_eq!(bridge.next()["id"], json!(before.id));
    // The two openings are further apart than the time of a message: a heartbeat comes after the first one, and another after the next tab.
    await_held(&servers[2], tabs.len() + 1);
    let tab = open(&servers[1], Transport::Sse, "/e");
    assert_eq!(bridge.next()["id"], json!(tab.id));
    tabs.push(tab);
    await_held(&servers[2], tabs.len() + 1);
    let since = format!("since={}", before.resume);
    let after = visit().query(&since).open(servers[2].address);
    let lines: BTreeSet<_> = (0..2).map(|_| bridge.next().to_string()).collect();
    let opened = json!({"type": "open", "id": after.id, "version": "unreleased", "route": "/m"}).to_string();
    let closed = json!({"type": "close", "id": before.id}).to_string();
    assert_eq!(lines, [closed, opened].into());
    tabs.push(after);
    // Another bridge, which asks for ends alone.
    let mut closes = Bridge::open(servers[1].address, "hooks=close");
    assert_eq!(closes.next()["type"], "ready");
    let fourth = site.node(None);
    let tab = open(&fourth, Transport::Sse, "/d");
    tabs.push(tab);
    until_known(&mut bridge, &tabs.iter().collect::<Vec<_>>());
    let id = tabs[0].id.clone();
    drop(tabs.remove(0));
    assert_eq!(closes.next(), json!({"type": "close", "id": id}));
}

fn the_tabs_of_a_server_that_dies_are_closed_and_of_one_that_ends_too(version: Version) {
    let site = Site::start(version);
    let [first, second, mut third] = site.three();
    await_nodes([&first, &second, &third]);
    let tabs = [&first, &second, &second, &third].map(|server| open(server, Transport::Sse, "/a"));
    let mut bridge = Bridge::open(first.address, ALL);
    let mut closes = Bridge::open(first.address, "hooks=close");
    bridge.next_of("ready");
    closes.next_of("ready");
    kill(second);
    until_known(&mut bridge, &[&tabs[0], &tabs[3]]);
    let closed: BTreeSet<_> = (0..2)
        .map(|_| closes.next()["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(closed, ids(&[&tabs[1], &tabs[2]]));
    third.stop();
    third.join();
    until_known(&mut bridge, &[&tabs[0]]);
    assert_eq!(closes.next()["id"], json!(tabs[3].id));
}

fn of_bridges_at_several_servers_one_is_told_and_the_next_takes_over(version: Version) {
    let site = Site::start(version);
    let [first, second, third] = site.three();
    await_nodes([&first, &second, &third]);
    let one = "hooks=open,close&mode=one&app=shop";
    let mut told = Bridge::open(first.address, one);
    told.next_of("ready");
    let mut waiting = [&second, &third].map(|server| Bridge::open(server.address, one));
    let mut other_app = Bridge::open(third.address, "hooks=open&mode=one&app=blog");
    other_app.next_of("ready");
    let tab = open(&third, Transport::Sse, "/a");
    for bridge in [&mut told, &mut other_app] {
        assert_eq!(bridge.next()["id"], json!(tab.id));
    }
    kill(first);
    // The one that has waited longest, and nothing came before that.
    assert_eq!(waiting[0].next(), json!({"type": "hello", "standby": false}));
    waiting[0].next_of("ready");
    assert_eq!(known(&waiting[0]), ids(&[&tab]));
    let again = open(&third, Transport::Sse, "/b");
    assert_eq!(waiting[0].next()["id"], json!(again.id));
    let [next, mut last] = waiting;
    drop(next);
    assert_eq!(last.next(), json!({"type": "hello", "standby": false}));
    last.next_of("ready");
    assert_eq!(known(&last), ids(&[&tab, &again]));
}

/// The app's part: after a bridge that ended, another one.
fn a_bridge_knows_what_is_open_after_the_broker_was_away(version: Version) {
    let mut site = Site::start(version);
    let (servers, mut tabs, mut bridge) = three_with_tabs(&site);
    site.kill();
    tabs[1].navigate("/missed");
    tabs.remove(2);
    tabs.push(open(&servers[2], Transport::WebSocket, "/new"));
    site.run();
    let end = clock::now() + PATIENCE;
    let expected = |tabs: &[Tab]| known_routes(tabs, ["/a", "/missed", "/new"]);
    while routes(&bridge) != expected(&tabs) {
        assert!(clock::now() < end, "{:?}", bridge.known);
        if bridge.next_or_end().is_none() {
            bridge = Bridge::open(servers[0].address, ALL);
        }
    }
}

fn routes(bridge: &Bridge) -> BTreeSet<(String, String)> {
    let known = bridge.known.iter();
    known
        .map(|(id, (_, route))| (id.clone(), route.clone()))
        .collect()
}

fn known_routes(tabs: &[Tab], routes: [&str; 3]) -> BTreeSet<(String, String)> {
    let tabs = tabs.iter().zip(routes);
    tabs.map(|(tab, route)| (tab.id.clone(), route.to_owned()))
        .collect()
}

/// The question about this tab. An earlier one may be asked again before it.
fn asked_about(bridge: &mut Bridge, tab: &Tab) -> Value {
    loop {
        let asked = bridge.next_of("authorize");
        if asked["id"] == json!(tab.id) {
            return asked;
        }
    }
}

fn a_question_goes_to_the_server_that_has_a_bridge_and_its_answer_comes_to_any(version: Version) {
    let site = Site::start(version);
    let servers = [(); 3].map(|()| {
        site.node_with(
            None,
            without_release().with(|config| config.authorize_bridge = true),
        )
    });
    await_nodes(&servers);
    let mut older = Bridge::open(servers[1].address, "hooks=authorize");
    let mut app = Bridge::open(servers[2].address, "hooks=authorize");
    for transport in BOTH {
        for admitted in [true, false] {
            let mut visitor = Visit::new(transport, "/")
                .cookie("sid=7")
                .open(servers[0].address);
            visitor.subscribe();
            let asked = asked_about(&mut app, &visitor);
            assert_eq!(asked["headers"]["cookie"], "sid=7");
            assert!(asked["ask"].as_u64().unwrap() < 1 << 53, "{asked}");
            let body = json!({"answers": [{"ask": asked["ask"], "admitted": admitted}, {"ask": 1, "admitted": true}]});
            let answer = servers[1].admin(Ask::post("/api/admin/bridge/answers", &body));
            assert_eq!(answer.json(), json!({"taken": 1, "unknown": 1}));
            let expected = if admitted { "stats" } else { "stats-unauthorized" };
            assert_eq!(visitor.next()["type"], expected, "{transport:?}");
        }
    }
    // Its own app is asked first.
    let mut own = Visit::new(Transport::Sse, "/")
        .cookie("sid=8")
        .open(servers[1].address);
    own.subscribe();
    asked_about(&mut older, &own);
    // A question whose bridge ends goes to another one.
    let mut visitor = Visit::new(Transport::Sse, "/")
        .cookie("sid=9")
        .open(servers[0].address);
    visitor.subscribe();
    asked_about(&mut app, &visitor);
    drop(app);
    let asked = asked_about(&mut older, &visitor);
    let body = json!({"answers": [{"ask": asked["ask"], "admitted": true}]});
    servers[2].admin(Ask::post("/api/admin/bridge/answers", &body));
    assert_eq!(visitor.next()["type"], "stats");
}
