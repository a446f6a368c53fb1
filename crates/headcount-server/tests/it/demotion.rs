//! Who loses the right to see stats loses the open stream: by every authorizer, over both transports.

use std::slice::from_ref;

use headcount_server::Limits;
use headcount_server::faults::Faults;
use headcount_server::{Config, Headcount, clock};
use serde_json::json;

use crate::authorize::{App, forward, sealed, ticket, verdict};
use crate::client::{Ask, BOTH, Tab, Transport, Visit, ask, eventually};
use crate::nodes;
use crate::seal::seal;
use crate::server::{Door, Server, config};

/// How far apart the clocks of an app and of headcount may be, as in iron.
const SKEW_MS: u64 = 60_000;

/// Asks for every admission again after a moment.
fn impatient(config: Config) -> Config {
    config.with(|config| config.limits = Limits::default().with(|limits| limits.admission_ms = 300))
}

fn start(config: Config) -> Server {
    Server::build(Door::Own, config, |builder| builder)
}

/// A reader of stats over each transport.
fn readers(server: &Server, cookie: &str) -> [Tab; 2] {
    BOTH.map(|transport| {
        let (tab, answer) = verdict(server, transport, &[cookie.to_owned()]);
        assert_eq!(answer, "stats", "{transport:?}");
        tab
    })
}

/// Waits until each of two was asked about for the third time, and admitted.
fn await_renewals(server: &Server) {
    let admitted = || server.metric("headcount_subscribed_total{kind=\"admitted\"}");
    eventually("admissions are renewed", || (admitted() >= 6).then_some(()));
    assert_eq!(server.metric("headcount_subscribed_total{kind=\"refused\"}"), 0);
}

/// The cookie of an admin's session, which is valid for an hour.
fn session(number: u32) -> String {
    let content = format!(r#"{{"id":"{number}","data":{{"user":{{"role":"admin"}}}}}}"#);
    let value = seal(&content, clock::unix_ms() + 3_600_000);
    format!("nuxt-session={value}")
}

/// The app says that a cookie is no longer valid.
fn end(server: &Server, cookie: &str) {
    let ended = Ask::post("/api/admin/bridge/ended", &json!({"cookies": [cookie]}));
    assert_eq!(server.admin(ended).json(), nodes::ended());
}

fn assert_lost(server: &Server, mut readers: [Tab; 2]) {
    for reader in &mut readers {
        let before = reader.until("stats-unauthorized");
        assert!(before.iter().all(|message| message["type"] == "stats"));
    }
    let tab = Visit::new(Transport::Sse, "/secret").open(server.address);
    server.await_route("/secret", 1);
    for reader in &mut readers {
        server.mark(&reader.id);
        assert_eq!(reader.next()["type"], "marker", "{:?}", reader.transport());
    }
    assert_eq!(server.metric("headcount_subscribers"), 0);
    drop(tab);
}

#[test]
fn a_sealed_session_that_expires_ends_its_streams() {
    // The limit is a minute here: the stream ends with the session all the same.
    let server = start(sealed(r#"user.role == "admin""#));
    let expires_ms = clock::unix_ms() - SKEW_MS + 3_000;
    let session = seal(r#"{"data":{"user":{"role":"admin"}}}"#, expires_ms);
    let readers = readers(&server, &format!("nuxt-session={session}"));
    assert_lost(&server, readers);
    assert!(clock::unix_ms() >= expires_ms + SKEW_MS, "too early");
}

#[test]
fn signing_out_ends_the_streams_of_a_ticket() {
    let server = start(impatient(config()));
    let ticket = ticket(&server);
    let readers = readers(&server, &ticket);
    await_renewals(&server);
    let sign_out = Ask::new("DELETE", "/api/admin/session").header("cookie", ticket);
    assert_eq!(ask(server.address, &sign_out).status, 200);
    assert_lost(&server, readers);
}

#[test]
fn an_app_that_changes_its_mind_ends_the_streams_it_admitted() {
    let app = App::start();
    let server = start(impatient(forward(app.address, "/may-see")));
    let readers = readers(&server, "sid=admin");
    await_renewals(&server);
    app.forget();
    assert_lost(&server, readers);
}

/// Regression: a session that had ended was admitted again under another spelling of its cookie.
#[test]
fn a_session_that_the_app_ended_admits_in_no_spelling() {
    let server = start(sealed(r#"user.role == "admin""#));
    for number in 0..4 {
        let plain = session(number);
        let spellings = [
            plain.clone(),
            plain.replace('*', "%2A"),
            plain.replacen("5a", "%35%61", 1),
            plain.replacen('=', "=\"", 1) + "\"",
        ];
        let readers = readers(&server, &spellings[0]);
        end(&server, &spellings[number as usize]);
        assert_lost(&server, readers);
        // One for each node.
        for spelling in spellings
            .iter()
            .flat_map(|spelling| vec![spelling; *nodes::COUNT])
        {
            let (_, answer) = verdict(&server, Transport::WebSocket, from_ref(spelling));
            assert_eq!(answer, "stats-unauthorized", "{spelling}");
        }
    }
}

/// Regression: a session that ended between the admission at a shard and the hub's work on it went on for a minute.
#[test]
fn a_session_that_ends_while_it_admits_admits_nobody() {
    let faults = Faults::default();
    let config = sealed(r#"user.role == "admin""#).with(|config| {
        config.limits = Limits::default().with(|limits| {
            limits.answer_ms = 100;
            limits.history_seconds = 0;
        });
    });
    // One node also where others are three: another node tells the hub, so which comes first would be chance.
    let server = Server::one(Door::Own, Headcount::builder(config).faults(faults.clone()));
    let session = session(0);
    let mut tab = Visit::new(Transport::Sse, "/")
        .cookie(&session)
        .open(server.address);
    faults.stall("hub");
    eventually("the hub is stalled", || {
        (server.admin(Ask::get("/api/admin/stats")).status == 503).then_some(())
    });
    tab.subscribe();
    server.mark(&tab.id);
    tab.until("marker");
    let ended = Ask::post("/api/admin/bridge/ended", &json!({"cookies": [session]}));
    assert_eq!(server.admin(ended).json(), json!({"ok": true}));
    faults.resume();
    assert_eq!(tab.next()["type"], "stats-unauthorized");
}
