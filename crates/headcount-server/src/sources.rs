//! Errors and what led to them.

/// An error with everything that led to it, in one line: `what: why: why that`.
///
/// ```
/// use headcount_server::{StartError, with_sources};
///
/// let error = StartError::System(std::io::Error::other("no threads are left"));
/// assert_eq!(with_sources(&error), "the system refuses a thread, a poll or random numbers: no threads are left");
/// ```
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
