//! A part that ends before its time: nothing waits for it, health knows, and its app learns it.

use std::time::Duration;

use headcount_server::Limits;
use headcount_server::authorize::closure::closure;
use headcount_server::authorize::{AuthorizeRequest, Reads};
use headcount_server::faults::Faults;
use headcount_server::head::cookie;
use headcount_server::{Hooks, ServeError, clock};
use serde_json::json;

use crate::client::{Ask, Transport, Visit, ask, eventually};
use crate::nodes::alone;
use crate::server::{Door, SECRET, Server, admins, config};

/// It was a zombie once: commands and `/metrics` hung, and health said that all was well.
#[test]
fn what_ends_before_its_time_leaves_nobody_waiting_and_health_knows() {
    if alone("its parts and its health") {
        return;
    }
    for (part, name) in [
        ("shard-0", "shard 0"),
        ("hub", "the hub"),
        ("commander", "the commander"),
        ("hooks", "the hooks' thread"),
        ("sampler", "the history's sampler"),
    ] {
        let faults = Faults::default();
        let limits = Limits::default().with(|limits| limits.history_step_ms = 100);
        let config = config().with(|config| config.limits = limits);
        let server = Server::build(Door::Axum, config, |builder| {
            let hooks = Hooks::new().on_open(|_| {});
            builder.authorizer(admins()).hooks(hooks).faults(faults.clone())
        });
        assert_eq!(ask(server.address, &Ask::get("/healthz")).status, 200);
        faults.panic(part);
        let began = clock::now();
        eventually(name, || {
            // Gives the part some work.
            let _refused = Visit::new(Transport::Sse, "/").try_open(server.address);
            server.admin(Ask::get("/api/admin/stats"));
            let health = ask(server.address, &Ask::get("/healthz"));
            (health.status == 503)
                .then_some(health.body)
                .filter(|body| *body == format!("{name} has ended unexpectedly\n"))
        });
        assert_eq!(ask(server.address, &Ask::get("/readyz")).status, 503);
        assert_eq!(ask(server.address, &Ask::get("/metrics")).status, 200);
        let body = json!({"match": {"exact": "/"}, "dryRun": true});
        for request in [
            Ask::get("/api/admin/stats"),
            Ask::get("/api/admin/connections"),
            Ask::get("/api/admin/pages"),
            Ask::get("/api/admin/adoption?release=v1"),
            Ask::get("/api/admin/releases"),
            Ask::get("/api/admin/invalidations"),
            Ask::post("/api/admin/releases", &json!({"version": "v2"})),
            Ask::post("/api/admin/invalidations", &body),
        ] {
            let answer = ask(server.address, &request.bearer(SECRET));
            assert!([200, 503].contains(&answer.status), "{part}: {answer:?}");
        }
        // None of these took as long as a part may take that does not answer.
        assert!(
            began.elapsed() < Duration::from_secs(18),
            "{part}: {:?}",
            began.elapsed()
        );
        let failure = server.runtime.block_on(server.headcount.failure());
        assert!(
            matches!(&failure, ServeError::PartEnded { part } if part == name),
            "{failure:?}"
        );
    }
}

/// Regression: a request that waited for its answer waited for ever.
#[test]
fn an_authorizer_that_panics_refuses_and_goes_on() {
    if alone("its parts and its health") {
        return;
    }
    let server = Server::build(Door::Own, config(), |builder| {
        builder.authorizer(closure(
            Reads::cookie("sid"),
            |request: AuthorizeRequest| async move {
                assert_eq!(cookie(&*request.credentials, "sid"), Some("admin"), "this panics");
                true
            },
        ))
    });
    for sid in ["stranger", "admin"] {
        let visit = Visit::new(Transport::WebSocket, "/").header("cookie", &format!("sid={sid}"));
        let mut tab = visit.open(server.address);
        tab.say(&json!({"type": "subscribe-stats"}));
        tab.next_of(if sid == "admin" {
            "stats"
        } else {
            "stats-unauthorized"
        });
    }
}

#[test]
fn serve_returns_when_a_shard_ends_before_its_time() {
    if alone("its parts and its health") {
        return;
    }
    let faults = Faults::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let started = headcount_server::Headcount::builder(config())
        .faults(faults.clone())
        .start();
    let headcount = runtime.block_on(started).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = headcount.clone();
    let served = runtime.spawn(async move {
        serving
            .serve(listener, axum::Router::new(), std::future::pending())
            .await
    });
    let _tab = Visit::new(Transport::Sse, "/").open(address);
    faults.panic("shard-1");
    eventually("it has returned", || {
        let _refused = std::net::TcpStream::connect(address);
        served.is_finished().then_some(())
    });
    let outcome = runtime.block_on(served).unwrap();
    assert_eq!(
        outcome.unwrap_err().to_string(),
        "shard 1 has ended unexpectedly, so the server cannot go on"
    );
}

/// A shard that is always busy answers no question; the requests are still answered in time.
#[test]
fn a_shard_that_does_not_answer_holds_nobody_up_for_long() {
    if alone("its parts and its health") {
        return;
    }
    let faults = Faults::default();
    let config = config().with(|config| {
        config.limits = Limits::default().with(|limits| {
            limits.answer_ms = 100;
            limits.history_seconds = 0;
        });
    });
    let server = Server::build(Door::Axum, config, |builder| builder.faults(faults.clone()));
    assert_eq!(ask(server.address, &Ask::get("/healthz")).body, "ok\n");
    faults.stall("shard-1");
    let health = eventually("health knows", || {
        Some(ask(server.address, &Ask::get("/healthz"))).filter(|health| health.status == 503)
    });
    assert_eq!(health.body, "shard 1 does not answer\n");
    let dry_run = json!({"match": {"exact": "/"}, "dryRun": true});
    for request in [
        Ask::get("/api/admin/stats"),
        Ask::get("/api/admin/connections"),
        Ask::get("/api/admin/pages"),
        Ask::get("/api/admin/adoption?release=v1"),
        Ask::get("/api/admin/invalidations"),
        Ask::post("/api/admin/invalidations", &dry_run),
    ] {
        let answer = server.admin(request);
        assert_eq!(
            (answer.status, &*answer.code()),
            (503, "overloaded"),
            "{answer:?}"
        );
    }
    // A command stands, and the shard goes over to it when it comes to that.
    server.release("v2");
    assert_eq!(ask(server.address, &Ask::get("/metrics")).status, 200);
    faults.resume();
    eventually("all is well", || {
        (ask(server.address, &Ask::get("/healthz")).status == 200).then_some(())
    });
    assert_eq!(server.admin(Ask::get("/api/admin/stats")).status, 200);
}
