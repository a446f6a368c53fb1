//! A broker that lost what it had acknowledged: after a power cut, or with its disk.

use std::fs;
use std::path::Path;

use crate::at_each_broker;
use crate::broker::{Broker, Version};
use crate::node::Node;

at_each_broker! {
    nodes_agree_again_where_the_broker_lost_the_end_of_the_log,
    a_broker_with_an_empty_disk_gets_what_stands,
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

async fn nodes_agree_again_where_the_broker_lost_the_end_of_the_log(version: Version) {
    let mut broker = Broker::start(version).await;
    let mut ahead = Node::start(&broker.options()).await;
    for _ in 0..5 {
        ahead.command().await.unwrap();
    }
    broker.kill();
    let saved = tempfile::tempdir().unwrap();
    copy(&broker.store(), saved.path());
    broker.run().await;
    for _ in 0..4 {
        ahead.command().await.unwrap();
    }
    assert_eq!(ahead.standing.head, 9);
    broker.kill();
    fs::remove_dir_all(broker.store()).unwrap();
    copy(saved.path(), &broker.store());
    broker.run().await;
    // The sequences are given again, for something else.
    let mut other = Node::start(&broker.options()).await;
    other.read_until(|standing| standing.head == 5).await;
    for _ in 0..6 {
        other.command().await.unwrap();
    }
    ahead.read_until(|standing| standing.head == 11).await;
    assert_eq!(ahead.all(), other.all());
    ahead.command().await.unwrap();
    other.read_until(|standing| standing.head == 12).await;
    assert_eq!(ahead.all(), other.all());
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
