//! Server-sent events with axum's own `Sse` and `KeepAlive`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use serde_json::json;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};

use super::hub::{Hub, timestamp_ms};
use super::opening::{opening_route, opening_version};

pub(super) async fn open(
    State(hub): State<Arc<Hub>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (opened, receiver) = hub.open(opening_version(&hub, &headers), opening_route(query));
    let first = tokio_stream::once(opened.first.clone());
    let stream = first.chain(ReceiverStream::new(receiver)).map(move |text| {
        let _held_while_the_stream_lives = &opened;
        Ok(Event::default().data(text.as_str()))
    });
    let keepalive = json!({ "type": "keepalive", "timestamp": timestamp_ms() }).to_string();
    let keepalive = KeepAlive::new()
        .interval(Duration::from_secs(30))
        .event(Event::default().data(keepalive));
    Sse::new(stream).keep_alive(keepalive)
}
