//! What subscribers have not been told yet.
//!
//! It remembers *names* of what changed since the last tick, never amounts: what is told is the number of the moment in which
//! it is told. So a change that took back another does no harm, and a whole message from between two ticks is as good a
//! beginning for what follows as one from the tick itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Changed, Form, Place, Row, SampleSlot};

/// This many changed names are never too many.
const FEW_NAMES: usize = 64;

/// Whether the whole is shorter than what changed, in names and rows: true after many routes came and went.
pub(crate) fn is_shorter_whole(changed: usize, whole: usize) -> bool {
    changed > FEW_NAMES + 2 * whole
}

/// What changed since the last tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    pub(crate) total: bool,
    pub(crate) visible: bool,
    pub(crate) versions: BTreeSet<Arc<str>>,
    pub(crate) routes: BTreeSet<Arc<str>>,
    /// Connections whose row in the list was added, changed or removed, and its slot.
    pub(crate) rows: BTreeMap<Place, SampleSlot>,
    /// Whether more changed in the list than visibility, which only deltas show.
    pub(crate) faces: bool,
    pub(crate) truncated: bool,
    /// Whether the numbers became partial or whole, or of other nodes.
    pub(crate) nodes: bool,
}

impl News {
    /// Adds what a report changed. Rows are added by the list, which knows which of them are shown.
    pub fn add(&mut self, changed: Changed) {
        self.total |= changed.total;
        self.visible |= changed.visible;
        self.versions.extend(changed.versions);
        self.routes.extend(changed.routes);
    }

    /// How many names and rows changed.
    pub(crate) fn len(&self) -> usize {
        self.versions.len() + self.routes.len() + self.rows.len()
    }

    /// Adds what changed later.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.total |= later.total;
        self.visible |= later.visible;
        self.versions.extend(later.versions.iter().cloned());
        self.routes.extend(later.routes.iter().cloned());
        self.rows
            .extend(later.rows.iter().map(|(place, at)| (*place, *at)));
        self.faces |= later.faces;
        self.truncated |= later.truncated;
        self.nodes |= later.nodes;
    }

    pub(super) fn note_row(&mut self, at: SampleSlot, before: Option<&Row>, now: Option<&Row>) {
        // Where a connection left one slot and came into another, the latter counts, whichever is noted first.
        if let Some(row) = before {
            self.rows.entry(row.place()).or_insert(at);
        }
        if let Some(row) = now {
            self.rows.insert(row.place(), at);
        }
        self.faces |= match (before, now) {
            (Some(before), Some(now)) => face(before) != face(now),
            _ => true,
        };
    }

    /// Whether there is anything that subscribers of this form are told.
    pub fn concerns(&self, form: Form) -> bool {
        let counts = self.total || !self.versions.is_empty() || !self.routes.is_empty();
        counts
            || self.nodes
            || match form {
                Form::Whole => self.faces || self.truncated,
                Form::Deltas => self.visible || !self.rows.is_empty() || self.truncated,
                Form::Counts => self.visible,
            }
    }
}

/// What every form shows of a row.
fn face(row: &Row) -> impl PartialEq + '_ {
    (row.place(), &row.version, &row.route, row.ip)
}
