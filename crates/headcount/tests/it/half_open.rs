//! Peers that vanish: nothing gets through any more, and the connection was not closed.
//!
//! Server and tabs live in two network namespaces with one link between them. A thread enters a namespace, and a socket
//! or a process that it creates there stays there, so the rest of a test is as usual. Namespaces need root and `ip`
//! (Debian's iproute2). If they cannot be created, the test says so on stderr, and proves nothing.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;
use std::time::Duration;

use headcount_server::clock;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::json;

use crate::client::{Transport, Visit};
use crate::process::Process;

/// From TEST-NET-1 (RFC 5737), which is not used; besides, no other program runs in these namespaces.
const SERVER: &str = "192.0.2.1";
const TABS: &str = "192.0.2.2";

const LIVENESS: Duration = Duration::from_secs(4);

/// What a busy machine may add. Without an end of our own the system gives a silent peer a quarter of an hour.
const GRACE: Duration = Duration::from_secs(1);

#[test]
fn peers_behind_a_link_that_is_down_leave_the_counts_in_time() {
    lose_tabs("down", |tabs| {
        ip(&["-n", tabs, "link", "set", "wire", "down"]).unwrap();
    });
}

#[test]
fn peers_that_do_not_answer_leave_the_counts_in_time() {
    // The link is up, but its far end does not have that address any more.
    lose_tabs("mute", |tabs| {
        ip(&["-n", tabs, "address", "flush", "dev", "wire"]).unwrap();
    });
}

/// Opens tabs over the link, loses them, and sees them leave the counts, while one at this end of it stays.
fn lose_tabs(name: &str, lose: fn(tabs: &str)) {
    let network = match Network::new(name) {
        Ok(network) => network,
        Err(why) => {
            let line = format!("SKIPPED, half-open peers are not tested: {why}\n");
            // Not `eprintln`, whose lines are hidden if the test passes.
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            return;
        }
    };
    let (server, tabs) = (&network.server, &network.tabs);
    let headcount = server.inside(|| {
        let limits = ["--limit", "keepalive_ms=500", "--limit", "liveness_ms=4000"];
        let words = [&["--ephemeral"], &limits[..]].concat();
        Process::listening(&format!("{SERVER}:0"), &words, &[])
    });
    let near = server.inside(|| Visit::new(Transport::Sse, "/near").open(headcount.address));
    let far = tabs.inside(|| {
        [
            Visit::new(Transport::Sse, "/lean"),
            // Its connection was handed over for the page, so its stream is hyper's.
            Visit::new(Transport::Sse, "/generic").page_first("/healthz"),
            Visit::new(Transport::WebSocket, "/websocket"),
        ]
        .map(|visit| visit.open(headcount.address))
    });
    server.inside(|| headcount.await_total(4));
    lose(&tabs.name);
    let lost = clock::now();
    server.inside(|| headcount.await_total(1));
    let took = lost.elapsed();
    assert!(took <= LIVENESS + GRACE, "{took:?}");
    server.inside(|| headcount.await_routes(&json!({"/near": 1})));
    drop((near, far));
}

/// Two namespaces with a link between them. They are gone when it goes.
struct Network {
    server: Namespace,
    tabs: Namespace,
}

impl Network {
    /// Under a name that no other test of this process uses. Says why where it cannot be.
    fn new(name: &str) -> Result<Self, String> {
        let network = Self {
            server: Namespace::new(&format!("{name}-server"))?,
            tabs: Namespace::new(&format!("{name}-tabs"))?,
        };
        let (server, tabs) = (&*network.server.name, &*network.tabs.name);
        let link = [
            "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns",
        ];
        ip(&[&["-n", server], &link[..], &[tabs]].concat())?;
        for (namespace, address) in [(server, SERVER), (tabs, TABS)] {
            let address = format!("{address}/24");
            ip(&["-n", namespace, "address", "add", &address, "dev", "wire"])?;
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", "wire", "up"])?;
        }
        Ok(network)
    }
}

struct Namespace {
    name: String,
}

impl Namespace {
    fn new(name: &str) -> Result<Self, String> {
        let name = format!("headcount-{}-{name}", std::process::id());
        ip(&["netns", "add", &name])?;
        Ok(Self { name })
    }

    /// Runs this in a separate thread in the namespace.
    fn inside<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.name)).unwrap();
        let entered = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        };
        let outcome = thread::scope(|scope| scope.spawn(entered).join());
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _gone_already = ip(&["netns", "delete", &self.name]);
    }
}

fn ip(words: &[&str]) -> Result<(), String> {
    let said = |what: &dyn std::fmt::Display| format!("`ip {}`: {what}", words.join(" "));
    let output = Command::new("ip")
        .args(words)
        .output()
        .map_err(|error| said(&error))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(said(&String::from_utf8_lossy(&output.stderr).trim()))
    }
}
