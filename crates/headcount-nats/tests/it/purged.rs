//! A stream that somebody purged: by hand, or to make room.

use async_nats::jetstream::stream::Stream;
use headcount_core::command_log::{Checkpoint, CommandLog, Entry};
use headcount_core::epoch::Epoch;

use crate::at_each_broker;
use crate::broker::{Broker, Version, in_time, options};
use crate::gate::{Gate, Way};
use crate::node::{EPOCH, Node};

at_each_broker! {
    a_purged_stream_gets_a_checkpoint_of_what_stands,
    a_checkpoint_that_was_removed_alone_is_replaced,
    a_server_that_starts_after_a_purge_takes_nothing_away,
    a_command_after_a_purge_stands_for_a_server_that_starts,
    a_server_that_began_a_purged_log_with_an_old_copy_gets_the_rest,
    a_server_that_began_a_purged_log_with_nothing_gets_all,
    a_server_that_gave_commands_on_nothing_gets_all_under_a_new_epoch,
    what_a_purge_left_stands_where_no_server_has_more,
}

async fn stream(broker: &Broker) -> Stream {
    let address = format!("127.0.0.1:{}", broker.port());
    let context = async_nats::jetstream::new(async_nats::connect(address).await.unwrap());
    context.get_stream("HEADCOUNT_test").await.unwrap()
}

async fn purge(broker: &Broker) {
    stream(broker).await.purge().await.unwrap();
}

async fn until_there_is_a_checkpoint(broker: &Broker) {
    let stream = stream(broker).await;
    let subject = "headcount.test.log.checkpoint";
    in_time("a checkpoint", async {
        while stream.get_last_raw_message_by_subject(subject).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A server that has seven commands, the second of which has ended, and copies of what stood after three and after all.
async fn seven(node: &mut Node) -> [Checkpoint; 2] {
    for _ in 0..3 {
        node.command().await.unwrap();
    }
    let old = node.all();
    for _ in 0..4 {
        node.command().await.unwrap();
    }
    let index = node.log.append(&Entry::End { ids: vec![2] }, node.index).await;
    let index = index.unwrap();
    while node.index < index {
        node.read_next().await;
    }
    assert_eq!(node.standing.position(2), None);
    [old, node.all()]
}

/// What a server has that was never there before.
fn nothing() -> Checkpoint {
    Checkpoint {
        epoch: Epoch::new(EPOCH + 1),
        ..Checkpoint::default()
    }
}

/// The next commands get other numbers than those that were given.
async fn go_on(nodes: [&mut Node; 2], stands: &Checkpoint) {
    let [one, other] = nodes;
    assert_eq!((&one.all(), &other.all()), (stands, stands));
    one.command().await.unwrap();
    other
        .read_until(|standing| standing.head == stands.head + 1)
        .await;
    other.command().await.unwrap();
    one.read_until(|standing| standing.head == stands.head + 2).await;
    assert_eq!(one.all(), other.all());
}

async fn a_purged_stream_gets_a_checkpoint_of_what_stands(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    let [_, stands] = seven(&mut node).await;
    purge(&broker).await;
    until_there_is_a_checkpoint(&broker).await;
    let mut newcomer = Node::start_with(&broker.options(), nothing()).await;
    go_on([&mut newcomer, &mut node], &stands).await;
}

async fn a_checkpoint_that_was_removed_alone_is_replaced(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    let [_, stands] = seven(&mut node).await;
    // Not the first message, so that the stream begins where it did.
    let stream = stream(&broker).await;
    let checkpoints = stream.purge().filter("headcount.test.log.checkpoint").await;
    checkpoints.unwrap();
    until_there_is_a_checkpoint(&broker).await;
    let mut newcomer = Node::start_with(&broker.options(), nothing()).await;
    go_on([&mut newcomer, &mut node], &stands).await;
}

/// Regression: it found no checkpoint, and all servers went over to its copy.
async fn a_server_that_starts_after_a_purge_takes_nothing_away(version: Version) {
    for is_empty in [false, true] {
        let broker = Broker::start(version).await;
        let mut node = Node::start(&broker.options()).await;
        let [old, stands] = seven(&mut node).await;
        purge(&broker).await;
        let held = if is_empty { nothing() } else { old };
        let mut newcomer = Node::start_with(&broker.options(), held).await;
        go_on([&mut newcomer, &mut node], &stands).await;
    }
}

async fn a_command_after_a_purge_stands_for_a_server_that_starts(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    let [old, _] = seven(&mut node).await;
    purge(&broker).await;
    node.command().await.unwrap();
    let stands = node.all();
    let mut newcomer = Node::start_with(&broker.options(), old).await;
    go_on([&mut newcomer, &mut node], &stands).await;
}

/// A server that has seven commands and is cut off, and one that has begun the log again after a purge with what `held` makes of the old copy.
async fn begun_again(
    version: Version,
    held: impl FnOnce(Checkpoint) -> Checkpoint,
) -> (Broker, Gate, [Node; 2], Checkpoint) {
    let broker = Broker::start(version).await;
    let gate = Gate::before(broker.port()).await;
    let mut ahead = Node::start(&options(gate.port())).await;
    let [old, stands] = seven(&mut ahead).await;
    gate.set(Way::Closed);
    purge(&broker).await;
    let newcomer = Node::start_with(&broker.options(), held(old)).await;
    (broker, gate, [ahead, newcomer], stands)
}

async fn a_server_that_began_a_purged_log_with_an_old_copy_gets_the_rest(version: Version) {
    let (_broker, gate, [mut ahead, mut newcomer], stands) = begun_again(version, |old| old).await;
    assert_eq!(newcomer.standing.head, 3);
    gate.set(Way::Open);
    // It reads, so that it comes to the other one's checkpoint.
    let read = ahead.read.len();
    while ahead.read.len() == read {
        ahead.read_next().await;
    }
    newcomer.read_until(|standing| standing.head == 7).await;
    go_on([&mut newcomer, &mut ahead], &stands).await;
}

async fn a_server_that_began_a_purged_log_with_nothing_gets_all(version: Version) {
    let (_broker, gate, [mut ahead, mut newcomer], stands) = begun_again(version, |_| nothing()).await;
    assert_eq!(newcomer.all(), nothing());
    gate.set(Way::Open);
    let read = ahead.read.len();
    while ahead.read.len() == read {
        ahead.read_next().await;
    }
    newcomer.read_until(|standing| standing.head == 7).await;
    go_on([&mut newcomer, &mut ahead], &stands).await;
}

async fn a_server_that_gave_commands_on_nothing_gets_all_under_a_new_epoch(version: Version) {
    let (_broker, gate, [mut ahead, mut newcomer], stands) = begun_again(version, |_| nothing()).await;
    newcomer.command().await.unwrap();
    gate.set(Way::Open);
    let read = ahead.read.len();
    while ahead.read.len() == read {
        ahead.read_next().await;
    }
    newcomer.read_until(|standing| standing.head == 7).await;
    let epoch = newcomer.standing.epoch.unwrap();
    assert!(![stands.epoch, nothing().epoch].contains(&epoch));
    go_on([&mut newcomer, &mut ahead], &Checkpoint { epoch, ..stands }).await;
}

/// Regression: commands that were still in the stream did not stand, and their numbers were given again.
async fn what_a_purge_left_stands_where_no_server_has_more(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    let [old, _] = seven(&mut node).await;
    drop(node);
    stream(&broker).await.purge().keep(3).await.unwrap();
    let newcomer = Node::start_with(&broker.options(), old).await;
    assert_eq!(newcomer.standing.head, 7);
    let has = |id| newcomer.standing.rules().any(|(_, rule)| rule.id == id);
    assert_eq!([2, 3, 4, 6, 7].map(has), [false, true, false, true, true]);
}
