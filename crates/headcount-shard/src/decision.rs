//! What authorizers say.

/// What the authorizers of a server say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// May see stats until then, milliseconds since the Unix epoch; says the authorizer with this number.
    Admitted {
        /// Milliseconds since the Unix epoch.
        until_ms: u64,
        /// The number of the authorizer.
        by: usize,
    },
    /// May not.
    Refused,
    /// An authorizer that might have admitted, or did before, could not decide.
    Unavailable,
}
