//! What the servers of a cluster count together.

use std::sync::Barrier;

use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::node::{Site, await_same};
use crate::client::{Ask, BOTH, Tab, Transport, Visit, ask, eventually};
use crate::contract::last_words;
use crate::server::Server;

at_each_broker! {
    every_server_counts_the_tabs_of_all,
    a_command_says_how_many_tabs_of_all_it_told,
    a_request_for_a_tab_of_another_server_finds_it,
    a_tab_that_comes_back_to_another_server_is_one,
    of_two_pages_with_one_tab_id_at_two_servers_the_newer_stays,
    of_two_pages_with_one_tab_id_that_come_at_one_time_one_stays,
    what_was_ordered_stands_on_every_server,
}

pub(super) fn stats(server: &Server) -> Value {
    server.admin(Ask::get("/api/admin/stats")).json()
}

fn post(server: &Server, target: &str, body: &Value) -> Value {
    ask(server.address, &Ask::post(target, body)).json()
}

pub(super) fn await_total(servers: &[Server], total: u64) {
    for server in servers {
        eventually("the total", || (stats(server)["total"] == total).then_some(()));
    }
}

/// All nodes know each other.
/// How many nodes answered, and of how many: the names of the missing ones are all that of this machine.
pub(super) fn how_many(nodes: &Value) -> Value {
    json!({"answered": nodes["answered"], "of": nodes["of"]})
}

pub(super) fn await_nodes<'a>(servers: impl IntoIterator<Item = &'a Server>) {
    let servers: Vec<_> = servers.into_iter().collect();
    for server in &servers {
        eventually("all nodes", || {
            let nodes = server.admin(Ask::get("/api/admin/nodes")).json();
            (nodes["nodes"].as_array().map_or(0, Vec::len) == servers.len()).then_some(())
        });
    }
}

fn tabs(servers: &[Server]) -> Vec<Tab> {
    let open = |(number, server): (usize, &Server)| {
        let visit = Visit::new(BOTH[number % 2], &format!("/{}", number % 2)).version(&format!("v{number}"));
        visit.open(server.address)
    };
    servers.iter().enumerate().map(open).collect()
}

fn every_server_counts_the_tabs_of_all(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    let open = tabs(&servers);
    for server in &servers {
        let said = stats(server);
        assert_eq!(said["total"], 3);
        assert_eq!(said["versions"], json!({"v0": 1, "v1": 1, "v2": 1}));
        assert_eq!(said["routes"], json!({"/0": 2, "/1": 1}));
        assert_eq!(said["nodes"], json!({"answered": 3, "of": 3}));
        let mut listed: Vec<_> = said["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].clone())
            .collect();
        listed.sort_by_key(ToString::to_string);
        let mut ids: Vec<_> = open.iter().map(|tab| json!(tab.id)).collect();
        ids.sort_by_key(ToString::to_string);
        assert_eq!(listed, ids);
        let pages = server.admin(Ask::get("/api/admin/pages")).json();
        assert_eq!(
            (&pages["pages"][0]["route"], &pages["pages"][0]["total"]),
            (&json!("/0"), &json!(2))
        );
        let mut cursor = String::new();
        let mut paged = Vec::new();
        loop {
            let page = server
                .admin(Ask::get(format!("/api/admin/connections?limit=1{cursor}")))
                .json();
            assert_eq!(page["nodes"], json!({"answered": 3, "of": 3}));
            paged.extend(
                page["connections"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["id"].clone()),
            );
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        paged.sort_by_key(ToString::to_string);
        assert_eq!(paged, ids);
    }
    drop(open);
    await_total(&servers, 0);
}

fn a_command_says_how_many_tabs_of_all_it_told(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    let _open = tabs(&servers);
    let rule = json!({"match": {"exact": "/0"}, "audience": "all", "dryRun": true});
    let dry = servers[1].invalidate(&rule);
    assert_eq!(
        (&dry["tabs"], &dry["routes"], &dry["nodes"]),
        (&json!(2), &json!(1), &json!({"answered": 3, "of": 3}))
    );
    let told = servers[1].invalidate(&json!({"match": {"prefix": "/"}, "audience": "all"}));
    assert_eq!(
        (&told["tabs"], &told["routes"], &told["nodes"]),
        (&json!(3), &json!(2), &json!({"answered": 3, "of": 3}))
    );
    await_same(&servers);
    let rules = servers[2].admin(Ask::get("/api/admin/invalidations")).json();
    assert_eq!(rules["invalidations"][0]["outcomes"]["told"], 3, "{rules}");
}

fn a_request_for_a_tab_of_another_server_finds_it(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    let mut tab = Visit::new(Transport::Sse, "/a").open(servers[0].address);
    let said = post(
        &servers[1],
        "/__skew/route",
        &json!({"connectionId": tab.id, "route": "/b"}),
    );
    assert_eq!(said, json!({"ok": true}));
    eventually("the route", || {
        (stats(&servers[2])["routes"] == json!({"/b": 1})).then_some(())
    });
    let said = post(
        &servers[1],
        "/__skew/message",
        &json!({"type": "alive", "connectionId": tab.id}),
    );
    assert_eq!(said, json!({"ok": true}));
    servers[2].mark(&tab.id);
    assert_eq!(tab.until("marker"), [Value::Null; 0]);
    // An app server sends over the bridge, at any node.
    let messages = json!({"messages": [{"id": tab.id, "data": {"type": "marker"}}]});
    let send = || {
        servers[1]
            .admin(Ask::post("/api/admin/bridge/messages", &messages))
            .json()
    };
    assert_eq!(send(), json!({"sent": 1, "unknown": 0, "refused": 0}));
    assert_eq!(tab.until("marker"), [Value::Null; 0]);
    drop(tab);
    await_total(&servers, 0);
    assert_eq!(send(), json!({"sent": 0, "unknown": 1, "refused": 0}));
}

fn a_tab_that_comes_back_to_another_server_is_one(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    for transport in BOTH {
        let visit = || Visit::new(transport, "/a").query("tab=the-same-tab-of-before");
        let tab = visit().open(servers[0].address);
        await_total(&servers, 1);
        let resume = tab.resume.clone();
        // Its old socket is open: for the old server it is there.
        let back = visit().query(&format!("since={resume}")).open(servers[1].address);
        await_total(&servers, 1);
        eventually("the connection that it has now", || {
            (stats(&servers[2])["connections"][0]["id"] == json!(back.id)).then_some(())
        });
        drop((tab, back));
        await_total(&servers, 0);
    }
}

/// Regression: a copied tab, whose page has just been loaded, replaced the other one at its own server alone.
fn of_two_pages_with_one_tab_id_at_two_servers_the_newer_stays(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    for (number, transport) in BOTH.into_iter().enumerate() {
        let visit = || Visit::new(transport, "/a").query(&format!("tab=a-copied-tab-{number}"));
        let mut older = visit().open(servers[number].address);
        // Of two that come within the time of a message, either stays.
        await_total(&servers, 1);
        let newer = visit().open(servers[2].address);
        let (said, code) = last_words(&mut older);
        match transport {
            Transport::WebSocket => assert_eq!(code, Some(4409)),
            Transport::Sse => assert_eq!(said, Some(json!({"type": "replaced"}))),
        }
        await_total(&servers, 1);
        assert_eq!(stats(&servers[0])["connections"][0]["id"], json!(newer.id));
        drop(newer);
        await_total(&servers, 0);
    }
}

/// Regression: both were closed if they came within the time of a message.
fn of_two_pages_with_one_tab_id_that_come_at_one_time_one_stays(version: Version) {
    const PAIRS: usize = 24;
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    let both = Barrier::new(2);
    let open_all = |server: usize| {
        let open = |number: usize| {
            let visit =
                Visit::new(BOTH[(number + server) % 2], "/a").query(&format!("tab=one-of-two-{number}"));
            both.wait();
            visit.open(servers[server].address)
        };
        (0..PAIRS).map(open).collect::<Vec<Tab>>()
    };
    let pairs = std::thread::scope(|scope| {
        let first = scope.spawn(|| open_all(0));
        let second = open_all(1);
        first.join().unwrap().into_iter().zip(second).collect::<Vec<_>>()
    });
    // What each server says of a later move comes after what it said of those.
    for [from, to] in [[0, 1], [1, 0]] {
        let route = format!("/from-{from}");
        let visit = || Visit::new(Transport::Sse, &route).query(&format!("tab=later-than-all-{from}"));
        let mut left = visit().open(servers[from].address);
        eventually("the tab that is later than all", || {
            (stats(&servers[to])["routes"][&route] == 1).then_some(())
        });
        let _here = visit().open(servers[to].address);
        last_words(&mut left);
    }
    for (one, other) in &pairs {
        let ids = [&one.id, &other.id].map(|id| json!({"id": id, "data": {"type": "marker"}}));
        eventually("one of the two", || {
            let messages = json!({"messages": ids});
            let said = servers[2].admin(Ask::post("/api/admin/bridge/messages", &messages));
            (said.json()["sent"] == 1).then_some(())
        });
    }
    drop(pairs);
    await_total(&servers, 0);
}

/// Regression: a tab on the build that was just announced met a server that had not heard of it, and was told to reload.
fn what_was_ordered_stands_on_every_server(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    for number in 0..30_usize {
        let release = format!("v{number}");
        let rule = servers[number % 3].invalidate(&json!({"match": {"exact": "/a"}, "audience": "all"}));
        let lifted = servers[(number + 1) % 3].admin(Ask::new(
            "DELETE",
            format!("/api/admin/invalidations/{}", rule["id"]),
        ));
        assert_eq!(lifted.status, 200, "{lifted:?}");
        for server in &servers {
            let rules = server.runtime.block_on(server.headcount.rules()).unwrap();
            assert!(rules.invalidations.is_empty(), "{rules:?}");
        }
        servers[number % 3].release(&release);
        for server in &servers {
            assert_eq!(&*server.headcount.current_release(), release);
        }
    }
}
