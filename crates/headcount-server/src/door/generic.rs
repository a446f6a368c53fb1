//! The generic door: hyper, for every request that is not exactly a plain stream.
//!
//! Each socket is served by a task that also watches it (`patience`): a client that sends no request, no further
//! request, or reads no answer, is closed. A socket beyond `limits.http_connections_max` is answered `503` at once, so
//! no request waits behind idle sockets; and the fuller the door, the sooner idle sockets are closed.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tower_service::Service;

use super::activity::{Activity, InFlight, Sent, Untouched, while_touched};
use super::line::{Line, Unanswered};
use super::patience::{End, Patience, Watch};
use super::rewound::Rewound;
use super::seats::{Seats, Turn};
use crate::clock;
use crate::error::FULL_ANSWER;
use crate::metrics::{Count, Meters};
use crate::shard::Handoff;
use crate::site::Site;

/// How long a client may take to hang up once it was told that its connection ends.
const LINGER: Duration = Duration::from_secs(1);

/// How often a connection is looked at while the server stops.
const STOPPING_LOOK: Duration = Duration::from_millis(50);

/// How long a connection without a request stays open while the server stops: an answer that was just finished is still on its way.
const STOPPING_QUIET: Duration = Duration::from_millis(250);

/// Bytes of a request body that one stream, and one connection, may send ahead of being read.
const WINDOW_BYTES: (u32, u32) = (65_536, 1_048_576);

/// Bytes of an answer that hyper holds for a stream.
const SEND_BYTES: usize = 65_536;

/// Streams that a client may reset before they were answered (hyper's own defence against rapid resets).
const RESETS_MAX: usize = 20;

/// The address of the socket a request came in on; an extension of requests through our own listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub(crate) SocketAddr);

/// Serves the sockets that the lean door hands over, until `stop` resolves; then lets those under way end, within `drain`.
pub(crate) async fn serve_handoffs(
    site: &Arc<Site>,
    meters: &Arc<Meters>,
    router: Router,
    handoffs: &mut mpsc::Receiver<Handoff>,
    stop: impl Future<Output = ()>,
    drain: Duration,
) {
    let door = Door::new(site, Seats::of_site(site), meters, router);
    let (stopping, stopped) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let handoff = tokio::select! {
            handoff = handoffs.recv() => handoff,
            () = &mut stop => None,
        };
        let Some(handoff) = handoff else { break };
        door.serve(handoff, stopped.clone());
    }
    drop(stopped);
    let _nobody_left = stopping.send(true);
    if tokio::time::timeout(drain, stopping.closed()).await.is_err() {
        tracing::info!("requests were still under way at the end of the drain window");
    }
}

/// What all connections of the door share.
pub(super) struct Door {
    site: Arc<Site>,
    seats: Arc<Seats>,
    meters: Arc<Meters>,
    router: Router,
    builder: auto::Builder<Streams>,
}

impl Door {
    pub(super) fn new(site: &Arc<Site>, seats: Seats, meters: &Arc<Meters>, router: Router) -> Self {
        Self {
            site: Arc::clone(site),
            seats: Arc::new(seats),
            meters: Arc::clone(meters),
            router,
            builder: builder(site, meters),
        }
    }

    pub(super) fn serve(&self, handoff: Handoff, stopped: watch::Receiver<bool>) {
        let Handoff { stream, peer, read } = handoff;
        let Some(turn) = Turn::take(&self.seats, self.is_of_operators(&read)) else {
            self.meters.one(Count::RefusedHandoffFull);
            refuse(&stream);
            return;
        };
        let Ok(stream) = TcpStream::from_std(stream) else {
            return;
        };
        let limits = &self.site.config.limits;
        let activity = Arc::<Activity>::default();
        let io = TokioIo::new(Rewound::new(stream, read, &activity, limits));
        let service = TowerToHyperService::new(WithPeer {
            seats: Arc::clone(&self.seats),
            router: self.router.clone(),
            peer,
            activity: Arc::clone(&activity),
        });
        let connection = self
            .builder
            .serve_connection_with_upgrades(io, service)
            .into_owned();
        let visit = Visit {
            activity,
            untouched: Arc::default(),
            patience: Patience::new(limits),
            turn,
            meters: Arc::clone(&self.meters),
        };
        tokio::spawn(visit.run(connection, stopped));
    }
}

impl Door {
    /// Whether a request head, as far as it was read, asks for health, metrics or the admin API.
    fn is_of_operators(&self, read: &[u8]) -> bool {
        let mut words = read.split(u8::is_ascii_whitespace);
        let target = words.nth(1).unwrap_or_default();
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let below = path.strip_prefix(self.site.config.admin_path.as_bytes());
        below.is_some_and(|below| below.starts_with(b"/"))
            || [&b"/healthz"[..], b"/readyz", b"/metrics"].contains(&path)
    }
}

/// Answers `503`, as far as the socket accepts it.
fn refuse(mut stream: &std::net::TcpStream) {
    use std::io::Write as _;
    let _taken_or_not = stream.write(FULL_ANSWER);
    let _gone = stream.shutdown(std::net::Shutdown::Write);
}

type Connection =
    auto::UpgradeableConnection<'static, TokioIo<Rewound>, TowerToHyperService<WithPeer>, Streams>;

/// One connection, from its first byte to its end.
struct Visit {
    activity: Arc<Activity>,
    untouched: Arc<Untouched>,
    patience: Patience,
    turn: Turn,
    meters: Arc<Meters>,
}

impl Visit {
    async fn run(self, connection: Connection, mut stopped: watch::Receiver<bool>) {
        let mut connection = std::pin::pin!(connection);
        let mut watch = Watch::new(self.patience, clock::now());
        let mut looks = tokio::time::interval(self.patience.look());
        let mut stopping = false;
        let end = loop {
            let served = std::future::poll_fn(|cx| self.untouched.during(|| connection.as_mut().poll(cx)));
            tokio::select! {
                biased;
                () = self.activity.until_cut() => break Some(End::Guess),
                served = served => {
                    if let Err(error) = served {
                        tracing::debug!(error, "a connection ended early");
                    }
                    let flood = self.activity.is_flooded().then_some(End::Flood);
                    break flood.or_else(|| self.activity.is_cut().then_some(End::Guess));
                }
                _ = looks.tick() => {
                    if let Some(end) = self.look(&mut watch) {
                        break Some(end);
                    }
                    if stopping && (watch.quiet() >= STOPPING_QUIET || watch.holds_up()) {
                        break None;
                    }
                }
                _ = stopped.changed(), if !stopping => {
                    stopping = true;
                    watch.stop(clock::now(), self.activity.seen());
                    connection.as_mut().graceful_shutdown();
                    looks = tokio::time::interval(STOPPING_LOOK);
                }
            }
        };
        if let Some(end) = end {
            self.meters.one(end.count());
        }
        if end == Some(End::Idle) {
            connection.as_mut().graceful_shutdown();
            let _hangs_on = tokio::time::timeout(LINGER, connection).await;
        }
    }

    fn look(&self, watch: &mut Watch) -> Option<End> {
        let mut seen = self.activity.seen();
        seen.untouched_since = self.untouched.since();
        watch.look(clock::now(), seen, self.turn.is_crowded())
    }
}

fn builder(site: &Site, meters: &Arc<Meters>) -> auto::Builder<Streams> {
    let limits = &site.config.limits;
    let mut builder = auto::Builder::new(Streams {
        meters: Arc::clone(meters),
        patience: Patience::new(limits).untouched(),
    });
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.head_ms.into()))
        .max_buf_size(limits.head_bytes_max as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_bytes_max)
        .max_concurrent_streams(limits.http_streams_max)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .initial_stream_window_size(WINDOW_BYTES.0)
        .initial_connection_window_size(WINDOW_BYTES.1)
        .max_send_buf_size(SEND_BYTES)
        .keep_alive_interval(Duration::from_millis(limits.keepalive_ms.into()))
        .keep_alive_timeout(Duration::from_millis(limits.silent_ms().into()));
    builder
}

/// Runs HTTP/2 streams, and drops those whose client reads nothing: the others of the connection go on.
#[derive(Clone)]
struct Streams {
    meters: Arc<Meters>,
    patience: Duration,
}

impl<F: Future + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (meters, patience) = (Arc::clone(&self.meters), self.patience);
        tokio::spawn(async move {
            if !while_touched(stream, patience).await {
                meters.one(Count::HttpStuck);
            }
        });
    }
}

/// The router, with the address of the socket in every request.
#[derive(Clone)]
struct WithPeer {
    seats: Arc<Seats>,
    router: Router,
    peer: SocketAddr,
    activity: Arc<Activity>,
}

impl Service<Request<Incoming>> for WithPeer {
    type Response = Response;
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Unanswered>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        <Router as Service<Request<Body>>>::poll_ready(&mut self.router, cx).map_err(|never| match never {})
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        let in_flight = InFlight::begin(&self.activity);
        let mut request = request.map(|body| Body::new(Sent::new(body, &self.activity)));
        request.extensions_mut().insert(PeerAddress(self.peer));
        // The site's own handlers may ask for it in axum's way.
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let line = Line::new(&self.seats, &self.activity);
        request.extensions_mut().insert(line.clone());
        let (seats, answer) = (Arc::clone(&self.seats), self.router.call(request));
        Box::pin(async move {
            let answer = answer.await.map_err(|never| match never {})?;
            if line.is_unanswered() {
                return Err(Unanswered);
            }
            let mut answer = answer.map(|body| in_flight.answer(body));
            if seats.is_crowded() && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                // HTTP/2 has no such header, and hyper leaves it out there.
                let headers = answer.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(answer)
        })
    }
}
