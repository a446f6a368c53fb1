//! Three brokers that keep the log together.

use std::net::TcpListener;

use headcount_nats::{NatsOptions, OpenError};

use crate::at_each_broker;
use crate::broker::{Broker, Version, in_time};
use crate::node::Node;
use crate::refusals::open;

at_each_broker! {
    a_log_waits_until_enough_brokers_are_there,
    a_log_on_three_brokers_outlives_the_one_that_leads,
}

/// Ports that are free now.
fn free_ports() -> [u16; 3] {
    let listeners = [0; 3].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Three that are to form a cluster, of which none runs.
fn trio(version: Version) -> Vec<Broker> {
    let ports = free_ports();
    let routes = ports
        .map(|port| format!("\"nats://127.0.0.1:{port}\""))
        .join(", ");
    let broker = |port| {
        let more = format!(
            "server_name: b{port}\ncluster {{ name: trio, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
        );
        Broker::new(version, &more, true)
    };
    ports.map(broker).into()
}

async fn start(version: Version) -> Vec<Broker> {
    let mut brokers = trio(version);
    for broker in &mut brokers {
        broker.run().await;
    }
    brokers
}

/// Regression: a server that was started together with its brokers ended, because the one that it reached did not know the others yet.
async fn a_log_waits_until_enough_brokers_are_there(version: Version) {
    let mut brokers = trio(version);
    for broker in &mut brokers[..2] {
        broker.run().await;
    }
    let options = |append_ms| NatsOptions {
        replicas: 3,
        append_ms,
        ..brokers[0].options()
    };
    let (impatient, patient) = (options(5_000), options(20_000));
    let refused = in_time("what two brokers say", open(&impatient)).await;
    // Newer brokers answer nobody before all of their cluster are there.
    let is_waited_for = matches!(refused, OpenError::Peers { replicas: 3 } | OpenError::NoAnswer);
    assert!(is_waited_for, "{refused:?}");
    let (mut node, ()) = tokio::join!(Node::start(&patient), brokers[2].run());
    node.command().await.unwrap();
}

async fn leader(options: &NatsOptions) -> Option<String> {
    let address = options.addresses[0].clone();
    let client = async_nats::connect(address).await.ok()?;
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream("HEADCOUNT_test").await.ok()?;
    stream.cached_info().cluster.as_ref()?.leader.clone()
}

async fn a_log_on_three_brokers_outlives_the_one_that_leads(version: Version) {
    let mut brokers = start(version).await;
    let options = NatsOptions {
        addresses: brokers
            .iter()
            .map(|broker| format!("nats://127.0.0.1:{}", broker.port()))
            .collect(),
        replicas: 3,
        append_ms: 15_000,
        ..brokers[0].options()
    };
    let mut writer = Node::start(&options).await;
    let mut reader = Node::start(&options).await;
    for _ in 0..30 {
        writer.command().await.unwrap();
    }
    let name = in_time("a leader", async {
        loop {
            if let Some(name) = leader(&options).await {
                return name;
            }
        }
    })
    .await;
    let leads = brokers.iter().position(|broker| broker.is_called(&name)).unwrap();
    brokers[leads].kill();
    for _ in 0..30 {
        writer.command().await.unwrap();
    }
    reader.read_until(|standing| standing.head == 60).await;
    assert_eq!(reader.numbers(), (1..=60).collect::<Vec<_>>());
    brokers[leads].run().await;
    let mut newcomer = Node::start(&options).await;
    newcomer.command().await.unwrap();
    reader.read_until(|standing| standing.head == 61).await;
    assert_eq!(reader.all(), newcomer.all());
}
