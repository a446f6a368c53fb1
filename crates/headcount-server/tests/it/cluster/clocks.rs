//! A server whose clock is not that of the others.

use std::time::Duration;

use headcount_core::cluster::{Bus, To};
use headcount_core::connection::NodeId;
use headcount_core::limits::Limits;
use headcount_core::node::{About, Action, Node};
use headcount_core::protocol::cluster::Writer;
use headcount_nats::{NatsBroker, NatsBus, NatsOptions, Seal};
use headcount_server::{Invalidation, clock};
use hkdf::Hkdf;
use serde_json::Value;
use sha2::Sha256;

use super::at_each_broker;
use super::broker::Version;
use super::node::{CLUSTER_SECRET, Site, stands};
use crate::client::{Ask, eventually};
use crate::server::Server;

const CLUSTER: &str = "headcount";
const HOUR_MS: i64 = 3_600_000;

at_each_broker! {
    a_server_whose_clock_is_ahead_ends_no_rule_before_its_time_and_gives_none_for_too_long,
    a_server_whose_clock_is_behind_ends_rules_with_the_others,
}

/// The key by which nodes seal what they say to each other.
fn key() -> [u8; 32] {
    let mut key = [0; 32];
    let keys = Hkdf::<Sha256>::new(None, CLUSTER_SECRET.as_bytes());
    keys.expand(b"headcount bus", &mut key).unwrap();
    key
}

/// A node of the cluster whose clock is ahead of this process by this time. It says that it is there as long as the runtime of the server runs.
fn member(server: &Server, site: &Site, id: u32, ahead_ms: i64) {
    let options = NatsOptions {
        addresses: vec![format!("nats://127.0.0.1:{}", site.port())],
        cluster: CLUSTER.to_owned(),
        ..NatsOptions::default()
    };
    let about = About {
        name: format!("member-{id}").into(),
        software: "0.0.0".into(),
    };
    let seal = Seal::new(key(), CLUSTER);
    server.runtime.spawn(async move {
        let broker = NatsBroker::connect(&options).await.unwrap();
        let (bus, _heard) = NatsBus::join(&broker, NodeId(id)).await.unwrap();
        let mut node = Node::new(NodeId(id), about, &Limits::default(), clock::steady_ms());
        let mut writer = Writer::new(NodeId(id));
        let mut pace = tokio::time::interval(Duration::from_millis(100));
        loop {
            pace.tick().await;
            let now_ms = clock::steady_ms();
            node.set_clock((clock::unix_ms() - now_ms).cast_signed() + ahead_ms);
            node.look(now_ms);
            while let Some(action) = node.next_action() {
                if let Action::Send { to: To::All, message } = action {
                    for part in writer.write(&message, bus.bytes_max()).unwrap() {
                        let header = id.to_be_bytes().repeat(2);
                        let sealed = seal.seal(b"", &[&header, &[0; 5], &part]).unwrap();
                        bus.send(To::All, sealed.into());
                    }
                }
            }
        }
    });
}

fn invalidate(server: &Server, route: &str, seconds: u32) {
    let rule = Invalidation::exact(route).all().seconds(seconds);
    server
        .runtime
        .block_on(server.headcount.invalidate(rule))
        .unwrap();
}

/// Waits until each node is listed with this offset, rounded to hours: this server first.
fn await_offsets(server: &Server, expected: &[i64]) {
    eventually("clocks are known", || {
        let answer = server.admin(Ask::get("/api/admin/nodes")).json();
        let mut nodes = answer["nodes"].as_array().unwrap().clone();
        nodes.sort_by_key(|node| (node["here"] == false, node["name"].to_string()));
        let hours = |node: &Value| {
            let ahead_ms = node["clockOffsetMs"].as_i64().unwrap_or_default();
            (ahead_ms + ahead_ms.signum() * HOUR_MS / 2) / HOUR_MS
        };
        let offsets: Vec<i64> = nodes.iter().map(hours).collect();
        (offsets == expected).then_some(())
    });
}

/// Regression: it hid all rules whose time had come by its own clock, and ended them for all. A rule that it gave stood for an hour too long.
fn a_server_whose_clock_is_ahead_ends_no_rule_before_its_time_and_gives_none_for_too_long(version: Version) {
    let site = Site::start(version);
    let server = site.node(None);
    invalidate(&server, "/before", 1);
    member(&server, &site, 2, -HOUR_MS);
    await_offsets(&server, &[1, 0]);
    invalidate(&server, "/since", 1);
    eventually(
        "the later rule lapses, and the earlier one has an hour left",
        || (stands(&server).2 == [1]).then_some(()),
    );
}

fn a_server_whose_clock_is_behind_ends_rules_with_the_others(version: Version) {
    let site = Site::start(version);
    let server = site.node(None);
    invalidate(&server, "/before", 600);
    member(&server, &site, 2, HOUR_MS);
    await_offsets(&server, &[0, 1]);
    assert_eq!(stands(&server).2, [1], "nobody knows which of two is right");
    member(&server, &site, 3, HOUR_MS);
    await_offsets(&server, &[-1, 0, 0]);
    eventually("it lapses", || stands(&server).2.is_empty().then_some(()));
}
