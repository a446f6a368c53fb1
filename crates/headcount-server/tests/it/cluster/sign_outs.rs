//! What was ended at one server ends at all: at once, and at those that were away as soon as they are heard again.

use std::slice::from_ref;

use headcount_server::{Config, clock};
use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::counts::{await_nodes, how_many};
use super::node::{Site, without_release};
use crate::authorize::{sealed, ticket, verdict};
use crate::client::{Ask, BOTH, Transport, ask, eventually};
use crate::seal::seal;
use crate::server::Server;

at_each_broker! {
    a_ticket_that_is_ended_at_one_server_ends_at_all_at_once,
    a_cookie_that_is_ended_at_one_server_ends_at_all_at_once,
    servers_that_were_cut_off_learn_what_was_ended_meanwhile,
    a_server_that_joins_later_learns_what_was_ended_also_of_one_that_is_gone,
}

fn stats(server: &Server, cookie: &str) -> u16 {
    let stats = Ask::get("/api/admin/stats").header("cookie", cookie);
    ask(server.address, &stats).status
}

fn sign_out(server: &Server, cookie: &str) -> Value {
    let sign_out = Ask::new("DELETE", "/api/admin/session").header("cookie", cookie);
    ask(server.address, &sign_out).json()
}

fn end_cookies(server: &Server, cookies: &[String]) -> Value {
    let ended = Ask::post("/api/admin/bridge/ended", &json!({"cookies": cookies}));
    server.admin(ended).json()
}

/// What a tab with this cookie is answered when it subscribes.
fn answer(server: &Server, cookie: &str) -> String {
    verdict(server, Transport::WebSocket, &[cookie.to_owned()]).1
}

fn by_session() -> Config {
    sealed(r#"user.role == "admin""#).with(|config| config.release = without_release().release)
}

/// The cookie of an admin's session, which is valid for an hour.
fn session() -> String {
    let expires_ms = clock::unix_ms() + 3_600_000;
    let value = seal(r#"{"data":{"user":{"role":"admin"}}}"#, expires_ms);
    format!("nuxt-session={value}")
}

fn a_ticket_that_is_ended_at_one_server_ends_at_all_at_once(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    for at in 0..3 {
        let [cookie, other] = [(); 2].map(|()| ticket(&servers[0]));
        let mut readers = BOTH.map(|transport| verdict(&servers[1], transport, from_ref(&cookie)).0);
        let (mut stays, _) = verdict(&servers[1], Transport::WebSocket, from_ref(&other));
        assert_eq!(
            sign_out(&servers[at], &cookie),
            json!({"ok": true, "nodes": {"answered": 3, "of": 3}})
        );
        for server in &servers {
            assert_eq!((stats(server, &cookie), stats(server, &other)), (401, 200));
            assert_eq!(answer(server, &cookie), "stats-unauthorized");
        }
        for reader in &mut readers {
            reader.until("stats-unauthorized");
        }
        servers[1].mark(&stays.id);
        let before = stays.until("marker");
        assert!(
            before.iter().all(|message| message["type"] == "stats"),
            "{before:?}"
        );
    }
}

/// The app signs a user out at any server. The stream that the session admitted is at another one, and junk makes no server forget it.
fn a_cookie_that_is_ended_at_one_server_ends_at_all_at_once(version: Version) {
    let site = Site::start(version);
    let servers = [(); 3].map(|()| site.node_with(None, by_session()));
    await_nodes(&servers);
    let session = session();
    let mut readers = BOTH.map(|transport| {
        let (tab, answer) = verdict(&servers[1], transport, from_ref(&session));
        assert_eq!(answer, "stats", "{transport:?}");
        tab
    });
    assert_eq!(
        end_cookies(&servers[0], from_ref(&session)),
        json!({"ok": true, "nodes": {"answered": 3, "of": 3}})
    );
    for reader in &mut readers {
        reader.until("stats-unauthorized");
    }
    let junk: Vec<String> = (0..40_000)
        .map(|number| format!("nuxt-session={number}"))
        .collect();
    for server in &servers {
        end_cookies(server, &junk);
    }
    let newcomer = site.node_with(None, by_session());
    await_nodes(servers.iter().chain([&newcomer]));
    for server in &servers {
        assert_eq!(answer(server, &session), "stats-unauthorized");
    }
    eventually("the newcomer knows it", || {
        (answer(&newcomer, &session) == "stats-unauthorized").then_some(())
    });
}

fn servers_that_were_cut_off_learn_what_was_ended_meanwhile(version: Version) {
    let mut site = Site::start(version);
    let servers = [(); 3].map(|()| site.node_with(None, by_session()));
    await_nodes(&servers);
    let (cookie, session) = (ticket(&servers[0]), session());
    let mut readers = [&cookie, &session].map(|cookie| {
        let (tab, answer) = verdict(&servers[1], Transport::Sse, from_ref(cookie));
        assert_eq!(answer, "stats");
        tab
    });
    site.kill();
    let alone = json!({"answered": 1, "of": 3});
    assert_eq!(how_many(&sign_out(&servers[0], &cookie)["nodes"]), alone);
    assert_eq!(
        how_many(&end_cookies(&servers[0], from_ref(&session))["nodes"]),
        alone
    );
    assert_eq!(stats(&servers[0], &cookie), 401);
    assert_eq!(stats(&servers[1], &cookie), 200, "it cannot know");
    site.run();
    for reader in &mut readers {
        reader.until("stats-unauthorized");
    }
    for server in &servers {
        eventually("it is ended", || (stats(server, &cookie) == 401).then_some(()));
        eventually("the session is ended", || {
            (answer(server, &session) == "stats-unauthorized").then_some(())
        });
    }
}

fn a_server_that_joins_later_learns_what_was_ended_also_of_one_that_is_gone(version: Version) {
    let site = Site::start(version);
    let [mut first, second, third] = site.three();
    await_nodes([&first, &second, &third]);
    let cookie = ticket(&second);
    sign_out(&first, &cookie);
    first.stop();
    first.join();
    let newcomer = site.node(None);
    eventually("it is ended", || (stats(&newcomer, &cookie) == 401).then_some(()));
    assert_eq!([stats(&second, &cookie), stats(&third, &cookie)], [401; 2]);
}
