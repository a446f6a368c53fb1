//! Pages by their viewers: which routes are looked at most, on which versions, and how many of those tabs are behind.
//!
//! The sum of what the tables tallied, in pieces and in any order ([`Registry::tally`](crate::registry::Registry::tally)).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::registry::{OTHER_TEXT, Tallied};
use crate::release::ReleaseLog;
use crate::stats::Counts;

/// What is known about one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The route.
    pub route: Arc<str>,
    /// Open tabs on it.
    pub total: u64,
    /// Those that are behind the current release. Nobody is before the first one, and nobody whose version has no name here.
    pub outdated: u64,
    /// Open tabs on it by version. Sums to `total`.
    pub versions: Counts,
}

/// Tabs by route and version, while they are added up.
#[derive(Clone, Debug, Default)]
pub struct Pages(HashMap<Arc<str>, Counts>);

impl Pages {
    /// Adds what a table tallied.
    pub fn add(&mut self, counts: Vec<Tallied>) {
        for Tallied { route, version, tabs } in counts {
            *self.0.entry(route).or_default().entry(version).or_default() += u64::from(tabs);
        }
    }

    /// Every page, the most viewed first, those with as many viewers by name.
    pub fn ranked(self, releases: &ReleaseLog) -> Vec<Page> {
        let current = releases.current();
        let mut behind: HashMap<Arc<str>, bool> = HashMap::new();
        let mut is_behind = |version: &Arc<str>| {
            let judge = || &**version != OTHER_TEXT && releases.is_behind(version, &current);
            *behind.entry(Arc::clone(version)).or_insert_with(judge)
        };
        let pages = self.0.into_iter().map(|(route, versions)| Page {
            route,
            total: versions.values().sum(),
            outdated: versions
                .iter()
                .filter_map(|(version, tabs)| is_behind(version).then_some(tabs))
                .sum(),
            versions,
        });
        let mut pages: Vec<Page> = pages.collect();
        pages.sort_unstable_by(|a, b| (Reverse(a.total), &a.route).cmp(&(Reverse(b.total), &b.route)));
        pages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Release;

    fn releases(versions: &[&str]) -> ReleaseLog {
        let mut log = ReleaseLog::new(9);
        for (id, version) in (1..).zip(versions) {
            log.announce(Release {
                id,
                version: (*version).into(),
                announced_ms: 0,
            });
        }
        log
    }

    fn pages(tallies: &[(&str, &str, u32)]) -> Pages {
        let mut pages = Pages::default();
        for (route, version, tabs) in tallies {
            pages.add(vec![Tallied {
                route: (*route).into(),
                version: (*version).into(),
                tabs: *tabs,
            }]);
        }
        pages
    }

    fn ranked(pages: Pages, releases: &ReleaseLog) -> Vec<(String, u64, u64)> {
        let ranked = pages.ranked(releases).into_iter();
        ranked
            .map(|page| (page.route.to_string(), page.total, page.outdated))
            .collect()
    }

    #[test]
    fn the_most_viewed_come_first_and_then_the_alphabet() {
        let pages = pages(&[("/b", "v1", 1), ("/a", "v1", 1), ("/c", "v1", 1), ("/c", "v2", 1)]);
        assert_eq!(
            ranked(pages, &releases(&[])),
            [("/c".into(), 2, 0), ("/a".into(), 1, 0), ("/b".into(), 1, 0)]
        );
    }

    #[test]
    fn pieces_add_up() {
        let pages = pages(&[("/", "v1", 3), ("/", "v2", 1), ("/", "v1", 4)]);
        let ranked = pages.ranked(&releases(&["v1", "v2"]));
        let versions = Counts::from([("v1".into(), 7), ("v2".into(), 1)]);
        assert_eq!((ranked[0].total, ranked[0].outdated), (8, 7));
        assert_eq!(ranked[0].versions, versions);
    }

    #[test]
    fn a_version_without_a_name_is_never_behind_and_an_unknown_one_is() {
        let pages = pages(&[("/", OTHER_TEXT, 5), ("/", "who knows", 2), ("/", "v1", 1)]);
        assert_eq!(ranked(pages, &releases(&["v1"])), [("/".into(), 8, 2)]);
    }

    #[test]
    fn nobody_is_behind_before_the_first_release() {
        assert_eq!(
            ranked(pages(&[("/", "v1", 5)]), &releases(&[])),
            [("/".into(), 5, 0)]
        );
    }
}
