//! Deliveries that something happens to: a shard is held until all of it waits.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use headcount_core::command_log::Entry;
use headcount_core::epoch::Epoch;
use headcount_core::invalidation::{Audience, Mode, Rule, Standing};
use headcount_core::limits::Limits;
use headcount_core::pattern::RoutePattern;
use headcount_core::protocol::server;
use headcount_core::questions::{Pulse, ReachOf};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::headcount::Headcount;
use crate::shard::busy::Busy;
use crate::shard::{Mail, NewStanding};

/// A server with one shard, and its address.
async fn serve() -> (Headcount, SocketAddr) {
    let config = Config::default().with(|config| config.shards = 1);
    let headcount = Headcount::builder(config).start().await.unwrap();
    let limits = &headcount.site().config.limits;
    let listeners = crate::listen(([127, 0, 0, 1], 0).into(), 1, limits).unwrap();
    let address = listeners[0].local_addr().unwrap();
    let serving = headcount.clone();
    tokio::spawn(async move {
        let never = std::future::pending();
        serving.serve_all(listeners, Router::new(), never).await
    });
    (headcount, address)
}

/// A tab on a stream, read event by event.
struct Tab {
    reader: BufReader<TcpStream>,
    id: String,
}

impl Tab {
    fn open(address: SocketAddr, route: &str) -> Self {
        let mut tab = Self::ask(address, route);
        tab.greet();
        tab
    }

    fn ask(address: SocketAddr, route: &str) -> Self {
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(
            socket,
            "GET /__skew/sse?route={route} HTTP/1.1\r\nhost: x\r\n\r\n"
        )
        .unwrap();
        Self {
            reader: BufReader::new(socket),
            id: String::new(),
        }
    }

    fn greet(&mut self) {
        self.id = self.next().1["connectionId"].as_str().unwrap().to_owned();
    }

    /// The next message, and its event id.
    fn next(&mut self) -> (Option<String>, Value) {
        let (mut id, mut line) = (None, String::new());
        loop {
            line.clear();
            assert_ne!(self.reader.read_line(&mut line).unwrap(), 0, "the stream ended");
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.trim_end().to_owned());
            } else if let Some(text) = line.strip_prefix("data: ") {
                return (id, serde_json::from_str(text).unwrap());
            }
        }
    }

    /// What came before a message that is sent now.
    fn told(&mut self, headcount: &Headcount) -> Vec<(Option<String>, Value)> {
        let tab = headcount.tab(&self.id).unwrap();
        tab.send(&json!({"type": "marker"})).unwrap();
        let mut told = Vec::new();
        loop {
            let (id, message) = self.next();
            if message["type"] == "marker" {
                return told;
            }
            told.push((id, message));
        }
    }
}

fn rule(id: u32, route: &str) -> Rule {
    Rule {
        id,
        pattern: RoutePattern::exact(route, &Limits::default()).unwrap(),
        versions: None,
        audience: Audience::All,
        mode: Mode::Force,
        release: "v1".into(),
        created_ms: 0,
        expires_ms: u64::MAX,
        spread_ms: 0,
        waves: None,
        continues: None,
    }
}

/// Gives a shard other rules, and lets the rule at `position` be told.
fn stand(headcount: &Headcount, standing: &Standing, broadcast: Option<String>, position: Option<usize>) {
    let (reply, _answer) = oneshot::channel();
    let mut standing = standing.clone();
    standing.epoch = headcount.site().standing().epoch;
    let shard = headcount.shards().get(0).unwrap();
    shard.force(Mail::Standing(Box::new(NewStanding {
        standing: Arc::new(standing),
        broadcast,
        position,
        reply,
    })));
}

/// Lets the loop of the shard turn a few times: it answers in one turn what it is asked after the answer of another.
async fn go_on(headcount: &Headcount) {
    for _ in 0..4 {
        headcount.shards().ask(0, Pulse).await.unwrap();
    }
}

/// Lets a rule stand. Its position.
fn add(standing: &mut Standing, rule: Rule) -> usize {
    let change = standing.apply(&Entry::Rule { rule, rules_max: 64 });
    change.position.unwrap()
}

fn epoch_of(headcount: &Headcount) -> Epoch {
    headcount.site().standing().epoch.unwrap()
}

fn nothing_stands() -> Standing {
    let mut standing = Standing::default();
    standing.head = 3;
    standing
}

/// Regression: the matching tabs of a rule were collected when it was given, and told even if it was lifted since.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_lifted_before_a_tab_is_reached_is_not_told_nor_claimed() {
    let (headcount, address) = serve().await;
    let mut tabs: Vec<Tab> = (0..3).map(|_| Tab::open(address, "/a")).collect();
    let busy = Busy::queue(headcount.shards().get(0).unwrap());
    busy.begin();
    let mut standing = nothing_stands();
    let position = add(&mut standing, rule(5, "/a"));
    stand(&headcount, &standing, None, Some(position));
    standing.apply(&Entry::End { ids: vec![5] });
    stand(&headcount, &standing, None, None);
    // Another takes its position, and is told.
    let again = add(&mut standing, rule(6, "/a"));
    assert_eq!(again, position);
    stand(&headcount, &standing, None, Some(again));
    drop(busy);
    go_on(&headcount).await;
    for tab in &mut tabs {
        let told = tab.told(&headcount);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].1["id"], 6);
        assert_eq!(
            told[0].0.as_deref(),
            Some(&*format!("{}.0;6", epoch_of(&headcount))),
            "the event claims what was written"
        );
    }
}

/// Regression: a tab that had moved away from a rule's route was told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_has_moved_away_is_judged_by_where_it_is() {
    let (headcount, address) = serve().await;
    let (mut stays, mut leaves) = (Tab::open(address, "/a"), Tab::open(address, "/a"));
    let mut comes = Tab::open(address, "/elsewhere");
    let busy = Busy::queue(headcount.shards().get(0).unwrap());
    busy.begin();
    let mut standing = nothing_stands();
    let position = add(&mut standing, rule(5, "/a"));
    stand(&headcount, &standing, None, Some(position));
    assert!(headcount.navigate(&leaves.id, "/elsewhere").await && headcount.navigate(&comes.id, "/a").await);
    drop(busy);
    go_on(&headcount).await;
    for (tab, told) in [(&mut stays, 1), (&mut leaves, 0), (&mut comes, 1)] {
        assert_eq!(tab.told(&headcount).len(), told);
    }
}

/// A page that reconnects while a rule is on its way to it is told once, on whichever connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_reconnects_midway_is_told_once() {
    let (headcount, address) = serve().await;
    let before = Tab::open(address, "/a&tab=the-tab-of-a-visitor");
    let busy = Busy::queue(headcount.shards().get(0).unwrap());
    busy.begin();
    let mut standing = nothing_stands();
    let position = add(&mut standing, rule(5, "/a"));
    stand(&headcount, &standing, None, Some(position));
    // Its request waits in the socket, and is read after the rule is there and before any tab is reached.
    let mut after = Tab::ask(address, "/a&since=0&tab=the-tab-of-a-visitor");
    drop(busy);
    after.greet();
    go_on(&headcount).await;
    let told = after.told(&headcount);
    assert_eq!(told.len(), 1, "{told:?}");
    drop(before);
    // And once more, with what it knows by now.
    let mut later = Tab::open(address, "/a&since=0;5&tab=the-tab-of-a-visitor");
    go_on(&headcount).await;
    assert_eq!(later.told(&headcount), []);
}

/// Regression: a shard went on finding out how far a rule reaches when its asker had long gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_ends_with_its_asker() {
    let (headcount, address) = serve().await;
    let long = "x".repeat(900);
    let tabs: Vec<Tab> = (0..400)
        .map(|number| Tab::open(address, &format!("/{long}/{number}")))
        .collect();
    let shard = headcount.shards().get(0).unwrap();
    let first = Busy::queue(shard);
    first.begin();
    let rule = Arc::new(Rule {
        pattern: RoutePattern::regex("^/x", &Limits::default()).unwrap(),
        ..rule(5, "/")
    });
    let asked = Arc::clone(&rule);
    let answer = headcount.shards().ask(0, ReachOf { rule: asked });
    let second = Busy::queue(shard);
    drop(first);
    second.begin();
    // Its first step is taken, and several are left.
    assert_eq!(Arc::strong_count(&rule), 2);
    drop(answer);
    drop(second);
    for _ in 0..2 {
        headcount.shards().ask(0, Pulse).await.unwrap();
    }
    assert_eq!(
        Arc::strong_count(&rule),
        1,
        "the walk was dropped at its next step"
    );
    drop(tabs);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_rules_at_once_claim_only_what_was_written_before() {
    let (headcount, address) = serve().await;
    let mut tab = Tab::open(address, "/a");
    let busy = Busy::queue(headcount.shards().get(0).unwrap());
    busy.begin();
    let mut standing = nothing_stands();
    for id in 4..7 {
        let mut rule = rule(id, "/a");
        rule.created_ms = id.into();
        rule.versions = Some(vec!["unreleased".to_owned(), format!("x{id}")]);
        let position = add(&mut standing, rule);
        stand(&headcount, &standing, None, Some(position));
    }
    drop(busy);
    go_on(&headcount).await;
    let ids: Vec<_> = tab
        .told(&headcount)
        .into_iter()
        .map(|(id, _)| id.unwrap())
        .collect();
    let epoch = epoch_of(&headcount);
    let claimed = ["0;4", "0;4,5", "0;4,5,6"].map(|id| format!("{epoch}.{id}"));
    assert_eq!(ids, claimed);
}

/// Regression: a release that was overtaken reached tabs after the newer one had.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_overtaken_is_told_to_no_tab_that_knows_the_newer_one() {
    let (headcount, address) = serve().await;
    let mut tab = Tab::open(address, "/a");
    let busy = Busy::queue(headcount.shards().get(0).unwrap());
    busy.begin();
    for (version, id) in [("v2", 2), ("v3", 3)] {
        let broadcast = server::released(version, id, epoch_of(&headcount));
        stand(&headcount, &nothing_stands(), Some(broadcast), None);
    }
    drop(busy);
    go_on(&headcount).await;
    let versions: Vec<Value> = tab
        .told(&headcount)
        .into_iter()
        .map(|(_, message)| message["version"].clone())
        .collect();
    assert_eq!(versions, ["v3"]);
}
