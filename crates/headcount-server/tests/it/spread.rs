//! Commands to many are told over a while.

use headcount_server::Config;
use headcount_server::Limits;
use serde_json::{Value, json};

use crate::client::{Ask, BOTH, Tab, Transport, Visit, ask, eventually};
use crate::server::{SECRET, Server, config};

fn spreading() -> Config {
    config().with(|config| config.limits = Limits::default())
}

fn open(server: &Server, number: usize) -> Tab {
    Visit::new(BOTH[number % 2], "/shop")
        .version("old")
        .query(&format!("tab=the-tab-of-visitor-{number}"))
        .open(server.address)
}

fn tabs(server: &Server, count: usize) -> Vec<Tab> {
    (0..count).map(|number| open(server, number)).collect()
}

/// The rules that a tab was told up to now.
fn told(server: &Server, tab: &mut Tab) -> Vec<Value> {
    server.mark(&tab.id);
    let before = tab.until("marker");
    before
        .into_iter()
        .filter(|message| message["force"] == true || message["prompt"] == true)
        .collect()
}

fn outcomes(server: &Server) -> Value {
    let answer = server.admin(Ask::get("/api/admin/invalidations")).json();
    answer["invalidations"][0]["outcomes"].clone()
}

fn shop(more: &[(&str, Value)]) -> Value {
    let mut body = json!({"match": {"segment": "/shop"}});
    for (key, value) in more {
        body[*key] = value.clone();
    }
    body
}

#[test]
fn twelve_tabs_are_told_over_a_second_or_two_and_one_at_once() {
    let server = Server::start(spreading());
    let mut first = tabs(&server, 1);
    let answer = server.invalidate(&shop(&[]));
    assert_eq!(answer.get("spreadMs"), None, "{answer}");
    assert_eq!(told(&server, &mut first[0]).len(), 1);
    drop(first);
    server.await_total(0);
    let mut tabs = tabs(&server, 12);
    let body = shop(&[("audience", json!("all"))]);
    let dry = server.invalidate(&shop(&[("audience", json!("all")), ("dryRun", json!(true))]));
    let answer = server.invalidate(&body);
    assert_eq!(dry["spreadMs"], answer["spreadMs"]);
    let spread_ms = answer["spreadMs"].as_u64().unwrap();
    assert!((1_000..=2_000).contains(&spread_ms), "{answer}");
    // Each of them hears of it in the end, once.
    for tab in &mut tabs {
        let message = loop {
            let message = tab.next();
            if message["id"] == answer["id"] {
                break message;
            }
        };
        assert_eq!(message["force"], true);
    }
    for tab in &mut tabs {
        assert!(told(&server, tab).is_empty(), "once");
    }
}

#[test]
fn a_tab_keeps_its_moment_over_a_reconnect_and_a_rule_that_is_lifted_is_told_no_more() {
    let server = Server::start(spreading());
    let mut open_tabs = tabs(&server, 40);
    let answer = server.invalidate(&shop(&[("spreadMs", json!(3_600_000))]));
    assert_eq!(
        (&answer["tabs"], &answer["spreadMs"]),
        (&json!(40), &json!(3_600_000))
    );
    // An hour for forty tabs: most of them wait, here and after a reconnect or a move.
    let count = |tabs: &mut [Tab]| tabs.iter_mut().filter_map(|tab| told(&server, tab).pop()).count();
    let early = count(&mut open_tabs);
    assert!(early < 10, "{early}");
    open_tabs[39].navigate("/shop/cart");
    let mut again = tabs(&server, 39);
    let early = count(&mut again);
    assert!(early < 10, "{early}");
    assert_eq!(told(&server, &mut open_tabs[39]).len(), 0);
    let outcomes = outcomes(&server);
    assert!(outcomes["told"].as_u64().unwrap() < 10, "{outcomes}");
    let lifted = Ask::new("DELETE", format!("/api/admin/invalidations/{}", answer["id"]));
    assert_eq!(server.admin(lifted).status, 200);
    // The next command takes its place, and goes to all at once where that is asked.
    let at_once = server.invalidate(&shop(&[("spreadMs", json!(0))]));
    assert_eq!(at_once.get("spreadMs"), None);
    assert_eq!(count(&mut again), 39);
}

#[test]
fn an_offer_and_a_server_without_spread_tell_all_at_once() {
    let server = Server::start(spreading());
    let mut open_tabs = tabs(&server, 12);
    let offer = server.invalidate(&shop(&[("mode", json!("prompt"))]));
    assert_eq!(offer.get("spreadMs"), None);
    for tab in &mut open_tabs {
        assert_eq!(told(&server, tab).len(), 1);
    }
    let server = Server::start(config());
    let mut open_tabs = tabs(&server, 12);
    assert_eq!(server.invalidate(&shop(&[])).get("spreadMs"), None);
    for tab in &mut open_tabs {
        assert_eq!(told(&server, tab).len(), 1);
    }
}

#[test]
fn the_specifications_call_spreads_too_and_a_spread_that_makes_no_sense_is_refused() {
    let server = Server::start(spreading());
    let mut open_tabs = tabs(&server, 12);
    for (body, said) in [
        (shop(&[("spreadMs", json!(3_600_001))]), "spreadMs"),
        (shop(&[("spreadMs", json!(-1))]), "integer `-1`"),
        (shop(&[("spreadMs", json!("1s"))]), "string \"1s\""),
        (
            shop(&[("spreadMs", json!(10_001)), ("expires", json!(10))]),
            "spreadMs",
        ),
    ] {
        let answer = server.admin(Ask::post("/api/admin/invalidations", &body));
        assert_eq!((answer.status, &*answer.code()), (400, "invalid-body"), "{body}");
        assert!(
            answer.json()["error"]["message"].as_str().unwrap().contains(said),
            "{answer:?}"
        );
    }
    let route = |more: Value| {
        let mut body = json!({"route": "/shop", "secret": SECRET});
        if !more.is_null() {
            body["spreadMs"] = more;
        }
        ask(server.address, &Ask::post("/api/admin/invalidate-route", &body)).json()
    };
    assert!(route(Value::Null)["spreadMs"].as_u64().unwrap() >= 1_000);
    let at_once = route(json!(0));
    assert_eq!(at_once.get("spreadMs"), None);
    for tab in &mut open_tabs {
        let ids: Vec<Value> = told(&server, tab)
            .into_iter()
            .map(|message| message["id"].clone())
            .collect();
        assert!(ids.contains(&at_once["id"]), "{ids:?}");
    }
}

/// A tab that comes while others are told has its moment like them, and none is forgotten: also one without an id.
#[test]
fn a_tab_that_comes_during_the_spread_is_told_before_its_end() {
    let server = Server::start(spreading());
    let _first = tabs(&server, 4);
    let answer = server.invalidate(&shop(&[
        ("spreadMs", json!(1_500)),
        ("audience", json!("outdated")),
    ]));
    assert_eq!(answer["spreadMs"], 1_500);
    let _late = (
        open(&server, 77),
        Visit::new(Transport::Sse, "/shop")
            .version("old")
            .open(server.address),
    );
    eventually("all of them are told", || {
        (outcomes(&server)["told"] == 6).then_some(())
    });
}
