//! Pages of other origins, of apps, and of the site itself behind a proxy that rewrites `Host`.

use headcount_server::Config;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, Transport, Visit, ask, eventually};
use crate::nodes::alone;
use crate::server::{Door, SECRET, Server, config};

const DOORS: [Door; 3] = [Door::Own, Door::Axum, Door::Wrapped];

fn post(server: &Server, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
    let request = headers
        .iter()
        .fold(Ask::post(path, body), |request, (name, value)| {
            request.header(name, *value)
        });
    ask(server.address, &request)
}

fn route_of(server: &Server, id: &str) -> Value {
    let page = server.admin(Ask::get("/api/admin/connections")).json();
    let rows = page["connections"].as_array().unwrap();
    rows.iter().find(|row| row["id"] == *id).unwrap()["route"].clone()
}

/// Regression: a page's own POSTs were refused behind a proxy that rewrites `Host`, and its route stood still.
#[test]
fn a_proxy_that_rewrites_the_host_freezes_no_route() {
    for door in DOORS {
        let server = Server::build(door, config(), |builder| builder);
        let tab = Visit::new(Transport::Sse, "/a").open(server.address);
        let origin = ("origin", "https://shop.example");
        for (path, route) in [("/__skew/route", "/b"), ("/__skew/message", "/c")] {
            let body = json!({"connectionId": tab.id, "type": "route-update", "route": route});
            let proved = [origin, ("sec-fetch-site", "same-origin")];
            assert_eq!(post(&server, path, &body, &proved).status, 200, "{door:?} {path}");
            eventually("the tab is there", || {
                (route_of(&server, &tab.id) == route).then_some(())
            });
            for unproved in [
                &[origin][..],
                &[origin, ("sec-fetch-site", "same-site")],
                &[origin, ("sec-fetch-site", "cross-site")],
                &[("sec-fetch-site", "same-site")],
            ] {
                let body = json!({"connectionId": tab.id, "type": "route-update", "route": "/x"});
                assert_eq!(
                    post(&server, path, &body, unproved).status,
                    403,
                    "{door:?} {path} {unproved:?}"
                );
            }
            assert_eq!(route_of(&server, &tab.id), route);
        }
    }
}

#[test]
fn a_refusal_is_there_to_be_seen() {
    if alone("what it refused") {
        return;
    }
    let server = Server::build(Door::Own, config(), |builder| builder);
    assert_eq!(
        server.admin(Ask::get("/api/admin/refusals")).json(),
        json!({"refusals": []})
    );
    assert_eq!(ask(server.address, &Ask::get("/api/admin/refusals")).status, 401);
    let foreign = [("origin", "https://shop.example")];
    for _ in 0..2 {
        assert_eq!(post(&server, "/__skew/route", &json!({}), &foreign).status, 403);
    }
    assert_eq!(
        post(
            &server,
            "/api/admin/session",
            &json!({"secret": SECRET}),
            &foreign
        )
        .status,
        403
    );
    let refused = server.admin(Ask::get("/api/admin/refusals")).json();
    let refused = refused["refusals"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(
        (&refused[0]["origin"], &refused[0]["count"]),
        (&json!("https://shop.example"), &json!(3))
    );
    assert!(!refused[0]["host"].as_str().unwrap().is_empty() && refused[0]["lastAt"].is_u64());
    assert_eq!(server.metric("headcount_refused_total{kind=\"origin\"}"), 3);
}

#[test]
fn apps_are_let_in_by_name_through_every_door() {
    let listed = ["capacitor://localhost", "app://obsidian.md", "null"];
    for door in DOORS {
        let config = config().with(|config| config.allowed_origins = listed.map(str::to_owned).to_vec());
        let server = Server::build(door, config, |builder| builder);
        for origin in listed {
            for transport in crate::client::BOTH {
                let tab = Visit::new(transport, "/a")
                    .header("origin", origin)
                    .header("sec-fetch-site", "cross-site")
                    .open(server.address);
                if transport == Transport::Sse {
                    let allowed = format!("access-control-allow-origin: {origin}\r\n");
                    assert!(tab.head.contains(&allowed), "{door:?}: {}", tab.head);
                    assert!(tab.head.contains("access-control-allow-credentials: true"));
                }
            }
            let asked = Ask::new("OPTIONS", "/__skew/message")
                .header("origin", origin)
                .header("access-control-request-method", "POST");
            for answer in [
                ask(server.address, &asked),
                post(&server, "/__skew/message", &json!({}), &[("origin", origin)]),
            ] {
                assert!(answer.status < 300, "{door:?} {origin}: {answer:?}");
                assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
                assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
                assert_eq!(answer.header("vary"), Some("origin"));
            }
        }
        for origin in ["ionic://localhost", "capacitor://localhost:1", "app://evil.md"] {
            let visit = Visit::new(Transport::Sse, "/a").header("origin", origin);
            assert_eq!(
                visit.try_open(server.address).err().unwrap().status,
                403,
                "{origin}"
            );
        }
    }
}

#[test]
fn files_and_stats_for_anyone_do_not_go_together() {
    let config = Config::default().with(|config| {
        config.allowed_origins = vec!["null".to_owned()];
        config.authorize_anyone = true;
    });
    let problems = config.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("`authorize` shows stats to anyone"),
        "{problems:?}"
    );
}
