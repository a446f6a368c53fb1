//! Pages by their viewers: which routes are looked at most, on which versions, and how many of those tabs are behind.
//!
//! The sum of what the tables tallied, in pieces and in any order ([`Registry::tally`](crate::registry::Registry::tally)).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::registry::Tallied;
use crate::stats::Counts;

/// What is known about one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The route.
    pub route: Arc<str>,
    /// Open tabs on it.
    pub total: u64,
    /// Those behind the current release: 0 before the first release. A tab whose version is not known is not behind.
    pub outdated: u64,
    /// Open tabs on it by version. Sums to `total`.
    pub versions: Counts,
}

/// Tabs by route and version, while they are added up; those that are behind as well.
#[derive(Clone, Debug, Default)]
pub struct Pages(HashMap<Arc<str>, (Counts, u64)>);

impl Pages {
    /// Adds what a table tallied.
    pub fn add(&mut self, counts: Vec<Tallied>) {
        for one in counts {
            let (versions, outdated) = self.0.entry(one.route).or_default();
            *versions.entry(one.version).or_default() += u64::from(one.tabs);
            *outdated += u64::from(one.outdated);
        }
    }

    /// Every page, the most viewed first, those with as many viewers by name.
    pub fn ranked(self) -> Vec<Page> {
        let pages = self.0.into_iter().map(|(route, (versions, outdated))| Page {
            route,
            total: versions.values().sum(),
            outdated,
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

    fn pages(tallies: &[(&str, &str, u32, u32)]) -> Pages {
        let mut pages = Pages::default();
        for (route, version, tabs, outdated) in tallies {
            pages.add(vec![Tallied {
                route: (*route).into(),
                version: (*version).into(),
                tabs: *tabs,
                outdated: *outdated,
            }]);
        }
        pages
    }

    #[test]
    fn the_most_viewed_come_first_and_then_the_alphabet() {
        let pages = pages(&[
            ("/b", "v1", 1, 0),
            ("/a", "v1", 1, 0),
            ("/c", "v1", 1, 0),
            ("/c", "v2", 1, 0),
        ]);
        let ranked = pages.ranked().into_iter();
        assert_eq!(
            ranked
                .map(|page| (page.route.to_string(), page.total))
                .collect::<Vec<_>>(),
            [("/c".into(), 2), ("/a".into(), 1), ("/b".into(), 1)]
        );
    }

    #[test]
    fn pieces_add_up() {
        let pages = pages(&[("/", "v1", 3, 3), ("/", "v2", 1, 0), ("/", "v1", 4, 4)]);
        let ranked = pages.ranked();
        let versions = Counts::from([("v1".into(), 7), ("v2".into(), 1)]);
        assert_eq!((ranked[0].total, ranked[0].outdated), (8, 7));
        assert_eq!(ranked[0].versions, versions);
    }
}
