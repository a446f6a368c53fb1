//! A broker that lost commands which servers have acknowledged, and tabs have heard.

use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::node::{Site, await_same};
use crate::client::{Ask, BOTH, Tab, Transport, Visit, eventually};
use crate::server::Server;

at_each_broker! {
    a_command_that_the_broker_lost_stands_and_the_next_one_reaches_every_tab_once,
    a_number_that_was_given_again_is_news_for_tabs_that_know_it,
}

/// Gives a rule for all tabs, as soon as commands are taken. Its number.
fn rule(server: &Server) -> Value {
    let rule = json!({"match": {"exact": "/checkout"}, "audience": "all"});
    eventually("commands are taken", || {
        let answer = server.admin(Ask::post("/api/admin/invalidations", &rule));
        (answer.status == 200).then(|| answer.json()["id"].clone())
    })
}

fn visit(transport: Transport) -> Visit {
    Visit::new(transport, "/checkout").version("v1")
}

/// Regression: the next command got the number of the one that was lost, and tabs that knew this one never heard of it.
fn a_command_that_the_broker_lost_stands_and_the_next_one_reaches_every_tab_once(version: Version) {
    let mut site = Site::start(version);
    let servers = site.three();
    let open = |(server, transport): (&Server, Transport)| visit(transport).open(server.address);
    let mut tabs: Vec<Tab> = servers.iter().zip(BOTH.into_iter().cycle()).map(open).collect();
    let mut all_told = |id: &Value| {
        for tab in &mut tabs {
            assert_eq!(tab.next_of("version")["id"], *id);
        }
    };
    all_told(&rule(&servers[0]));
    let saved = site.save();
    let lost = rule(&servers[1]);
    all_told(&lost);
    let before = await_same(&servers);
    site.restore(&saved);
    let next = rule(&servers[2]);
    assert_eq!(next, json!(lost.as_u64().unwrap() + 1));
    // Nothing else before.
    all_told(&next);
    let (_, _, rules) = await_same(&servers);
    assert_eq!(rules.len(), before.2.len(), "each replaced the one before");
    for server in &servers {
        let tab = tabs.pop().unwrap();
        let resume = format!("since={}", tab.resume);
        let mut back = visit(tab.transport()).query(&resume).open(server.address);
        assert_eq!(back.epoch, tab.epoch);
        server.mark(&back.id);
        assert_eq!(back.until("marker"), [Value::Null; 0], "it knows all of them");
    }
}

fn a_number_that_was_given_again_is_news_for_tabs_that_know_it(version: Version) {
    let mut site = Site::start(version);
    let kept = tempfile::tempdir().unwrap();
    let mut first = site.node(Some(kept.path()));
    first.release("v1");
    let saved = site.save();
    let mut tab = visit(Transport::WebSocket).open(first.address);
    let lost = rule(&first);
    assert_eq!(tab.next_of("version")["id"], lost);
    let (resume, epoch) = (tab.resume.clone(), tab.epoch.clone());
    first.stop();
    first.join();
    drop(first);
    site.restore(&saved);
    // This one knows nothing of what was lost.
    let second = site.node(None);
    assert_eq!(rule(&second), lost, "the number is given again");
    let first = site.node(Some(kept.path()));
    let servers = [first, second];
    assert_eq!(await_same(&servers).2.len(), 1);
    for server in &servers {
        let back = visit(Transport::WebSocket).query(&format!("since={resume}"));
        let mut back = back.open(server.address);
        assert_ne!(back.epoch, epoch);
        assert_eq!(back.next_of("version")["id"], lost, "it is another command");
    }
    assert_eq!(rule(&servers[1]), json!(lost.as_u64().unwrap() + 1));
}
