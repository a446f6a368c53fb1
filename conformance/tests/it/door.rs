//! How the server itself ends a WebSocket, whichever door it came through.
//!
//! Messages get no echo here, so of each case only the pongs and the end are compared: the right code, nothing behind it, an
//! end instead of a reset, and a tab that is in the counts no more.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::serve::Listener;
use headcount_server::Headcount;
use headcount_server::config::Config;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::case::Case;
use crate::client::{BINARY, CLOSE, Client, FIN, PING, PONG, Received, TEXT, close, frame};
use crate::endings;

const PATH: &str = "/__skew/ws?route=%2F&v=v1";
const PATIENCE: Duration = Duration::from_secs(20);
/// `limits.message_bytes_max` by default.
const MESSAGE_BYTES_MAX: usize = 8_192;

/// The ways into a server.
#[derive(Clone, Copy, Debug)]
enum Door {
    /// Its own listener: the request is read by a shard.
    Lean,
    /// `axum::serve`: the socket moves to a shard after the upgrade.
    Adopted,
    /// `axum::serve` over a stream that is not a plain socket: a task carries it.
    Carried,
}

const DOORS: [Door; 3] = [Door::Lean, Door::Adopted, Door::Carried];

/// A server, and the runtime that it lives in.
struct Server {
    runtime: Runtime,
    headcount: Headcount,
    address: SocketAddr,
}

impl Server {
    fn start(door: Door) -> Self {
        let runtime = Runtime::new().unwrap();
        let (headcount, address) = runtime.block_on(async {
            let headcount = Headcount::builder(Config::default()).start().await.unwrap();
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let (router, served) = (headcount.router(), headcount.clone());
            match door {
                Door::Lean => tokio::spawn(async move {
                    served
                        .serve(
                            listener.into_std().unwrap(),
                            axum::Router::new(),
                            std::future::pending(),
                        )
                        .await
                        .unwrap();
                }),
                Door::Adopted => tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }),
                Door::Carried => {
                    tokio::spawn(async move { axum::serve(Wrapped(listener), router).await.unwrap() })
                }
            };
            (headcount, address)
        });
        Self {
            runtime,
            headcount,
            address,
        }
    }

    /// Opens a WebSocket that was greeted.
    fn open(&self) -> Client {
        let mut client = Client::open(self.address, PATH);
        let greeting = client.receive().unwrap();
        assert_eq!(greeting.first, FIN | TEXT);
        assert!(greeting.payload.starts_with(br#"{"type":"connected""#));
        client
    }

    /// Waits until the count is 0.
    fn empties(&self) -> bool {
        let emptied = async {
            while self.headcount.stats().await.unwrap().total > 0 {
                tokio::task::yield_now().await;
            }
        };
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, emptied).await.is_ok() })
    }
}

/// Sockets that cannot be told from TLS: nothing below them is a `TcpStream`.
struct Wrapped(TcpListener);

impl Listener for Wrapped {
    type Io = tokio::io::Join<Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = self.0.accept().await.unwrap();
        let (read, write) = stream.into_split();
        (tokio::io::join(Box::new(read), Box::new(write)), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// What a server owes a client for a case: pongs, and a close with this code as the very last.
fn hold(server: &Server, door: Door, case: &Case) {
    let mut client = server.open();
    client.send(&case.sends);
    let mut received = client.receive_all();
    let last = received.pop();
    let code = last
        .as_ref()
        .filter(|frame| frame.first == FIN | CLOSE)
        .map(|frame| frame.payload.clone());
    assert_eq!(
        code,
        Some(case.code.to_be_bytes().to_vec()),
        "{door:?}, {}",
        case.name
    );
    let pongs = |frames: &[Received]| -> Vec<Received> {
        frames
            .iter()
            .filter(|frame| frame.first == FIN | PONG)
            .cloned()
            .collect()
    };
    assert_eq!(pongs(&received), pongs(&case.answers), "{door:?}, {}", case.name);
}

fn over_the_limit() -> Vec<Case> {
    let half = vec![b'x'; MESSAGE_BYTES_MAX / 2];
    let declared = frame(FIN | BINARY, &vec![0; MESSAGE_BYTES_MAX + 1])[..14].to_vec();
    let in_fragments = [frame(TEXT, &half), frame(0, &half), frame(FIN, b"x")];
    vec![
        Case::ending(
            "9.1 a length over the limit, and nothing behind it",
            &[declared],
            vec![],
            1009,
        ),
        Case::ending("9.3 fragments over the limit", &in_fragments, vec![], 1009),
        Case::ending_well(
            "9.1 as long as may be",
            &[frame(FIN | TEXT, &[b'x'; MESSAGE_BYTES_MAX])],
            vec![],
        ),
    ]
}

#[test]
fn every_door_ends_a_connection_with_its_code_and_forgets_it() {
    for door in DOORS {
        let server = Server::start(door);
        for case in [endings::cases(), over_the_limit()].concat() {
            hold(&server, door, &case);
        }
        assert!(server.empties(), "{door:?}: somebody is still counted");
    }
}

#[test]
fn pings_are_answered_until_they_are_a_flood() {
    for door in DOORS {
        let server = Server::start(door);
        let mut client = server.open();
        client.send(&frame(FIN | PING, b"?").repeat(5_000));
        let received = client.receive_all();
        let (last, pongs) = received.split_last().unwrap();
        assert_eq!(last.payload, 1008_u16.to_be_bytes(), "{door:?}");
        assert!(
            pongs.len() >= 60,
            "{door:?}: the burst that is allowed, not {}",
            pongs.len()
        );
        assert!(
            pongs
                .iter()
                .all(|frame| frame.first == FIN | PONG && frame.payload == b"?"),
            "{door:?}"
        );
        assert!(server.empties(), "{door:?}: it is still counted");
    }
}

#[test]
fn frames_that_come_with_the_request_are_not_lost() {
    for door in DOORS {
        let server = Server::start(door);
        let early = [frame(FIN | PING, b"early"), close(1001, b"")].concat();
        let mut client = Client::open_with(server.address, PATH, &early);
        let received = client.receive_all();
        let firsts: Vec<_> = received.iter().map(|frame| frame.first).collect();
        assert_eq!(
            firsts,
            [FIN | TEXT, FIN | PONG, FIN | CLOSE],
            "{door:?}: {received:?}"
        );
        assert_eq!(received[1].payload, b"early", "{door:?}");
        assert_eq!(received[2].payload, 1001_u16.to_be_bytes(), "{door:?}");
        assert!(server.empties(), "{door:?}: it is still counted");
    }
}
