//! Commands to any server of a cluster.

use std::thread;

use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::counts::await_nodes;
use super::gate::{Gate, Way};
use super::node::{Site, await_same, node_by, stands, without_release};
use crate::client::{Ask, BOTH, Tab, Visit, eventually};
use crate::server::Server;

at_each_broker! {
    a_command_to_any_server_reaches_the_tabs_of_all,
    commands_that_race_get_each_number_once_and_none_is_lost,
    a_tab_that_comes_back_to_another_server_is_told_nothing_twice,
    a_server_that_could_not_read_tells_only_what_stands_when_it_can,
}

fn rule(route: &str) -> Value {
    json!({"match": {"exact": route}, "audience": "all"})
}

fn a_command_to_any_server_reaches_the_tabs_of_all(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    let mut tabs: Vec<Tab> = servers
        .iter()
        .zip(BOTH.into_iter().cycle())
        .map(|(server, transport)| {
            Visit::new(transport, "/checkout")
                .version("v1")
                .open(server.address)
        })
        .collect();
    assert!(tabs.iter().all(|tab| tab.epoch == tabs[0].epoch), "{tabs:?}");
    for (number, server) in (1_u32..).zip(&servers) {
        let given = server.invalidate(&rule("/checkout"));
        assert_eq!(given["id"], number);
        for tab in &mut tabs {
            let told = tab.next_of("version");
            assert_eq!((&told["id"], &told["force"]), (&json!(number), &json!(true)));
        }
    }
    for (number, server) in (4_u32..).zip(&servers) {
        let released = server.release(&format!("v{number}"));
        assert_eq!(released["id"], number);
        for tab in &mut tabs {
            let told = tab.next_of("version");
            assert_eq!(
                (&told["id"], &told["version"]),
                (&json!(number), &json!(format!("v{number}")))
            );
        }
    }
    // Announcing what is current changes nothing, whichever server is asked.
    assert_eq!(servers[0].release("v6")["id"], 6);
    let lifted = servers[2].admin(Ask::new("DELETE", "/api/admin/invalidations/3"));
    assert_eq!(lifted.status, 200, "{lifted:?}");
    let (current, releases, rules) = await_same(&servers);
    assert_eq!((&*current, releases, rules), ("v6", vec![4, 5, 6], vec![]));
}

/// Gives commands, and returns their numbers.
fn give(server: &Server, name: usize, commands: usize) -> Vec<u64> {
    let give = |number: usize| {
        let id = if number.is_multiple_of(10) {
            server.release(&format!("v{name}-{number}"))["id"].clone()
        } else {
            server.invalidate(&rule(&format!("/{name}/{number}")))["id"].clone()
        };
        id.as_u64().unwrap()
    };
    (0..commands).map(give).collect()
}

fn commands_that_race_get_each_number_once_and_none_is_lost(version: Version) {
    const EACH: usize = 80;
    let site = Site::start(version);
    let servers = site.three();
    let mut given: Vec<u64> = thread::scope(|scope| {
        let givers: Vec<_> = servers
            .iter()
            .enumerate()
            .map(|(name, server)| scope.spawn(move || give(server, name, EACH)))
            .collect();
        givers
            .into_iter()
            .flat_map(|giver| giver.join().unwrap())
            .collect()
    });
    given.sort_unstable();
    assert_eq!(given, (1..=3 * EACH as u64).collect::<Vec<_>>());
    let (_, releases, rules) = await_same(&servers);
    assert_eq!(releases.len(), 3 * EACH / 10);
    assert_eq!(rules.len(), 64, "the newest rules stand, as on a server alone");
    let newcomer = site.node(None);
    assert_eq!(stands(&newcomer), stands(&servers[0]), "before it serves a tab");
}

fn a_tab_that_comes_back_to_another_server_is_told_nothing_twice(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    for transport in BOTH {
        let visit = || Visit::new(transport, "/checkout").version("v1");
        let mut tab = visit().open(servers[0].address);
        let told = servers[1].invalidate(&rule("/checkout"))["id"].clone();
        assert_eq!(tab.next_of("version")["id"], told);
        let resume = tab.resume.clone();
        drop(tab);
        let missed = servers[2].invalidate(&rule("/checkout"))["id"].clone();
        await_same(&servers);
        let mut back = visit().query(&format!("since={resume}")).open(servers[1].address);
        assert_eq!(back.next_of("version")["id"], missed);
        let resume = back.resume.clone();
        drop(back);
        let mut back = visit().query(&format!("since={resume}")).open(servers[2].address);
        servers[2].mark(&back.id);
        assert_eq!(back.until("marker"), [Value::Null; 0], "it was told both");
    }
}

/// Regression: it read one entry at a time, and told its tabs of rules that the next entry ended.
fn a_server_that_could_not_read_tells_only_what_stands_when_it_can(version: Version) {
    let site = Site::start(version);
    let there = site.node(None);
    let gate = there.runtime.block_on(Gate::before(site.port()));
    let away = node_by(gate.port(), None, without_release());
    await_nodes([&there, &away]);
    let mut tab = Visit::new(BOTH[0], "/checkout").version("v1").open(away.address);
    gate.set(Way::Closed);
    await_nodes([&there]);
    let lift = |id: &Value| {
        let lifted = Ask::new("DELETE", format!("/api/admin/invalidations/{id}"));
        assert_eq!(there.admin(lifted).status, 200);
    };
    lift(&there.invalidate(&rule("/checkout"))["id"]);
    there.invalidate(&rule("/checkout"));
    let last = there.invalidate(&rule("/checkout"))["id"].clone();
    gate.set(Way::Open);
    assert_eq!(
        tab.next_of("version")["id"],
        last,
        "not those that were lifted or replaced"
    );
    gate.set(Way::Closed);
    await_nodes([&there]);
    lift(&there.invalidate(&rule("/checkout"))["id"]);
    gate.set(Way::Open);
    let servers = [there, away];
    eventually("both have read all", || {
        let head = |server: &Server| server.admin(Ask::get("/api/admin/nodes")).json();
        let nodes = head(&servers[1])["nodes"].as_array().unwrap().len();
        (nodes == 2 && stands(&servers[0]) == stands(&servers[1])).then_some(())
    });
    let next = servers[0].invalidate(&rule("/checkout"))["id"].clone();
    assert_eq!(tab.next_of("version")["id"], next);
}

/// A deploy starts all its servers with the same release.
#[test]
fn the_configured_release_of_servers_that_start_together_is_announced_once() {
    let site = Site::start(Version::Oldest);
    let config = || without_release().with(|config| config.release = Some("v1".to_owned()));
    let servers: Vec<Server> = thread::scope(|scope| {
        let starting: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| site.node_with(None, config())))
            .collect();
        starting
            .into_iter()
            .map(|started| started.join().unwrap())
            .collect()
    });
    let (current, releases, _) = await_same(&servers);
    assert_eq!((&*current, releases), ("v1", vec![1]));
    servers[1].release("v2");
    await_same(&servers);
    // A restart with the release of an earlier deploy rolls nobody back.
    let late = site.node_with(None, config());
    assert_eq!(stands(&late).0, "v2");
}
