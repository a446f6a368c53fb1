//! What must be set the same at all nodes.

use std::sync::Arc;

/// Digests of settings that must be the same at all nodes, each under the name of its setting.
///
/// ```
/// use headcount_core::cluster::Settings;
///
/// let here = Settings::new([("limits".into(), 7), ("base-path".into(), 1)]);
/// let there = Settings::new([("limits".into(), 8), ("base-path".into(), 1), ("of-a-later-version".into(), 3)]);
/// assert_eq!(here.differing(&there).collect::<Vec<_>>(), ["limits"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(Arc<[(Arc<str>, u32)]>);

impl Settings {
    /// These digests, of which each name is one setting.
    pub fn new(digests: impl IntoIterator<Item = (Arc<str>, u32)>) -> Self {
        Self(digests.into_iter().collect())
    }

    /// The digests.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.0.iter().map(|(name, digest)| (name, *digest))
    }

    /// The names of the settings that differ. One that only one side knows does not.
    pub fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let differs = |(name, digest): &(&Arc<str>, u32)| {
            other
                .iter()
                .any(|(known, other)| known == *name && other != *digest)
        };
        self.iter().filter(differs).map(|(name, _)| &**name)
    }
}
