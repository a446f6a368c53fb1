//! The counts at one time.

use std::collections::HashSet;
use std::sync::Arc;

use crate::intern::OTHER_TEXT;
use crate::release::ReleaseLog;

/// The counts at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
    versions: Box<[(Arc<str>, u64)]>,
}

/// Which versions are named first where not all can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Current,
    Released,
    Unknown,
}

impl Sample {
    /// The counts at `at_ms`. A version may come more than once. All but the `versions_max` most frequent versions are counted
    /// under [`OTHER_TEXT`], those with as many tabs by name.
    pub fn new(at_ms: u64, counts: impl IntoIterator<Item = (Arc<str>, u64)>, versions_max: u32) -> Self {
        Self::ranked(at_ms, counts, versions_max, |_| Rank::Unknown)
    }

    /// As [`Sample::new`], but the current release comes first, and then those in the log, however many tabs run other versions:
    /// visitors choose what they call theirs.
    pub fn with_releases(
        at_ms: u64,
        counts: impl IntoIterator<Item = (Arc<str>, u64)>,
        versions_max: u32,
        releases: &ReleaseLog,
    ) -> Self {
        let current = releases.current();
        Self::ranked(at_ms, counts, versions_max, |version| {
            if *version == *current {
                Rank::Current
            } else if releases.contains(version) {
                Rank::Released
            } else {
                Rank::Unknown
            }
        })
    }

    fn ranked(
        at_ms: u64,
        counts: impl IntoIterator<Item = (Arc<str>, u64)>,
        versions_max: u32,
        rank: impl Fn(&str) -> Rank,
    ) -> Self {
        let mut versions: Vec<(Arc<str>, u64)> = counts.into_iter().filter(|(_, tabs)| *tabs > 0).collect();
        versions.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        versions.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += u64::from(same) * next.1;
            same
        });
        let named = versions.iter().filter(|(name, _)| &**name != OTHER_TEXT).count();
        if named > versions_max as usize {
            // Stable, so equal counts stay sorted by name; `(other)` goes to the end.
            versions.sort_by_cached_key(|(name, tabs)| {
                (&**name == OTHER_TEXT, rank(name), std::cmp::Reverse(*tabs))
            });
            let rest = versions.split_off(versions_max as usize);
            versions.push((OTHER_TEXT.into(), rest.iter().map(|(_, tabs)| tabs).sum()));
        }
        Self {
            at_ms,
            versions: versions.into(),
        }
    }

    /// Open connections.
    pub fn total(&self) -> u64 {
        self.versions.iter().map(|(_, tabs)| tabs).sum()
    }

    /// Open connections by version; each version once.
    pub fn versions(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        self.versions.iter().map(|(name, tabs)| (name, *tabs))
    }

    /// Names that are known share their memory from now on.
    pub(super) fn share_names(&mut self, names: &mut HashSet<Arc<str>>) {
        for (name, _) in &mut self.versions {
            match names.get(name) {
                Some(known) => *name = Arc::clone(known),
                None => {
                    names.insert(Arc::clone(name));
                }
            }
        }
    }
}
