//! Pages by their viewers: which routes are looked at most, on which versions, and how many of those tabs are behind.
//!
//! The sum of what the tables tallied, in pieces and in any order ([`Registry::tally`](crate::registry::Registry::tally)).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::intern::OTHER_TEXT;
use crate::pattern::RoutePattern;
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
    /// Tabs on it by version that their users cannot see. `None` where a node does not say.
    pub hidden: Option<Counts>,
}

/// How far a release has come, on the whole site or on some of its routes.
///
/// ```
/// use headcount_core::limits::Limits;
/// use headcount_core::pages::{Adoption, Pages};
/// use headcount_core::pattern::RoutePattern;
/// use headcount_core::registry::Tallied;
///
/// let tallied = |route: &str, version: &str, tabs| Tallied {
///     route: route.into(),
///     version: version.into(),
///     tabs,
///     outdated: 0,
///     hidden: Some(1),
/// };
/// let mut pages = Pages::default();
/// pages.add(vec![tallied("/", "v1", 7), tallied("/pay", "v1", 1), tallied("/pay", "v2", 3)]);
/// let pages = pages.ranked();
/// let site = Adoption::of(&pages, "v2", None);
/// assert_eq!((site.total, site.on, site.behind_hidden), (11, 3, Some(2)));
/// let pay = RoutePattern::segment("/pay", &Limits::default()).unwrap();
/// assert_eq!(Adoption::of(&pages, "v2", Some(&pay)).total, 4);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Open tabs on the routes.
    pub total: u64,
    /// Those that run the release.
    pub on: u64,
    /// Those that run another version, and that their users cannot see. `None` where a node does not say.
    pub behind_hidden: Option<u64>,
    /// Open tabs of which the route is not known, so that they are in none of the other numbers. 0 for the whole site.
    pub unknown: u64,
}

impl Adoption {
    /// The sum over those pages that are in `routes`, or over all of them.
    pub fn of(pages: &[Page], release: &str, routes: Option<&RoutePattern>) -> Self {
        let is_known = |page: &Page| &*page.route != OTHER_TEXT;
        let (mut sum, mut hidden) = (Self::default(), Some(0));
        for page in pages {
            match routes {
                Some(_) if !is_known(page) => {
                    sum.unknown += page.total;
                    continue;
                }
                Some(routes) if !routes.matches(&page.route) => continue,
                _ => {}
            }
            sum.total += page.total;
            sum.on += page.versions.get(release).copied().unwrap_or_default();
            let others = page.hidden.as_ref().map(|hidden| {
                let others = hidden.iter().filter(|(version, _)| &***version != release);
                others.map(|(_, tabs)| tabs).sum::<u64>()
            });
            hidden = hidden.zip(others).map(|(sum, others)| sum + others);
        }
        sum.behind_hidden = hidden;
        sum
    }
}

/// Tabs by route and version, while they are added up; those that are behind, and those that are hidden, as well.
#[derive(Clone, Debug, Default)]
pub struct Pages(HashMap<Arc<str>, Row>);

/// One route, while its tabs are added up.
#[derive(Clone, Debug, Default)]
struct Row {
    versions: Counts,
    outdated: u64,
    hidden: Counts,
    /// Whether a node did not say which tabs are hidden.
    is_half: bool,
}

impl Pages {
    /// Adds what a table tallied.
    pub fn add(&mut self, counts: Vec<Tallied>) {
        for one in counts {
            let row = self.0.entry(one.route).or_default();
            row.outdated += u64::from(one.outdated);
            row.is_half |= one.hidden.is_none();
            let hidden = u64::from(one.hidden.unwrap_or_default());
            if hidden > 0 {
                *row.hidden.entry(Arc::clone(&one.version)).or_default() += hidden;
            }
            *row.versions.entry(one.version).or_default() += u64::from(one.tabs);
        }
    }

    /// Every page, the most viewed first, those with as many viewers by name.
    pub fn ranked(self) -> Vec<Page> {
        let pages = self.0.into_iter().map(|(route, row)| Page {
            route,
            total: row.versions.values().sum(),
            outdated: row.outdated,
            versions: row.versions,
            hidden: (!row.is_half).then_some(row.hidden),
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
                hidden: None,
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

    #[test]
    fn a_release_is_counted_on_routes_and_what_is_not_known_is_said() {
        let mut pages = Pages::default();
        let tallied = |route: &str, version: &str, tabs, hidden| Tallied {
            route: route.into(),
            version: version.into(),
            tabs,
            outdated: 0,
            hidden,
        };
        pages.add(vec![
            tallied("/pay", "v1", 4, Some(3)),
            tallied("/pay/card", "v2", 6, Some(1)),
            tallied("/pay-help", "v1", 8, Some(8)),
            tallied(OTHER_TEXT, "v1", 2, Some(0)),
        ]);
        let ranked = pages.clone().ranked();
        let pay = RoutePattern::segment("/pay", &crate::limits::Limits::default()).unwrap();
        let expected = Adoption {
            total: 10,
            on: 6,
            behind_hidden: Some(3),
            unknown: 2,
        };
        assert_eq!(Adoption::of(&ranked, "v2", Some(&pay)), expected);
        let site = Adoption::of(&ranked, "v2", None);
        assert_eq!((site.total, site.on, site.unknown), (20, 6, 0));
        pages.add(vec![tallied("/pay", "v1", 1, None)]);
        let half = Adoption::of(&pages.ranked(), "v2", Some(&pay));
        assert_eq!((half.total, half.behind_hidden), (11, None));
    }
}
