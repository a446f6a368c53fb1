//! Answer of `GET history`: counts over time. A sample is kept on disk in the same form.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::history::Sample;

/// How the counts changed over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct HistoryAnswer {
    /// When the server started.
    pub started_at: u64,
    /// The samples, oldest first.
    pub samples: Vec<SampleEntry>,
}

/// The counts at one time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SampleEntry {
    /// When they were taken.
    pub at: u64,
    /// Open connections.
    pub total: u64,
    /// Open connections by version. Sums to `total`.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, u64>))]
    pub versions: BTreeMap<Arc<str>, u64>,
}

impl From<&Sample> for SampleEntry {
    fn from(sample: &Sample) -> Self {
        let versions = sample.versions().map(|(name, tabs)| (Arc::clone(name), tabs));
        Self {
            at: sample.at_ms,
            total: sample.total(),
            versions: versions.collect(),
        }
    }
}
