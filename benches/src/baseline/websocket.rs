//! WebSocket with axum's own `ws` and its default configuration: one task per connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::sync::mpsc;

use super::hub::{Hub, Opened};
use super::opening::{opening_route, opening_version};

pub(super) async fn open(
    State(hub): State<Arc<Hub>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let version = opening_version(&hub, &headers);
    upgrade.on_upgrade(move |socket| async move {
        let (opened, receiver) = hub.open(version, opening_route(query));
        converse(socket, opened, receiver).await;
    })
}

/// Runs until either side ends the connection.
async fn converse(mut socket: WebSocket, opened: Opened, mut receiver: mpsc::Receiver<Utf8Bytes>) {
    let mut sent = socket.send(Message::Text(opened.first.clone())).await;
    let period = Duration::from_secs(30);
    let mut pings = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    while sent.is_ok() {
        let reply = tokio::select! {
            Some(text) = receiver.recv() => Some(Message::Text(text)),
            _ = pings.tick() => Some(Message::Ping(Bytes::new())),
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => opened.receive(&text).map(Message::Text),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => None,
            },
        };
        if let Some(reply) = reply {
            sent = socket.send(reply).await;
        }
    }
}
