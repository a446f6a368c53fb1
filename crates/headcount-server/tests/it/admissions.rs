//! Admissions that stand: while the app does not answer, while hundreds of visitors ask, and while visitors make the app
//! delete cookies.

use std::net::SocketAddr;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use headcount_server::Limits;
use headcount_server::config::ForwardAuthConfig;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::app_server::Bridge;
use crate::authorize::ticket;
use crate::client::{Ask, BOTH, Tab, Transport, Visit, ask, connect, eventually};
use crate::nodes;
use crate::server::{Door, Server, config};

const ADMITTED: &str = "headcount_subscribed_total{kind=\"admitted\"}";
const STANDS: &str = "headcount_subscribed_total{kind=\"stands\"}";
const UNAVAILABLE: &str = "headcount_subscribed_total{kind=\"unavailable\"}";

/// Asks for every admission again after a moment, over a bridge that must answer in a moment.
fn impatient() -> Limits {
    Limits::default().with(|limits| {
        limits.admission_ms = 100;
        limits.bridge_answer_ms = 500;
    })
}

fn asking(limits: Limits) -> Server {
    let config = config().with(|config| {
        config.authorize_bridge = true;
        config.limits = limits;
    });
    Server::build(Door::Own, config, |builder| builder)
}

fn open(server: &Server, transport: Transport, cookies: &str) -> Tab {
    let mut tab = Visit::new(transport, "/").cookie(cookies).open(server.address);
    tab.subscribe();
    tab
}

/// Answers a question; whether that was still waited for.
fn answer(server: &Server, asked: &Value, admitted: bool) -> bool {
    let body = json!({"answers": [{"ask": asked["ask"], "admitted": admitted}]});
    let answer = server.admin(Ask::post("/api/admin/bridge/answers", &body));
    answer.json()["taken"] == 1
}

/// A reader that the app admitted.
fn admitted(server: &Server, app: &mut Bridge, transport: Transport, cookies: &str) -> Tab {
    let mut tab = open(server, transport, cookies);
    loop {
        let asked = app.next_of("authorize");
        answer(server, &asked, true);
        if asked["id"] == json!(tab.id) {
            assert_eq!(tab.next()["type"], "stats");
            return tab;
        }
    }
}

fn end_cookies(server: &Server, cookies: &[&str]) {
    let answer = server.admin(Ask::post("/api/admin/bridge/ended", &json!({"cookies": cookies})));
    assert_eq!(answer.json(), nodes::ended());
}

#[test]
fn an_app_that_is_away_takes_stats_from_nobody_and_one_that_is_back_may_refuse() {
    for transport in BOTH {
        let server = asking(impatient());
        let mut app = Bridge::open(server.address, "hooks=authorize");
        let mut reader = admitted(&server, &mut app, transport, "sid=1");
        drop(app);
        eventually("it stands", || (server.metric(STANDS) >= 3).then_some(()));
        let tab = Visit::new(Transport::Sse, "/new").open(server.address);
        while reader.next_of("stats")["total"] != 2 {}
        drop(tab);
        // No new subscriber is admitted during that time.
        let mut stranger = open(&server, transport, "sid=2");
        assert_eq!(stranger.next()["type"], "stats-unauthorized");
        let mut app = Bridge::open(server.address, "hooks=authorize");
        // An answer that comes too late is not taken, and the question comes again.
        loop {
            let asked = app.next_of("authorize");
            assert_eq!(asked["id"], json!(reader.id));
            if answer(&server, &asked, false) {
                break;
            }
        }
        reader.until("stats-unauthorized");
    }
}

#[test]
fn an_admission_that_nobody_renews_ends_after_the_stated_while() {
    let server = asking(impatient().with(|limits| limits.admission_grace_ms = 2_000));
    let mut app = Bridge::open(server.address, "hooks=authorize");
    let mut reader = admitted(&server, &mut app, Transport::Sse, "sid=1");
    drop(app);
    reader.until("stats-unauthorized");
    assert!(server.metric(STANDS) >= 1);
    assert_eq!(server.metric(UNAVAILABLE), 1);
}

#[test]
fn a_ticket_admits_at_once_while_no_bridge_answers() {
    let server = asking(Limits::default().with(|limits| {
        limits.admission_ms = 100;
        limits.bridge_answer_ms = 60_000;
    }));
    let ticket = ticket(&server);
    let mut readers = BOTH.map(|transport| open(&server, transport, &ticket));
    for reader in &mut readers {
        assert_eq!(reader.next()["type"], "stats");
    }
    eventually("they are renewed", || {
        (server.metric(ADMITTED) >= 6).then_some(())
    });
    for reader in &mut readers {
        server.mark(&reader.id);
        assert!(
            reader
                .until("marker")
                .iter()
                .all(|message| message["type"] == "stats")
        );
    }
    assert_eq!((server.metric(STANDS), server.metric(UNAVAILABLE)), (0, 0));
}

#[test]
fn signing_out_ends_the_stream_of_a_ticket_at_once() {
    // Admissions hold for a minute here.
    let server = asking(Limits::default());
    let ticket = ticket(&server);
    let mut readers = BOTH.map(|transport| open(&server, transport, &ticket));
    for reader in &mut readers {
        assert_eq!(reader.next()["type"], "stats");
    }
    let sign_out = Ask::new("DELETE", "/api/admin/session").header("cookie", ticket);
    assert_eq!(ask(server.address, &sign_out).status, 200);
    for reader in &mut readers {
        reader.until("stats-unauthorized");
    }
}

/// An app that admits `sid=admin` and lets all others wait.
fn slow_app(runtime: &Runtime) -> SocketAddr {
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/may-see", get(decide));
    runtime.spawn(async { axum::serve(listener, router).await });
    address
}

async fn decide(headers: HeaderMap) -> StatusCode {
    let is_admin = headers
        .get("cookie")
        .is_some_and(|cookies| cookies.to_str().unwrap().contains("sid=admin"));
    if !is_admin {
        std::future::pending::<()>().await;
    }
    StatusCode::NO_CONTENT
}

#[test]
fn strangers_who_ask_in_hundreds_keep_no_admin_out() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let config = config().with(|config| {
        let mut endpoint = ForwardAuthConfig::new(format!("http://{}/may-see", slow_app(&runtime)));
        endpoint.cache_ms = 0;
        endpoint.timeout_ms = 1_000;
        config.forward_auth = Some(endpoint);
        config.limits = Limits::default().with(|limits| {
            limits.admission_ms = 200;
            limits.subscribers_max = 8;
            limits.subscribers_pending_max = 150;
        });
    });
    let server = Server::build(Door::Own, config, |builder| builder);
    let mut admin = open(&server, Transport::WebSocket, "sid=admin");
    assert_eq!(admin.next()["type"], "stats");
    let strangers: Vec<Tab> = (0..300)
        .map(|number| open(&server, Transport::WebSocket, &format!("sid=stranger-{number}")))
        .collect();
    // Those without a place are refused; the others wait.
    eventually("strangers wait", || {
        (server.metric(UNAVAILABLE) >= 150).then_some(())
    });
    let before = server.metric(ADMITTED);
    // The same browser in another tab, and another admin.
    for cookies in ["sid=admin", "sid=admin; theme=dark"] {
        let mut another = open(&server, Transport::WebSocket, cookies);
        assert_eq!(another.next()["type"], "stats", "{cookies}");
    }
    eventually("admissions are renewed", || {
        (server.metric(ADMITTED) >= before + 8).then_some(())
    });
    server.mark(&admin.id);
    let before = admin.until("marker");
    assert!(before.iter().all(|message| message["type"] == "stats"));
    drop(strangers);
}

#[test]
fn what_visitors_have_deleted_asks_nobody_again_and_pushes_no_sign_out_out() {
    let server = asking(Limits::default());
    let mut app = Bridge::open(server.address, "hooks=authorize");
    for transport in BOTH {
        let session = format!("sid={transport:?}");
        let mut admin = admitted(&server, &mut app, transport, &session);
        end_cookies(&server, &["sid=visitor", "theme=dark"]);
        // The next question is the next visitor's.
        let mut visitor = open(&server, transport, "sid=visitor; a=b");
        let asked = app.next_of("authorize");
        assert_eq!(asked["id"], json!(visitor.id));
        assert!(
            !asked["headers"]["cookie"]
                .as_str()
                .unwrap()
                .contains("sid=visitor")
        );
        answer(&server, &asked, false);
        visitor.until("stats-unauthorized");

        end_cookies(&server, &[&session]);
        admin.until("stats-unauthorized");
        let junk: Vec<String> = (0..40_000).map(|number| format!("{session}-{number}")).collect();
        end_cookies(&server, &junk.iter().map(String::as_str).collect::<Vec<_>>());
        admin.subscribe();
        assert_eq!(admin.next()["type"], "stats-unauthorized", "{transport:?}");
    }
}

#[test]
fn a_cookie_that_ends_while_the_app_is_asked_is_left_out_of_the_next_question() {
    let server = asking(Limits::default());
    let mut app = Bridge::open(server.address, "hooks=authorize");
    for transport in BOTH {
        let session = format!("sid={transport:?}");
        let mut admin = open(&server, transport, &format!("{session}; theme=dark"));
        let asked = app.next_of("authorize");
        end_cookies(&server, &[&session]);
        assert!(answer(&server, &asked, true), "{transport:?}");
        let asked = app.next_of("authorize");
        assert_eq!(asked["headers"]["cookie"], "theme=dark");
        answer(&server, &asked, false);
        assert_eq!(admin.next()["type"], "stats-unauthorized", "{transport:?}");
    }
}

#[test]
fn a_cookie_that_others_show_too_can_be_deleted_without_harm() {
    let server = asking(Limits::default());
    let mut app = Bridge::open(server.address, "hooks=authorize");
    for transport in BOTH {
        let session = format!("sid={transport:?}");
        let theme = format!("theme={transport:?}");
        let mut admin = admitted(&server, &mut app, transport, &format!("{session}; {theme}"));
        end_cookies(&server, &[&theme]);
        let asked = app.next_of("authorize");
        let cookies = asked["headers"]["cookie"].as_str().unwrap();
        assert!(
            cookies.contains(&session) && !cookies.contains(&theme),
            "{cookies}"
        );
        answer(&server, &asked, true);
        assert_eq!(admin.next()["type"], "stats", "{transport:?}");
        end_cookies(&server, &[&theme, "x=y"]);
        end_cookies(&server, &[&session]);
        admin.until("stats-unauthorized");
    }
}

#[test]
fn browsers_that_show_the_same_are_one_question_of_the_app() {
    let server = asking(Limits::default());
    let mut tabs: Vec<Tab> = (0..20)
        .map(|_| open(&server, Transport::WebSocket, "sid=1"))
        .collect();
    let socket = connect(server.address);
    let mut app = Bridge::open_on(socket.try_clone().unwrap(), server.address, "hooks=authorize");
    let questions = std::thread::scope(|scope| {
        let answering = scope.spawn(|| {
            let mut questions = 0;
            while let Some(line) = app.next_or_end() {
                if line["type"] == "authorize" {
                    answer(&server, &line, true);
                    questions += 1;
                }
            }
            questions
        });
        for tab in &mut tabs {
            assert_eq!(tab.next()["type"], "stats");
        }
        socket.shutdown(std::net::Shutdown::Both).unwrap();
        answering.join().unwrap()
    });
    // One that asks after the app has answered is asked about separately.
    assert!((1..=5).contains(&questions), "{questions} questions");
}
