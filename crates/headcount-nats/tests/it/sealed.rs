//! What is sealed otherwise, or for another place: it is no entry, and what is there of others is left alone.

use std::time::Duration;

use async_nats::jetstream::{self, stream::Stream};
use headcount_core::command_log::{Checkpoint, CommandLog, Entry};
use headcount_nats::{MESSAGES_MAX, NatsBroker, NatsLog, OpenError, Seal};
use tokio::time::timeout;

use crate::at_each_broker;
use crate::broker::{Broker, Version, in_time};
use crate::node::Node;

at_each_broker! {
    a_log_of_another_secret_is_left_alone,
    an_entry_that_is_sent_again_is_not_read_again,
    a_rule_that_was_lifted_does_not_stand_again_where_it_was,
    entries_of_others_stop_no_command_while_there_is_room,
}

/// The seal of another secret.
fn theirs() -> Seal {
    Seal::new([8; 32], "test")
}

struct Stranger {
    context: jetstream::Context,
    stream: Stream,
}

impl Stranger {
    async fn at(broker: &Broker) -> Self {
        let client = async_nats::connect(format!("127.0.0.1:{}", broker.port()))
            .await
            .unwrap();
        let context = jetstream::new(client);
        let stream = context.get_stream("HEADCOUNT_test").await.unwrap();
        Self { context, stream }
    }

    async fn write(&self, kind: &str, bytes: Vec<u8>) {
        let subject = format!("headcount.test.log.{kind}");
        let sent = self.context.publish(subject, bytes.into()).await.unwrap();
        sent.await.unwrap();
    }

    async fn last(&mut self) -> u64 {
        self.stream.info().await.unwrap().state.last_sequence
    }
}

async fn a_log_of_another_secret_is_left_alone(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    node.command().await.unwrap();
    let connection = NatsBroker::connect(&broker.options()).await.unwrap();
    let opened = NatsLog::open(&connection, theirs(), &Checkpoint::default()).await;
    let error = opened.unwrap_err();
    assert!(
        matches!(&error, OpenError::OtherSecret { stream } if stream == "HEADCOUNT_test"),
        "{error:?}"
    );
    assert_eq!(
        Stranger::at(&broker).await.last().await,
        node.index.0,
        "nothing was written"
    );
    node.command().await.unwrap();
    assert_eq!(node.log.skipped(), 0);
}

async fn an_entry_that_is_sent_again_is_not_read_again(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    let mut other = Node::start(&broker.options()).await;
    for _ in 0..3 {
        node.command().await.unwrap();
    }
    let stranger = Stranger::at(&broker).await;
    for (index, kind) in [(1, "checkpoint"), (2, "entry"), (4, "entry")] {
        let kept = stranger.stream.get_raw_message(index).await.unwrap();
        stranger.write(kind, kept.payload.to_vec()).await;
    }
    node.command().await.unwrap();
    other.read_until(|standing| standing.head == 4).await;
    let newcomer = Node::start(&broker.options()).await;
    assert_eq!(other.numbers(), [1, 2, 3, 4]);
    assert_eq!((node.all(), newcomer.all()), (other.all(), other.all()));
    assert_eq!(other.log.skipped(), 3);
}

/// Regression: after the stream was deleted, an entry that was recorded could be written to its index again, and was read again.
async fn a_rule_that_was_lifted_does_not_stand_again_where_it_was(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    for _ in 0..3 {
        node.command().await.unwrap();
    }
    let stranger = Stranger::at(&broker).await;
    let recorded = stranger.stream.get_raw_message(4).await.unwrap();
    let lifted = Entry::End { ids: vec![3] };
    let index = node.log.append(&lifted, node.index).await.unwrap();
    while node.index < index {
        node.read_next().await;
    }
    let stands = node.all();
    stranger.context.delete_stream("HEADCOUNT_test").await.unwrap();
    while node.index >= index {
        node.read_next().await;
    }
    assert_eq!((node.index.0, node.all()), (1, stands.clone()));
    for _ in 2..4 {
        stranger.write("entry", b"of others".to_vec()).await;
    }
    stranger.write("entry", recorded.payload.to_vec()).await;
    let newcomer = Node::start(&broker.options()).await;
    assert_eq!(newcomer.all(), stands);
    node.command().await.unwrap();
    assert_eq!((node.standing.head, node.standing.position(3)), (4, None));
}

async fn entries_of_others_stop_no_command_while_there_is_room(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    node.command().await.unwrap();
    let mut stranger = Stranger::at(&broker).await;
    let theirs = theirs().seal(&3_u64.to_be_bytes(), &[b"{}"]).unwrap();
    // All but what a command and its checkpoint need.
    while stranger.last().await + 2 < MESSAGES_MAX {
        let room = MESSAGES_MAX - 2 - stranger.last().await;
        let mut sent = Vec::new();
        for _ in 0..room.min(1_000) {
            let subject = "headcount.test.log.entry";
            sent.push(
                stranger
                    .context
                    .publish(subject, theirs.clone().into())
                    .await
                    .unwrap(),
            );
        }
        for stored in sent {
            stored.await.unwrap();
        }
    }
    let theirs = MESSAGES_MAX - 4;
    in_time("they are skipped", async {
        while node.log.skipped() < theirs {
            let _nothing_to_read = timeout(Duration::from_millis(20), node.log.next()).await;
        }
    })
    .await;
    node.command().await.unwrap();
    node.command().await.unwrap();
    let newcomer = Node::start(&broker.options()).await;
    assert_eq!(newcomer.all(), node.all());
    assert_eq!(
        newcomer.log.skipped(),
        0,
        "a checkpoint is behind what others wrote"
    );
}
