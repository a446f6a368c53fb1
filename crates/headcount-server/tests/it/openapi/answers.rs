//! Each operation once, and what it answers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Document;
use crate::app_server::Bridge;
use crate::client::{Ask, Tab, Transport, Visit, eventually};
use crate::cluster::broker::Version;
use crate::cluster::node::Site;
use crate::nodes::{self, are_several};
use crate::server::{Door, SECRET, Server, config};

fn get(document: &mut Document, server: &Server, id: &str, target: &str) -> Value {
    document.check(id, &server.admin(Ask::get(format!("/api/admin/{target}"))))
}

fn post(document: &mut Document, server: &Server, id: &str, target: &str, body: &Value) -> Value {
    document.check_request(id, body);
    document.check(id, &server.admin(Ask::post(format!("/api/admin/{target}"), body)))
}

fn delete(document: &mut Document, server: &Server, id: &str, target: &str) -> Value {
    document.check(
        id,
        &server.admin(Ask::new("DELETE", format!("/api/admin/{target}"))),
    )
}

#[test]
fn every_answer_is_what_the_document_says() {
    let mut document = Document::read();
    let server = Server::start(config().with(|config| config.ip_tracking = true));
    let tabs: Vec<Tab> = (0..3)
        .map(|_| {
            Visit::new(Transport::Sse, "/checkout")
                .version("v1")
                .open(server.address)
        })
        .collect();
    server.await_total(3);
    releases_and_rules(&mut document, &server);
    counts(&mut document, &server);
    session(&mut document, &server);
    bridge(&mut document, &server, &tabs[0].id);
    let operations = document.operations();
    let all: BTreeSet<String> = operations
        .iter()
        .map(|(.., operation)| format!("{} 200 ", operation["operationId"].as_str().unwrap()))
        .collect();
    assert_eq!(
        all.difference(&document.seen).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

fn counts(document: &mut Document, server: &Server) {
    let stats = get(document, server, "stats", "stats");
    assert_eq!(stats["total"], 3);
    let all = are_several().then(|| json!({"answered": *nodes::COUNT, "of": *nodes::COUNT}));
    assert_eq!(stats.get("nodes"), all.as_ref());
    assert_eq!(
        get(document, server, "pages", "pages?limit=5")["pages"][0]["total"],
        3
    );
    let adoption = get(
        document,
        server,
        "adoption",
        "adoption?release=v1&route=/checkout",
    );
    assert_eq!((&adoption["on"], &adoption["total"]), (&json!(3), &json!(3)));
    let page = get(document, server, "connections", "connections?limit=1");
    assert!(page["connections"][0]["ip"].is_string(), "{page}");
    let next = page["next"].as_str().unwrap();
    get(
        document,
        server,
        "connections",
        &format!("connections?limit=1&cursor={next}"),
    );
    get(document, server, "history", "history?from=0&step=1000");
    let foreign = Ask::get("/__skew/sse").header("origin", "https://foreign.example");
    assert_eq!(server.admin(foreign).status, 403);
    get(document, server, "refusals", "refusals");
    // They are those of the node that was asked.
    let of_each = server.admin_of_each(&Ask::get("/api/admin/refusals"));
    let mut refusals = of_each.iter().map(|answer| document.check("refusals", answer));
    assert!(refusals.any(|listed| listed["refusals"][0]["origin"] == "https://foreign.example"));
    in_a_cluster(document);
}

/// What only a server of a cluster answers.
fn in_a_cluster(document: &mut Document) {
    let mut site = Site::start(Version::Oldest);
    let node = site.node(None);
    let nodes = get(document, &node, "nodes", "nodes");
    assert_eq!(nodes["nodes"][0]["here"], true);
    site.kill();
    let rule = json!({"match": {"exact": "/"}, "audience": "all"});
    eventually("a command is refused", || {
        let answer = node.admin(Ask::post("/api/admin/invalidations", &rule));
        document.check("invalidate", &answer);
        (answer.code() == "store-hangs").then_some(())
    });
    assert_eq!(get(document, &node, "nodes", "nodes")["brokerReached"], false);
}

fn releases_and_rules(document: &mut Document, server: &Server) {
    post(
        document,
        server,
        "announce",
        "releases",
        &json!({"version": "v2"}),
    );
    assert_eq!(get(document, server, "releases", "releases")["current"], "v2");
    let whole = json!({
        "match": {"segment": "/checkout"}, "versions": ["v1"], "audience": "all", "mode": "prompt", "expires": 60, "spreadMs": 1000,
    });
    let mut dry = whole.clone();
    dry["dryRun"] = true.into();
    assert_eq!(
        post(document, server, "invalidate", "invalidations", &dry)["tabs"],
        3
    );
    for kind in ["exact", "prefix", "glob", "regex"] {
        let request = json!({"match": {kind: "/checkout"}, "audience": "outdated", "mode": "force"});
        post(document, server, "invalidate", "invalidations", &request);
    }
    let first = post(document, server, "invalidate", "invalidations", &whole)["id"].clone();
    let replaced = post(document, server, "invalidate", "invalidations", &whole);
    assert_eq!(replaced["lapsed"], json!([first]));
    in_waves(document, server);
    get(document, server, "rules", "invalidations");
    delete(
        document,
        server,
        "lift",
        &format!("invalidations/{}", replaced["id"]),
    );
    let request = json!({"route": "/checkout", "secret": SECRET, "spreadMs": 1000});
    let id = post(document, server, "invalidate_route", "invalidate-route", &request)["id"].clone();
    delete(
        document,
        server,
        "lift_by_query",
        &format!("invalidations?id={id}"),
    );
}

/// Each way to open a rule, each state, and a rule that was changed.
fn in_waves(document: &mut Document, server: &Server) {
    for spread in [
        json!({"overMs": 60_000, "stopIf": {"stuck": 0.5, "held": 20, "gone": 5, "after": 10}}),
        json!({"perSecond": 5, "stopIf": "never"}),
        json!({"waves": [1, 12.5, 100], "everyMs": 60_000}),
    ] {
        let request = json!({"match": {"exact": "/waves"}, "mode": "prompt", "spread": spread});
        let id = post(document, server, "invalidate", "invalidations", &request)["id"].clone();
        for body in [
            json!({"state": "paused"}),
            json!({"state": "running"}),
            json!({"audience": "all"}),
            json!({"mode": "force", "audience": "all"}),
        ] {
            let id = if body.get("mode").is_some() {
                json!(id.as_u64().unwrap() + 1)
            } else {
                id.clone()
            };
            let answer = server.admin(Ask::with(
                "PATCH",
                format!("/api/admin/invalidations/{id}"),
                &body,
            ));
            assert_eq!(answer.status, 200, "{answer:?}");
            document.check("change", &answer);
        }
        get(document, server, "rules", "invalidations");
        let id = id.as_u64().unwrap() + 2;
        let body = json!({"state": "aborted"});
        let answer = server.admin(Ask::with(
            "PATCH",
            format!("/api/admin/invalidations/{id}"),
            &body,
        ));
        document.check("change", &answer);
    }
}

fn session(document: &mut Document, server: &Server) {
    post(document, server, "sign_in", "session", &json!({"secret": SECRET}));
    delete(document, server, "sign_out", "session");
}

fn bridge(document: &mut Document, server: &Server, id: &str) {
    let messages = json!({"messages": [
        {"id": id, "data": {"type": "welcome"}}, {"id": "unknown", "data": 1}, {"id": id, "data": "x".repeat(70_000)},
    ]});
    let sent = post(document, server, "messages", "bridge/messages", &messages);
    assert_eq!(sent, json!({"sent": 1, "unknown": 1, "refused": 1}));
    post(
        document,
        server,
        "answers",
        "bridge/answers",
        &json!({"answers": [{"ask": 7, "admitted": true}]}),
    );
    post(
        document,
        server,
        "ended",
        "bridge/ended",
        &json!({"cookies": ["sid=1"]}),
    );
    lines(document);
}

/// The lines of a bridge. Those that need time to come are cases of `protocol/vectors/bridge-lines.json`.
fn lines(document: &mut Document) {
    let response = document.operation("lines")["responses"]["200"].clone();
    let schema = &response["content"]["application/x-ndjson"]["schema"];
    let asking = Server::build(
        Door::Own,
        config().with(|config| {
            config.authorize_bridge = true;
            config.ip_tracking = true;
        }),
        |builder| builder,
    );
    let visit = || Visit::new(Transport::Sse, "/a").version("v1").cookie("sid=1");
    let mut tab = visit().open(asking.address);
    asking.await_total(1);
    let mut bridge = Bridge::open(asking.address, "hooks=open,route,close,authorize");
    let mut read = |kind: &str| {
        let line = bridge.next_of(kind);
        document.check_value(schema, &line, kind);
    };
    read("open");
    read("ready");
    tab.navigate("/b");
    read("route-update");
    tab.subscribe();
    read("authorize");
    drop(visit().open(asking.address));
    read("open");
    read("close");
    document.seen.insert("lines 200 ".to_owned());
}
