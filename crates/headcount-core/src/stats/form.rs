//! In which form a subscriber gets stats.

/// In which form a subscriber gets stats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Each message whole: what every client understands.
    Whole,
    /// One whole message, then what changed.
    Deltas,
    /// As [`Form::Deltas`], without connections one by one.
    Counts,
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Deltas, Self::Counts];
}
