//! Bodies about pages that were refused.

use serde::{Deserialize, Serialize};

/// The pages that the server refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RefusalsAnswer {
    /// One entry for each pair of origin and host, the earliest pair first.
    pub refusals: Vec<RefusedEntry>,
}

/// Refused requests of pages of one origin to one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RefusedEntry {
    /// The `Origin` header; empty if the request had none.
    pub origin: String,
    /// The host of the request, as the server saw it.
    pub host: String,
    /// How many requests.
    pub count: u64,
    /// When the latest one came.
    pub last_at: u64,
}

impl RefusedEntry {
    /// No request yet of this origin to this host, as of this time.
    pub fn new(origin: impl Into<String>, host: impl Into<String>, last_at: u64) -> Self {
        Self {
            origin: origin.into(),
            host: host.into(),
            count: 0,
            last_at,
        }
    }
}
