//! The outcomes of a rule: tabs that were told, reloaded, hold the refresh, or are gone.

use serde_json::{Value, json};

use crate::client::{Ask, BOTH, Tab, Transport, Visit, eventually};
use crate::server::{Server, config};

fn tab(server: &Server, transport: Transport, query: &str) -> Tab {
    let visit = Visit::new(transport, "/checkout").version("old");
    visit.query(query).open(server.address)
}

fn acknowledge(tab: &mut Tab, rule: &Value, outcome: &str) {
    tab.tell(&json!({"type": "ack", "id": rule["id"], "outcome": outcome}));
}

fn outcomes(server: &Server, rule: &Value) -> Value {
    let answer = server.admin(Ask::get("/api/admin/invalidations")).json();
    let rules = answer["invalidations"].as_array().unwrap();
    rules.iter().find(|stands| stands["id"] == rule["id"]).unwrap()["outcomes"].clone()
}

/// Waits until the named outcomes are these, and all others none.
fn await_outcomes(server: &Server, rule: &Value, expected: &[(&str, u64)]) {
    let mut whole = json!({
        "matched": 0, "told": 0, "reloaded": 0, "held": 0, "waiting": 0, "prompted": 0, "stuck": 0, "current": 0,
        "gone": 0,
    });
    for (name, count) in expected {
        whole[*name] = (*count).into();
    }
    eventually(&format!("outcomes {whole}"), || {
        (outcomes(server, rule) == whole).then_some(())
    });
}

#[test]
fn every_tab_that_was_told_is_accounted_for() {
    for transport in BOTH {
        let server = Server::start(config());
        server.release("v2");
        let mut tabs: Vec<_> = (0..7)
            .map(|number| tab(&server, transport, &format!("tab=visitor-{number}")))
            .collect();
        let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}}));
        await_outcomes(&server, &rule, &[("matched", 7), ("told", 7)]);
        for (tab, outcome) in
            tabs.iter_mut()
                .zip(["held", "waiting", "prompted", "stuck", "current", "reloading"])
        {
            acknowledge(tab, &rule, outcome);
        }
        let each = [
            ("held", 1),
            ("waiting", 1),
            ("prompted", 1),
            ("stuck", 1),
            ("current", 1),
        ];
        let told = [("matched", 7), ("told", 7)];
        await_outcomes(&server, &rule, &[&told[..], &each].concat());
        // The last word counts: what was held is saved, and the page reloads.
        acknowledge(&mut tabs[0], &rule, "reloading");
        await_outcomes(&server, &rule, &[&told[..], &each[1..]].concat());
        // The seventh closes without a word, and the one that reloads is away for a moment.
        drop(tabs.pop());
        drop(tabs.remove(0));
        await_outcomes(&server, &rule, &[&told[..], &each[1..], &[("gone", 2)]].concat());
        let query = format!("v=v2&tab=visitor-0&reloaded={},99", rule["id"]);
        let _back = tab(&server, transport, &query);
        let reloaded = [("reloaded", 1), ("gone", 1)];
        await_outcomes(&server, &rule, &[&told[..], &each[1..], &reloaded].concat());
    }
}

#[test]
fn a_reconnect_is_neither_a_reload_nor_told_twice() {
    for transport in BOTH {
        let server = Server::start(config());
        server.release("v2");
        let mut before = tab(&server, transport, "tab=visitor");
        let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}}));
        before.next_of("version");
        acknowledge(&mut before, &rule, "held");
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1), ("held", 1)]);
        let resume = before.resume.clone();
        drop(before);
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1), ("gone", 1)]);
        let mut after = tab(&server, transport, &format!("tab=visitor&since={resume}"));
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1)]);
        // It still holds, and says so again.
        acknowledge(&mut after, &rule, "held");
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1), ("held", 1)]);
    }
}

#[test]
fn words_about_what_one_was_not_told_count_for_nothing() {
    for transport in BOTH {
        let server = Server::start(config());
        server.release("v2");
        let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}}));
        let mut bystander = Visit::new(transport, "/elsewhere")
            .version("old")
            .query(&format!("reloaded={}0", rule["id"]))
            .open(server.address);
        for (id, outcome) in [(&rule["id"], "held"), (&json!(4_000_000_000_u32), "stuck")] {
            bystander.tell(&json!({"type": "ack", "id": id, "outcome": outcome}));
        }
        bystander.tell(&json!({"type": "ping"}));
        bystander.next_of("pong");
        await_outcomes(&server, &rule, &[]);
        // Navigating onto the rule's route, it is told: then its word counts.
        bystander.navigate("/checkout");
        bystander.next_of("version");
        acknowledge(&mut bystander, &rule, "held");
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1), ("held", 1)]);
        // Another rule for the same tabs replaces the first, and its books begin at zero.
        let next = server.invalidate(&json!({"match": {"exact": "/checkout"}}));
        await_outcomes(&server, &next, &[("matched", 1), ("told", 1)]);
    }
}

/// Regression: every claim of a visitor about reloads and rules was counted, as often as it came.
#[test]
fn strangers_add_no_reload_and_hide_no_tab_that_is_gone() {
    for transport in BOTH {
        let server = Server::start(config());
        server.release("v2");
        let mut tabs: Vec<_> = (0..5)
            .map(|number| tab(&server, transport, &format!("tab=the-tab-of-visitor-{number}")))
            .collect();
        let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}}));
        await_outcomes(&server, &rule, &[("matched", 5), ("told", 5)]);
        let id = &rule["id"];
        let come = || {
            let ids = vec![id.to_string(); 64].join(",");
            for number in 0..20 {
                let queries = [
                    format!("v=v2&reloaded={ids}"),
                    format!("v=v2&reloaded={id}&tab=a-tab-of-a-stranger-{number}"),
                    format!("v=v2&reloaded={id}&tab=the-tab-of-a-stranger"),
                ];
                for query in queries {
                    drop(tab(&server, transport, &query));
                }
            }
        };
        come();
        await_outcomes(&server, &rule, &[("matched", 5), ("told", 5)]);
        let staying = tabs.split_off(3);
        drop(tabs);
        let told = [("matched", 5), ("told", 5)];
        await_outcomes(&server, &rule, &[&told[..], &[("gone", 3)]].concat());
        come();
        // Two of the three come back, one of them again and again. It is counted once, and the third stays gone.
        for number in [0, 1, 1, 1] {
            let query = format!("v=v2&reloaded={id}&tab=the-tab-of-visitor-{number}");
            drop(tab(&server, transport, &query));
        }
        let after = [("reloaded", 2), ("gone", 1)];
        await_outcomes(&server, &rule, &[&told[..], &after].concat());
        drop(staying);
        let after = [("reloaded", 2), ("gone", 3)];
        await_outcomes(&server, &rule, &[&told[..], &after].concat());
    }
}

/// Regression: connections that made up what they were told were counted as here, and so hid those that were gone.
#[test]
fn a_stranger_that_claims_to_be_told_is_counted_as_told_and_hides_no_tab() {
    for transport in BOTH {
        let server = Server::start(config());
        server.release("v2");
        let visitor = tab(&server, transport, "tab=the-tab-of-a-visitor");
        let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}}));
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1)]);
        drop(visitor);
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1), ("gone", 1)]);
        let claim = format!("since=0;{}&tab=the-tab-of-a-stranger", rule["id"]);
        let mut stranger = tab(&server, transport, &claim);
        for _ in 0..20 {
            acknowledge(&mut stranger, &rule, "held");
        }
        let told = [("matched", 2), ("told", 2)];
        await_outcomes(&server, &rule, &[&told[..], &[("held", 1), ("gone", 1)]].concat());
        for outcome in ["stuck", "current", "prompted", "reloading"] {
            acknowledge(&mut stranger, &rule, outcome);
        }
        await_outcomes(&server, &rule, &[&told[..], &[("gone", 1)]].concat());
        drop(stranger);
        await_outcomes(&server, &rule, &[&told[..], &[("gone", 2)]].concat());
        // Tabs without an id cannot be told apart, but none of them counts as the visitor's.
        for _ in 0..3 {
            drop(tab(&server, transport, &format!("since=0;{}", rule["id"])));
        }
        server.await_total(0);
        assert_eq!(outcomes(&server, &rule)["gone"], 5);
    }
}

/// Regression: any claim that a tab without an id was back, or had reloaded, was counted.
#[test]
fn nobody_comes_back_for_tabs_without_an_id() {
    for transport in BOTH {
        let server = Server::start(config());
        server.release("v2");
        let tabs: Vec<_> = (0..5).map(|_| tab(&server, transport, "")).collect();
        let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}}));
        await_outcomes(&server, &rule, &[("matched", 5), ("told", 5)]);
        let resume = tabs[0].resume.clone();
        drop(tabs);
        await_outcomes(&server, &rule, &[("matched", 5), ("told", 5), ("gone", 5)]);
        let id = &rule["id"];
        for _ in 0..8 {
            drop(tab(&server, transport, &format!("v=v2&reloaded={id}")));
        }
        server.await_total(0);
        await_outcomes(&server, &rule, &[("matched", 5), ("told", 5), ("gone", 5)]);
        let epoch = resume.split('.').next().unwrap();
        for _ in 0..5 {
            drop(tab(&server, transport, &format!("v=v2&since={epoch}.1;{id}")));
        }
        server.await_total(0);
        assert!(outcomes(&server, &rule)["gone"].as_u64().unwrap() >= 5);
    }
}

/// Regression: the connection that was written the rule and never read it counted as gone for ever.
#[test]
fn a_tab_that_is_told_again_after_a_blip_is_one_tab() {
    for transport in BOTH {
        let server = Server::start(config());
        server.release("v2");
        let first = tab(&server, transport, "tab=visitor");
        let unread = first.resume.clone();
        let rule = server.invalidate(&json!({"match": {"exact": "/checkout"}}));
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1)]);
        drop(first);
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1), ("gone", 1)]);
        let mut again = tab(&server, transport, &format!("tab=visitor&since={unread}"));
        again.next_of("version");
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1)]);
        drop(again);
        let query = format!("v=v2&tab=visitor&reloaded={}", rule["id"]);
        let _back = tab(&server, transport, &query);
        await_outcomes(&server, &rule, &[("matched", 1), ("told", 1), ("reloaded", 1)]);
    }
}
