//! Brokers that die, freeze and come back, and a node that is cut off.

use std::time::Duration;

use headcount_core::command_log::{AppendError, CommandLog, Entry};
use headcount_nats::NatsOptions;
use tokio::time::Instant;

use crate::at_each_broker;
use crate::broker::{Broker, Version, in_time, options};
use crate::gate::{Gate, Way};
use crate::node::Node;

at_each_broker! {
    a_node_that_was_cut_off_reads_what_it_missed_in_order,
    a_node_that_missed_more_than_is_kept_takes_a_checkpoint,
    what_was_acknowledged_outlives_the_broker_and_readers_go_on,
    a_command_while_the_broker_is_away_is_refused_and_never_comes,
    a_command_to_a_frozen_broker_is_unknown_and_comes_once_or_never,
    an_acknowledgement_that_was_lost_is_found_out,
}

/// How long a command of [`patient`] may take at most: several times its deadline, because machines are busy. Alone, it is the deadline.
const DEADLINE: Duration = Duration::from_secs(6);
/// How long it may take until readers go on after a broker is back. On a machine that is not busy it is less than two seconds.
const BACK: Duration = Duration::from_secs(6);

fn patient(options: NatsOptions, append_ms: u32) -> NatsOptions {
    NatsOptions { append_ms, ..options }
}

async fn a_node_that_was_cut_off_reads_what_it_missed_in_order(version: Version) {
    let broker = Broker::start(version).await;
    let gate = Gate::before(broker.port()).await;
    let mut writer = Node::start(&broker.options()).await;
    let mut cut_off = Node::start(&options(gate.port())).await;
    writer.command().await.unwrap();
    cut_off.read_until(|standing| standing.head == 1).await;
    gate.set(Way::Closed);
    for _ in 0..300 {
        writer.command().await.unwrap();
    }
    gate.set(Way::Open);
    cut_off.read_until(|standing| standing.head == 301).await;
    assert_eq!(cut_off.numbers(), (1..=301).collect::<Vec<_>>());
    assert_eq!(cut_off.all(), writer.all());
}

async fn a_node_that_missed_more_than_is_kept_takes_a_checkpoint(version: Version) {
    let broker = Broker::start(version).await;
    let gate = Gate::before(broker.port()).await;
    let mut writer = Node::start(&broker.options()).await;
    let mut cut_off = Node::start(&options(gate.port())).await;
    gate.set(Way::Closed);
    for _ in 0..1_600 {
        writer.command().await.unwrap();
    }
    gate.set(Way::Open);
    cut_off.read_until(|standing| standing.head == 1_600).await;
    assert_eq!(cut_off.all(), writer.all());
    assert!(cut_off.read.len() < 600, "{} entries", cut_off.read.len());
    cut_off.command().await.unwrap();
    writer.read_until(|standing| standing.head == 1_601).await;
    assert_eq!(cut_off.all(), writer.all());
}

async fn what_was_acknowledged_outlives_the_broker_and_readers_go_on(version: Version) {
    let mut broker = Broker::start(version).await;
    let mut writer = Node::start(&broker.options()).await;
    let mut reader = Node::start(&broker.options()).await;
    for _ in 0..50 {
        writer.command().await.unwrap();
    }
    broker.kill();
    broker.run().await;
    let back = Instant::now();
    // In the deadline of one command, the broker is reached again.
    writer.command().await.unwrap();
    reader.read_until(|standing| standing.head == 51).await;
    let took = back.elapsed();
    assert!(took < BACK, "{took:?}");
    assert_eq!(reader.numbers(), (1..=51).collect::<Vec<_>>());
    let mut newcomer = Node::start(&broker.options()).await;
    newcomer.read_until(|standing| standing.head == 51).await;
    assert_eq!((writer.all(), newcomer.all()), (reader.all(), reader.all()));
}

async fn a_command_while_the_broker_is_away_is_refused_and_never_comes(version: Version) {
    let mut broker = Broker::start(version).await;
    let mut node = Node::start(&patient(broker.options(), 1_500)).await;
    node.command().await.unwrap();
    broker.kill();
    // The first one may meet a connection that is not known to be gone yet.
    let first = node.command().await;
    assert!(
        matches!(first, Err(AppendError::Late(_) | AppendError::Unknown(_))),
        "{first:?}"
    );
    let begun = Instant::now();
    let refused = node.command().await;
    assert!(
        matches!(refused, Err(AppendError::Late("the broker does not answer"))),
        "{refused:?}"
    );
    assert!(begun.elapsed() < DEADLINE);
    let head = node.standing.head;
    broker.run().await;
    let mut other = Node::start(&broker.options()).await;
    other.command().await.unwrap();
    other.command().await.unwrap();
    node.read_until(|standing| standing.head >= head + 2).await;
    assert_eq!(node.all(), other.all());
    let entries = node
        .read
        .iter()
        .filter(|(_, entry)| !matches!(entry, Entry::Checkpoint(_)));
    assert!(entries.count() <= 4, "only the first one may have come");
    assert_eq!(node.numbers(), (1..=node.standing.head).collect::<Vec<_>>());
}

async fn a_command_to_a_frozen_broker_is_unknown_and_comes_once_or_never(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&patient(broker.options(), 1_200)).await;
    let mut other = Node::start(&broker.options()).await;
    node.command().await.unwrap();
    broker.freeze().await;
    let begun = Instant::now();
    let unknown = node.command().await;
    assert!(matches!(unknown, Err(AppendError::Unknown(_))), "{unknown:?}");
    assert!(begun.elapsed() < DEADLINE);
    broker.thaw();
    // Whatever became of it, the next one has a place behind it or in its stead, and all read the same.
    in_time("a command", async { while node.command().await.is_err() {} }).await;
    let head = node.standing.head;
    other.read_until(|standing| standing.head == head).await;
    assert_eq!(other.numbers(), (1..=head).collect::<Vec<_>>());
    assert_eq!(node.all(), other.all());
}

async fn an_acknowledgement_that_was_lost_is_found_out(version: Version) {
    let broker = Broker::start(version).await;
    let gate = Gate::before(broker.port()).await;
    let mut node = Node::start(&options(gate.port())).await;
    let mut other = Node::start(&broker.options()).await;
    node.command().await.unwrap();
    gate.set(Way::ToBroker);
    let giving = tokio::spawn(async move {
        let given = node.command().await;
        (node, given)
    });
    // It is stored, and its giver does not know.
    other.read_until(|standing| standing.head == 2).await;
    assert!(!giving.is_finished());
    gate.set(Way::Closed);
    gate.set(Way::Open);
    let (mut node, given) = in_time("the answer", giving).await.unwrap();
    given.unwrap();
    node.command().await.unwrap();
    other.read_until(|standing| standing.head == 3).await;
    assert_eq!(other.numbers(), [1, 2, 3]);
    assert_eq!(node.numbers(), [1, 2, 3]);
}

/// A future of `next` that is dropped loses nothing.
#[tokio::test]
async fn reading_may_be_broken_off() {
    let broker = Broker::start(Version::Oldest).await;
    let mut writer = Node::start(&broker.options()).await;
    let mut reader = Node::start(&broker.options()).await;
    for _ in 0..20 {
        writer.command().await.unwrap();
        if let Ok(next) = tokio::time::timeout(Duration::ZERO, reader.log.next()).await {
            let (index, entry) = next.unwrap();
            reader.read.push((index.0, entry));
        }
    }
    while reader.numbers().len() < 20 {
        reader.read_next().await;
    }
    assert_eq!(reader.numbers(), (1..=20).collect::<Vec<_>>());
}
