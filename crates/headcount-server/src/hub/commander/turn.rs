//! What an admin does with a rule in waves.

use headcount_core::invalidation::waves::Seen;

/// What is done with a rule in waves by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It opens no further.
    Pause,
    /// It goes on, although this was seen.
    Resume { seen: Seen },
    /// It ends.
    Abort,
}
