//! Whether we are alive, whether we take connections, and what we count.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Serialize;

use crate::error::Refusal;
use crate::headcount::Headcount;
use crate::metrics;
use crate::store::Condition;

/// Answer of `GET health`.
#[derive(Serialize)]
pub(super) struct Health {
    ok: bool,
    version: String,
    uptime: u64,
}

/// The current release, and for how many whole seconds the server has run.
pub(super) async fn client(State(headcount): State<Headcount>) -> Json<Health> {
    let version = headcount.current_release().to_string();
    Json(Health {
        ok: true,
        version,
        uptime: headcount.uptime().as_secs(),
    })
}

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// New connections and commands are taken. In words what is not as it should be, without anything that strangers should not read.
pub(super) async fn ready(State(headcount): State<Headcount>) -> Response {
    if !headcount.is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    let store = headcount.store();
    if let Condition::Fails(reason) = store.condition() {
        let text = format!("releases and rules cannot be stored: {reason}\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    match store.history_condition() {
        Condition::Works => "ready\n".into_response(),
        Condition::Fails(reason) => {
            format!("ready\nthe history cannot be stored: {reason}\n").into_response()
        }
    }
}

/// Everything counted, in the Prometheus text format.
pub(super) async fn metrics(State(headcount): State<Headcount>) -> Result<Response, Refusal> {
    let text = metrics::render(&headcount.meters(), headcount.gauges()).map_err(|_| Refusal::internal())?;
    Ok((
        [(
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text,
    )
        .into_response())
}
