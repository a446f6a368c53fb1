//! Which builds were released, in the order in which they were announced.
//!
//! That order is the only order of versions there is: build ids are hashes and say nothing about age. A version announced
//! again (a rollback) counts from its last announcement. A version never announced is older than every announced one.
//! Before the first announcement there is no order, and no tab is behind.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What is current before anything was announced.
pub const UNRELEASED: &str = "unreleased";

/// One announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The command's number.
    pub id: u32,
    /// The build.
    pub version: Arc<str>,
    /// When it was announced, milliseconds since the Unix epoch.
    pub announced_ms: u64,
}

/// The log of announcements, oldest first. Bounded: the oldest is forgotten first.
#[derive(Clone, Debug, Default)]
pub struct ReleaseLog {
    entries: VecDeque<Release>,
    /// When each version in the log was announced last, counted in announcements.
    ages: HashMap<Arc<str>, u64>,
    announced: u64,
}

impl ReleaseLog {
    /// The current release: the one announced last, [`UNRELEASED`] if none was.
    pub fn current(&self) -> Arc<str> {
        self.entries
            .back()
            .map_or_else(|| UNRELEASED.into(), |release| Arc::clone(&release.version))
    }

    /// The log, oldest first.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Release> + DoubleEndedIterator {
        self.entries.iter()
    }

    /// The last announcement, if it was of this version.
    pub fn already_current(&self, version: &str) -> Option<&Release> {
        self.entries.back().filter(|release| &*release.version == version)
    }

    /// Whether this version is in the log.
    pub fn contains(&self, version: &str) -> bool {
        self.ages.contains_key(version)
    }

    /// Adds an announcement. At most `max` are remembered, and always the new one. Those that are forgotten for it, oldest first.
    pub fn announce(&mut self, release: Release, max: u32) -> Vec<Release> {
        self.announced += 1;
        self.ages.insert(Arc::clone(&release.version), self.announced);
        self.entries.push_back(release);
        let many = self.entries.len().saturating_sub(max.max(1) as usize);
        let oldest = self.announced - self.entries.len() as u64 + 1;
        let forgotten: Vec<Release> = self.entries.drain(..many).collect();
        for (age, release) in (oldest..).zip(&forgotten) {
            // A version that was announced again since stays in the log.
            if self.ages.get(&release.version) == Some(&age) {
                self.ages.remove(&release.version);
            }
        }
        forgotten
    }

    /// Whether a tab on `version` is behind release `target`. No tab is behind [`UNRELEASED`]: no refresh could lead there.
    pub fn is_behind(&self, version: &str, target: &str) -> bool {
        if version == target || target == UNRELEASED {
            return false;
        }
        match (self.ages.get(version), self.ages.get(target)) {
            (Some(mine), Some(wanted)) => mine < wanted,
            (None, _) => true,
            // The target was forgotten, so it is older than everything remembered.
            (Some(_), None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(versions: &[&str]) -> ReleaseLog {
        let mut log = ReleaseLog::default();
        for (id, version) in (1..).zip(versions) {
            log.announce(
                Release {
                    id,
                    version: (*version).into(),
                    announced_ms: 0,
                },
                3,
            );
        }
        log
    }

    #[test]
    fn order_is_that_of_announcement() {
        let log = log(&["zebra", "ant"]);
        assert_eq!(&*log.current(), "ant");
        assert!(log.is_behind("zebra", "ant"));
        assert!(!log.is_behind("ant", "zebra") && !log.is_behind("ant", "ant"));
    }

    #[test]
    fn a_rollback_makes_the_old_build_the_newest() {
        let log = log(&["v1", "v2", "v1"]);
        assert!(log.is_behind("v2", "v1") && !log.is_behind("v1", "v2"));
    }

    #[test]
    fn a_version_never_announced_is_behind() {
        assert!(log(&["v1"]).is_behind("who knows", "v1"));
    }

    #[test]
    fn nobody_is_behind_before_the_first_release() {
        assert!(!log(&[]).is_behind(UNRELEASED, UNRELEASED));
        assert!(!log(&[]).is_behind("build-7", UNRELEASED));
        assert!(
            !log(&["v1"]).is_behind("build-7", UNRELEASED),
            "a rule from then stays harmless"
        );
        assert!(log(&["v1"]).is_behind(UNRELEASED, "v1"));
    }

    #[test]
    fn a_version_that_was_announced_again_is_forgotten_with_its_last_announcement() {
        let mut log = log(&["v1", "v2", "v1"]);
        for (version, known) in [("v3", true), ("v4", true), ("v5", false)] {
            log.announce(
                Release {
                    id: 9,
                    version: version.into(),
                    announced_ms: 0,
                },
                3,
            );
            assert_eq!(log.contains("v1"), known, "after {version}");
        }
        assert!(log.is_behind("v1", "v3"));
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let log = log(&["v1", "v2", "v3", "v4"]);
        assert_eq!(
            log.entries().map(|release| &*release.version).collect::<Vec<_>>(),
            ["v2", "v3", "v4"]
        );
        assert!(
            !log.is_behind("v2", "v1"),
            "nothing remembered is behind a forgotten release"
        );
    }
}
