//! A user of the broker that may do what the guide says, and no more.

use headcount_core::cluster::{Bus, Incoming, Notice, To};
use headcount_core::command_log::Checkpoint;
use headcount_core::connection::NodeId;
use headcount_nats::{CHECKPOINT_AFTER, NatsBroker, NatsBus, NatsLog, NatsOptions, OpenError};

use crate::at_each_broker;
use crate::broker::{Broker, Version, in_time};
use crate::node::{Node, ours};

at_each_broker! {
    the_permissions_of_the_guide_are_enough,
    a_missing_permission_is_named,
}

/// The block of the guide that configures the broker.
fn of_the_guide() -> String {
    let guide = include_str!("../../../../docs/guides/cluster.md");
    let (_, from) = guide.split_once("```text\nauthorization {").unwrap();
    let (block, _) = from.split_once("```").unwrap();
    format!("authorization {{{block}")
}

async fn start(version: Version, config: &str) -> (Broker, NatsOptions) {
    let broker = Broker::start_with(version, config, true).await;
    let login = "headcount:a%20password%20of%20your%20own";
    let options = NatsOptions {
        addresses: vec![format!("nats://{login}@127.0.0.1:{}", broker.port())],
        cluster: "shop".to_owned(),
        ..broker.options()
    };
    (broker, options)
}

async fn the_permissions_of_the_guide_are_enough(version: Version) {
    let (_broker, options) = start(version, &of_the_guide()).await;
    let mut node = Node::start(&options).await;
    // Far enough that entries are forgotten.
    for _ in 0..2 * CHECKPOINT_AFTER + 2 {
        node.command().await.unwrap();
    }
    let mut newcomer = Node::start(&options).await;
    newcomer.command().await.unwrap();
    let mut joined = Vec::new();
    for node in [1, 2] {
        let connection = NatsBroker::connect(&options).await.unwrap();
        joined.push(NatsBus::join(&connection, NodeId(node)).await.unwrap());
    }
    let [(one, _), (_, hears)] = &mut joined[..] else {
        panic!("two have joined")
    };
    for to in [To::All, To::Node(NodeId(2))] {
        in_time("a message", async {
            loop {
                one.send(to, b"said"[..].into());
                let wait = std::time::Duration::from_millis(50);
                if let Ok(Some(Notice::Message(said))) = tokio::time::timeout(wait, hears.next()).await {
                    assert_eq!(&*said, b"said");
                    return;
                }
            }
        })
        .await;
    }
}

async fn a_missing_permission_is_named(version: Version) {
    for missing in [
        "headcount.shop.>",
        "$JS.API.STREAM.INFO.HEADCOUNT_shop",
        "$JS.API.STREAM.MSG.GET.HEADCOUNT_shop",
        "_INBOX.>",
    ] {
        let config = of_the_guide().replace(missing, "other");
        let (_broker, options) = start(version, &config).await;
        let connection = NatsBroker::connect(&options).await.unwrap();
        let opened = NatsLog::open(&connection, ours(), &Checkpoint::default()).await;
        let error = opened.unwrap_err();
        let named = missing.trim_end_matches('>');
        assert!(
            matches!(&error, OpenError::Denied { denied } if denied.contains(named)),
            "{missing}: {error:?}"
        );
    }
}
