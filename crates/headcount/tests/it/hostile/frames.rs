//! WebSocket frames that no browser sends.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::{Case, status};
use crate::client::{connect, read_to_end};
use crate::process::Process;

pub(super) const CASES: &[Case] = &[
    ("an invalid handshake", bad_handshakes),
    ("frames behind the handshake in one write", early_frames),
    ("a frame without a mask", |server| {
        closed(server, &[0x81, 0x02, b'{', b'}'], 1002);
    }),
    ("a reserved bit", |server| {
        closed(server, &frame(0xc1, b"{}"), 1002);
    }),
    ("all reserved bits", |server| {
        closed(server, &frame(0xf1, b"{}"), 1002);
    }),
    ("a reserved opcode", |server| {
        closed(server, &frame(0x83, b"{}"), 1002);
    }),
    ("a reserved control opcode", |server| {
        closed(server, &frame(0x8b, b""), 1002);
    }),
    ("a fragmented ping", |server| {
        closed(server, &frame(0x09, b"a"), 1002);
    }),
    ("a ping of 126 bytes", |server| {
        closed(server, &frame(0x89, &[0; 126]), 1002);
    }),
    ("a continuation of nothing", |server| {
        closed(server, &frame(0x80, b"{}"), 1002);
    }),
    ("a message within a message", |server| {
        closed(server, &[frame(0x01, b"{"), frame(0x81, b"}")].concat(), 1002);
    }),
    ("a close of one byte", |server| {
        closed(server, &frame(0x88, &[3]), 1002);
    }),
    ("a close with an invalid code", bad_close_codes),
    ("a close whose reason is no UTF-8", |server| {
        closed(server, &frame(0x88, &[3, 232, 0xff]), 1007);
    }),
    ("text that is no UTF-8", |server| {
        closed(server, &frame(0x81, &[0xff, 0xfe]), 1007);
    }),
    ("text cut within a character", |server| {
        closed(server, &frame(0x81, "é".as_bytes().split_at(1).0), 1007);
    }),
    ("a surrogate in UTF-8", |server| {
        closed(server, &frame(0x81, &[0xed, 0xa0, 0x80]), 1007);
    }),
    ("a message of a terabyte", |server| {
        closed(server, &header(0x81, 1 << 40), 1009);
    }),
    ("a length with its highest bit set", highest_bit),
    ("fragments that add up to too much", |server| {
        closed(
            server,
            &[frame(0x01, &[b'a'; 5_000]), frame(0x80, &[b'a'; 5_000])].concat(),
            1009,
        );
    }),
    ("ten thousand empty fragments", empty_fragments),
    ("binary messages", binary),
    ("a flood of pings", |server| {
        closed(server, &frame(0x89, b"ping").repeat(2_000), 1008);
    }),
    ("a frame that never ends", unfinished),
    ("frames after the close", |server| {
        closed(
            server,
            &[frame(0x88, &[3, 232]), frame(0x81, b"{}")].concat(),
            1000,
        );
    }),
];

const HANDSHAKE: &str = "GET /__skew/ws?route=/ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
                         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A masked frame's header with a length in its longest form.
fn header(first: u8, length: u64) -> Vec<u8> {
    [&[first, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat()
}

/// A frame masked with zeros. Its length is in the longest form where it does not fit the shortest.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let head = match u8::try_from(payload.len()) {
        Ok(length @ 0..126) => vec![first, 0x80 | length, 0, 0, 0, 0],
        _ => header(first, payload.len() as u64),
    };
    [&head, payload].concat()
}

/// An open WebSocket, its answer's head read.
fn websocket(server: &Process, early: &[u8]) -> TcpStream {
    let mut socket = connect(server.address);
    socket
        .write_all(&[HANDSHAKE.as_bytes(), b"\r\n", early].concat())
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101 "),
        "{}",
        String::from_utf8_lossy(&head)
    );
    socket
}

/// The code of the close frame that ends these frames of a server, if one does.
fn close_code(mut frames: &[u8]) -> Option<u16> {
    while let [first, length, rest @ ..] = frames {
        let (length, rest) = match (length, rest) {
            (126, [high, low, rest @ ..]) => (usize::from(*high) << 8 | usize::from(*low), rest),
            (length, rest) => (usize::from(*length), rest),
        };
        let (payload, after) = rest.split_at_checked(length)?;
        if first & 0x0f == 8 {
            return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        }
        frames = after;
    }
    None
}

/// A client that sends these frames is closed with this code.
fn closed(server: &Process, frames: &[u8], code: u16) {
    let mut socket = websocket(server, b"");
    let _closed_early = socket.write_all(frames);
    let answer = read_to_end(&mut socket);
    assert_eq!(close_code(&answer), Some(code), "{answer:?}");
}

fn bad_handshakes(server: &Process) {
    for (from, to) in [
        ("version: 13", "version: 12"),
        ("key: dGhl", "key: dG"),
        ("key: ", "kex: "),
        ("upgrade: websocket", "upgrade: h2c"),
        ("connection: Upgrade", "connection: keep-alive"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "!!!!!!!!!!!!!!!!!!!!!!=="),
    ] {
        let request = HANDSHAKE.replace(from, to);
        assert_ne!(request, HANDSHAKE);
        let status = status(server, format!("{request}connection: close\r\n\r\n"));
        assert!([400, 426].contains(&status), "{to}: {status}");
    }
    let posted = HANDSHAKE.replace("GET", "POST") + "content-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(status(server, posted), 405);
}

fn early_frames(server: &Process) {
    let early = frame(0x81, br#"{"type":"route-update","route":"/early"}"#);
    let socket = websocket(server, &early);
    server.await_routes(&json!({"/early": 1}));
    drop(socket);
}

fn bad_close_codes(server: &Process) {
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535] {
        closed(server, &frame(0x88, &code.to_be_bytes()), 1002);
    }
}

fn highest_bit(server: &Process) {
    let mut socket = websocket(server, &header(0x81, 1 << 63));
    let code = close_code(&read_to_end(&mut socket));
    assert!([Some(1002), Some(1009)].contains(&code), "{code:?}");
}

fn empty_fragments(server: &Process) {
    // Each is allowed, and none may be kept.
    let mut frames = frame(0x01, b"");
    frames.extend(frame(0x00, b"").repeat(10_000));
    frames.extend(frame(0x80, br#"{"type":"route-update","route":"/fragments"}"#));
    let mut socket = websocket(server, b"");
    let _closed_early = socket.write_all(&frames);
    server.await_stats("it moved or was closed", |stats| {
        stats["total"] == 0 || stats["routes"] == json!({"/fragments": 1})
    });
}

fn binary(server: &Process) {
    let mut socket = websocket(server, b"");
    socket
        .write_all(&frame(0x82, br#"{"type":"route-update","route":"/binary"}"#))
        .unwrap();
    socket
        .write_all(&frame(0x81, br#"{"type":"route-update","route":"/text"}"#))
        .unwrap();
    server.await_routes(&json!({"/text": 1}));
}

fn unfinished(server: &Process) {
    let mut socket = websocket(server, b"");
    socket.write_all(&frame(0x81, &[b'a'; 4_000])[..2_000]).unwrap();
    server.await_routes(&json!({"/ws": 1}));
}
