//! Reading a request body: bounded in length and time, and JSON objects only.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use headcount_core::limits::Limits;
use headcount_core::protocol::client;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::error::Refusal;

/// The whole body.
pub(super) async fn bytes(body: Body, limits: &Limits) -> Result<Bytes, Refusal> {
    bytes_within(body, limits, limits.body_bytes_max).await
}

async fn bytes_within(body: Body, limits: &Limits, bytes_max: u32) -> Result<Bytes, Refusal> {
    // By its declared length: a body that is too long is refused before it arrives, also with `Expect: 100-continue`.
    if body.size_hint().lower() > u64::from(bytes_max) {
        return Err(Refusal::body_too_large(bytes_max));
    }
    let reading = Limited::new(body, bytes_max as usize).collect();
    let read = tokio::time::timeout(Duration::from_millis(limits.head_ms.into()), reading).await;
    match read.map_err(|_| Refusal::slow_body())? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::body_too_large(bytes_max)),
        Err(_) => Err(Refusal::invalid_body("the body could not be read to its end")),
    }
}

/// The whole body, as text.
pub(super) async fn text(body: Body, limits: &Limits) -> Result<String, Refusal> {
    utf8(bytes(body, limits).await?)
}

fn utf8(bytes: Bytes) -> Result<String, Refusal> {
    String::from_utf8(bytes.into()).map_err(|_| Refusal::invalid_body("the body is not UTF-8"))
}

/// The body as a value of the admin API; what is wrong with it is said.
pub(super) async fn json<T: DeserializeOwned>(body: Body, limits: &Limits) -> Result<T, Refusal> {
    json_within(body, limits, limits.body_bytes_max).await
}

/// As [`json`], of a body that may have more bytes.
pub(super) async fn json_within<T: DeserializeOwned>(
    body: Body,
    limits: &Limits,
    bytes_max: u32,
) -> Result<T, Refusal> {
    let text = utf8(bytes_within(body, limits, bytes_max).await?)?;
    // An object first: serde alone would also take a list of the fields' values.
    client::object::<serde_json::Map<String, serde_json::Value>>(&text)
        .map_err(|_| Refusal::invalid_body("the body must be a JSON object"))?;
    serde_json::from_str(&text).map_err(|error| Refusal::invalid_body(error.to_string()))
}
