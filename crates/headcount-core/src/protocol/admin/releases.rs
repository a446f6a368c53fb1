//! Bodies about releases.

use serde::{Deserialize, Serialize};

use crate::protocol::nodes::NodesAsked;

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
#[non_exhaustive]
pub struct ReleaseEntry {
    /// The command's number.
    pub id: u32,
    /// The build.
    pub version: String,
    /// When it was announced.
    pub announced_at: u64,
    /// How many nodes of the cluster know it by now. Only in the answer to its announcement, and absent without a cluster. The others announce it
    /// to their tabs as soon as they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}

/// The releases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct ReleasesAnswer {
    /// The current release; `unreleased` before the first.
    pub current: String,
    /// The releases that the server remembers, oldest first.
    pub releases: Vec<ReleaseEntry>,
}
