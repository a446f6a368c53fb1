//! Rules in waves: which tabs are told when, what halts them, and what becomes of them over a restart.

use std::path::Path;

use serde_json::{Value, json};

use crate::client::{Answer, Ask, BOTH, Tab, Visit, eventually};
use crate::nodes::are_several;
use crate::server::{Door, Server, config};

fn visit(number: usize) -> Visit {
    Visit::new(BOTH[number % 2], "/shop")
        .version("old")
        .query(&format!("tab=the-tab-of-visitor-{number}"))
}

fn tabs(server: &Server, count: usize) -> Vec<Tab> {
    (0..count)
        .map(|number| visit(number).open(server.address))
        .collect()
}

/// The rules that a tab was told since the last call.
fn told(server: &Server, tab: &mut Tab) -> Vec<Value> {
    server.mark(&tab.id);
    let before = tab.until("marker");
    before
        .into_iter()
        .filter(|message| message["force"] == true || message["prompt"] == true)
        .collect()
}

/// Adds up how often each tab was told.
fn count(server: &Server, tabs: &mut [Tab], times: &mut [usize]) {
    for (tab, times) in tabs.iter_mut().zip(times) {
        *times += told(server, tab).len();
    }
}

fn shop(spread: &Value) -> Value {
    json!({"match": {"segment": "/shop"}, "audience": "all", "spread": spread})
}

fn rule(server: &Server) -> Value {
    server.admin(Ask::get("/api/admin/invalidations")).json()["invalidations"][0].clone()
}

fn change(server: &Server, id: &Value, body: &Value) -> Answer {
    let path = format!("/api/admin/invalidations/{id}");
    server.admin(Ask::with("PATCH", path, body))
}

fn await_state(server: &Server, state: &str) -> Value {
    eventually(state, || {
        Some(rule(server)).filter(|rule| rule["spread"]["state"] == state)
    })
}

#[test]
fn each_wave_tells_its_tabs_and_in_the_end_each_was_told_once() {
    let server = Server::start(config());
    let (mut open, mut times) = (tabs(&server, 40), [0; 40]);
    let spread = json!({"waves": [30, 60, 100], "everyMs": 2_000});
    let given = server.invalidate(&shop(&spread));
    assert_eq!(
        (&given["tabs"], &given["spread"]["open"]),
        (&json!(40), &json!(30))
    );
    assert_eq!(given["spread"]["state"], "running");
    count(&server, &mut open, &mut times);
    let first = times.iter().sum::<usize>();
    assert!((1..30).contains(&first), "{first}");
    // A tab that comes back is judged by what is open then.
    for (number, times) in times.iter_mut().enumerate() {
        let resume = open[number].resume.clone();
        open[number] = visit(number)
            .query(&format!("since={resume}"))
            .open(server.address);
        *times += told(&server, &mut open[number]).len();
    }
    await_state(&server, "complete");
    eventually("all are told", || {
        count(&server, &mut open, &mut times);
        (times.iter().sum::<usize>() >= 40).then_some(())
    });
    assert_eq!(times, [1; 40]);
    let rule = rule(&server);
    assert_eq!(
        (&rule["spread"]["open"], rule["spread"].get("nextAt")),
        (&json!(100), None)
    );
    assert_eq!(rule["outcomes"]["told"], 40);
}

#[test]
fn a_time_and_a_rate_open_a_rule_evenly() {
    let server = Server::start(config());
    let (mut open, mut times) = (tabs(&server, 20), [0; 20]);
    for (spread, over_ms) in [
        (json!({"overMs": 3_000}), 3_000),
        (json!({"perSecond": 10}), 2_000),
    ] {
        let mut dry = shop(&spread);
        dry["dryRun"] = json!(true);
        assert_eq!(server.invalidate(&dry)["spread"]["overMs"], over_ms);
        let given = server.invalidate(&shop(&spread));
        assert_eq!(given["spread"]["overMs"], over_ms, "{given}");
        assert_eq!(given["spread"]["open"], 0);
        await_state(&server, "complete");
        eventually("all are told", || {
            count(&server, &mut open, &mut times);
            (times.iter().sum::<usize>() >= 20).then_some(())
        });
        assert_eq!(times, [1; 20]);
        times = [0; 20];
    }
}

#[test]
fn a_rule_is_paused_goes_on_and_is_aborted_by_hand() {
    let server = Server::start(config());
    let (mut open, mut times) = (tabs(&server, 30), [0; 30]);
    let id = server.invalidate(&shop(&json!({"waves": [30, 100], "everyMs": 1_000})))["id"].clone();
    let paused = change(&server, &id, &json!({"state": "paused"})).json();
    let spread = &paused["invalidation"]["spread"];
    assert_eq!((&spread["state"], spread.get("nextAt")), (&json!("paused"), None));
    // What would have opened it has passed: another rule came all the way meanwhile.
    let other = json!({"match": {"exact": "/elsewhere"}, "spread": {"waves": [1, 100], "everyMs": 2_000}});
    let other = server.invalidate(&other)["id"].clone();
    eventually("the other one is complete", || {
        let rules = server.admin(Ask::get("/api/admin/invalidations")).json();
        let rules = rules["invalidations"].as_array().unwrap().clone();
        let other = rules.iter().find(|rule| rule["id"] == other)?;
        (other["spread"]["state"] == "complete").then_some(())
    });
    count(&server, &mut open, &mut times);
    let first = times.iter().sum::<usize>();
    assert!((1..20).contains(&first), "{first}");
    assert_eq!(
        change(&server, &id, &json!({"state": "paused"})).status,
        200,
        "again"
    );
    let aborted = change(&server, &id, &json!({"state": "aborted"})).json();
    let aborted = &aborted["invalidation"];
    assert_eq!(
        (&aborted["spread"]["state"], &aborted["spread"]["open"]),
        (&json!("aborted"), &json!(30))
    );
    assert_eq!(aborted["outcomes"]["told"], first);
    assert_eq!(
        change(&server, &id, &json!({"state": "running"})).code(),
        "no-such-rule"
    );
    let next = server.invalidate(&shop(&json!({"waves": [30, 100], "everyMs": 3_600_000})))["id"].clone();
    change(&server, &next, &json!({"state": "paused"}));
    let resumed = change(&server, &next, &json!({"state": "running"})).json();
    assert_eq!(resumed["invalidation"]["spread"]["state"], "running");
    count(&server, &mut open, &mut times);
    assert!(times.iter().all(|times| *times <= 2));
}

#[test]
fn a_rule_stops_by_itself_says_why_and_goes_on_only_by_hand() {
    let server = Server::start(config());
    let mut open = tabs(&server, 20);
    let spread = json!({"waves": [50, 100], "everyMs": 3_600_000, "stopIf": {"stuck": 10, "after": 3}});
    let id = server.invalidate(&shop(&spread))["id"].clone();
    let mut told_tabs = 0;
    for tab in &mut open {
        if !told(&server, tab).is_empty() {
            tab.tell(&json!({"type": "ack", "id": id, "outcome": "stuck"}));
            told_tabs += 1;
        }
    }
    assert!(told_tabs > 3, "{told_tabs}");
    let stopped = await_state(&server, "stopped");
    let why = &stopped["spread"]["why"];
    assert_eq!((&why["measure"], &why["most"]), (&json!("stuck"), &json!(10)));
    assert!(why["text"].as_str().unwrap().contains("same build"), "{why}");
    assert_eq!(stopped["spread"]["open"], 50);
    let resumed = change(&server, &id, &json!({"state": "running"})).json();
    let spread = &resumed["invalidation"]["spread"];
    assert_eq!(
        (&spread["state"], &spread["accepted"]["told"]),
        (&json!("running"), &json!(told_tabs))
    );
    assert_eq!(spread.get("why"), None);
}

fn on_disk(directory: &Path) -> Server {
    Server::on_disk(Some(directory), Door::Own, config(), |builder| builder)
}

#[test]
fn a_restart_keeps_what_is_open_and_the_place_of_each_tab() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = on_disk(directory.path());
    let mut open = tabs(&server, 40);
    let spread = json!({"waves": [40, 100], "everyMs": 3_600_000});
    let id = server.invalidate(&shop(&spread))["id"].clone();
    let first: Vec<bool> = open
        .iter_mut()
        .map(|tab| !told(&server, tab).is_empty())
        .collect();
    change(&server, &id, &json!({"state": "paused"}));
    server.stop();
    server.join();
    let resumes: Vec<String> = open.iter().map(|tab| tab.resume.clone()).collect();
    drop((open, server));
    let server = on_disk(directory.path());
    let spread = &rule(&server)["spread"];
    assert_eq!(
        (&spread["state"], &spread["open"]),
        (&json!("paused"), &json!(40))
    );
    // Those that lost what they knew are told again, and none of a later wave is.
    for (number, was_told) in first.iter().enumerate() {
        let mut tab = visit(number)
            .query(&format!("since={}", resumes[number]))
            .open(server.address);
        assert!(told(&server, &mut tab).is_empty(), "{number}");
        drop(tab);
        let fresh = format!("since={}", resumes[number].rsplit_once('.').unwrap().0);
        let mut tab = visit(number).query(&fresh).open(server.address);
        assert!(told(&server, &mut tab).is_empty() || *was_told, "{number}");
    }
}

#[test]
fn a_rule_that_asks_for_more_goes_on_from_where_it_was() {
    let server = Server::start(config());
    let mut tab = visit(1).open(server.address);
    let mut new = Visit::new(BOTH[0], "/shop").version("v1").open(server.address);
    server.release("v2");
    server.release("v1");
    let body = json!({"match": {"segment": "/shop"}, "mode": "prompt"});
    let id = server.invalidate(&body)["id"].as_u64().unwrap();
    assert_eq!(told(&server, &mut tab)[0]["prompt"], true);
    // For more tabs: who was told is not told again, and what they say counts.
    let all = change(&server, &json!(id), &json!({"audience": "all"})).json();
    let all = &all["invalidation"];
    assert_eq!(
        (&all["id"], &all["continues"]["id"]),
        (&json!(id + 1), &json!(id))
    );
    assert!(told(&server, &mut tab).is_empty());
    assert_eq!(told(&server, &mut new)[0]["id"], id + 1);
    tab.tell(&json!({"type": "ack", "id": id, "outcome": "prompted"}));
    eventually("it is counted", || {
        (rule(&server)["outcomes"]["prompted"] == 1).then_some(())
    });
    assert_eq!(rule(&server)["outcomes"]["told"], 2);
    // Asks for something else: all are told.
    let forced = change(&server, &json!(id + 1), &json!({"mode": "force"})).json();
    assert_eq!(forced["invalidation"]["id"], id + 2);
    for tab in [&mut tab, &mut new] {
        let told = told(&server, tab);
        assert_eq!((told.len(), &told[0]["force"]), (1, &json!(true)));
    }
    let same = change(&server, &json!(id + 2), &json!({"mode": "force"})).json();
    assert_eq!(same["invalidation"]["id"], id + 2);
    let less = change(&server, &json!(id + 2), &json!({"mode": "prompt"}));
    assert_eq!((less.status, &*less.code()), (400, "invalid-body"));
}

#[test]
fn what_cannot_be_is_refused_and_nothing_stands() {
    let server = Server::start(config());
    for spread in [
        json!({}),
        json!({"overMs": 5_000, "perSecond": 5}),
        json!({"waves": []}),
        json!({"waves": [0, 100], "everyMs": 1_000}),
        json!({"waves": [10, 5, 100], "everyMs": 1_000}),
        json!({"waves": [10, 10, 100], "everyMs": 1_000}),
        json!({"waves": [10, 101], "everyMs": 1_000}),
        json!({"waves": [-1, 100], "everyMs": 1_000}),
        json!({"waves": [0.001, 100], "everyMs": 1_000}),
        json!({"waves": [10, 50], "everyMs": 1_000}),
        json!({"waves": [10, 100]}),
        json!({"waves": [10, 100], "everyMs": 999}),
        json!({"waves": (1..=101).map(|wave| f64::from(wave) / 2.0).collect::<Vec<_>>(), "everyMs": 1_000}),
        json!({"everyMs": 1_000}),
        json!({"overMs": 5_000, "everyMs": 1_000}),
        json!({"overMs": 0}),
        json!({"overMs": -1}),
        json!({"overMs": 86_400_000}),
        json!({"perSecond": 0}),
        json!({"overMs": 5_000, "stopIf": "always"}),
        json!({"overMs": 5_000, "stopIf": {"stuck": 101}}),
        json!({"overMs": 5_000, "stopIf": {"lost": 1}}),
        json!({"overMs": 5_000, "more": 1}),
    ] {
        let answer = server.admin(Ask::post("/api/admin/invalidations", &shop(&spread)));
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "invalid-body"),
            "{spread}"
        );
    }
    let mut both = shop(&json!({"overMs": 5_000}));
    both["spreadMs"] = json!(5);
    let answer = server.admin(Ask::post("/api/admin/invalidations", &both));
    assert_eq!(answer.status, 400);
    assert_eq!(rule(&server), Value::Null);
    for never in [Value::Null, json!("never")] {
        let given = server.invalidate(&shop(&json!({"overMs": 3_600_000, "stopIf": never})));
        assert_eq!(given["spread"].get("stopIf"), None);
    }
    let plain = server.invalidate(&json!({"match": {"segment": "/plain"}}))["id"].clone();
    let refused = change(&server, &plain, &json!({"state": "paused"}));
    assert_eq!((refused.status, &*refused.code()), (409, "not-in-waves"));
    for body in [
        json!({}),
        json!({"state": "paused", "mode": "force"}),
        json!({"state": "off"}),
    ] {
        assert_eq!(change(&server, &plain, &body).status, 400, "{body}");
    }
    let unknown = change(&server, &json!(4_000), &json!({"state": "paused"}));
    assert_eq!((unknown.status, &*unknown.code()), (404, "no-such-rule"));
    assert!(are_several() || rule(&server)["spread"]["turns"] == 0);
}
