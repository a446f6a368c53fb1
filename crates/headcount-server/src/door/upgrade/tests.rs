//! A WebSocket over a pipe, against a real shard that is made to be busy.

use std::time::Duration;

use headcount_core::limits::Limits;
use hyper::server::conn::http1;
use hyper_util::service::TowerToHyperService;
use tokio::io::DuplexStream;

use super::*;
use crate::config::Config;
use crate::shard::busy::Busy;

const HANDSHAKE: &str = "GET /__skew/ws?route=/ HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// Bytes that may wait in the pipe.
const PIPE: usize = 1_024;

const NAVIGATIONS: usize = 5_000;

/// A server whose limits allow all of that, and a client that got `connected`.
async fn connected() -> (Headcount, DuplexStream) {
    let config = Config::default().with(|config| {
        config.shards = 1;
        config.limits = Limits::default().with(|limits| limits.messages_burst = 8_000);
    });
    let headcount = Headcount::builder(config).start().await.unwrap();
    let (mut client, io) = tokio::io::duplex(PIPE);
    let service = TowerToHyperService::new(headcount.router());
    let connection = http1::Builder::new().serve_connection(TokioIo::new(io), service);
    tokio::spawn(connection.with_upgrades());
    client.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains("connectionId") {
        assert_ne!(client.read_buf(&mut read).await.unwrap(), 0);
    }
    (headcount, client)
}

/// A navigation as a client sends it, masked with zeros.
fn navigation(number: usize) -> Vec<u8> {
    let text = format!(r#"{{"type":"route-update","route":"/{number}"}}"#);
    let length = u8::try_from(text.len()).unwrap();
    [&[0x81, 0x80 | length, 0, 0, 0, 0][..], text.as_bytes()].concat()
}

/// Lets the other tasks of this runtime, which has one thread, do all they can.
async fn everybody_else() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_fast_sender_waits_for_a_busy_shard() {
    let (headcount, mut client) = connected().await;
    let messages: Vec<u8> = (1..=NAVIGATIONS).flat_map(navigation).collect();
    let busy = Busy::queue(headcount.shards().get(0).unwrap());
    busy.begin();
    let mut sent = 0;
    loop {
        tokio::select! {
            biased;
            written = client.write(&messages[sent..]) => sent += written.unwrap(),
            () = everybody_else() => break,
        }
        assert!(sent < messages.len(), "it went on reading");
    }
    assert!(sent <= 2 * READ_BYTES + PIPE, "{sent} of {}", messages.len());
    drop(busy);
    client.write_all(&messages[sent..]).await.unwrap();
    let last = format!("/{NAVIGATIONS}");
    let arrived = async {
        while !headcount.stats().await.unwrap().routes.contains_key(&last) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), arrived)
        .await
        .unwrap();
}
