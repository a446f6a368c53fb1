//! The yardstick: what a competent engineer writes in an afternoon with axum, speaking the same wire protocol.
//!
//! `axum::response::Sse` with `KeepAlive`, `axum::extract::ws` with its defaults, a `DashMap` from id to connection, an
//! `mpsc` channel per connection; on every open, navigation and close the whole stats object is rebuilt by scanning the map
//! and sent to each subscribed admin. It has the cheap optimisations: a broadcast is encoded once, nothing is rebuilt
//! without a subscriber, and the queues are bounded (an unbounded queue to one slow admin takes gigabytes).
//!
//! Deliberately absent: authorization (every subscriber is admitted), coalescing, deltas, resume, rate limits.

mod admin;
mod hub;
mod opening;
mod sse;
mod websocket;

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;

use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use hub::Hub;

/// Runs the server until the process is ended. Prints `listening on http://…` on stderr, as headcount does.
pub(crate) fn run(listen: SocketAddr, release: String) -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::bind(listen).await?;
            let address = listener.local_addr().unwrap_or((Ipv4Addr::LOCALHOST, 0).into());
            writeln!(io::stderr(), "listening on http://{address}")?;
            axum::serve(listener, router(Arc::new(Hub::new(release)))).await
        })
}

fn router(hub: Arc<Hub>) -> Router {
    Router::new()
        .route("/__skew/sse", get(sse::open))
        .route("/__skew/ws", get(websocket::open))
        .route("/__skew/route", post(route))
        .route("/__skew/subscribe-stats", post(subscribe_stats))
        .route("/api/admin/stats", get(admin::stats))
        .route("/api/admin/releases", post(admin::release))
        .route("/api/admin/invalidate-route", post(admin::invalidate_route))
        .with_state(hub)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RouteBody {
    connection_id: String,
    route: String,
}

async fn route(State(hub): State<Arc<Hub>>, Json(body): Json<RouteBody>) -> Json<Value> {
    Json(json!({ "ok": hub.navigate(&body.connection_id, body.route) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscribeBody {
    connection_id: String,
}

async fn subscribe_stats(State(hub): State<Arc<Hub>>, Json(body): Json<SubscribeBody>) -> Json<Value> {
    hub.subscribe(&body.connection_id);
    Json(json!({ "ok": true }))
}
