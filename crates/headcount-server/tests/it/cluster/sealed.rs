//! What somebody at the broker learns and can do who has not the secret of the cluster: nothing of what is said, and nothing at all.

use async_nats::{Client, Message, Subscriber};
use futures_util::StreamExt;
use headcount_server::{Headcount, Secret, StartError, with_sources};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::at_each_broker;
use super::broker::{Version, in_time};
use super::counts::{await_nodes, await_total, stats};
use super::node::{Site, await_same, without_release};
use crate::client::{Ask, Transport, Visit, ask};
use crate::server::{Server, admins};

at_each_broker! {
    a_reader_at_the_broker_learns_nothing_of_what_is_said,
    forged_messages_end_no_node_and_forged_entries_no_command,
    a_node_takes_its_own_messages_that_come_back_for_its_own,
    a_message_to_another_node_means_nothing_here,
    a_node_with_another_secret_does_not_start_and_leaves_the_log_as_it_is,
}

/// A client of the broker without the secret of the cluster.
struct Stranger {
    runtime: Runtime,
    client: Client,
    hears: Subscriber,
}

impl Stranger {
    fn at(site: &Site) -> Self {
        let runtime = Runtime::new().unwrap();
        let (client, hears) = runtime.block_on(async {
            let client = async_nats::connect(format!("127.0.0.1:{}", site.port()))
                .await
                .unwrap();
            let hears = client.subscribe("headcount.>").await.unwrap();
            client.flush().await.unwrap();
            (client, hears)
        });
        Self {
            runtime,
            client,
            hears,
        }
    }

    /// Everything that was said until a message of this stranger came by.
    fn heard(&mut self) -> Vec<Message> {
        self.publish("headcount.end", b"");
        self.heard_until(|message| message.subject.as_str() == "headcount.end")
    }

    fn heard_until(&mut self, is_last: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut all = Vec::new();
        self.runtime.block_on(in_time("messages", async {
            while all.last().is_none_or(|last| !is_last(last)) {
                all.push(self.hears.next().await.unwrap());
            }
        }));
        all
    }

    fn publish(&self, subject: &str, bytes: &[u8]) {
        self.runtime.block_on(async {
            let bytes = bytes.to_vec().into();
            self.client.publish(subject.to_owned(), bytes).await.unwrap();
            self.client.flush().await.unwrap();
        });
    }

    /// The last sequence of the log.
    fn log_end(&self) -> u64 {
        self.runtime.block_on(async {
            let context = async_nats::jetstream::new(self.client.clone());
            let stream = context.get_stream("HEADCOUNT_headcount").await.unwrap();
            stream.cached_info().state.last_sequence
        })
    }
}

const ALL: &str = "headcount.headcount.bus.all";

fn id(server: &Server) -> String {
    let nodes = server.admin(Ask::get("/api/admin/nodes")).json();
    let nodes = nodes["nodes"].as_array().unwrap().clone();
    let here = nodes.iter().find(|node| node["here"] == true).unwrap();
    here["id"].as_str().unwrap().to_owned()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

fn a_reader_at_the_broker_learns_nothing_of_what_is_said(version: Version) {
    let site = Site::start(version);
    let mut stranger = Stranger::at(&site);
    let servers = site.three();
    await_nodes(&servers);
    servers[0].release("v-of-a-release");
    servers[1].invalidate(&json!({"match": {"exact": "/a-route"}, "audience": "all"}));
    let mut admin = Visit::new(Transport::Sse, "/a-route")
        .cookie("sid=admin")
        .open(servers[0].address);
    // A relay with what the browser showed, because the request comes to another node.
    let body = json!({"connectionId": admin.id});
    let request = Ask::post("/__skew/subscribe-stats", &body).header("cookie", "sid=admin");
    assert_eq!(ask(servers[1].address, &request).json(), json!({"ok": true}));
    admin.next_of("stats");
    await_total(&servers, 1);
    let heard = stranger.heard();
    let subjects = |part: &str| heard.iter().filter(|said| said.subject.contains(part)).count();
    for part in [
        "bus.all",
        "bus.node.",
        "bus.watchers",
        "log.entry",
        "log.checkpoint",
    ] {
        assert!(subjects(part) > 0, "{part}");
    }
    for said in &heard {
        for text in [
            "sid=",
            "admin",
            "v-of-a-release",
            "/a-route",
            "revision",
            "kind",
            "{\"",
        ] {
            assert!(!holds(&said.payload, text), "{text}: {said:?}");
        }
    }
}

fn forged_messages_end_no_node_and_forged_entries_no_command(version: Version) {
    let site = Site::start(version);
    let stranger = Stranger::at(&site);
    let servers = site.three();
    await_nodes(&servers);
    servers[0].release("v1");
    let stamp = json!({"incarnation": 1, "report": 0});
    for server in &servers {
        let heartbeat = json!({"revision": 1, "from": id(server), "kind": "heartbeat", "body": {
            "number": 1_000_000, "name": "forged", "software": "9", "tabs": 7, "read": 1, "watches": true, "drains": false,
            "last": stamp, "sentMs": 1,
        }});
        let goodbye =
            json!({"revision": 1, "from": id(server), "kind": "goodbye", "body": {"incarnation": 1}});
        for forged in [heartbeat, goodbye] {
            stranger.publish(ALL, forged.to_string().as_bytes());
        }
    }
    let release = json!({"revision": 1, "kind": "release", "id": u32::MAX, "version": "v2", "announcedMs": 1, "releasesMax": 9});
    stranger.publish("headcount.headcount.log.entry", release.to_string().as_bytes());
    for (server, version) in servers.iter().zip(["v2", "v3", "v4"]) {
        server.release(version);
    }
    let (current, releases, _) = await_same(&servers);
    assert_eq!((&*current, releases), ("v4", vec![1, 2, 3, 4]));
    await_nodes(&servers);
    assert!(servers.iter().all(|server| stats(server)["total"] == 0));
}

/// Over a route between brokers, a node's own message can come back late, to the connection that it has by then.
fn a_node_takes_its_own_messages_that_come_back_for_its_own(version: Version) {
    let site = Site::start(version);
    let mut stranger = Stranger::at(&site);
    let server = site.node(None);
    let beat = stranger
        .heard_until(|said| said.subject.as_str() == ALL)
        .pop()
        .unwrap();
    for _ in 0..3 {
        stranger.publish(ALL, &beat.payload);
    }
    // It has heard them before it answers another node.
    let other = site.node(None);
    await_nodes([&server, &other]);
    server.release("v1");
    await_same(&[server, other]);
}

fn a_message_to_another_node_means_nothing_here(version: Version) {
    let site = Site::start(version);
    let mut stranger = Stranger::at(&site);
    let servers = site.three();
    await_nodes(&servers);
    let [first, second, third] = [0, 1, 2].map(|at| id(&servers[at]));
    let tab = Visit::new(Transport::Sse, "/a").open(servers[0].address);
    let navigation = json!({"connectionId": tab.id, "route": "/b"});
    let said = ask(servers[1].address, &Ask::post("/__skew/route", &navigation)).json();
    assert_eq!(said, json!({"ok": true}));
    // A question of the third one about what it does not hold either.
    for said in stranger.heard() {
        for (subject, other) in [(&first, &second), (&first, &third), (&second, &third)] {
            if said.subject.ends_with(subject.as_str()) {
                stranger.publish(&format!("headcount.headcount.bus.node.{other}"), &said.payload);
            }
        }
    }
    await_nodes(&servers);
    await_total(&servers, 1);
    let routes: Vec<Value> = servers
        .iter()
        .map(|server| stats(server)["routes"].clone())
        .collect();
    assert_eq!(routes, [(); 3].map(|()| json!({"/b": 1})));
}

fn a_node_with_another_secret_does_not_start_and_leaves_the_log_as_it_is(version: Version) {
    let site = Site::start(version);
    let server = site.node(None);
    server.release("v1");
    let stranger = Stranger::at(&site);
    let before = stranger.log_end();
    let mut options = site.options();
    options.secret = Secret::new("the secret of some other cluster");
    let builder = Headcount::builder(without_release())
        .authorizer(admins())
        .cluster(Some(options));
    let said = match stranger.runtime.block_on(builder.start()) {
        Err(error @ StartError::Cluster(_)) => with_sources(&error),
        other => panic!("{other:?}"),
    };
    assert!(
        said.contains("is sealed with another cluster secret: give this server the secret of the others"),
        "{said}"
    );
    assert_eq!(stranger.log_end(), before);
    server.release("v2");
}
