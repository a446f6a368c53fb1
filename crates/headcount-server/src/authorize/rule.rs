//! Which sessions admit to stats.

/// A condition on the claims of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimRule {
    /// The claim at this dotted path equals one of these values.
    OneOf {
        /// Dotted path into the session's data, for instance `user.role`.
        path: String,
        /// The values that admit.
        values: Vec<String>,
    },
}
