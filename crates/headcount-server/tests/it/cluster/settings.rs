//! Nodes that are not set the same.

use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::counts::await_nodes;
use super::node::{Site, without_release};
use crate::client::{Ask, eventually};
use crate::server::Server;

at_each_broker! {
    a_node_that_is_set_otherwise_is_marked,
}

/// What the other node is marked with, as this one sees it.
fn differs(server: &Server) -> Value {
    let nodes = server.admin(Ask::get("/api/admin/nodes")).json();
    let nodes = nodes["nodes"].as_array().unwrap().clone();
    let here = nodes.iter().find(|node| node["here"] == true).unwrap();
    assert_eq!(here["differs"], Value::Null);
    let other = nodes.iter().find(|node| node["here"] == false).unwrap();
    other["differs"].clone()
}

fn a_node_that_is_set_otherwise_is_marked(version: Version) {
    let site = Site::start(version);
    let first = site.node(None);
    let same = site.node(None);
    await_nodes([&first, &same]);
    assert_eq!([&first, &same].map(differs), [Value::Null, Value::Null]);
    drop(same);
    await_nodes([&first]);
    let other = without_release().with(|config| {
        config.limits.rules_max -= 1;
        config.route_tracking = false;
    });
    let other = site.node_with(None, other);
    await_nodes([&first, &other]);
    for server in [&first, &other] {
        eventually("it is marked", || {
            (differs(server) == json!(["tracking", "limits of rules"])).then_some(())
        });
    }
}
