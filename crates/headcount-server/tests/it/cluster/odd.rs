//! What nobody does on purpose, and some do: requests for tabs of servers that are gone, a tab everywhere, counts that no message holds.

use std::io::Write;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::at_each_broker;
use super::broker::Version;
use super::counts::{await_nodes, await_total, stats};
use super::node::Site;
use crate::client::{Ask, BOTH, Tab, Transport, Visit, ask, connect, eventually, read_to_end};
use crate::server::Server;

at_each_broker! {
    requests_for_tabs_of_a_dead_server_hold_up_nobody,
    a_tab_that_wanders_over_all_servers_is_one,
    what_is_too_long_for_a_tab_here_is_too_long_for_one_elsewhere,
    counts_that_no_message_of_the_broker_holds_arrive_whole,
}

fn navigation(id: &str, route: &str) -> Ask {
    Ask::post("/__skew/route", &json!({"connectionId": id, "route": route}))
}

fn requests_for_tabs_of_a_dead_server_hold_up_nobody(version: Version) {
    let site = Site::start(version);
    let [first, second, third] = site.three();
    await_nodes([&first, &second, &third]);
    let lost = Visit::new(Transport::Sse, "/lost").open(third.address);
    let here = Visit::new(Transport::Sse, "/a").open(first.address);
    let elsewhere = Visit::new(Transport::Sse, "/a").open(second.address);
    let Server {
        runtime, headcount, ..
    } = third;
    runtime.shutdown_background();
    drop(headcount);
    let flood: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut socket = connect(first.address);
            let request = navigation(&lost.id, &format!("/{number}")).text(first.address, "close");
            socket.write_all(request.as_bytes()).unwrap();
            socket
        })
        .collect();
    for tab in [&here, &elsewhere] {
        let said = ask(first.address, &navigation(&tab.id, "/b")).json();
        assert_eq!(said, json!({"ok": true}));
    }
    for mut socket in flood {
        let answer = String::from_utf8(read_to_end(&mut socket)).unwrap();
        assert!(answer.ends_with("{\"ok\":false}"), "{answer}");
    }
    eventually("the two that are left", || {
        (stats(&first)["routes"] == json!({"/b": 2})).then_some(())
    });
}

fn a_tab_that_wanders_over_all_servers_is_one(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    for transport in BOTH {
        let visit = || Visit::new(transport, "/a").query("tab=the-tab-that-is-everywhere");
        let mut last = visit().open(servers[0].address);
        await_total(&servers, 1);
        let mut all: Vec<Tab> = Vec::new();
        for round in 1..=9 {
            let back = visit().query(&format!("since={}", last.resume));
            let back = back.open(servers[round % 3].address);
            all.push(std::mem::replace(&mut last, back));
            // Of two moves within the time of a message, either may count as the later one.
            await_total(&servers, 1);
        }
        assert_eq!(stats(&servers[1])["connections"][0]["id"], json!(last.id));
        drop((all, last));
        await_total(&servers, 0);
    }
}

fn what_is_too_long_for_a_tab_here_is_too_long_for_one_elsewhere(version: Version) {
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    let tab = Visit::new(Transport::Sse, "/a").open(servers[0].address);
    let answers = |server: &Server| {
        [1_000, 3_000, 60_000, 1_000_000].map(|bytes| {
            let route = format!("/{}", "x".repeat(bytes));
            ask(server.address, &navigation(&tab.id, &route)).body
        })
    };
    assert_eq!(answers(&servers[1]), answers(&servers[0]));
    let kept = stats(&servers[2])["routes"].clone();
    assert_eq!(kept.as_object().map(serde_json::Map::len), Some(1), "{kept}");
}

fn counts_that_no_message_of_the_broker_holds_arrive_whole(version: Version) {
    const TABS: u64 = 1_200;
    let site = Site::start(version);
    let servers = site.three();
    await_nodes(&servers);
    let mut watching = Visit::new(Transport::WebSocket, "/board")
        .cookie("sid=admin")
        .open(servers[1].address);
    watching.subscribe();
    let tabs: Vec<_> = (0..TABS)
        .map(|number| {
            let route = format!("/{number}/{}", "x".repeat(900));
            Visit::new(Transport::Sse, &route).open(servers[0].address)
        })
        .collect();
    let routes = |said: &Value| said["routes"].as_object().unwrap().len() as u64;
    // One that watches all the while, and one that begins now.
    let mut late = Visit::new(Transport::WebSocket, "/board")
        .cookie("sid=admin")
        .open(servers[2].address);
    late.subscribe();
    for reader in [&mut watching, &mut late] {
        while routes(&reader.next_of("stats")) < TABS + 1 {}
    }
    let said = stats(&servers[2]);
    assert_eq!((routes(&said), &said["total"]), (TABS + 1, &json!(TABS + 2)));
    drop(tabs);
    await_total(&servers, 2);
}
