//! What a node of a cluster shows in `/metrics`.

use bytes::Bytes;
use headcount_core::cluster::{Bus, To};
use headcount_core::connection::NodeId;
use headcount_nats::{NatsBroker, NatsBus, NatsOptions};
use headcount_server::Headcount;
use serde_json::json;

use super::at_each_broker;
use super::broker::Version;
use super::counts::await_nodes;
use super::node::{Site, without_release};
use crate::client::{Ask, Transport, Visit, ask, eventually};
use crate::server::{Door, Server};

at_each_broker! {
    a_node_counts_those_that_are_there_and_those_that_are_missing,
    a_node_shows_whether_the_broker_is_reached_and_counts_what_is_lost,
    messages_of_others_are_counted,
}

fn metric(server: &Server, name: &str) -> u64 {
    server.metric(&format!("headcount_cluster_{name}"))
}

fn await_metric(server: &Server, name: &str, wanted: impl Fn(u64) -> bool) {
    eventually(name, || wanted(metric(server, name)).then_some(()));
}

fn a_node_counts_those_that_are_there_and_those_that_are_missing(version: Version) {
    let site = Site::start(version);
    let [first, second, third] = site.three();
    await_nodes([&first, &second, &third]);
    for server in [&first, &second, &third] {
        await_metric(server, "nodes", |nodes| nodes == 3);
        assert_eq!(metric(server, "nodes_missing"), 0);
        assert_eq!(metric(server, "broker_reached"), 1);
        await_metric(server, "log_lag", |lag| lag == 0);
        await_metric(server, "received_total", |received| received > 0);
        await_metric(server, "sent_total", |sent| sent > 0);
    }
    assert_eq!(metric(&first, "whole_reports_asked_total"), 0);
    let mut admin = Visit::new(Transport::WebSocket, "/board")
        .cookie("sid=admin")
        .open(first.address);
    admin.subscribe();
    await_metric(&first, "whole_reports_asked_total", |asked| asked >= 2);
    let lost = Visit::new(Transport::Sse, "/a").open(third.address);
    let navigation = Ask::post("/__skew/route", &json!({"connectionId": lost.id, "route": "/b"}));
    assert_eq!(ask(first.address, &navigation).json(), json!({"ok": true}));
    await_metric(&first, "relays_total{kind=\"taken\"}", |taken| taken == 1);
    // A process that ends without a word.
    let Server {
        runtime, headcount, ..
    } = third;
    runtime.shutdown_background();
    drop(headcount);
    await_metric(&first, "nodes_missing", |missing| missing == 1);
    await_metric(&first, "nodes", |nodes| nodes == 2);
    assert_eq!(ask(first.address, &navigation).json(), json!({"ok": false}));
    await_metric(&first, "relays_total{kind=\"gone\"}", |gone| gone == 1);
}

fn a_node_shows_whether_the_broker_is_reached_and_counts_what_is_lost(version: Version) {
    let mut site = Site::start(version);
    let server = site.node(None);
    await_metric(&server, "broker_reached", |reached| reached == 1);
    assert_eq!(metric(&server, "nodes"), 1);
    site.kill();
    await_metric(&server, "broker_reached", |reached| reached == 0);
    await_metric(&server, "lost_total{kind=\"not_sent\"}", |lost| lost > 0);
    site.run();
    await_metric(&server, "broker_reached", |reached| reached == 1);
    assert_eq!(metric(&server, "nodes_missing"), 0, "it was alone all the while");
}

fn messages_of_others_are_counted(version: Version) {
    let site = Site::start(version);
    let server = site.node(None);
    let options = site.options();
    let options = NatsOptions {
        addresses: options.addresses,
        cluster: options.name,
        ..NatsOptions::default()
    };
    let bus = server.runtime.block_on(async {
        let broker = NatsBroker::connect(&options).await.unwrap();
        NatsBus::join(&broker, NodeId(7)).await.unwrap()
    });
    let say = |text: &'static [u8]| assert!(bus.0.send(To::All, Bytes::from_static(text)));
    say(br#"{"revision":1,"from":"00000007","kind":"want-whole","body":{}}"#);
    say(b"what is this?");
    // As long as one that is sealed, and begins as one.
    say(&[1; 100]);
    for (kind, times) in [("not_sealed", 2), ("sealed_otherwise", 1)] {
        await_metric(&server, &format!("ignored_total{{kind=\"{kind}\"}}"), |ignored| {
            ignored == times
        });
    }
}

#[test]
fn a_server_without_a_cluster_shows_nothing_of_one() {
    let server = Server::one(Door::Own, Headcount::builder(without_release()));
    let text = ask(server.address, &Ask::get("/metrics")).body;
    assert!(text.contains("headcount_connections "), "{text}");
    assert!(!text.contains("cluster"), "{text}");
}
