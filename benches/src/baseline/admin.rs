//! The three endpoints of the admin API that the benchmark calls.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::hub::{Hub, Stats};

pub(super) async fn stats(State(hub): State<Arc<Hub>>) -> Json<Stats> {
    Json(hub.stats())
}

#[derive(Deserialize)]
pub(super) struct ReleaseBody {
    version: String,
}

pub(super) async fn release(State(hub): State<Arc<Hub>>, Json(body): Json<ReleaseBody>) -> Json<Value> {
    Json(json!({ "version": body.version, "tabs": hub.announce(&body.version) }))
}

#[derive(Deserialize)]
pub(super) struct InvalidateBody {
    route: String,
}

pub(super) async fn invalidate_route(
    State(hub): State<Arc<Hub>>,
    Json(body): Json<InvalidateBody>,
) -> Json<Value> {
    let tabs = hub.invalidate(&body.route);
    Json(json!({ "ok": true, "route": body.route, "tabs": tabs }))
}
