//! One order for all, and a log that does not grow.

use async_nats::HeaderMap;
use futures_util::FutureExt;
use headcount_core::command_log::{CommandLog, Entry};
use headcount_core::protocol::log::REVISION;
use headcount_nats::CHECKPOINT_AFTER;

use crate::at_each_broker;
use crate::broker::{Broker, Version};
use crate::node::{Node, number, ours};

at_each_broker! {
    three_writers_at_once_lose_nothing_and_read_the_same,
    a_node_that_joins_reads_one_checkpoint_and_what_follows,
    bytes_of_others_change_nothing,
    an_older_version_stops_at_what_it_does_not_know,
    an_older_version_writes_no_checkpoint_after_what_it_may_not_know_whole,
}

const EACH: u32 = 40;

async fn three_writers_at_once_lose_nothing_and_read_the_same(version: Version) {
    let broker = Broker::start(version).await;
    let mut started = Vec::new();
    for _ in 0..3 {
        started.push(Node::start(&broker.options()).await);
    }
    let writers: Vec<_> = started
        .into_iter()
        .map(|mut node| {
            tokio::spawn(async move {
                let mut given = Vec::new();
                for _ in 0..EACH {
                    given.push(number(&node.command().await.unwrap()).unwrap());
                }
                node.read_until(|standing| standing.head == 3 * EACH).await;
                (node, given)
            })
        })
        .collect();
    let mut nodes = Vec::new();
    let mut given = Vec::new();
    for writer in writers {
        let (node, numbers) = writer.await.unwrap();
        nodes.push(node);
        given.extend(numbers);
    }
    given.sort_unstable();
    assert_eq!(
        given,
        (1..=3 * EACH).collect::<Vec<_>>(),
        "each number was given once"
    );
    for node in &nodes {
        assert_eq!(node.numbers(), given, "each entry was read once, in order");
        assert_eq!(node.all(), nodes[0].all());
        assert!(node.read.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}

async fn a_node_that_joins_reads_one_checkpoint_and_what_follows(version: Version) {
    let broker = Broker::start(version).await;
    let mut first = Node::start(&broker.options()).await;
    for _ in 0..1_500 {
        first.command().await.unwrap();
    }
    let mut second = Node::start(&broker.options()).await;
    second.read_until(|standing| standing.head == 1_500).await;
    assert_eq!(second.all(), first.all());
    assert!(matches!(second.read[0].1, Entry::Checkpoint(_)));
    assert_eq!(
        second.read.len(),
        1,
        "what ended since the checkpoint does not stand again for a moment"
    );

    // The broker forgets what nobody needs, as soon as it comes to that.
    let client = async_nats::connect(format!("127.0.0.1:{}", broker.port()))
        .await
        .unwrap();
    let context = async_nats::jetstream::new(client);
    let stream = context.get_stream("HEADCOUNT_test").await.unwrap();
    let kept = async {
        loop {
            let messages = stream.get_info().await.unwrap().state.messages;
            if messages <= 2 * CHECKPOINT_AFTER + 2 {
                return messages;
            }
            tokio::task::yield_now().await;
        }
    };
    let kept = crate::broker::in_time("the broker forgets", kept).await;
    assert!(kept > CHECKPOINT_AFTER, "those a little behind find every entry");
}

async fn bytes_of_others_change_nothing(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    let mut other = Node::start(&broker.options()).await;
    for _ in 0..3 {
        node.command().await.unwrap();
    }
    let client = async_nats::connect(format!("127.0.0.1:{}", broker.port()))
        .await
        .unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Sequence", "5");
    headers.insert("Nats-Stream", "HEADCOUNT_test");
    let mut huge = HeaderMap::new();
    huge.insert("Nats-Sequence", u64::MAX.to_string().as_str());
    let forged = br#"{"revision":1,"kind":"end","ids":[1,2,3]}"#;
    for bytes in [&b""[..], b"\xFF\x00{", &[b'['; 9_000], forged] {
        let bytes = bytes.to_vec();
        let stored = "headcount.test.stored.entry";
        client.publish(stored, bytes.clone().into()).await.unwrap();
        for headers in [&headers, &huge] {
            client
                .publish_with_headers(stored, headers.clone(), bytes.clone().into())
                .await
                .unwrap();
        }
    }
    for subject in ["headcount.test.log.entry", "headcount.test.log.checkpoint"] {
        for bytes in [&b""[..], b"\xFF\x00{", br#"{"revision":1,"kind":"checkpoint"}"#] {
            client.publish(subject, bytes.to_vec().into()).await.unwrap();
        }
    }
    client.flush().await.unwrap();
    for _ in 0..3 {
        node.command().await.unwrap();
    }
    other.read_until(|standing| standing.head == 6).await;
    let mut newcomer = Node::start(&broker.options()).await;
    newcomer.read_until(|standing| standing.head == 6).await;
    assert_eq!(other.numbers(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(
        (node.all(), newcomer.all()),
        (other.all(), other.all()),
        "a notice that was forged ended no rule"
    );
    assert_eq!((node.log.skipped(), other.log.skipped()), (6, 6));
}

/// Writes this to the log at this index, as a server of another version.
async fn write(broker: &Broker, index: u64, entry: &[u8]) {
    let client = async_nats::connect(format!("127.0.0.1:{}", broker.port()))
        .await
        .unwrap();
    let context = async_nats::jetstream::new(client);
    let sealed = ours().seal(&index.to_be_bytes(), &[entry]).unwrap();
    let sent = context.publish("headcount.test.log.entry", sealed.into()).await;
    sent.unwrap().await.unwrap();
}

/// An entry of the revision after the newest that is known here.
fn later(fields: &str) -> Vec<u8> {
    format!("{{\"revision\":{},{fields}}}", REVISION + 1).into_bytes()
}

async fn an_older_version_stops_at_what_it_does_not_know(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    node.command().await.unwrap();
    write(&broker, 3, &later(r#""kind":"abandon","id":2"#)).await;
    write(&broker, 4, br#"{"revision":1,"kind":"end","ids":[1]}"#).await;
    let newcomer = Node::start(&broker.options()).await;
    for mut node in [node, newcomer] {
        let refused = node.command().await.unwrap_err();
        assert!(refused.to_string().contains("must be upgraded"), "{refused}");
        assert!(node.log.is_stopped());
        assert_eq!(
            (node.index.0, node.standing.head),
            (2, 1),
            "nothing behind it is read"
        );
        assert_eq!(node.log.skipped(), 0);
        assert!(
            node.log.next().now_or_never().is_none(),
            "it goes on with what stood"
        );
    }
}

async fn an_older_version_writes_no_checkpoint_after_what_it_may_not_know_whole(version: Version) {
    let broker = Broker::start(version).await;
    let mut node = Node::start(&broker.options()).await;
    write(&broker, 2, &later(r#""kind":"end","ids":[],"why":"unknown""#)).await;
    let mut other = Node::start(&broker.options()).await;
    for _ in 0..=CHECKPOINT_AFTER {
        node.command().await.unwrap();
    }
    other
        .read_until(|standing| standing.head == node.standing.head)
        .await;
    let is_checkpoint = |(_, entry): &(u64, Entry)| matches!(entry, Entry::Checkpoint(_));
    assert!(!node.read[1..].iter().any(is_checkpoint));
    assert_eq!(node.all(), other.all());
    assert_eq!(node.log.skipped(), 0);
}
