//! Messages between nodes.

use bytes::Bytes;
use headcount_core::cluster::{Bus, Incoming, Notice, To};
use headcount_core::connection::NodeId;
use headcount_nats::{NatsBroker, NatsBus, NatsIncoming};

use crate::at_each_broker;
use crate::broker::{Broker, Version, in_time, until};

at_each_broker! {
    a_message_reaches_whom_it_is_for_and_not_its_sender,
    the_bus_says_when_it_is_away_and_back,
    what_does_not_fit_is_dropped_and_counted,
}

async fn join(broker: &Broker, node: u32) -> (NatsBus, NatsIncoming) {
    let connection = NatsBroker::connect(&broker.options()).await.unwrap();
    NatsBus::join(&connection, NodeId(node)).await.unwrap()
}

async fn next(incoming: &mut NatsIncoming) -> Notice {
    in_time("a notice", incoming.next()).await.unwrap()
}

fn message(text: &'static str) -> Notice {
    Notice::Message(Bytes::from_static(text.as_bytes()))
}

fn send(bus: &NatsBus, to: To, text: &'static str) {
    assert!(bus.send(to, Bytes::from_static(text.as_bytes())), "{text}");
}

/// So many messages, by text: those to different subjects may overtake each other. What was sent to find out may come twice.
async fn heard(incoming: &mut NatsIncoming, many: usize) -> Vec<Notice> {
    let mut all = Vec::new();
    while all.len() < many {
        let notice = next(incoming).await;
        if notice != message("watching") && notice != message("ready") {
            all.push(notice);
        }
    }
    all.sort_by_key(|notice| format!("{notice:?}"));
    all
}

/// Sends until the other end has it: a subscription takes a moment to begin, or to end.
async fn until_heard(bus: &NatsBus, to: To, text: &'static str, incoming: &mut NatsIncoming) {
    in_time("a message", async {
        loop {
            bus.send(to, Bytes::from_static(text.as_bytes()));
            let wait = std::time::Duration::from_millis(50);
            if let Ok(heard) = tokio::time::timeout(wait, incoming.next()).await {
                assert_eq!(heard, Some(message(text)));
                return;
            }
        }
    })
    .await;
}

async fn a_message_reaches_whom_it_is_for_and_not_its_sender(version: Version) {
    let broker = Broker::start(version).await;
    let (one, mut at_one) = join(&broker, 1).await;
    let (two, mut at_two) = join(&broker, 2).await;
    let (_three, mut at_three) = join(&broker, 3).await;
    until_heard(&one, To::Node(NodeId(2)), "ready", &mut at_two).await;
    until_heard(&one, To::Node(NodeId(3)), "ready", &mut at_three).await;
    until_heard(&two, To::Node(NodeId(1)), "ready", &mut at_one).await;

    two.watch(true);
    two.watch(true);
    until_heard(&one, To::Watchers, "watching", &mut at_two).await;
    send(&one, To::All, "all");
    send(&one, To::Watchers, "watchers");
    send(&one, To::Node(NodeId(1)), "myself");
    send(&one, To::Node(NodeId(3)), "three");
    send(&one, To::All, "end");
    assert_eq!(
        heard(&mut at_three, 3).await,
        [message("all"), message("end"), message("three")],
        "it does not watch"
    );
    assert_eq!(
        heard(&mut at_two, 3).await,
        [message("all"), message("end"), message("watchers")]
    );
    two.watch(false);
    // What comes after the end of the subscription is not heard: the broker takes one after the other.
    until_heard(&two, To::Node(NodeId(1)), "no longer", &mut at_one).await;
    send(&one, To::Watchers, "nobody watches");
    until_heard(&one, To::Node(NodeId(2)), "last", &mut at_two).await;
    let from_two = Bytes::from_static(b"from two");
    assert!(two.send(To::All, from_two));
    assert_eq!(
        next(&mut at_one).await,
        message("from two"),
        "nothing of its own before"
    );
}

async fn the_bus_says_when_it_is_away_and_back(version: Version) {
    let mut broker = Broker::start(version).await;
    let (one, mut at_one) = join(&broker, 1).await;
    let (two, mut at_two) = join(&broker, 2).await;
    two.watch(true);
    until_heard(&one, To::Watchers, "before", &mut at_two).await;
    broker.kill();
    assert_eq!(next(&mut at_one).await, Notice::Away);
    let taken = one.send(To::All, Bytes::from_static(b"lost"));
    assert!(!taken, "it would come late");
    assert_eq!(one.losses().not_sent, 1);
    broker.run().await;
    assert_eq!(next(&mut at_one).await, Notice::Back);
    loop {
        match next(&mut at_two).await {
            Notice::Back => break,
            Notice::Away | Notice::Message(_) => {}
        }
    }
    until_heard(&one, To::Watchers, "after", &mut at_two).await;

    // One that answers nothing is away too.
    broker.freeze().await;
    assert_eq!(next(&mut at_one).await, Notice::Away);
    broker.thaw();
    assert_eq!(next(&mut at_one).await, Notice::Back);
}

async fn what_does_not_fit_is_dropped_and_counted(version: Version) {
    let broker = Broker::start(version).await;
    let (one, _at_one) = join(&broker, 1).await;
    let (two, at_two) = join(&broker, 2).await;
    let longest = Bytes::from(vec![0; one.bytes_max()]);
    assert!(one.bytes_max() >= 65_536);
    assert!(!one.send(To::All, Bytes::from(vec![0; longest.len() + 1])));
    assert_eq!(one.losses().not_sent, 1);
    assert!(one.send(To::Node(NodeId(9)), longest));
    // Nobody reads at the second one. Its sender is never held up.
    until("messages are dropped", || {
        for _ in 0..100 {
            one.send(To::All, Bytes::from_static(b"x"));
        }
        (two.losses().not_heard > 0).then_some(())
    })
    .await;
    drop(at_two);
}
