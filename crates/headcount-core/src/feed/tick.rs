//! What subscribers are told of the changes between two moments, and whether a form is told now.

use std::sync::Arc;

use crate::protocol::stats::{DeltaMessage, StatsMessage};
use crate::stats::Form;

/// What subscribers of each form are told at a tick; `None`: nothing.
#[derive(Debug, Default)]
pub struct Tick {
    /// To readers that want each message whole.
    pub whole: Option<Arc<StatsMessage>>,
    /// To readers that want changes.
    pub deltas: Option<DeltaMessage>,
    /// To readers that want changes without connections.
    pub counts: Option<DeltaMessage>,
    /// Bytes that a subscriber of each form is sent for it.
    pub(super) bytes: [Option<usize>; 3],
}

/// Whether a form is told now what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It has no reader.
    Unread,
    /// It was told too much too recently.
    Later,
    /// It is.
    Now,
}

impl Tick {
    /// Bytes that a subscriber of this form is sent for it; `None` where it is told nothing.
    pub fn bytes(&self, form: Form) -> Option<usize> {
        self.bytes[form as usize]
    }

    /// Whether no form has a message.
    pub fn is_empty(&self) -> bool {
        self.whole.is_none() && self.deltas.is_none() && self.counts.is_none()
    }

    pub(super) fn delta(&self, form: Form) -> Option<&DeltaMessage> {
        match form {
            Form::Whole => None,
            Form::Deltas => self.deltas.as_ref(),
            Form::Counts => self.counts.as_ref(),
        }
    }
}
