use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn build(kind: &str, text: &str) -> Result<RoutePattern, PatternError> {
    let limits = Limits::default();
    match kind {
        "exact" => RoutePattern::exact(text, &limits),
        "prefix" => RoutePattern::prefix(text, &limits),
        "segment" => RoutePattern::segment(text, &limits),
        "glob" => RoutePattern::glob(text, &limits),
        "regex" => RoutePattern::regex(text, &limits),
        other => panic!("no such kind: {other}"),
    }
}

fn error_name(error: &PatternError) -> &'static str {
    match error {
        PatternError::Route(RouteError::NotAPath) | PatternError::NotAPath => "not-a-path",
        PatternError::Route(RouteError::ControlCharacter) => "control-character",
        PatternError::Route(RouteError::TooLong { .. }) | PatternError::TooLong { .. } => "too-long",
        PatternError::Empty => "empty",
        PatternError::TooComplex => "too-complex",
        PatternError::WordBoundary => "word-boundary",
        PatternError::Syntax(_) => "syntax",
    }
}

#[test]
fn vectors() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../protocol/vectors/patterns.json")).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let (name, kind) = (case["name"].as_str().unwrap(), case["kind"].as_str().unwrap());
        let built = build(kind, case["text"].as_str().unwrap());
        if let Some(wanted) = case.get("error") {
            assert_eq!(
                built.as_ref().map_err(error_name).unwrap_err(),
                wanted.as_str().unwrap(),
                "{name}"
            );
            continue;
        }
        let pattern = built.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(pattern.kind(), kind, "{name}");
        assert_eq!(pattern.source(), case["source"].as_str().unwrap(), "{name}");
        assert_eq!(
            pattern.literal_prefix(),
            case["literalPrefix"].as_str().unwrap(),
            "{name}"
        );
        for (list, wanted) in [("matches", true), ("misses", false)] {
            for route in case[list].as_array().unwrap() {
                let route = route.as_str().unwrap();
                assert_eq!(pattern.matches(route), wanted, "{name}: {route}");
            }
        }
    }
}

#[test]
fn the_limits_leave_room_for_what_people_write() {
    let globs = [
        format!("/{}", "a".repeat(1_023)),
        format!("/{}", "*/".repeat(30)),
        format!("/v{}", "?".repeat(30)),
    ];
    for glob in globs {
        assert_eq!(build("glob", &glob).map(|_| ()), Ok(()), "{glob}");
    }
    for regex in [
        r"^/(?:[\w-]+/){1,4}\d+$",
        r"^/(?i)[\w.]+/(?:cart|checkout|pay)/\w{1,8}$",
        "^/.{1,64}$",
    ] {
        assert_eq!(build("regex", regex).map(|_| ()), Ok(()), "{regex}");
    }
}

#[test]
fn the_limits_hold() {
    let long = format!("/{}", "a".repeat(1_024));
    for kind in ["exact", "prefix", "segment", "glob", "regex"] {
        assert_eq!(error_name(&build(kind, &long).unwrap_err()), "too-long", "{kind}");
    }
    for dear in [r"(\w{100}){100}", "(a{1,50}){1,40}b", "(a|b)*a(a|b){20}"] {
        assert_eq!(build("regex", dear), Err(PatternError::TooComplex), "{dear}");
    }
    for glob in ["**a????????????????", "/*a????????????????b"] {
        assert_eq!(build("glob", glob), Err(PatternError::TooComplex), "{glob}");
    }
    for word in [r"\bcart\b", r"cart\B"] {
        assert_eq!(build("regex", word), Err(PatternError::WordBoundary), "{word}");
    }
    assert!(
        build("regex", r"(?-u:\b)cart(?-u:\b)")
            .unwrap()
            .matches("/é/cart")
    );
    assert_eq!(build("glob", &"*a".repeat(500)), Err(PatternError::TooComplex));
    let deep = format!("{}a{}", "(".repeat(60), ")".repeat(60));
    assert!(matches!(build("regex", &deep), Err(PatternError::Syntax(_))));
}

#[test]
fn a_syntax_error_says_where() {
    let error = build("regex", "/a(").unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().contains("unclosed group"), "{source}");
}

#[test]
fn everything_is_everything() {
    for (kind, text) in [
        ("prefix", "/"),
        ("segment", "/"),
        ("glob", "**"),
        ("glob", "/**"),
        ("regex", ".*"),
        ("regex", "^.*$"),
        ("regex", "^/.*"),
        ("regex", "^/"),
    ] {
        let pattern = build(kind, text).unwrap();
        assert!(pattern.matches_everything(), "{kind} {text}");
        for route in ["/", "/a", "/a/b", "//"] {
            assert!(pattern.matches(route), "{kind} {text}: {route}");
        }
    }
    for (kind, text) in [
        ("exact", "/"),
        ("glob", "/*"),
        ("regex", "^/$"),
        ("regex", "^$"),
        ("prefix", "/a"),
    ] {
        assert!(!build(kind, text).unwrap().matches_everything(), "{kind} {text}");
    }
}

/// The textbook matcher: tries every length for every star.
fn naive_glob(glob: &[char], text: &[char]) -> bool {
    match glob {
        [] => text.is_empty(),
        ['*', '*', rest @ ..] => (0..=text.len()).any(|taken| naive_glob(rest, &text[taken..])),
        ['*', rest @ ..] => (0..=text.len())
            .take_while(|&taken| !text[..taken].contains(&'/'))
            .any(|taken| naive_glob(rest, &text[taken..])),
        ['?', rest @ ..] => text
            .split_first()
            .is_some_and(|(&char, text)| char != '/' && naive_glob(rest, text)),
        [char, rest @ ..] => text.first() == Some(char) && naive_glob(rest, &text[1..]),
    }
}

/// Regression: the character before `+` counted as asked for, although a second repetition makes it optional. Tabs on such routes were
/// not told.
#[test]
fn a_repetition_of_a_repetition_is_not_asked_for() {
    for text in ["^/a/+??", "^/a/+?*", "^/a/+{0,2}"] {
        let pattern = build("regex", text).unwrap();
        assert_eq!(
            (pattern.literal_prefix(), pattern.matches("/a")),
            ("/a", true),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn globs_agree_with_the_textbook(glob in "[/*][ab/*?.]{0,8}", route in "/[ab/.é]{0,8}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let pattern = build("glob", &glob).unwrap();
        prop_assert_eq!(pattern.matches(&route), naive_glob(&chars(&glob), &chars(&route)));
    }

    #[test]
    fn every_match_begins_with_the_literal_prefix(
        (kind, text) in prop_oneof![
            (Just("exact"), "/[ab/%]{0,3}"),
            (Just("prefix"), "/[ab/%]{0,3}"),
            (Just("segment"), "/[ab/%]{0,3}"),
            (Just("glob"), "/[ab/*?]{0,5}"),
            (Just("regex"), r"\^?/[ab/+*?.|^$]{0,6}"),
        ],
        route in "/[ab/]{0,5}",
    ) {
        if let Ok(pattern) = build(kind, &text) {
            prop_assert!(!pattern.matches(&route) || route.starts_with(pattern.literal_prefix()));
            prop_assert_eq!(build(kind, pattern.source()), Ok(pattern));
        }
    }
}
