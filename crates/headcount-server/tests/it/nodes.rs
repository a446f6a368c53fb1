//! The same tests against a cluster: with `HEADCOUNT_TEST_NODES=3`, each server of a test is three of one cluster behind one address.
//!
//! All clusters of this process share one nats-server, each under its own name. [`round_robin`](crate::front::round_robin) hands each connection to the next node, so
//! that a stream, its POSTs and the requests of its admins meet different ones. [`alone`] leaves a test out, and says so on stderr.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use headcount_server::{ClusterOptions, Headcount, Secret};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::client::eventually;
use crate::cluster::broker::{Broker, Version};

/// How many nodes a server of these tests is.
pub(crate) static COUNT: LazyLock<usize> = LazyLock::new(|| {
    let said =
        std::env::var_os("HEADCOUNT_TEST_NODES").map_or(1, |text| text.to_str().unwrap().parse().unwrap());
    assert!((1..=9).contains(&said), "HEADCOUNT_TEST_NODES={said}");
    said
});

/// Whether each server is nodes of a cluster.
pub(crate) fn are_several() -> bool {
    *COUNT > 1
}

/// Whether to leave a test out that is about one process.
#[must_use]
pub(crate) fn alone(why: &str) -> bool {
    if *COUNT == 1 {
        return false;
    }
    let test = std::thread::current();
    // Not by the macros, whose output is hidden where a test passes.
    let line = format!("alone: {}: {why}\n", test.name().unwrap());
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    true
}

/// What a sign-out is answered: in a cluster, that all nodes have ended it by then.
pub(crate) fn ended() -> Value {
    match *COUNT {
        1 => json!({"ok": true}),
        count => json!({"ok": true, "nodes": {"answered": count, "of": count}}),
    }
}

/// The nats-server of this process. A static is never dropped: a shell waits for the end of this process, and ends it then.
struct Shared {
    broker: Broker,
    _guard: Child,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let broker = runtime.block_on(Broker::start(Version::Current));
    let guard = Command::new("sh")
        .args(["-c", "read -r _; kill -9 \"$0\"; rm -rf \"$1\""])
        .arg(broker.process().to_string())
        .arg(broker.home())
        // Its other end closes with this process.
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    Shared {
        broker,
        _guard: guard,
    }
});

/// What each node of a new cluster is told of it. Servers that start again with a directory are of the same cluster as before.
pub(crate) fn cluster(directory: Option<&Path>) -> ClusterOptions {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    static OF_DIRECTORIES: LazyLock<Mutex<HashMap<PathBuf, String>>> = LazyLock::new(Mutex::default);
    let address = format!("nats://127.0.0.1:{}", SHARED.broker.port());
    let mut options = ClusterOptions::new([address], Secret::new("a secret that all of them have"));
    let next = || format!("test-{}", STARTED.fetch_add(1, Ordering::Relaxed));
    options.name = match directory {
        None => next(),
        Some(directory) => {
            let mut known = OF_DIRECTORIES.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(directory.to_owned()).or_insert_with(next).clone()
        }
    };
    options
}

/// Waits until these nodes know each other.
pub(crate) fn await_each_other(runtime: &Runtime, nodes: &[Headcount]) {
    for node in nodes {
        eventually("all nodes", || {
            let known = runtime.block_on(node.nodes()).unwrap().nodes.len();
            (known == nodes.len()).then_some(())
        });
    }
}
