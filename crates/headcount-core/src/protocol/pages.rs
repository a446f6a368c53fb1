//! Answer of `GET pages`: the most viewed pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pages::Page;

/// Answer of `GET pages`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagesAnswer {
    /// The current release: what `outdated` is counted against.
    pub current: String,
    /// Routes that somebody looks at, those that are not listed included.
    pub routes: u64,
    /// The most viewed, most viewers first, by name where they have as many.
    pub pages: Vec<PageEntry>,
}

/// One page of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageEntry {
    /// Its route.
    pub route: Arc<str>,
    /// Open tabs on it.
    pub total: u64,
    /// Those that are behind the current release.
    pub outdated: u64,
    /// Open tabs on it by version. Sums to `total`.
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
