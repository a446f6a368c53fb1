//! Who gets stats: every authorizer, over both transports, and what happens when the right to see them ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use headcount_server::authorize::closure::closure;
use headcount_server::authorize::{AuthorizeRequest, Reads, Verdict};
use headcount_server::clock;
use headcount_server::config::{ForwardAuthConfig, SealedSessionConfig};
use headcount_server::{Config, Secret};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::client::{Ask, BOTH, Tab, Transport, Visit, ask};
use crate::server::{Door, SECRET, Server, config};

/// What h3 itself sealed, with the password of [`sealed`]: `{user: {email: "admin@example.com", role: "admin"}}`.
const SEALED_BY_H3: &str = "Fe26.2**539d82494a6b07953555ffe9a8a93f0d910cd8d608a89b2a349557cf94f52ce3*o0r9w2-tJCKjawP4UJfvuw*cdixO_biS9zYf5pbcGJuEHD2uNHTDFlmd5r_N9KMGoJMgyPcq2wUtg8lHFDNbmKEeckwfkcOZGTVVd2joF5dHVMIUTrNvzJDhoMLV9O6dtW-dRWXWTWwOMsiQLnxaK4AqWD9fwrLeRX7lmQ9tORwIFzccg1-hfncU4jednprnBB_OHUJ6ZlJjthLapK8wJCE**008696e54886ac963aa2bb68aa1f9c3bd5ef5739deacf355b7f84893d7e33000*4gi4iOTq5h3feOomU--tZ3TObSURsntH3RN3Pdlffto";

/// What the app seals its sessions with.
pub(crate) const SESSION_PASSWORD: &str = "0123456789abcdef0123456789abcdef-ref";

pub(crate) fn sealed(rule: &str) -> Config {
    config().with(|config| {
        let mut sessions = SealedSessionConfig::new(Secret::new(SESSION_PASSWORD));
        sessions.rule = rule.parse().unwrap();
        config.sealed_session = Some(sessions);
    })
}

/// What a tab with these cookies is answered when it subscribes.
pub(crate) fn verdict(server: &Server, transport: Transport, cookies: &[String]) -> (Tab, String) {
    let mut visit = Visit::new(transport, "/");
    for cookie in cookies {
        visit = visit.cookie(cookie);
    }
    let mut tab = visit.open(server.address);
    tab.subscribe();
    let answer = tab.next()["type"].as_str().unwrap().to_owned();
    (tab, answer)
}

fn assert_verdict(server: &Server, cookies: &[&str], expected: &str) {
    let cookies: Vec<_> = cookies.iter().map(|cookie| (*cookie).to_owned()).collect();
    for transport in BOTH {
        let (_, answer) = verdict(server, transport, &cookies);
        assert_eq!(answer, expected, "{transport:?} with {cookies:?}");
    }
}

#[test]
fn with_nothing_configured_nobody_is_admitted() {
    let server = Server::build(
        Door::Own,
        config().with(|config| config.admin_secret = None),
        |builder| builder,
    );
    let ticket = format!("headcount_ticket={SECRET}");
    let session = format!("nuxt-session={SEALED_BY_H3}");
    for cookies in [&[][..], &["sid=admin"], &[&*ticket], &[&*session]] {
        assert_verdict(&server, cookies, "stats-unauthorized");
    }
    let tab = Visit::new(Transport::Sse, "/").open(server.address);
    assert!(
        !tab.head.contains("set-cookie"),
        "no cookie where stats cannot be had: {}",
        tab.head
    );
}

#[test]
fn a_sealed_session_admits_by_its_rule() {
    let session = format!("nuxt-session={}", SEALED_BY_H3.replace('*', "%2A"));
    let server = Server::start(sealed(r#"user.role == "admin""#));
    assert_verdict(&server, &["theme=dark", &session], "stats");
    assert_verdict(&server, &[], "stats-unauthorized");
    assert_verdict(
        &server,
        &[&session.replace("cdixO", "cdixP")],
        "stats-unauthorized",
    );
    assert_verdict(&server, &["nuxt-session="], "stats-unauthorized");
    let server = Server::start(sealed(r#"user.email in ["eve@example.com"]"#));
    assert_verdict(&server, &[&session], "stats-unauthorized");
}

/// An app that knows `sid=admin` until it forgets it, and counts how often it was asked.
pub(crate) struct App {
    pub(crate) address: SocketAddr,
    state: Arc<AppState>,
    /// It ends with the app.
    _runtime: Runtime,
}

#[derive(Default)]
struct AppState {
    forgot: AtomicBool,
    asked: AtomicU64,
}

impl App {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(AppState::default());
        let router = Router::new()
            .route("/may-see", get(may_see))
            .with_state(Arc::clone(&state));
        runtime.spawn(async { axum::serve(listener, router).await });
        Self {
            address,
            state,
            _runtime: runtime,
        }
    }

    fn asked(&self) -> u64 {
        self.state.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn forget(&self) {
        self.state.forgot.store(true, Ordering::Relaxed);
    }
}

async fn may_see(State(app): State<Arc<AppState>>, headers: HeaderMap) -> StatusCode {
    app.asked.fetch_add(1, Ordering::Relaxed);
    let cookies = headers.get("cookie").map(|value| value.to_str().unwrap());
    assert!(cookies.is_none_or(|cookies| !cookies.contains("headcount_")));
    if cookies.is_some_and(|cookies| cookies.contains("sid=admin")) && !app.forgot.load(Ordering::Relaxed) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::FORBIDDEN
    }
}

#[test]
fn forward_auth_asks_the_app() {
    let app = App::start();
    let server = Server::build(Door::Own, forward(app.address, "/may-see"), |builder| builder);
    assert_verdict(&server, &["sid=admin", "theme=dark"], "stats");
    assert_verdict(&server, &["sid=visitor"], "stats-unauthorized");
    let asked = app.asked();
    // Over SSE it has headcount's own cookie, which the app does not get.
    assert_verdict(&server, &[], "stats-unauthorized");
    assert_eq!(
        app.asked(),
        asked,
        "a browser that shows nothing is not asked about"
    );
    app.forget();
    assert_verdict(&server, &["sid=admin", "theme=light"], "stats-unauthorized");
    let elsewhere = Server::build(Door::Own, forward(app.address, "/missing"), |builder| builder);
    assert_verdict(&elsewhere, &["sid=admin"], "stats-unauthorized");
    assert_eq!(
        elsewhere.metric("headcount_subscribed_total{kind=\"unavailable\"}"),
        2
    );
}

pub(crate) fn forward(app: SocketAddr, path: &str) -> Config {
    config().with(|config| {
        let mut endpoint = ForwardAuthConfig::new(format!("http://{app}{path}"));
        endpoint.cache_ms = 0;
        endpoint.timeout_ms = 5_000;
        config.forward_auth = Some(endpoint);
    })
}

/// Signs in with the secret; the cookie.
pub(crate) fn ticket(server: &Server) -> String {
    let answer = ask(
        server.address,
        &Ask::post("/api/admin/session", &json!({"secret": SECRET})),
    );
    assert_eq!(answer.status, 200, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

/// Regression: cookies know no ports, so signing in to a second server on a host signed out of the first.
#[test]
fn two_servers_on_one_host_do_not_sign_each_other_out() {
    let servers = [config(), config()].map(Server::start);
    let tickets = [ticket(&servers[0]), ticket(&servers[1])];
    let both = tickets.join("; ");
    let stats = |server: &Server| {
        let stats = Ask::get("/api/admin/stats").header("cookie", &*both);
        ask(server.address, &stats).status
    };
    assert_eq!([stats(&servers[0]), stats(&servers[1])], [200, 200]);
    for server in &servers {
        assert_verdict(server, &[&*both], "stats");
    }
    let sign_out = Ask::new("DELETE", "/api/admin/session").header("cookie", &*both);
    let answer = ask(servers[1].address, &sign_out);
    let (name, _) = tickets[1].split_once('=').unwrap();
    let taken = answer.header("set-cookie").unwrap();
    assert!(
        taken.starts_with(&format!("{name}=;")) && taken.contains("Max-Age=0"),
        "{taken}"
    );
    assert_eq!([stats(&servers[0]), stats(&servers[1])], [200, 401]);
}

#[test]
fn signing_in_takes_away_the_cookie_of_earlier_versions() {
    let server = Server::start(config());
    let sign_in = Ask::post("/api/admin/session", &json!({"secret": SECRET}));
    let answer = ask(
        server.address,
        &sign_in.header("cookie", "sid=1; headcount_ticket=old"),
    );
    let head = answer.head.to_ascii_lowercase();
    assert_eq!(head.matches("set-cookie: ").count(), 2, "{head}");
    assert!(head.contains("set-cookie: headcount_ticket=; path=/;"), "{head}");
}

#[test]
fn a_ticket_for_the_admin_secret_admits_until_it_is_given_back() {
    let server = Server::start(config());
    let ticket = ticket(&server);
    assert_verdict(&server, &[&ticket], "stats");
    let (name, value) = ticket.split_once('=').unwrap();
    for other in [format!("{name}=AAAA"), format!("headcount_ticket={value}")] {
        assert_verdict(&server, &[&*other], "stats-unauthorized");
    }
    let admin = Ask::get("/api/admin/stats").header("cookie", &*ticket);
    assert_eq!(ask(server.address, &admin).status, 200);
    let foreign = admin.clone().header("origin", "https://evil.example");
    let foreign = ask(server.address, &foreign);
    assert_eq!((foreign.status, &*foreign.code()), (403, "origin-not-allowed"));
    let sign_out = Ask::new("DELETE", "/api/admin/session").header("cookie", &*ticket);
    assert_eq!(ask(server.address, &sign_out).status, 200);
    assert_eq!(ask(server.address, &admin).status, 401);
    assert_verdict(&server, &[&ticket], "stats-unauthorized");
}

#[test]
fn sse_is_judged_by_the_headers_of_its_post() {
    let server = Server::start(config());
    let mut tab = Visit::new(Transport::Sse, "/").open(server.address);
    let browser = browser_cookie(&tab);
    let subscribe = |cookies: &str| {
        let body = json!({"connectionId": tab.id});
        let request = Ask::post("/__skew/subscribe-stats", &body).header("cookie", cookies);
        assert_eq!(ask(server.address, &request).json(), json!({"ok": true}));
    };
    // Signed in after the page was opened: the stream's own request showed nothing.
    subscribe(&format!("{browser}; sid=admin"));
    assert_eq!(tab.next()["type"], "stats");
}

/// The cookie that the stream's answer set.
fn browser_cookie(tab: &Tab) -> String {
    let line = tab
        .head
        .lines()
        .find(|line| line.starts_with("set-cookie: "))
        .unwrap();
    assert!(line.contains("; Path=/__skew; HttpOnly; SameSite=Lax"), "{line}");
    line["set-cookie: ".len()..].split(';').next().unwrap().to_owned()
}

#[test]
fn a_post_from_another_browser_turns_nothing_on() {
    let server = Server::start(config());
    let mut visitor = Visit::new(Transport::Sse, "/").open(server.address);
    let admin = Visit::new(Transport::Sse, "/admin")
        .cookie("sid=admin")
        .open(server.address);
    // The admin's browser is made to post a visitor's id: with its own cookies, without headcount's cookie, with a guessed
    // one.
    let own = format!("{}; sid=admin", browser_cookie(&admin));
    let guessed = "headcount_browser=00000000000000000000000000000000; sid=admin".to_owned();
    for cookies in [own, "sid=admin".to_owned(), guessed] {
        let body = json!({"connectionId": visitor.id});
        let request = Ask::post("/__skew/subscribe-stats", &body).header("cookie", cookies);
        assert_eq!(ask(server.address, &request).json(), json!({"ok": true}));
        assert_eq!(visitor.next(), json!({"type": "stats-unauthorized"}));
    }
    drop(admin);
    server.await_total(1);
    server.mark(&visitor.id);
    assert_eq!(visitor.next()["type"], "marker");
    assert_eq!(server.metric("headcount_subscribed_total{kind=\"foreign\"}"), 3);
    assert_eq!(server.metric("headcount_subscribers"), 0);
}

#[test]
fn a_foreign_post_does_not_turn_off_what_the_right_browser_turned_on() {
    let server = Server::start(config());
    let mut admin = Visit::new(Transport::Sse, "/admin")
        .cookie("sid=admin")
        .open(server.address);
    admin.subscribe();
    assert_eq!(admin.next()["type"], "stats");
    let request = Ask::post("/__skew/subscribe-stats", &json!({"connectionId": admin.id}));
    assert_eq!(ask(server.address, &request).json(), json!({"ok": true}));
    let tab = Visit::new(Transport::Sse, "/").open(server.address);
    assert_eq!(admin.next()["total"], 2);
    drop(tab);
}

#[test]
fn the_browser_cookie_follows_the_base_path_and_is_set_once() {
    let server = Server::start(config().with(|config| config.base_path = "/pro/__skew".to_owned()));
    let visit = || Visit::new(Transport::Sse, "/").base("/pro/__skew");
    let first = visit().open(server.address);
    let line = first
        .head
        .lines()
        .find(|line| line.starts_with("set-cookie: "))
        .unwrap();
    assert!(line.contains("; Path=/pro/__skew; "), "{line}");
    let cookie = line["set-cookie: ".len()..].split(';').next().unwrap();
    let second = visit().cookie(cookie).open(server.address);
    assert!(!second.head.contains("set-cookie"), "{}", second.head);
}

#[test]
fn a_closure_decides_and_is_asked_again() {
    // Admitted for a moment at a time, until the app says no.
    let admitted = Arc::new(AtomicBool::new(true));
    let authorizer = || {
        let decide = Arc::clone(&admitted);
        closure(Reads::cookie("sid"), move |request: AuthorizeRequest| {
            let verdict = if decide.load(Ordering::Relaxed) {
                Verdict::Admitted {
                    until_ms: clock::unix_ms() + 400,
                }
            } else {
                Verdict::Refused
            };
            assert!(!request.connection_id.is_empty());
            async move { verdict }
        })
    };
    let server = Server::build(Door::Own, config(), |builder| builder.authorizer(authorizer()));
    let cookies = ["sid=anything".to_owned()];
    let mut readers = BOTH.map(|transport| {
        let (tab, answer) = verdict(&server, transport, &cookies);
        assert_eq!(answer, "stats");
        tab
    });
    let again = || server.metric("headcount_subscribed_total{kind=\"admitted\"}") >= 6;
    crate::client::eventually("admissions are asked for again", || again().then_some(()));
    admitted.store(false, Ordering::Relaxed);
    for reader in &mut readers {
        // Renewed snapshots, then the end.
        assert!(
            reader
                .until("stats-unauthorized")
                .iter()
                .all(|message| message["type"] == "stats")
        );
    }
    let tab = Visit::new(Transport::Sse, "/secret").open(server.address);
    server.await_route("/secret", 1);
    for reader in &mut readers {
        server.mark(&reader.id);
        assert_eq!(reader.next()["type"], "marker");
    }
    assert_eq!(server.metric("headcount_subscribers"), 0);
    drop(tab);
}
