//! What counts as a version: the application build that a tab runs.
//!
//! A version is opaque: a commit, a date, a tag. It is compared for equality only; which of two is newer is decided by
//! the release log, never by the text. So a version only has to be printable and bounded, and words such as `__proto__`
//! or `(other)` are ordinary text. A release needs more: a name that is visible and not reserved.

use crate::intern::OTHER_TEXT;
use crate::release::UNRELEASED;

/// Why a text cannot be a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionError {
    /// Nothing in it.
    #[error("the version is empty: name the build")]
    Empty,
    /// A line break, an escape or the like (Unicode category Cc).
    #[error("the version has a control character: leave it out")]
    ControlCharacter,
    /// Longer than [`crate::limits::Limits::version_bytes_max`].
    #[error("the version is longer than {bytes_max} bytes: shorten it")]
    TooLong {
        /// The limit that was in force.
        bytes_max: usize,
    },
    /// A release name of white space only.
    #[error("the version is blank: name the build")]
    Blank,
    /// The release name is reserved.
    #[error("`{0}` is reserved: choose another name for the release")]
    Reserved(&'static str),
}

/// Returns `text` as it is where it can be a version of at most `bytes_max` bytes.
///
/// ```
/// assert_eq!(headcount_core::version::check("v2.1", 128), Ok("v2.1"));
/// ```
pub fn check(text: &str, bytes_max: usize) -> Result<&str, VersionError> {
    if text.is_empty() {
        return Err(VersionError::Empty);
    }
    if text.len() > bytes_max {
        return Err(VersionError::TooLong { bytes_max });
    }
    if text.chars().any(char::is_control) {
        return Err(VersionError::ControlCharacter);
    }
    Ok(text)
}

/// Returns `text` unchanged if it can be announced: a valid version that is neither blank nor reserved.
///
/// ```
/// assert_eq!(headcount_core::version::check_release("v2.1", 128), Ok("v2.1"));
/// assert!(headcount_core::version::check_release("unreleased", 128).is_err());
/// ```
pub fn check_release(text: &str, bytes_max: usize) -> Result<&str, VersionError> {
    let text = check(text, bytes_max)?;
    if text.trim().is_empty() {
        return Err(VersionError::Blank);
    }
    match [OTHER_TEXT, UNRELEASED].into_iter().find(|own| *own == text) {
        Some(own) => Err(VersionError::Reserved(own)),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_texts_pass_unchanged() {
        for text in [
            "v1",
            "2026-11-21T10:00Z",
            "__proto__",
            "constructor",
            "(other)",
            " ",
            "0",
            "версия",
        ] {
            assert_eq!(check(text, 128), Ok(text));
        }
    }

    #[test]
    fn what_cannot_be_printed_or_held_is_refused() {
        assert_eq!(check("", 8), Err(VersionError::Empty));
        for text in ["v1\n", "\0", "a\u{7f}", "a\u{9b}31m"] {
            assert_eq!(check(text, 8), Err(VersionError::ControlCharacter), "{text:?}");
        }
    }

    #[test]
    fn a_release_has_a_name_that_means_nothing_else() {
        assert_eq!(check_release(" \u{a0}", 8), Err(VersionError::Blank));
        for own in ["(other)", "unreleased"] {
            assert_eq!(check_release(own, 16), Err(VersionError::Reserved(own)));
        }
        assert_eq!(check_release("Unreleased", 16), Ok("Unreleased"));
        assert_eq!(check_release("", 16), Err(VersionError::Empty));
    }

    #[test]
    fn the_limit_counts_bytes() {
        assert_eq!(check("éééé", 8), Ok("éééé"));
        assert_eq!(check("ééééé", 8), Err(VersionError::TooLong { bytes_max: 8 }));
    }
}
