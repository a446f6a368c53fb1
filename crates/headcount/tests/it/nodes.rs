//! The scenarios against a cluster: with `HEADCOUNT_TEST_NODES=3`, a server of theirs is three processes behind one address.
//!
//! The front hands each connection to the next node, so that a stream, its POSTs and the requests of its admins meet different ones.

use std::io::Write;
use std::net::TcpListener;

use tokio::runtime::{Builder, Runtime};

use crate::broker::{Broker, Version};
use crate::client::{Ask, eventually};
use crate::front::round_robin;
use crate::process::Process;

/// What a front and its nodes need besides the first one, which has the front's address.
pub(crate) struct Nodes {
    _others: Vec<Process>,
    /// Carries what passes the front.
    _runtime: Runtime,
    _broker: Broker,
}

/// How many nodes a server of the scenarios is.
fn count() -> usize {
    std::env::var_os("HEADCOUNT_TEST_NODES").map_or(1, |text| text.to_str().unwrap().parse().unwrap())
}

pub(crate) fn are_several() -> bool {
    count() > 1
}

/// Whether to leave a test out that is about one process, and says so.
#[must_use]
pub(crate) fn alone(why: &str) -> bool {
    if are_several() {
        let test = std::thread::current();
        // Not by the macros, whose output is hidden where a test passes.
        let line = format!("alone: {}: {why}\n", test.name().unwrap());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    are_several()
}

/// Starts them with these words. All know each other then.
pub(crate) fn start(words: &[&str]) -> Process {
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().unwrap();
    let broker = runtime.block_on(Broker::start(Version::Current));
    let address = format!("nats://127.0.0.1:{}", broker.port());
    let joins = ["--cluster", &address];
    let secret = ("HEADCOUNT_CLUSTER_SECRET", "a secret that all of them have");
    let all: Vec<_> = (0..count())
        .map(|_| Process::start(&[words, &joins].concat(), &[secret]))
        .collect();
    for node in &all {
        // Where there is no admin API, nobody is asked.
        eventually("nodes that know each other", || {
            let answer = node.admin(Ask::get("/api/admin/nodes"));
            let known = (answer.status == 200).then(|| answer.json()["nodes"].as_array().unwrap().len());
            known.is_none_or(|known| known == all.len()).then_some(())
        });
    }
    let front = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = front.local_addr().unwrap();
    runtime.spawn(round_robin(front, all.iter().map(|node| node.address).collect()));
    let mut others = all.into_iter();
    let mut first = others.next().unwrap();
    first.address = address;
    first.nodes = Some(Nodes {
        _others: others.collect(),
        _runtime: runtime,
        _broker: broker,
    });
    first
}
