//! Bodies about releases.

use serde::{Deserialize, Serialize};

/// A release to announce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The build that is now current.
    pub version: String,
}

/// A release that was announced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReleaseEntry {
    /// The command's number.
    pub id: u32,
    /// The build.
    pub version: String,
    /// When it was announced.
    pub announced_at: u64,
}

/// The releases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReleasesAnswer {
    /// The current release; `unreleased` before the first.
    pub current: String,
    /// The releases that the server remembers, oldest first.
    pub releases: Vec<ReleaseEntry>,
}
