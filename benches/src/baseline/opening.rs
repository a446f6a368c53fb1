//! What a connection of the baseline opens with.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};

use super::hub::Hub;

/// The route a connection opens on: query `route`, else `/`.
pub(super) fn opening_route(mut query: HashMap<String, String>) -> String {
    query.remove("route").unwrap_or_else(|| "/".to_owned())
}

/// The version a tab runs: cookie `__nkpv`, else the current release.
pub(super) fn opening_version(hub: &Hub, headers: &HeaderMap) -> String {
    let cookies = headers
        .get(header::COOKIE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let version = cookies
        .split("; ")
        .find_map(|cookie| cookie.strip_prefix("__nkpv="));
    version.map_or_else(|| hub.release(), str::to_owned)
}
