//! Whether we are alive, whether we take connections, and what we count.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
#[cfg(feature = "metrics")]
use http::header::CONTENT_TYPE;
use serde::Serialize;

#[cfg(feature = "metrics")]
use crate::error::Refusal;
use crate::headcount::Headcount;
#[cfg(feature = "metrics")]
use crate::metrics::{self, Gauges};
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

/// Everything runs: each shard answers, and nothing has ended that the server cannot do without.
pub(super) async fn alive(State(headcount): State<Headcount>) -> Response {
    match headcount.check_vitals().await {
        Ok(()) => "ok\n".into_response(),
        Err(problem) => unavailable(&problem),
    }
}

fn unavailable(problem: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")).into_response()
}

/// Whether new connections and commands are accepted. If not, the reason in words, without internals.
pub(super) async fn ready(State(headcount): State<Headcount>) -> Response {
    if let Some(ended) = headcount.site().vitals.ended() {
        return unavailable(&ended.to_string());
    }
    if !headcount.is_ready() {
        return unavailable("draining");
    }
    let store = headcount.store();
    if let Condition::Fails(reason) = store.condition() {
        return unavailable(&format!("releases and rules cannot be stored: {reason}"));
    }
    match store.history_condition() {
        Condition::Works => "ready\n".into_response(),
        Condition::Fails(reason) => {
            format!("ready\nthe history cannot be stored: {reason}\n").into_response()
        }
    }
}

/// Everything counted, in the OpenMetrics text format.
#[cfg(feature = "metrics")]
pub(super) async fn metrics(State(headcount): State<Headcount>) -> Result<Response, Refusal> {
    let gauges = Gauges {
        current_connections: headcount.current_connections().await,
        ..headcount.gauges()
    };
    let text = metrics::render(
        &headcount.meters(),
        gauges,
        headcount.site().bots.counts(),
        headcount.cluster_numbers(),
    )
    .map_err(|_| Refusal::internal())?;
    Ok((
        [(
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text,
    )
        .into_response())
}
