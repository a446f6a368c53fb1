//! Request heads and bodies that no browser sends.

use std::io::{Read, Write};
use std::net::Shutdown;

use serde_json::json;

use super::{Case, raw, status};
use crate::client::{Ask, BOTH, Transport, Visit, ask, connect, exchange, read_to_end};
use crate::process::Process;

pub(super) const CASES: &[Case] = &[
    ("both a length and chunks", both_lengths),
    ("two lengths", two_lengths),
    ("a length that is no number", odd_length),
    ("a chunk of no size", odd_chunk),
    ("bare line feeds", bare_line_feeds),
    ("a folded header", folded_header),
    ("a space before the colon", space_before_colon),
    ("NUL in the head", nul_in_head),
    ("no host, and two hosts", hosts),
    ("HTTP/1.0 and versions that do not exist", versions),
    ("an HTTP/2 preface", http2_preface),
    ("methods that headcount does not know", methods),
    ("64 KB of cookies", giant_cookies),
    ("a target of 20 KB", giant_target),
    ("500 header lines", many_headers),
    ("targets of other forms", target_forms),
    ("a TLS hello", tls_hello),
    ("a socket half closed behind its request", half_closed),
    ("a request byte by byte", byte_by_byte),
    ("a body byte by byte", body_byte_by_byte),
    ("fifty requests in one write", pipelined),
    ("heads that never end", slow_heads),
    ("bodies that never end", slow_bodies),
    ("a body over the limit", giant_body),
    ("a body longer than it said", longer_body),
    ("paths around our paths", paths),
    ("line ends in what is reflected", header_injection),
    ("expect: 100-continue", expect_continue),
];

const ROUTE: &str = "POST /__skew/route HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";

fn both_lengths(server: &Process) {
    // By the length this is one request, by the chunks it is two. One answer at most.
    let smuggled = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for lengths in [
        format!(
            "content-length: {}\r\ntransfer-encoding: chunked\r\n",
            smuggled.len()
        ),
        format!(
            "transfer-encoding: chunked\r\ncontent-length: {}\r\n",
            smuggled.len()
        ),
        "content-length: 5\r\ntransfer-encoding: identity, chunked\r\n".to_owned(),
        "content-length: 5\r\ntransfer-encoding: xchunked\r\n".to_owned(),
    ] {
        let answer = raw(server, format!("{ROUTE}{lengths}\r\n{smuggled}"));
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{lengths}: {answer}");
        assert!(!answer.contains("404"), "{lengths}: {answer}");
    }
}

fn two_lengths(server: &Process) {
    let request = format!("{ROUTE}content-length: 2\r\ncontent-length: 40\r\n\r\n{{}}");
    assert_eq!(status(server, request), 400);
}

fn odd_length(server: &Process) {
    for length in ["+2", "-2", "0x2", "2 2", "99999999999999999999999", "two"] {
        let request = format!("{ROUTE}content-length: {length}\r\n\r\n{{}}");
        assert_eq!(status(server, request), 400, "{length}");
    }
}

fn odd_chunk(server: &Process) {
    for chunk in ["zz\r\n{}\r\n0\r\n\r\n", "fffffffffffffffff\r\n{}", "-1\r\n\r\n"] {
        let request = format!("{ROUTE}transfer-encoding: chunked\r\n\r\n{chunk}");
        let status = status(server, request);
        assert!(status == 400 || status == 413, "{chunk:?}: {status}");
    }
}

fn bare_line_feeds(server: &Process) {
    let status = status(
        server,
        "GET /__skew/health HTTP/1.1\nhost: x\nconnection: close\n\n",
    );
    assert!([200, 400].contains(&status), "{status}");
}

fn folded_header(server: &Process) {
    let request = "GET /__skew/sse?route=/ HTTP/1.1\r\nhost: x\r\ncookie: a=1;\r\n b=2\r\n\r\n";
    assert_eq!(status(server, request), 400);
}

fn space_before_colon(server: &Process) {
    let request = "GET /__skew/sse?route=/ HTTP/1.1\r\nhost: x\r\ntransfer-encoding : chunked\r\n\r\n";
    assert_eq!(status(server, request), 400);
}

fn nul_in_head(server: &Process) {
    for request in [
        "GET /__skew/sse?route=/\0 HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /__skew/sse?route=/ HTTP/1.1\r\nhost: x\r\ncookie: __nkpv=\0\r\n\r\n",
        "GET /__skew/sse?route=/ HTTP/1.1\r\nhost: x\r\nco\0okie: a\r\n\r\n",
    ] {
        assert_eq!(status(server, request), 400, "{request:?}");
    }
}

fn hosts(server: &Process) {
    // Only the comparison with an origin depends on the host.
    for hosts in ["", "host: a\r\nhost: b\r\n"] {
        let request = format!("GET /__skew/health HTTP/1.1\r\n{hosts}connection: close\r\n\r\n");
        assert!([200, 400].contains(&status(server, request)), "{hosts}");
        let request =
            format!("GET /__skew/sse HTTP/1.1\r\n{hosts}origin: http://b\r\nconnection: close\r\n\r\n");
        assert!([400, 403].contains(&status(server, request)), "{hosts}");
    }
}

fn versions(server: &Process) {
    assert_eq!(status(server, "GET /__skew/health HTTP/1.0\r\n\r\n"), 200);
    for version in ["HTTP/1.2", "HTTP/3.0", "HTTP/0.9", "http/1.1", "FTP/1.1", ""] {
        let status = status(
            server,
            format!("GET /__skew/sse?route=/ {version}\r\nhost: x\r\n\r\n"),
        );
        assert!([0, 400, 505].contains(&status), "{version}: {status}");
    }
    // A client of HTTP/1.0 gets its stream, and is gone when it is gone.
    let mut old = connect(server.address);
    old.write_all(b"GET /__skew/sse?route=/old HTTP/1.0\r\n\r\n")
        .unwrap();
    let mut start = [0; 15];
    old.read_exact(&mut start).unwrap();
    assert_eq!(&start[9..], b"200 OK");
    server.await_routes(&json!({"/old": 1}));
}

fn http2_preface(server: &Process) {
    let mut socket = connect(server.address);
    socket
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    let mut frame = [0; 9];
    socket.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "settings come first: {frame:?}");
    // The bytes after the preface are not a frame.
    socket.write_all(&[0xff; 64]).unwrap();
    read_to_end(&mut socket);
}

fn methods(server: &Process) {
    for method in ["BREW", "TRACE", "PUT", "PATCH", "DELETE", "HEAD"] {
        for endpoint in ["sse", "ws", "route", "subscribe-stats"] {
            let request = Ask::new(method, format!("/__skew/{endpoint}?route=/"));
            assert_eq!(ask(server.address, &request).status, 405, "{method} {endpoint}");
        }
    }
    assert!([0, 400].contains(&status(server, "G\u{e9}T / HTTP/1.1\r\nhost: x\r\n\r\n")));
    assert!(
        status(
            server,
            "CONNECT evil.example:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ) >= 400
    );
}

fn giant_cookies(server: &Process) {
    for endpoint in ["sse", "ws", "health"] {
        let cookies = "a=1; ".repeat(13_000);
        let request =
            format!("GET /__skew/{endpoint}?route=/ HTTP/1.1\r\nhost: x\r\ncookie: {cookies}\r\n\r\n");
        assert_eq!(status(server, request), 431, "{endpoint}");
    }
}

fn giant_target(server: &Process) {
    let request = format!(
        "GET /__skew/sse?route=/{} HTTP/1.1\r\nhost: x\r\n\r\n",
        "a".repeat(20_000)
    );
    let status = status(server, request);
    assert!([414, 431].contains(&status), "{status}");
}

fn many_headers(server: &Process) {
    let lines = "x-a: 1\r\n".repeat(500);
    for endpoint in ["sse", "health"] {
        let request =
            format!("GET /__skew/{endpoint} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{lines}\r\n");
        assert_eq!(status(server, request), 431, "{endpoint}");
    }
}

fn target_forms(server: &Process) {
    for target in [
        "*",
        "evil.example:80",
        "//__skew/sse",
        "?route=/",
        "\\__skew\\sse",
    ] {
        let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let status = status(server, request);
        assert!((400..500).contains(&status), "{target}: {status}");
    }
    // The host of the target counts, not that of the header (RFC 9112, section 3.2.2).
    for (host, expected) in [("evil.example", 403), ("localhost", 200)] {
        let absolute =
            format!("GET http://{host}/__skew/health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(status(server, absolute), expected, "{host}");
    }
}

fn tls_hello(server: &Process) {
    let mut hello = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    hello.extend([0; 512]);
    hello.extend(b"\n\n");
    assert!([0, 400].contains(&status(server, hello)));
}

fn half_closed(server: &Process) {
    for transport in BOTH {
        let mut tab = Visit::new(transport, "/half").open(server.address);
        tab.socket().shutdown(Shutdown::Write).unwrap();
        tab.end();
    }
    let mut socket = connect(server.address);
    socket.write_all(b"GET /__skew/sse HTTP/1.1\r\nho").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    read_to_end(&mut socket);
}

fn byte_by_byte(server: &Process) {
    let mut socket = connect(server.address);
    for byte in b"GET /__skew/sse?route=/slowly HTTP/1.1\r\nhost: x\r\n\r\n" {
        socket.write_all(&[*byte]).unwrap();
    }
    server.await_routes(&json!({"/slowly": 1}));
}

fn body_byte_by_byte(server: &Process) {
    let tab = Visit::new(Transport::Sse, "/before").open(server.address);
    let body = json!({"connectionId": tab.id, "route": "/after"});
    let request = Ask::post("/__skew/route", &body).text(server.address, "keep-alive");
    let mut socket = connect(server.address);
    for byte in request.bytes() {
        socket.write_all(&[byte]).unwrap();
    }
    let mut start = [0; 15];
    socket.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    server.await_routes(&json!({"/after": 1}));
}

fn pipelined(server: &Process) {
    let one = "GET /__skew/health HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /__skew/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = raw(server, one.repeat(49) + last);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 50);
    let body = r#"{"connectionId":"x","route":"/"}"#;
    let post = format!(
        "POST /__skew/route HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = raw(server, post.repeat(49) + last);
    assert_eq!(answer.matches("{\"ok\":false}").count(), 49);
    let tab = Visit::new(Transport::Sse, "/kept")
        .page_first("/healthz")
        .open(server.address);
    server.await_routes(&json!({"/kept": 1}));
    drop(tab);
}

fn slow_heads(server: &Process) {
    let mut sockets: Vec<_> = (0..30)
        .map(|_| {
            let mut socket = connect(server.address);
            socket.write_all(b"GET /__skew/sse HTTP/1.1\r\nx-a: ").unwrap();
            socket
        })
        .collect();
    // A byte now and then does not reset the time limit.
    for socket in &mut sockets {
        let _closed_already = socket.write_all(b"b");
    }
    for socket in &mut sockets {
        let answer = read_to_end(socket);
        assert!(
            answer.starts_with(b"HTTP/1.1 408 "),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
}

fn slow_bodies(server: &Process) {
    for target in [
        "/__skew/route",
        "/__skew/subscribe-stats",
        "/api/admin/invalidate-route",
        "/api/admin/session",
    ] {
        let request = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{");
        let status = status(server, request);
        assert_eq!(status, 408, "{target}");
    }
}

fn giant_body(server: &Process) {
    for target in [
        "/__skew/route",
        "/__skew/subscribe-stats",
        "/api/admin/invalidate-route",
    ] {
        let body = json!({"connectionId": "x", "route": "/".repeat(100_000)});
        assert_eq!(
            ask(server.address, &Ask::post(target, &body)).status,
            413,
            "{target}"
        );
    }
    // The announced length is enough: the body need not arrive, and a client that asks first (`expect`) is not told to send it.
    for more in ["", "expect: 100-continue\r\n"] {
        let request = format!("{ROUTE}{more}content-length: 10000000\r\n\r\n{{");
        assert_eq!(status(server, request), 413);
    }
    let chunks = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(3);
    let request = format!("{ROUTE}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    assert_eq!(status(server, request), 413);
}

fn longer_body(server: &Process) {
    let answer = raw(
        server,
        format!("{ROUTE}content-length: 2\r\n\r\n{{}}{{\"route\":\"/\"}}"),
    );
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1, "{answer}");
}

fn paths(server: &Process) {
    for path in [
        "/__skew/../api/admin/stats",
        "/__skew/%2e%2e/api/admin/stats",
        "/__skew//sse",
        "/__skew/sse/",
        "/%5f_skew/sse",
        "/__SKEW/sse",
        "/__skew/sse%00",
        "/__skew/sse;x",
        "/__skew",
        "/api/admin",
        "/api/admin/../../etc/passwd",
    ] {
        assert_eq!(ask(server.address, &Ask::get(path)).status, 404, "{path}");
    }
}

fn header_injection(server: &Process) {
    let crlf = "%0d%0aset-cookie:%20evil=1%0d%0a";
    let mut tab = Visit::new(Transport::Sse, &format!("/{crlf}"))
        .cookie(&format!("__nkpv={crlf}; headcount_browser={crlf}"))
        .open(server.address);
    assert!(!tab.head.contains("evil"), "{}", tab.head);
    tab.subscribe();
    let stats = tab.next();
    assert_eq!(stats["total"], 1);
    assert!(!stats.to_string().contains('\n'), "{stats}");
    let origin = format!("https://a.example{crlf}");
    let refused = exchange(
        server.address,
        format!("GET /__skew/sse HTTP/1.1\r\nhost: x\r\norigin: {origin}\r\nconnection: close\r\n\r\n")
            .as_bytes(),
    );
    let refused = String::from_utf8(refused).unwrap();
    assert!(
        refused.starts_with("HTTP/1.1 403 ") && !refused.contains("evil"),
        "{refused}"
    );
}

fn expect_continue(server: &Process) {
    let answer = raw(
        server,
        format!("{ROUTE}expect: 100-continue\r\ncontent-length: 2\r\n\r\n{{}}"),
    );
    assert!(answer.contains("HTTP/1.1 200"), "{answer}");
}
