//! The history of a cluster: every server has that of all.

use headcount_server::{Config, clock};
use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::counts::{await_nodes, how_many, stats};
use super::gate::{Gate, Way};
use super::node::{Site, node_by, without_release};
use crate::client::{Ask, BOTH, Tab, Visit, eventually};
use crate::server::Server;

at_each_broker! {
    every_server_has_the_history_of_all,
    no_sample_is_without_the_tabs_that_cannot_be_counted,
    a_server_that_comes_has_the_history_of_the_others,
    a_server_that_was_cut_off_fills_its_gap,
}

/// As fast as it goes.
fn hasty() -> Config {
    without_release().with(|config| config.limits.history_step_ms = 100)
}

fn samples(server: &Server) -> Vec<Value> {
    let answer = server.admin(Ask::get("/api/admin/history"));
    answer.json()["samples"].as_array().unwrap().clone()
}

fn at(sample: &Value) -> u64 {
    sample["at"].as_u64().unwrap()
}

/// Waits for a sample that was taken after `from_ms` and has so many tabs.
fn await_total(server: &Server, from_ms: u64, total: u64) -> Value {
    eventually("a sample with this total", || {
        let mut later = samples(server).into_iter().filter(|sample| at(sample) > from_ms);
        later.find(|sample| sample["total"] == total)
    })
}

/// Waits until a server has these samples, among others.
fn await_samples(server: &Server, wanted: &[Value]) {
    eventually("the samples of another server", || {
        let known = samples(server);
        wanted.iter().all(|sample| known.contains(sample)).then_some(())
    });
}

fn tab(number: usize, server: &Server) -> Tab {
    let visit = Visit::new(BOTH[number % 2], "/").version(&format!("v{number}"));
    visit.open(server.address)
}

fn every_server_has_the_history_of_all(version: Version) {
    let site = Site::start(version);
    let [first, mut second, third] = [(); 3].map(|()| site.node_with(None, hasty()));
    await_nodes([&first, &second, &third]);
    let _tabs: Vec<Tab> = [&first, &second, &third]
        .into_iter()
        .enumerate()
        .map(|(number, server)| tab(number, server))
        .collect();
    for server in [&first, &second, &third] {
        let full = await_total(server, 0, 3);
        assert_eq!(full["versions"], json!({"v0": 1, "v1": 1, "v2": 1}));
        assert_eq!(at(&full) % 100, 0, "the same times at every server");
    }
    second.stop();
    second.join();
    let drained = await_total(&first, clock::unix_ms(), 2);
    assert_eq!(drained["versions"], json!({"v0": 1, "v2": 1}));
    // A process that ends without a word.
    let Server {
        runtime, headcount, ..
    } = third;
    runtime.shutdown_background();
    drop(headcount);
    let killed = await_total(&first, at(&drained), 1);
    assert_eq!(killed["versions"], json!({"v0": 1}));
}

fn no_sample_is_without_the_tabs_that_cannot_be_counted(version: Version) {
    let mut site = Site::start(version);
    let servers = [(); 3].map(|()| site.node_with(None, hasty()));
    await_nodes(&servers);
    let _tabs = [tab(0, &servers[0]), tab(1, &servers[1])];
    let full = servers.each_ref().map(|server| at(&await_total(server, 0, 2)));
    site.kill();
    for server in &servers {
        let alone = json!({"answered": 1, "of": 3});
        eventually("the others are lost", || {
            (how_many(&stats(server)["nodes"]) == alone).then_some(())
        });
    }
    let lost_ms = clock::unix_ms();
    site.run();
    for (server, full_ms) in servers.iter().zip(full) {
        await_total(server, lost_ms, 2);
        let since: Vec<Value> = samples(server)
            .into_iter()
            .filter(|sample| at(sample) >= full_ms)
            .collect();
        assert!(since.iter().all(|sample| sample["total"] == 2), "{since:?}");
        assert!(since.is_sorted_by_key(at), "{since:?}");
    }
}

fn a_server_that_comes_has_the_history_of_the_others(version: Version) {
    let site = Site::start(version);
    let kept = tempfile::tempdir().unwrap();
    let first = site.node_with(None, hasty());
    let _tab = tab(0, &first);
    let before = await_total(&first, 0, 1);
    let mut late = site.node_with(Some(kept.path()), hasty());
    await_samples(&late, &[before]);
    late.stop();
    late.join();
    drop(late);
    // What it misses while it is not there.
    let _second = tab(1, &first);
    let missed = await_total(&first, 0, 2);
    await_total(&first, at(&missed), 2);
    let again = site.node_with(Some(kept.path()), hasty());
    let missed: Vec<Value> = samples(&first)
        .into_iter()
        .filter(|sample| sample["total"] == 2)
        .collect();
    await_samples(&again, &missed);
    let all = samples(&again);
    assert!(all.is_sorted_by(|one, next| at(one) < at(next)), "{all:?}");
}

fn a_server_that_was_cut_off_fills_its_gap(version: Version) {
    let site = Site::start(version);
    let [first, second] = [(); 2].map(|()| site.node_with(None, hasty()));
    let gate = first.runtime.block_on(Gate::before(site.port()));
    let third = node_by(gate.port(), None, hasty());
    await_nodes([&first, &second, &third]);
    let _tab = tab(0, &first);
    let before_ms = at(&await_total(&third, 0, 1));
    gate.set(Way::Closed);
    eventually("it does not reach the broker", || {
        let nodes = third.admin(Ask::get("/api/admin/nodes")).json();
        (nodes["brokerReached"] == false).then_some(())
    });
    let cut_ms = clock::unix_ms();
    let missed = eventually("the others go on", || {
        let since = samples(&first).into_iter().filter(|sample| at(sample) > cut_ms);
        Some(since.collect::<Vec<_>>()).filter(|since| since.len() >= 5)
    });
    assert!(samples(&third).iter().all(|sample| at(sample) <= cut_ms), "a gap");
    gate.set(Way::Open);
    await_samples(&third, &missed);
    let all = samples(&third);
    assert!(all.is_sorted_by(|one, next| at(one) < at(next)), "{all:?}");
    let since = all.iter().filter(|sample| at(sample) >= before_ms);
    assert!(since.into_iter().all(|sample| sample["total"] == 1), "{all:?}");
}
