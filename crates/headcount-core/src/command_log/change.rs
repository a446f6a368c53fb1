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
    /// Rules in waves that are open further, as they are now: tabs must be told.
    pub opened: Vec<Arc<Rule>>,
    /// Rules in waves that were halted, or go on, as they are now.
    pub turned: Vec<Arc<Rule>>,
    /// Releases that were not remembered before, oldest first.
    pub announced: Vec<Release>,
    /// Releases that are no longer remembered.
    pub forgotten: Vec<Release>,
}

impl Change {
    /// The rule was halted, or goes on. `None`: nothing changed.
    pub(super) fn turned(rule: Option<Arc<Rule>>) -> Self {
        Self {
            turned: rule.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The rules that stand otherwise than before, as they are now.
    pub fn rewritten(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let Self {
            began,
            moved,
            opened,
            turned,
            ..
        } = self;
        began.iter().chain(moved).chain(opened).chain(turned)
    }
}
