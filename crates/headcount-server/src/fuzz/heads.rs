//! Request heads: what the lean door takes, it takes as hyper reads it, by the letter of the rules, and however it was cut.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::RefUnwindSafe;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Input, cases};
use headcount_core::connection::NodeId;

use crate::admission::{self, Transport};
use crate::authorize::Authorizers;
use crate::config::Config;
use crate::faults::Faults;
use crate::keys::Keys;
use crate::metrics::Meters;
use crate::shard::{Judge, Judgement, websocket_accept};
use crate::site::Site;

const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    ": ",
    ":",
    " ",
    "\t",
    ", ",
    "GET ",
    "POST ",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "/__skew/sse",
    "/__skew/ws",
    "/__skew/route",
    "/__skew/message",
    "?route=/a",
    "&v=v1",
    "&tab=t",
    "&since=17;19",
    "&visibility=hidden",
    "host: x\r\n",
    "Host: y\r\n",
    "connection: upgrade\r\n",
    "connection: keep-alive\r\n",
    "connection: close\r\n",
    "upgrade: websocket\r\n",
    "sec-websocket-version: 13\r\n",
    "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    "content-length: 2\r\n",
    "content-length: +2\r\n",
    "content-length: 0\r\n",
    "content-length: 2, 2\r\n",
    "transfer-encoding: chunked\r\n",
    "transfer-encoding: ",
    "content-length: ",
    "expect: 100-continue\r\n",
    "origin: http://x\r\n",
    "origin: null\r\n",
    "sec-fetch-site: cross-site\r\n",
    "cookie: __nkpv=v2\r\n",
    "last-event-id: 3\r\n",
    "user-agent: Mozilla/5.0 Chrome/120\r\n",
    "\r\n\r\n",
    "{}",
    "{\"connectionId\":\"a\",\"route\":\"/\"}",
    "%2F",
    "http://x",
    "#",
    "\u{e9}",
];
const STARTS: &[&str] = &[
    "GET /__skew/sse HTTP/1.1\r\nhost: x\r\n",
    "GET /__skew/ws?v=v1 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
     sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    "POST /__skew/route HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n",
    "POST /__skew/message HTTP/1.1\r\nhost: x\r\n",
    "GET /__skew/sse?",
    "",
];

/// The site, and a runtime to ask hyper in.
struct Fixture {
    site: Arc<Site>,
    meters: Meters,
    runtime: tokio::runtime::Runtime,
}

impl RefUnwindSafe for Fixture {}

/// What was made of a request.
#[derive(Debug, PartialEq)]
enum Taken {
    Nothing,
    Waits,
    Stream {
        newcomer: String,
        greeting: String,
        head_bytes: usize,
    },
    Post {
        bytes: usize,
    },
}

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

impl Fixture {
    fn lean(&self, read: &[u8]) -> Taken {
        let judge = Judge {
            site: &self.site,
            meters: &self.meters,
        };
        match judge.decide(read, PEER) {
            Judgement::HandOver | Judgement::Refuse => Taken::Nothing,
            Judgement::Wait => Taken::Waits,
            Judgement::Open(opening) => Taken::Stream {
                newcomer: format!("{:?}", opening.newcomer),
                greeting: String::from_utf8(opening.greeting).unwrap(),
                head_bytes: opening.head_bytes,
            },
            Judgement::Post { bytes, .. } => Taken::Post { bytes },
        }
    }

    /// The first request that hyper reads from these bytes, with as much of its body as it gets; `None` where it refuses.
    fn hyper(&self, sent: &[u8]) -> Option<(Parts, Option<Bytes>)> {
        let read = Mutex::new(None);
        let service = hyper::service::service_fn(|request: http::Request<hyper::body::Incoming>| async {
            let (head, body) = request.into_parts();
            let body = body.collect().await.ok().map(http_body_util::Collected::to_bytes);
            read.lock().unwrap().get_or_insert((head, body));
            Ok::<_, std::convert::Infallible>(http::Response::new(Empty::<Bytes>::new()))
        });
        let io = TokioIo::new(Sent(sent));
        let connection = hyper::server::conn::http1::Builder::new()
            .header_read_timeout(None)
            .half_close(true)
            .serve_connection(io, service);
        let _ended_early = self.runtime.block_on(connection);
        read.into_inner().unwrap()
    }

    /// What lean takes, the rules of the generic door take too, and mean the same by it.
    fn check(&self, sent: &[u8], taken: &Taken) {
        let Some((head, body)) = self.hyper(sent) else {
            assert!(matches!(taken, Taken::Nothing | Taken::Waits), "hyper refuses it");
            return;
        };
        match taken {
            Taken::Nothing => {}
            Taken::Waits => assert!(body.is_none(), "hyper has all of it"),
            Taken::Stream {
                newcomer,
                greeting,
                head_bytes,
            } => {
                let transport = if head.uri.path() == self.site.sse_path {
                    Transport::Sse
                } else {
                    assert!(websocket_accept(&head).is_some());
                    Transport::WebSocket
                };
                let judged = admission::judge(&self.site, &head, transport, Some(PEER.ip())).unwrap();
                let lines = judged.header_lines(&self.site);
                assert!(greeting.ends_with(&format!("\r\n{lines}\r\n")), "{greeting}");
                assert_eq!(newcomer, &format!("{:?}", judged.newcomer(&self.site)));
                assert_eq!((head.method.as_str(), body), ("GET", Some(Bytes::new())));
                by_the_book(&sent[..*head_bytes], false, transport == Transport::WebSocket);
            }
            Taken::Post { bytes } => {
                let body = body.unwrap();
                assert_eq!(head.method, "POST");
                assert!(sent[..*bytes].ends_with(&body));
                by_the_book(&sent[..*bytes - body.len()], true, false);
            }
        }
    }
}

/// The rules for a head that is taken, by its bytes.
fn by_the_book(head: &[u8], has_body: bool, is_websocket: bool) {
    let mut lines = head
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    assert!(lines.next().unwrap().ends_with(b" HTTP/1.1"));
    let mut names = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap());
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        assert!(!name.is_empty() && name.iter().all(is_token), "{name:?}");
        assert!(!value[1..].iter().any(|byte| matches!(byte, 0 | b'\r')));
        if name.eq_ignore_ascii_case(b"content-length") {
            assert!(value[1..].trim_ascii().iter().all(u8::is_ascii_digit));
        }
        names.push(name.to_ascii_lowercase());
    }
    let count = |name: &str| names.iter().filter(|sent| *sent == name.as_bytes()).count();
    assert_eq!(count("host"), 1, "hosts");
    assert_eq!(count("content-length"), usize::from(has_body), "lengths");
    assert_eq!((count("transfer-encoding"), count("expect")), (0, 0), "framing");
    assert!(count("origin") <= 1, "origins");
    if is_websocket {
        assert_eq!(
            (count("sec-websocket-key"), count("sec-websocket-version")),
            (1, 1),
            "handshake"
        );
    }
}

/// Bytes that have all arrived, and a client that reads nothing.
struct Sent<'a>(&'a [u8]);

impl AsyncRead for Sent<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let (now, later) = self.0.split_at(self.0.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Sent<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn fixture() -> Fixture {
    Fixture {
        site: Arc::new(Site::new(
            Config::default(),
            Authorizers::default(),
            (NodeId(7), &Keys::of(&[7]), false),
            Faults::default(),
        )),
        meters: Meters::default(),
        runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
    }
}

/// What the target found.
#[test]
fn a_head_that_can_be_read_in_two_ways_is_not_taken() {
    let fixture = fixture();
    let [sse, websocket, route, ..] = STARTS else {
        unreachable!()
    };
    for (start, line) in [
        (sse, &b"Host: y"[..]),
        (sse, b"host: \xff"),
        (sse, b"transfer-encoding: \xff"),
        (sse, b"content-length: \xff"),
        (sse, b"expect: \xff"),
        (sse, b"upgrade: \xff"),
        (sse, b"origin: \xff"),
        (websocket, b"sec-websocket-version: 8"),
        (websocket, b"sec-websocket-key: BAAAAAAAAAAAAAAAAAAAAA=="),
        (route, b"content-length: \xff"),
        (route, b"connection: keep-alive\r\nconnection: close"),
    ] {
        let end = b"\r\n\r\n{}";
        assert_eq!(
            fixture.lean(&[start.as_bytes(), line, end].concat()),
            Taken::Nothing,
            "{line:?}"
        );
        let plain = fixture.lean(&[start.as_bytes(), b"x: \xff", end].concat());
        assert!(
            matches!(plain, Taken::Stream { .. } | Taken::Post { .. }),
            "{plain:?}"
        );
    }
}

#[test]
fn a_target_that_hyper_reads_otherwise_is_not_taken() {
    let fixture = fixture();
    let taken =
        |query: &str| fixture.lean(format!("GET /__skew/sse?{query} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
    for query in ["\"", "v=<", "v=>", "v=1#2", "v=\u{e9}"] {
        assert_eq!(taken(query), Taken::Nothing, "{query}");
    }
    assert!(matches!(taken("v=%22&route=/a{}|^`[]\\"), Taken::Stream { .. }));
}

#[test]
fn the_lean_door_takes_only_what_hyper_would() {
    let fixture = fixture();
    bolero::check!(name = "heads")
        .with_iterations(1_500)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let mut sent = input.pick(STARTS).as_bytes().to_vec();
            let end = if input.flag() { "\r\n" } else { "" };
            let cut = usize::from(input.byte()) * 4;
            sent.extend(input.raw(100, WORDS));
            sent.extend(end.as_bytes());
            sent.extend(input.raw(40, WORDS));

            let taken = fixture.lean(&sent);
            fixture.check(&sent, &taken);
            let earlier = fixture.lean(&sent[..cut.min(sent.len())]);
            let goes_on = matches!(earlier, Taken::Waits | Taken::Nothing);
            assert!(goes_on || earlier == taken, "{earlier:?} became {taken:?}");
        });
}
