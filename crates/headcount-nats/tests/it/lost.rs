//! A broker that lost what it had acknowledged: after a power cut, with its disk, or because somebody deleted the stream.

use std::fs;

use headcount_core::command_log::Checkpoint;
use headcount_core::epoch::Epoch;

use crate::at_each_broker;
use crate::broker::{Broker, Version, options};
use crate::gate::{Gate, Way};
use crate::node::{EPOCH, Node, ours};

at_each_broker! {
    what_the_broker_lost_is_given_back,
    what_the_broker_lost_is_given_back_from_a_copy,
    a_log_with_something_of_a_later_revision_is_left_as_it_is,
    numbers_that_were_given_again_are_those_of_a_new_epoch,
    a_node_that_is_behind_begins_the_log_and_gets_the_rest,
    a_broker_with_an_empty_disk_gets_what_stands,
    a_stream_that_is_deleted_begins_again_with_what_stands,
}

async fn give(node: &mut Node, commands: usize) {
    for _ in 0..commands {
        node.command().await.unwrap();
    }
}

async fn jetstream(broker: &Broker) -> async_nats::jetstream::Context {
    let address = format!("127.0.0.1:{}", broker.port());
    async_nats::jetstream::new(async_nats::connect(address).await.unwrap())
}

/// A broker that has five commands and lost four, and a copy of what stood after all.
async fn lost(version: Version) -> (Broker, Checkpoint) {
    let mut broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    give(&mut node, 5).await;
    let saved = broker.save().await;
    give(&mut node, 4).await;
    let copy = node.all();
    drop(node);
    broker.restore(&saved).await;
    (broker, copy)
}

/// Stores this entry, sealed. Its sequence.
async fn store(broker: &Broker, entry: &str) -> u64 {
    let jetstream = jetstream(broker).await;
    let stream = jetstream.get_stream("HEADCOUNT_test").await.unwrap();
    let index = stream.cached_info().state.last_sequence + 1;
    let sealed = ours().seal(&index.to_be_bytes(), &[entry.as_bytes()]).unwrap();
    let stored = jetstream.publish("headcount.test.log.entry", sealed.into()).await;
    stored.unwrap().await.unwrap().sequence
}

/// Both have the same, and the next command of each reaches the other.
async fn agree(one: &mut Node, other: &mut Node, head: u32) {
    for node in [&mut *one, &mut *other] {
        node.read_until(|standing| standing.head == head).await;
    }
    assert_eq!(one.all(), other.all());
    one.command().await.unwrap();
    other.read_until(|standing| standing.head == head + 1).await;
    other.command().await.unwrap();
    one.read_until(|standing| standing.head == head + 2).await;
    assert_eq!(one.all(), other.all());
}

/// Regression: the commands after the restored ones got the numbers of those that were lost, and tabs that knew these missed them.
async fn what_the_broker_lost_is_given_back(version: Version) {
    let mut broker = Broker::start(version).await;
    let mut ahead = Node::start(&broker.options()).await;
    give(&mut ahead, 5).await;
    let saved = broker.save().await;
    give(&mut ahead, 4).await;
    let before = ahead.all();
    broker.restore(&saved).await;
    let mut newcomer = Node::start(&broker.options()).await;
    newcomer.read_until(|standing| standing.head == 9).await;
    assert_eq!(newcomer.all(), before, "also the epoch");
    agree(&mut newcomer, &mut ahead, 9).await;
}

async fn what_the_broker_lost_is_given_back_from_a_copy(version: Version) {
    let (broker, copy) = lost(version).await;
    // What no version writes keeps nothing from being given back.
    store(&broker, r#"{"revision":1,"kind":"dance"}"#).await;
    let again = Node::start_with(&broker.options(), copy.clone()).await;
    assert_eq!(again.all(), copy);
    let newcomer = Node::start(&broker.options()).await;
    assert_eq!(newcomer.all(), copy);
}

/// A checkpoint of this version would lose what it does not know.
async fn a_log_with_something_of_a_later_revision_is_left_as_it_is(version: Version) {
    let (broker, copy) = lost(version).await;
    let last = store(&broker, r#"{"revision":99,"kind":"pause","id":6}"#).await;
    let again = Node::start_with(&broker.options(), copy).await;
    assert_eq!(again.standing.head, 5);
    let stream = jetstream(&broker)
        .await
        .get_stream("HEADCOUNT_test")
        .await
        .unwrap();
    assert_eq!(stream.cached_info().state.last_sequence, last);
}

async fn numbers_that_were_given_again_are_those_of_a_new_epoch(version: Version) {
    let mut broker = Broker::start(version).await;
    let gate = Gate::before(broker.port()).await;
    let mut ahead = Node::start(&options(gate.port())).await;
    give(&mut ahead, 5).await;
    let saved = broker.save().await;
    give(&mut ahead, 4).await;
    gate.set(Way::Closed);
    broker.restore(&saved).await;
    let mut other = Node::start(&broker.options()).await;
    give(&mut other, 2).await;
    assert_eq!(
        other.standing.head, 7,
        "as the one that is cut off has read others"
    );
    gate.set(Way::Open);
    other
        .read_until(|standing| standing.epoch != Some(Epoch::new(EPOCH)))
        .await;
    ahead
        .read_until(|standing| standing.epoch == other.standing.epoch)
        .await;
    agree(&mut ahead, &mut other, 9).await;
}

async fn a_node_that_is_behind_begins_the_log_and_gets_the_rest(version: Version) {
    let mut broker = Broker::start(version).await;
    let gates = [
        Gate::before(broker.port()).await,
        Gate::before(broker.port()).await,
    ];
    let mut ahead = Node::start(&options(gates[0].port())).await;
    give(&mut ahead, 5).await;
    let mut behind = Node::start(&options(gates[1].port())).await;
    gates[1].set(Way::Closed);
    give(&mut ahead, 4).await;
    gates[0].set(Way::Closed);
    broker.kill();
    fs::remove_dir_all(broker.store()).unwrap();
    broker.run().await;
    let before = (ahead.all(), behind.read.len());
    gates[1].set(Way::Open);
    while behind.read.len() == before.1 {
        behind.read_next().await;
    }
    assert_eq!(behind.standing.head, 5);
    gates[0].set(Way::Open);
    behind.read_until(|standing| standing.head == 9).await;
    assert_eq!(behind.all(), before.0, "also the epoch");
    agree(&mut ahead, &mut behind, 9).await;
}

async fn a_broker_with_an_empty_disk_gets_what_stands(version: Version) {
    let mut broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    for _ in 0..7 {
        node.command().await.unwrap();
    }
    let before = node.all();
    broker.kill();
    fs::remove_dir_all(broker.store()).unwrap();
    broker.run().await;
    let read = node.read.len();
    while node.read.len() == read {
        node.read_next().await;
    }
    assert_eq!(node.all(), before);
    let mut newcomer = Node::start(&broker.options()).await;
    newcomer.command().await.unwrap();
    node.read_until(|standing| standing.head == 8).await;
    assert_eq!(node.all(), newcomer.all());
}

async fn a_stream_that_is_deleted_begins_again_with_what_stands(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    give(&mut node, 3).await;
    let copy = node.all();
    give(&mut node, 4).await;
    let (before, read) = (node.all(), node.read.len());
    let jetstream = jetstream(&broker).await;
    jetstream.delete_stream("HEADCOUNT_test").await.unwrap();
    while node.read.len() == read {
        node.read_next().await;
    }
    assert_eq!(node.all(), before);
    let mut other = Node::start_with(&broker.options(), copy).await;
    assert_eq!(other.all(), before, "the log is newer than its copy");
    agree(&mut node, &mut other, 7).await;
}
