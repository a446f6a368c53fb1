//! The generic door: hyper, for every request that is not exactly a plain stream.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use bytes::{Buf, Bytes};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tower_service::Service;

use crate::shard::Handoff;
use crate::site::Site;

/// Sockets served at once through this door. Further ones wait in the queue of the lean door, and are closed beyond that.
const SERVED_MAX: usize = 16_384;

/// The address of the socket a request came in on; an extension of requests through our own listener.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// A socket of which something was read already.
#[derive(Debug)]
pub(crate) struct Rewound {
    read: Bytes,
    stream: TcpStream,
}

impl Rewound {
    /// The socket, and what was read of it but not yet handed on.
    pub(crate) fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.read)
    }
}

impl AsyncRead for Rewound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let bytes = self.read.len().min(buf.remaining());
        buf.put_slice(&self.read[..bytes]);
        self.read.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Serves the sockets that the lean door hands over, until `stop` resolves; then lets those under way end, within `drain`.
pub(crate) async fn serve_handoffs(
    site: &Arc<Site>,
    router: Router,
    handoffs: &mut mpsc::Receiver<Handoff>,
    stop: impl Future<Output = ()>,
    drain: Duration,
) {
    let builder = builder(site);
    let graceful = GracefulShutdown::new();
    let turns = Arc::new(Semaphore::new(SERVED_MAX));
    let mut stop = std::pin::pin!(stop);
    loop {
        let handoff = tokio::select! {
            handoff = handoffs.recv() => handoff,
            () = &mut stop => None,
        };
        let Some(handoff) = handoff else { break };
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else {
            break;
        };
        let Ok(stream) = TcpStream::from_std(handoff.stream) else {
            continue;
        };
        let io = TokioIo::new(Rewound {
            read: handoff.read,
            stream,
        });
        let service = TowerToHyperService::new(WithPeer {
            router: router.clone(),
            peer: handoff.peer,
        });
        let connection = builder.serve_connection_with_upgrades(io, service).into_owned();
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(error, "a connection ended early");
            }
            drop(turn);
        });
    }
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::info!("requests were still under way at the end of the drain window");
    }
}

fn builder(site: &Site) -> auto::Builder<TokioExecutor> {
    let limits = &site.config.limits;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.head_ms.into()))
        // hyper wants at least 8 KiB.
        .max_buf_size((limits.head_bytes_max as usize).max(8_192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.head_bytes_max);
    builder
}

/// The router, with the address of the socket in every request.
#[derive(Clone)]
struct WithPeer {
    router: Router,
    peer: SocketAddr,
}

impl Service<http::Request<hyper::body::Incoming>> for WithPeer {
    type Response = axum::response::Response;
    type Error = std::convert::Infallible;
    type Future = <Router as Service<http::Request<axum::body::Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        <Router as Service<http::Request<axum::body::Body>>>::poll_ready(&mut self.router, cx)
    }

    fn call(&mut self, request: http::Request<hyper::body::Incoming>) -> Self::Future {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(self.peer));
        // The site's own handlers may ask for it in axum's way.
        request.extensions_mut().insert(ConnectInfo(self.peer));
        self.router.call(request)
    }
}
