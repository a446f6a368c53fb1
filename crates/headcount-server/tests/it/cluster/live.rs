//! Stats that are watched over a cluster, and what they say when a part of it is missing.

use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::counts::{await_nodes, await_total, how_many, stats};
use super::node::Site;
use crate::client::{Ask, BOTH, Tab, Transport, Visit, eventually};
use crate::server::Server;

at_each_broker! {
    a_subscriber_sees_the_tabs_of_all_servers,
    a_server_that_drains_leaves_at_once_and_one_that_dies_within_seconds,
    without_the_broker_tabs_stay_and_the_numbers_say_that_they_are_partial,
    first_stats_wait_for_a_dead_server_for_a_moment_only,
}

/// A subscriber at this server, which is no tab of the site's pages that the tests look at.
fn watcher(server: &Server, transport: Transport) -> Tab {
    let mut tab = Visit::new(transport, "/board")
        .cookie("sid=admin")
        .open(server.address);
    tab.subscribe();
    tab
}

/// Reads stats until they are so.
fn until(tab: &mut Tab, so: impl Fn(&Value) -> bool) -> Value {
    loop {
        let said = tab.next_of("stats");
        if so(&said) {
            return said;
        }
    }
}

fn a_subscriber_sees_the_tabs_of_all_servers(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    for transport in BOTH {
        let mut early = Visit::new(Transport::WebSocket, "/early").open(servers[1].address);
        let mut watching = watcher(&servers[0], transport);
        let first = watching.next_of("stats");
        assert_eq!(
            first["routes"],
            json!({"/board": 1, "/early": 1}),
            "whole at once"
        );
        assert_eq!(first.get("nodes"), None);
        early.navigate("/later");
        until(&mut watching, |said| {
            said["routes"] == json!({"/board": 1, "/later": 1})
        });
        let other = Visit::new(transport, "/other")
            .version("v2")
            .open(servers[2].address);
        let said = until(&mut watching, |said| said["total"] == 3);
        assert_eq!(said["versions"], json!({"unreleased": 2, "v2": 1}));
        let ids: Vec<_> = said["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].clone())
            .collect();
        assert!(
            ids.contains(&json!(other.id)) && ids.contains(&json!(early.id)),
            "{ids:?}"
        );
        // A second one, at another server, sees the same.
        let mut second = watcher(&servers[2], transport);
        assert_eq!(second.next_of("stats")["total"], 4);
        until(&mut watching, |said| said["total"] == 4);
        drop((early, other));
        until(&mut watching, |said| said["total"] == 2);
        until(&mut second, |said| said["total"] == 2);
        drop((watching, second));
        await_total(&servers, 0);
    }
}

fn a_server_that_drains_leaves_at_once_and_one_that_dies_within_seconds(version: Version) {
    let site = Site::start(version);
    let [first, mut second, third] = site.three();
    await_nodes([&first, &second, &third]);
    let mut watching = watcher(&first, Transport::WebSocket);
    let _open = [&second, &third].map(|server| Visit::new(Transport::Sse, "/a").open(server.address));
    until(&mut watching, |said| said["total"] == 3);
    second.stop();
    second.join();
    let drained = until(&mut watching, |said| said["total"] == 2);
    assert_eq!(drained.get("nodes"), None);
    assert_eq!(
        stats(&first)["nodes"],
        json!({"answered": 2, "of": 2}),
        "it said goodbye"
    );
    // A process that ends without a word.
    let Server {
        runtime, headcount, ..
    } = third;
    runtime.shutdown_background();
    drop(headcount);
    let killed = until(&mut watching, |said| said["total"] == 1);
    assert_eq!(how_many(&killed["nodes"]), json!({"answered": 1, "of": 2}));
    let said = stats(&first);
    assert_eq!(
        (&said["total"], how_many(&said["nodes"])),
        (&json!(1), json!({"answered": 1, "of": 2}))
    );
}

fn without_the_broker_tabs_stay_and_the_numbers_say_that_they_are_partial(version: Version) {
    let mut site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    let mut watching = watcher(&servers[0], Transport::WebSocket);
    let mut tab = Visit::new(Transport::WebSocket, "/a").open(servers[1].address);
    until(&mut watching, |said| said["total"] == 2);
    site.kill();
    let alone = json!({"answered": 1, "of": 3});
    let partial = until(&mut watching, |said| how_many(&said["nodes"]) == alone);
    assert_eq!(partial["total"], 1);
    let mut second = watcher(&servers[0], Transport::Sse);
    let first = second.next_of("stats");
    assert_eq!(
        (&first["total"], how_many(&first["nodes"])),
        (&json!(2), alone.clone())
    );
    drop(second);
    let said = until(&mut watching, |said| said["total"] == 1);
    assert_eq!(how_many(&said["nodes"]), alone);
    let said = stats(&servers[0]);
    assert_eq!((&said["total"], how_many(&said["nodes"])), (&json!(1), alone));
    let nodes = servers[0].admin(Ask::get("/api/admin/nodes")).json();
    assert_eq!(nodes["brokerReached"], false);
    tab.navigate("/b");
    eventually("the page", || {
        (stats(&servers[1])["routes"] == json!({"/b": 1})).then_some(())
    });
    site.run();
    until(&mut watching, |said| {
        said["routes"] == json!({"/board": 1, "/b": 1}) && said.get("nodes").is_none()
    });
    await_nodes(&servers);
    assert_eq!(stats(&servers[0])["nodes"], json!({"answered": 3, "of": 3}));
    // Nobody lost a connection over it.
    servers[1].mark(&tab.id);
    assert!(tab.until("marker").is_empty());
}

fn first_stats_wait_for_a_dead_server_for_a_moment_only(version: Version) {
    let site = Site::start(version);
    let [first, second, third] = site.three();
    await_nodes([&first, &second, &third]);
    let _open = [&second, &third].map(|server| Visit::new(Transport::Sse, "/a").open(server.address));
    // A process that ends without a word, and that nobody has missed yet.
    let Server {
        runtime, headcount, ..
    } = third;
    runtime.shutdown_background();
    drop(headcount);
    let mut watching = watcher(&first, Transport::WebSocket);
    let said = watching.next_of("stats");
    assert_eq!(
        (&said["total"], how_many(&said["nodes"])),
        (&json!(2), json!({"answered": 2, "of": 3}))
    );
}
