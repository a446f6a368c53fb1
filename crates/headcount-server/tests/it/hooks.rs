//! Closures of the embedding app.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use headcount_server::Limits;
use headcount_server::{Hooks, SendError};
use serde_json::json;

use crate::client::{BOTH, PATIENCE, Transport, Visit};
use crate::nodes::alone;
use crate::server::{Door, Server, config};

#[test]
fn events_come_in_order_with_their_fields() {
    for (transport, door) in [
        (Transport::Sse, Door::Own),
        (Transport::WebSocket, Door::Own),
        (Transport::Sse, Door::Axum),
        (Transport::WebSocket, Door::Axum),
    ] {
        let (sender, seen) = sync_channel(100);
        let hooks = || {
            let [sender, moved, closed] = [(); 3].map(|()| sender.clone());
            Hooks::new()
                .on_open(move |event| {
                    let (version, ip) = (&event.version, event.ip.unwrap());
                    let route = event.route.as_deref().unwrap();
                    sender
                        .send(format!("open {} {version} {route} {ip}", event.id))
                        .unwrap();
                })
                .on_route_update(move |event| {
                    moved.send(format!("route {} {}", event.id, event.route)).unwrap();
                })
                .on_close(move |event| closed.send(format!("close {}", event.id)).unwrap())
        };
        let config = config().with(|config| {
            config.ip_tracking = true;
            config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        });
        let server = Server::build(door, config, |builder| builder.hooks(hooks()));
        let mut tab = Visit::new(transport, "/a")
            .version("b0")
            .header("x-forwarded-for", "203.0.113.7")
            .open(server.address);
        for route in ["/b", "/b", "/c", "/a"] {
            tab.navigate(route);
        }
        server.await_route("/a", 1);
        let id = tab.id.clone();
        drop(tab);
        let expected = [
            format!("open {id} b0 /a 203.0.113.7"),
            format!("route {id} /b"),
            format!("route {id} /c"),
            format!("route {id} /a"),
            format!("close {id}"),
        ];
        for line in expected {
            assert_eq!(
                seen.recv_timeout(PATIENCE).unwrap(),
                line,
                "{transport:?} {door:?}"
            );
        }
    }
}

#[test]
fn what_is_not_tracked_is_not_shown_to_hooks() {
    let (sender, seen) = sync_channel(100);
    let hooks = || {
        let sender = sender.clone();
        Hooks::new().on_open(move |event| sender.send((event.route.clone(), event.ip)).unwrap())
    };
    let config = config().with(|config| config.route_tracking = false);
    let server = Server::build(Door::Own, config, |builder| builder.hooks(hooks()));
    let _tab = Visit::new(Transport::Sse, "/a")
        .header("x-real-ip", "203.0.113.7")
        .open(server.address);
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), (None, None));
}

/// Regression: a hook was told `(other)` of a tab that opened where names were used up, and its own page when it moved.
#[test]
fn a_hook_is_told_a_tabs_own_page_and_build_whatever_it_is_counted_under() {
    if alone("its limits") {
        return;
    }
    let (sender, seen) = sync_channel(100);
    let hooks = || {
        let sender = sender.clone();
        Hooks::new().on_open(move |event| {
            let route = event.route.clone().unwrap().to_string();
            sender.send((event.version.to_string(), route)).unwrap();
        })
    };
    let mut config = config();
    config.shards = 1;
    config.limits.versions_max = 1;
    config.limits.routes_max = 1;
    let server = Server::build(Door::Own, config, |builder| builder.hooks(hooks()));
    let tabs = ["a", "b"].map(|name| {
        Visit::new(Transport::Sse, &format!("/{name}"))
            .version(name)
            .open(server.address)
    });
    for name in ["a", "b"] {
        let opened = seen.recv_timeout(PATIENCE).unwrap();
        assert_eq!(opened, (name.to_owned(), format!("/{name}")));
    }
    let stats = server.stats();
    assert_eq!(stats.routes["(other)"], 1, "{stats:?}");
    drop(tabs);
}

#[test]
fn a_welcome_from_the_open_hook_comes_right_after_connected() {
    let hooks = || {
        Hooks::new().on_open(|event| {
            let welcome = json!({"type": "welcome", "serverTime": 1});
            event.tab.send(&welcome).unwrap();
            event.tab.send(&json!({"type": "tour"})).unwrap();
        })
    };
    let server = Server::build(Door::Own, config(), |builder| builder.hooks(hooks()));
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/").open(server.address);
        assert_eq!(tab.next(), json!({"type": "welcome", "serverTime": 1}));
        assert_eq!(tab.next(), json!({"type": "tour"}));
    }
}

#[test]
fn a_slow_hook_delays_nobody_and_says_what_it_missed() {
    if alone("its limits") {
        return;
    }
    let held = Arc::new(Mutex::new(()));
    let (opened, lagged) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let hooks = || {
        let (hold, count, missed) = (Arc::clone(&held), Arc::clone(&opened), Arc::clone(&lagged));
        Hooks::new()
            .on_open(move |_| {
                drop(hold.lock());
                count.fetch_add(1, Ordering::Relaxed);
            })
            .on_lagged(move |event| {
                missed.fetch_add(event.events, Ordering::Relaxed);
            })
    };
    let config = config().with(|config| {
        config.authorize_anyone = true;
        config.limits = Limits::default().with(|limits| limits.hook_events_max = 4);
    });
    let server = Server::build(Door::Own, config, |builder| builder.hooks(hooks()));
    let stuck = held.lock().unwrap();
    let mut reader = Visit::new(Transport::WebSocket, "/").open(server.address);
    reader.subscribe();
    reader.next_of("stats");
    let tabs: Vec<_> = (0..30)
        .map(|number| Visit::new(BOTH[number % 2], "/").open(server.address))
        .collect();
    while reader.next_of("stats")["total"] != 31 {}
    assert_eq!(opened.load(Ordering::Relaxed), 0);
    drop(stuck);
    // Once the hook goes on it hears of the rest and of what it missed: together that is everything.
    crate::client::eventually("every event is accounted for", || {
        (opened.load(Ordering::Relaxed) + lagged.load(Ordering::Relaxed) == 31).then_some(())
    });
    assert!(lagged.load(Ordering::Relaxed) >= 20);
    assert_eq!(
        server.metric("headcount_hook_events_dropped_total{kind=\"overflow\"}"),
        lagged.load(Ordering::Relaxed)
    );
    drop(tabs);
}

#[test]
fn a_hook_that_panics_loses_its_event_alone() {
    let (sender, seen) = sync_channel(100);
    let hooks = || {
        let sender = sender.clone();
        Hooks::new()
            .on_open(|event| assert_ne!(event.route.as_deref(), Some("/panic")))
            .on_close(move |event| sender.send(event.id.to_string()).unwrap())
    };
    let server = Server::build(Door::Own, config(), |builder| builder.hooks(hooks()));
    let tab = Visit::new(Transport::Sse, "/panic").open(server.address);
    let id = tab.id.clone();
    drop(tab);
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), id);
}

#[test]
fn sending_says_what_it_cannot_do() {
    let server = Server::start(config());
    let tab = Visit::new(Transport::Sse, "/").open(server.address);
    let handle = server.headcount.tab(&tab.id).unwrap();
    let long = json!({"type": "long", "text": "x".repeat(70_000)});
    assert!(matches!(handle.send(&long), Err(SendError::TooLong { .. })));
    assert!(matches!(
        server.headcount.tab("AAAAAAAAAAAAAAAAAAAAAA"),
        Err(SendError::NoSuchConnection)
    ));
    drop(tab);
    server.await_total(0);
    handle.send(&json!({"type": "late"})).unwrap();
    // The next tab in that place is another one.
    let mut next = Visit::new(Transport::Sse, "/").open(server.address);
    handle.send(&json!({"type": "late"})).unwrap();
    server.mark(&next.id);
    assert_eq!(next.next()["type"], "marker");
}
