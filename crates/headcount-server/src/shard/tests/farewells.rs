//! Over a real socket, with a shard that is made to be busy at the right moments.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::config::Config;
use crate::headcount::Headcount;
use crate::shard::Mail;
use crate::shard::busy::Busy;

const HANDSHAKE: &str = "GET /__skew/ws?route=/ HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";

/// A client for which its system holds next to nothing, and its connection id.
fn connect(address: SocketAddr) -> (TcpStream, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&address.into()).unwrap();
    let mut client = TcpStream::from(socket);
    client.write_all(HANDSHAKE.as_bytes()).unwrap();
    let mut read = Vec::new();
    while read.last() != Some(&b'}') {
        let mut piece = [0; 1_024];
        let length = client.read(&mut piece).unwrap();
        assert_ne!(length, 0);
        read.extend_from_slice(&piece[..length]);
    }
    let text = String::from_utf8_lossy(&read);
    let (_, id) = text.split_once(r#""connectionId":""#).unwrap();
    (client, id.split('"').next().unwrap().to_owned())
}

/// Reads until for a moment nothing more comes.
fn read_what_came(client: &mut TcpStream, read: &mut Vec<u8>) {
    client.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let stopped = client.read_to_end(read).unwrap_err();
    assert!(matches!(
        stopped.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut
    ));
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_behind_gets_no_close_frame_inside_another() {
    let config = Config::default().with(|config| config.shards = 1);
    let headcount = Headcount::builder(config).start().await.unwrap();
    let limits = &headcount.site().config.limits;
    let listeners = crate::listen(([127, 0, 0, 1], 0).into(), 1, limits).unwrap();
    let address = listeners[0].local_addr().unwrap();
    let serving = headcount.clone();
    tokio::spawn(async move {
        let never = std::future::pending();
        serving.serve_all(listeners, Router::new(), never).await
    });
    let (mut client, id) = connect(address);

    let shard = headcount.shards().get(0).unwrap();
    let first = Busy::queue(shard);
    first.begin();
    let message = json!({"type": "x", "text": "x".repeat(60_000)});
    for _ in 0..4 {
        headcount.tab(&id).unwrap().send(&message).unwrap();
    }
    let second = Busy::queue(shard);
    shard.force(Mail::Stop);
    drop(first);
    second.begin();
    // The messages are under way, most of them queued. Now there is room in the socket, and the shard has not seen it yet.
    let mut read = Vec::new();
    read_what_came(&mut client, &mut read);
    drop(second);
    client.read_to_end(&mut read).unwrap();

    let (mut frames, mut cut_off) = (&*read, false);
    while let [0x81, 126, high, low, rest @ ..] = frames {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        cut_off = rest.len() < length;
        let (text, rest) = rest.split_at(length.min(rest.len()));
        assert!(text.iter().all(u8::is_ascii_graphic), "a frame inside another");
        frames = rest;
    }
    assert!(cut_off && frames.is_empty(), "all of it was read");
}
