//! Which rules apply, from the vectors, and the life of rules in [`Standing`].

use serde::Deserialize;

use super::*;
use crate::limits::Limits;
use crate::protocol::admin::{AudienceBody, MatchBody};
use crate::protocol::convert;
use crate::release::Release;

/// No rules.
const NONE: [u32; 0] = [];

/// The command that the rule of every vector is.
const RULE: u32 = 10;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    releases: Vec<String>,
    rule: CaseRule,
    tab: CaseTab,
    applies: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRule {
    #[serde(rename = "match")]
    matches: MatchBody,
    release: String,
    versions: Option<Vec<String>>,
    #[serde(default)]
    audience: AudienceBody,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseTab {
    route: Option<String>,
    version: Option<String>,
    #[serde(default)]
    since: u32,
}

fn log(versions: &[impl AsRef<str>]) -> ReleaseLog {
    let mut log = ReleaseLog::default();
    for (id, version) in (1..).zip(versions) {
        log.announce(
            Release {
                id,
                version: version.as_ref().into(),
                announced_ms: 0,
            },
            9,
        );
    }
    log
}

impl CaseRule {
    fn into_rule(self) -> Rule {
        Rule {
            id: RULE,
            pattern: convert::pattern(&self.matches, &Limits::default()).unwrap(),
            versions: self.versions,
            audience: match self.audience {
                AudienceBody::Outdated => Audience::Outdated,
                AudienceBody::All => Audience::All,
            },
            mode: Mode::Force,
            release: self.release.into(),
            created_ms: 0,
            expires_ms: 1,
            spread_ms: 0,
            waves: None,
            continues: None,
        }
    }
}

/// Whether it applies, as a registry decides it: by masks.
fn applies(standing: &Standing, tab: &CaseTab) -> bool {
    let route = match &tab.route {
        Some(route) => standing.route_mask(route),
        None => standing.unnamed_route_mask(),
    };
    let version = match &tab.version {
        Some(version) => standing.version_mask(version),
        None => standing.unnamed_version_mask(),
    };
    route & version & standing.page_load_mask(tab.since) != 0
}

#[test]
fn vectors() {
    let vectors = include_str!("../../../../protocol/vectors/verdicts.json");
    let vectors: Vectors = serde_json::from_str(vectors).unwrap();
    assert!(vectors.cases.len() >= 30);
    for case in vectors.cases {
        let mut standing = Standing::new(log(&case.releases));
        let rule = case.rule.into_rule();
        let whole = match (&case.tab.route, &case.tab.version) {
            (Some(route), Some(version)) => Some(
                rule.concerns(route, version, &standing.releases) && rule.concerns_page_load(case.tab.since),
            ),
            _ => None,
        };
        assert_eq!(whole.unwrap_or(case.applies), case.applies, "{}", case.name);
        standing.add(rule, 64);
        assert_eq!(applies(&standing, &case.tab), case.applies, "{}", case.name);
        assert_eq!(
            applies(&standing.clone(), &case.tab),
            case.applies,
            "{}: again",
            case.name
        );
    }
}

/// A rule for all tabs on a path.
fn rule(id: u32, path: &str) -> Rule {
    Rule {
        id,
        pattern: RoutePattern::exact(path, &Limits::default()).unwrap(),
        versions: None,
        audience: Audience::All,
        mode: Mode::Force,
        release: "v1".into(),
        created_ms: 0,
        expires_ms: u64::from(id) * 1_000,
        spread_ms: 0,
        waves: None,
        continues: None,
    }
}

fn ids(rules: &[Arc<Rule>]) -> Vec<u32> {
    rules.iter().map(|rule| rule.id).collect()
}

fn standing_ids(standing: &Standing) -> Vec<(usize, u32)> {
    standing
        .rules()
        .map(|(position, rule)| (position, rule.id))
        .collect()
}

#[test]
fn a_rule_replaces_one_that_asks_the_same_of_the_same_tabs() {
    let mut standing = Standing::new(log(&["v1"]));
    assert_eq!(standing.add(rule(1, "/a"), 64).0, 0);
    assert_eq!(standing.add(rule(2, "/b"), 64).0, 1);
    let newer_release = Rule {
        release: "v2".into(),
        ..rule(3, "/a")
    };
    let (position, lapsed) = standing.add(newer_release, 64);
    assert_eq!((position, ids(&lapsed)), (0, vec![1]));
    assert_eq!(standing_ids(&standing), [(0, 3), (1, 2)]);
}

/// One that stands again late, because the clock was wrong, is older than what was given since.
#[test]
fn an_older_rule_replaces_no_newer_one() {
    let mut standing = Standing::new(log(&["v1"]));
    standing.add(rule(2, "/a"), 64);
    assert_eq!(ids(&standing.add(rule(1, "/a"), 64).1), NONE);
    assert_eq!(standing_ids(&standing), [(0, 2), (1, 1)]);
}

#[test]
fn a_rule_that_differs_in_anything_stands_beside() {
    let mut standing = Standing::new(log(&["v1"]));
    standing.add(rule(1, "/a"), 64);
    let others = [
        rule(2, "/a/"),
        Rule {
            pattern: RoutePattern::segment("/a", &Limits::default()).unwrap(),
            ..rule(3, "/a")
        },
        Rule {
            versions: Some(vec!["v1".to_owned()]),
            ..rule(4, "/a")
        },
        Rule {
            audience: Audience::Outdated,
            ..rule(5, "/a")
        },
        Rule {
            mode: Mode::Prompt,
            ..rule(6, "/a")
        },
    ];
    for other in others {
        assert_eq!(ids(&standing.add(other, 64).1), NONE);
    }
    assert_eq!(standing.rules().count(), 6);
}

#[test]
fn the_oldest_lapses_when_too_many_stand() {
    let mut standing = Standing::new(log(&["v1"]));
    for id in 1..=3 {
        assert_eq!(ids(&standing.add(rule(id, &format!("/{id}")), 3).1), NONE);
    }
    assert_eq!(ids(&standing.end(&[1])), [1]);
    standing.add(rule(4, "/4"), 3);
    assert_eq!(
        standing.position(4),
        Some(0),
        "the lifted rule's place is used again"
    );
    let (position, lapsed) = standing.add(rule(5, "/5"), 3);
    assert_eq!(
        (position, ids(&lapsed)),
        (1, vec![2]),
        "the oldest, not the first"
    );
    let (_, lapsed) = standing.add(rule(6, "/6"), 1);
    assert_eq!(ids(&lapsed), [3, 4, 5], "a lower limit lets all others lapse");
}

#[test]
fn no_limit_takes_more_than_there_are_positions_or_less_than_one() {
    let mut standing = Standing::new(log(&["v1"]));
    for id in 1..=100 {
        standing.add(rule(id, &format!("/{id}")), u32::MAX);
    }
    assert_eq!(standing.rules().count(), POSITIONS);
    assert!(standing.rules().all(|(_, rule)| rule.id > 36));
    standing.add(rule(101, "/101"), 0);
    assert_eq!(standing_ids(&standing).len(), 1);
}

#[test]
fn a_rule_lapses_at_its_time() {
    let mut standing = Standing::new(log(&["v1"]));
    for id in 1..=3 {
        standing.add(rule(id, &format!("/{id}")), 64);
    }
    assert_eq!(standing.lapsed(999), NONE);
    assert_eq!(standing.lapsed(2_000), [1, 2]);
    standing.end(&[1, 2]);
    assert_eq!(standing.lapsed(2_000), NONE);
    assert_eq!(standing_ids(&standing), [(2, 3)]);
}

#[test]
fn a_lifted_rule_is_gone_and_can_be_given_again() {
    let mut standing = Standing::new(log(&["v1"]));
    standing.add(rule(1, "/a"), 64);
    assert_eq!(ids(&standing.end(&[2])), NONE);
    assert_eq!(ids(&standing.end(&[1])), [1]);
    assert_eq!(ids(&standing.end(&[1])), NONE);
    let before = standing.clone();
    standing.add(rule(2, "/a"), 64);
    assert_eq!(standing.changed_mask(&before), 1);
    assert_eq!(standing.changed_mask(&standing.clone()), 0);
    assert_eq!(standing.told_mask(&[1, 2, 3]), 1);
    assert_eq!(
        standing.told_mask(&[1, 3]),
        0,
        "another rule in the same place is untold"
    );
}

#[test]
fn positions_are_the_bits_of_a_mask() {
    assert_eq!(positions(0).count(), 0);
    assert_eq!(positions(1 << 63 | 0b101).collect::<Vec<_>>(), [0, 2, 63]);
    assert_eq!(positions(u64::MAX).count(), POSITIONS);
}

#[test]
fn the_more_tabs_the_longer_the_spread_up_to_the_most() {
    let of = |tabs| spread_of(tabs, 30_000);
    assert_eq!((of(0), of(1)), (0, 0));
    assert!((1_000..2_000).contains(&of(12)));
    assert!((1..2_000).all(|tabs| of(tabs) <= of(tabs + 1)));
    assert_eq!(
        (of(1_000_000), of(u64::MAX), spread_of(12, 0)),
        (30_000, 30_000, 0)
    );
}

#[test]
fn a_tab_has_one_moment_in_the_spread_and_all_of_it_is_used() {
    let rule = |id| Rule {
        spread_ms: 1_000,
        waves: None,
        continues: None,
        ..rule(id, "/")
    };
    let moments: Vec<u64> = (0..1_000).map(|tab| rule(7).moment_ms(tab)).collect();
    assert!(moments.iter().all(|moment| *moment < 1_000));
    for tenth in 0..10_u64 {
        let range = tenth * 100..(tenth + 1) * 100;
        let count = moments.iter().filter(|moment| range.contains(moment)).count();
        assert!((60..=140).contains(&count), "{count} in {range:?}");
    }
    assert_eq!(rule(7).moment_ms(5), rule(7).moment_ms(5));
    assert_ne!(
        moments,
        (0..1_000).map(|tab| rule(8).moment_ms(tab)).collect::<Vec<_>>()
    );
    let at_once = Rule {
        spread_ms: 0,
        waves: None,
        continues: None,
        ..rule(7)
    };
    assert_eq!(at_once.moment_ms(u64::MAX), 0);
}
