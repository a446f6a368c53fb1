//! Live stats: a whole snapshot first, then the latest at most once a tick, and never a queue.

use std::collections::BTreeSet;
use std::io::Write;
use std::thread;
use std::time::Duration;

use headcount_server::Limits;
use headcount_server::{Config, clock};
use serde_json::{Value, json};

use crate::client::{BOTH, Tab, Transport, Visit};
use crate::nodes::are_several;
use crate::server::{Door, Server, config};

/// Anyone may watch.
fn open_to_all(limits: Limits) -> Config {
    config().with(|config| {
        config.authorize_anyone = true;
        config.limits = limits;
    })
}

/// Limits that no test's navigations reach, nor the stats that follow from them.
fn unhurried() -> Limits {
    Limits::default().with(|limits| {
        limits.messages_burst = 8_000;
        limits.messages_per_second = 8_000;
        limits.stats_bytes_per_second = u32::MAX;
    })
}

fn watcher(server: &Server, transport: Transport) -> Tab {
    let mut tab = Visit::new(transport, "/watcher").open(server.address);
    tab.subscribe();
    tab
}

/// Both tallies sum to the total, in every message.
fn assert_sums(stats: &Value) {
    for tally in ["versions", "routes"] {
        let counts = stats[tally].as_object().unwrap().values();
        let sum: u64 = counts.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(json!(sum), stats["total"], "{tally} of {stats}");
    }
}

/// Reads the first stats, which are whole.
fn read_first(tab: &mut Tab, total: u64) {
    assert_eq!(tab.next_of("stats")["total"], total);
}

#[test]
fn the_first_stats_are_whole() {
    let server = Server::start(open_to_all(Limits::default()));
    let tabs: Vec<_> = (0..40)
        .map(|number| Visit::new(BOTH[number % 2], &format!("/{}", number % 7)).open(server.address))
        .collect();
    for round in 1..=10 {
        let mut tab = watcher(&server, BOTH[round % 2]);
        let first = tab.next();
        assert_eq!(first["type"], "stats");
        assert_eq!(first["total"], 41, "round {round}: {first}");
        assert_sums(&first);
        let listed = first["connections"].as_array().unwrap();
        assert_eq!(listed.len(), 41);
        assert!(listed.iter().any(|row| row["id"] == *tab.id));
        drop(tab);
        server.await_total(40);
    }
    drop(tabs);
    server.await_total(0);
}

#[test]
fn a_storm_of_navigations_is_one_message_a_tick() {
    let limits = unhurried();
    let tick = Duration::from_millis(limits.tick_ms.into());
    let server = Server::start(open_to_all(limits));
    let mut readers = BOTH.map(|transport| watcher(&server, transport));
    for reader in &mut readers {
        assert_eq!(reader.next()["type"], "stats");
    }
    let mut busy = Visit::new(Transport::WebSocket, "/storm/0").open(server.address);
    let began = clock::now();
    for number in 1..=3_000 {
        busy.navigate(&format!("/storm/{number}"));
    }
    for reader in &mut readers {
        let mut messages = 0;
        loop {
            let stats = reader.next_of("stats");
            assert_sums(&stats);
            messages += 1;
            if stats["routes"]["/storm/3000"] == 1 {
                break;
            }
        }
        let ticks = began.elapsed().as_millis() / tick.as_millis();
        assert!(messages <= ticks + 2, "{messages} messages in {ticks} ticks");
    }
}

#[test]
fn a_lone_change_is_seen_without_waiting_for_anything() {
    let server = Server::start(open_to_all(Limits::default().with(|limits| limits.tick_ms = 200)));
    let mut reader = watcher(&server, Transport::WebSocket);
    reader.next_of("stats");
    for number in 0..5 {
        let tab = Visit::new(Transport::Sse, &format!("/{number}")).open(server.address);
        assert_eq!(reader.next_of("stats")["total"], 2);
        drop(tab);
        assert_eq!(reader.next_of("stats")["total"], 1);
    }
}

#[test]
fn a_reader_that_fell_behind_gets_the_latest_not_a_queue() {
    for door in [Door::Own, Door::Wrapped] {
        let limits = unhurried().with(|limits| limits.tick_ms = 5);
        let server = Server::build(door, open_to_all(limits), |builder| builder);
        // A thousand routes of 900 bytes make stats of a megabyte: no socket buffers many of those.
        let tabs: Vec<_> = (0..150)
            .map(|number| {
                let route = format!("/{number}/{}", "x".repeat(900));
                Visit::new(Transport::Sse, &route).open(server.address)
            })
            .collect();
        let mut slow = Visit::new(Transport::WebSocket, "/slow").open(server.address);
        slow.subscribe();
        read_first(&mut slow, 151);
        let mut busy = Visit::new(Transport::WebSocket, "/busy/0").open(server.address);
        let mut other = watcher(&server, Transport::Sse);
        for number in 1..=400 {
            // Never more than a burst, and each in a separate message: the other reader has seen it.
            busy.navigate(&format!("/busy/{number}"));
            loop {
                let stats = other.next_of("stats");
                if stats["routes"][format!("/busy/{number}")] == 1 {
                    break;
                }
            }
        }
        let mut read = 0;
        while slow.next_of("stats")["routes"]["/busy/400"] != 1 {
            read += 1;
        }
        assert!(
            read < 200,
            "{door:?}: {read} stale stats were kept for a reader who had not read"
        );
        drop(tabs);
    }
}

#[test]
fn one_that_stops_reading_is_closed() {
    let limits = unhurried().with(|limits| {
        limits.tick_ms = 5;
        limits.outbox_ms = 300;
        limits.keepalive_ms = 200;
        limits.liveness_ms = 60_000;
    });
    let server = Server::start(open_to_all(limits));
    let tabs: Vec<_> = (0..150)
        .map(|number| {
            let route = format!("/{number}/{}", "x".repeat(900));
            Visit::new(Transport::Sse, &route).open(server.address)
        })
        .collect();
    let mut deaf = watcher(&server, Transport::Sse);
    read_first(&mut deaf, 151);
    let mut busy = Visit::new(Transport::WebSocket, "/busy").open(server.address);
    let mut number = 0;
    server.await_stats("the deaf reader is gone", |stats| {
        number += 1;
        busy.navigate(&format!("/busy/{}", number % 10));
        // Pings must be answered: a tab that reads lives on.
        server.mark(&busy.id);
        busy.next_of("marker");
        stats.total == 151
    });
    assert_eq!(server.metric("headcount_closed_total{kind=\"slow\"}"), 1);
    assert_eq!(server.metric("headcount_closed_total{kind=\"silent\"}"), 0);
    drop((tabs, deaf));
}

#[test]
fn a_thousand_tabs_are_counted_and_a_part_of_them_listed_with_the_reader_in_it() {
    let server = Server::start(open_to_all(Limits::default()));
    let tabs: Vec<_> = (0..1_000)
        .map(|number| {
            Visit::new(BOTH[number % 2], &format!("/{}", number % 10))
                .version(["v0", "v1"][usize::from(number % 4 == 0)])
                .open(server.address)
        })
        .collect();
    for transport in BOTH {
        let mut reader = watcher(&server, transport);
        let stats = reader.next();
        assert_eq!(stats["total"], 1_001);
        assert_eq!(stats["versions"], json!({"v0": 750, "v1": 251}));
        assert_eq!(stats["connectionsTruncated"], true);
        let ids: BTreeSet<_> = stats["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_str().unwrap())
            .collect();
        // A row is free for the reader, which may be one of the others where several nodes fill the list.
        assert!(
            ids.len() == 200 || are_several() && ids.len() == 199,
            "{}",
            ids.len()
        );
        assert!(ids.contains(&*reader.id) && stats["yourId"] == *reader.id);
        // Stable: the next message lists the same others.
        let mut tab = Visit::new(Transport::WebSocket, "/late").open(server.address);
        let next = reader.next_of("stats");
        let others = |stats: &Value| {
            let rows = stats["connections"].as_array().unwrap().clone();
            rows.into_iter()
                .map(|row| row["id"].as_str().unwrap().to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(others(&next), others(&stats));
        tab.socket().flush().unwrap();
        tab.navigate("/later");
        assert_eq!(reader.next_of("stats")["routes"]["/later"], 1);
        drop((reader, tab));
        server.await_total(1_000);
    }
    drop(tabs);
    server.await_total(0);
}

#[test]
fn nobody_gets_stats_after_unsubscribing() {
    let server = Server::start(open_to_all(Limits::default()));
    let mut reader = watcher(&server, Transport::WebSocket);
    reader.next_of("stats");
    reader.say(&json!({"type": "unsubscribe-stats"}));
    reader.say(&json!({"type": "ping"}));
    reader.next_of("pong");
    let mut other = watcher(&server, Transport::WebSocket);
    read_first(&mut other, 2);
    server.mark(&reader.id);
    assert_eq!(reader.next()["type"], "marker");
    reader.subscribe();
    read_first(&mut reader, 2);
}

/// A report that changed nothing once left its shard without leave to report again.
#[test]
fn a_tab_that_comes_straight_back_does_not_silence_its_shard() {
    let limits = unhurried().with(|limits| {
        limits.stats_connections_max = 1;
        limits.tick_ms = 1;
    });
    let server = Server::start(open_to_all(limits).with(|config| config.shards = 1));
    let mut reader = watcher(&server, Transport::WebSocket);
    reader.next_of("stats");
    let mut tab = Visit::new(Transport::WebSocket, "/0").open(server.address);
    while reader.next_of("stats")["routes"]["/0"] != 1 {}
    for number in 1..=20 {
        let (here, next) = (format!("/{}", number - 1), format!("/{number}"));
        let there_and_back =
            [json!("/there"), json!(here)].map(|route| json!({"type": "route-update", "route": route}));
        // The tick is over by the time these are answered.
        for _ in 0..20 {
            tab.say(&json!({"type": "ping"}));
            tab.next_of("pong");
        }
        tab.say_at_once(&there_and_back);
        tab.say(&json!({"type": "ping"}));
        tab.next_of("pong");
        tab.navigate(&next);
        while reader.next_of("stats")["routes"][&next] != 1 {}
    }
}

/// Visitors choose how many routes there are, and how long they are.
#[test]
fn long_stats_come_less_often_and_the_last_of_them_is_true() {
    const RATE: u32 = 20_000;
    let limits = Limits::default().with(|limits| {
        limits.stats_bytes_per_second = RATE;
        limits.tick_ms = 10;
    });
    let server = Server::start(config().with(|config| config.limits = limits));
    let mut strangers: Vec<_> = (0..20)
        .map(|number| {
            Visit::new(Transport::WebSocket, &format!("/{number}/{}", "x".repeat(900))).open(server.address)
        })
        .collect();
    let forms = [
        json!({"type": "subscribe-stats"}),
        json!({"type": "subscribe-stats", "delta": true, "connections": false}),
    ];
    let mut readers = forms.map(|form| {
        let mut reader = Visit::new(Transport::WebSocket, "/reader")
            .cookie("sid=admin")
            .open(server.address);
        reader.tell(&form);
        reader
    });
    let begun = clock::now();
    for round in 0..40 {
        for (number, stranger) in strangers.iter_mut().enumerate() {
            stranger.navigate(&format!("/{number}/{round}/{}", "x".repeat(900)));
        }
        let last = format!("/0/{round}/");
        server.await_stats("all have moved", |stats| {
            stats.routes.keys().any(|route| route.starts_with(&last))
        });
        thread::park_timeout(Duration::from_millis(50));
    }
    for stranger in &mut strangers {
        stranger.navigate("/home");
    }
    for reader in &mut readers {
        // From the question on, until it has counted all connections.
        let mut bytes = 0;
        loop {
            let message = reader.next();
            bytes += message.to_string().len() as u64;
            if message["routes"]["/home"] == 20 {
                break;
            }
        }
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap();
        // What was sent at first, and what was sent just now, may each be as long as they are.
        let most = u64::from(RATE) * elapsed_ms / 1_000 + 3 * 80_000;
        assert!(bytes <= most, "{bytes} bytes in {elapsed_ms} ms");
    }
}

#[test]
fn asking_again_brings_no_more_bytes() {
    let limits = Limits::default().with(|limits| limits.stats_bytes_per_second = 2_000);
    let server = Server::start(config().with(|config| config.limits = limits));
    let _long: Vec<_> = (0..20)
        .map(|number| {
            Visit::new(Transport::Sse, &format!("/{number}/{}", "x".repeat(900))).open(server.address)
        })
        .collect();
    let mut reader = Visit::new(Transport::WebSocket, "/reader")
        .cookie("sid=admin")
        .open(server.address);
    for _ in 0..10 {
        reader.tell(&json!({"type": "subscribe-stats"}));
        reader.tell(&json!({"type": "unsubscribe-stats"}));
    }
    reader.tell(&json!({"type": "subscribe-stats"}));
    server.mark(&reader.id);
    let seen = reader.until("marker");
    let told = seen.iter().filter(|message| message["type"] == "stats").count();
    assert!(told <= 1, "{told} messages of some twenty kilobytes");
}
