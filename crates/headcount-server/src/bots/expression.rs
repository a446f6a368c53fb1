//! Many patterns as one expression.

use regex::bytes::{Regex, RegexBuilder};

/// An expression that matches what any of these patterns matches: bytes, of which the case does not matter.
pub(super) fn one_of(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Regex, regex::Error> {
    let patterns: Vec<String> = patterns
        .into_iter()
        .map(|pattern| format!("(?:{})", pattern.as_ref()))
        .collect();
    RegexBuilder::new(&patterns.join("|"))
        .case_insensitive(true)
        .unicode(false)
        .build()
}
