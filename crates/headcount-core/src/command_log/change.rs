//! What an entry changed, so that others can do what follows from it.

use std::sync::Arc;

use crate::invalidation::Rule;
use crate::release::Release;

/// What an entry changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Where the new rule stands, if the entry was one.
    pub position: Option<usize>,
    /// Rules that did not stand before.
    pub began: Vec<Arc<Rule>>,
    /// Rules that no longer stand.
    pub ended: Vec<Arc<Rule>>,
    /// Rules whose times moved, as they are now.
    pub moved: Vec<Arc<Rule>>,
    /// Releases that were not remembered before, oldest first.
    pub announced: Vec<Release>,
    /// Releases that are no longer remembered.
    pub forgotten: Vec<Release>,
}
