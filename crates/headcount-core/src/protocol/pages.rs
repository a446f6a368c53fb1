//! Answer of `GET pages`: the most viewed pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::nodes::NodesAsked;
use crate::pages::Page;

/// The pages of the site with the most open tabs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PagesAnswer {
    /// The current release. A tab on an older one counts as outdated.
    pub current: String,
    /// How many routes have open tabs, including those that are not listed.
    pub routes: u64,
    /// The pages with the most tabs first; equal ones by name.
    pub pages: Vec<PageEntry>,
    /// How many nodes of the cluster are in these numbers; absent without a cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodesAsked>,
}

/// One page of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct PageEntry {
    /// Its route.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub route: Arc<str>,
    /// Open tabs on it.
    pub total: u64,
    /// Open tabs on it that are behind the current release.
    pub outdated: u64,
    /// Open tabs on it by version. Sums to `total`.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, u64>))]
    pub versions: BTreeMap<Arc<str>, u64>,
}

impl From<&Page> for PageEntry {
    fn from(page: &Page) -> Self {
        Self {
            route: Arc::clone(&page.route),
            total: page.total,
            outdated: page.outdated,
            versions: page.versions.clone(),
        }
    }
}
