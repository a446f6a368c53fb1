//! Patterns: each matches what its text says, and none costs more than it may.

use super::{Input, cases};
use crate::limits::Limits;
use crate::pattern::{PatternError, RoutePattern};
use crate::route;

const WORDS: &[&str] = &[
    "/",
    "*",
    "**",
    "?",
    "%2A",
    "%3F",
    "%C3%A9",
    "é",
    "a",
    "ab",
    "/a/b",
    "^",
    "$",
    ".",
    ".*",
    "|",
    "(",
    ")",
    "(?:",
    "(?i)",
    "[a-z]",
    "[^/]",
    "\\w",
    "\\d",
    "\\b",
    "{1,3}",
    "{50}",
    "{1,50}",
    "+",
    "\\",
    "(?s)",
    "\\A",
    "\\z",
    "\\p{L}",
    "/checkout",
];
const KINDS: [&str; 5] = ["exact", "prefix", "segment", "glob", "regex"];

fn build(kind: &str, text: &str) -> Result<RoutePattern, PatternError> {
    let limits = Limits::default();
    match kind {
        "exact" => RoutePattern::exact(text, &limits),
        "prefix" => RoutePattern::prefix(text, &limits),
        "segment" => RoutePattern::segment(text, &limits),
        "glob" => RoutePattern::glob(text, &limits),
        _ => RoutePattern::regex(text, &limits),
    }
}

/// What a glob says, tried in every way: `*` takes no slash, `**` anything.
fn glob_matches(glob: &[char], route: &[char]) -> bool {
    let mut reached = vec![false; route.len() + 1];
    reached[0] = true;
    let mut rest = glob;
    while let Some((first, later)) = rest.split_first() {
        let stars = rest.iter().take_while(|letter| **letter == WILD_MANY).count();
        let mut next = vec![false; route.len() + 1];
        for at in 0..=route.len() {
            let is_slash = at > 0 && route[at - 1] == '/';
            next[at] = match (*first, stars) {
                (WILD_MANY, 1) => reached[at] || (at > 0 && next[at - 1] && !is_slash),
                (WILD_MANY, _) => reached[at] || (at > 0 && next[at - 1]),
                (WILD_ONE, _) => at > 0 && reached[at - 1] && !is_slash,
                (letter, _) => at > 0 && reached[at - 1] && route[at - 1] == letter,
            };
        }
        reached = next;
        rest = if stars > 0 { &rest[stars..] } else { later };
    }
    reached[route.len()]
}

/// Stand for the wildcards, so that a decoded `%2A` is not one. No route holds a control character.
const WILD_MANY: char = '\u{1}';
const WILD_ONE: char = '\u{2}';

/// The glob with its literal parts decoded.
fn glob_letters(glob: &str) -> Vec<char> {
    let mut letters = Vec::new();
    for (index, many) in glob.split('*').enumerate() {
        letters.extend((index > 0).then_some(WILD_MANY));
        for (index, literal) in many.split('?').enumerate() {
            letters.extend((index > 0).then_some(WILD_ONE));
            letters.extend(route::decode(literal).chars());
        }
    }
    letters
}

/// What the text of a pattern says of a route; `None` for a regular expression, which is its own definition.
fn says(pattern: &RoutePattern, route: &str) -> Option<bool> {
    let source = pattern.source();
    Some(match pattern.kind() {
        "exact" => route == source,
        "prefix" => route.starts_with(source),
        "segment" => source == "/" || route == source || route.starts_with(&format!("{source}/")),
        "glob" => glob_matches(&glob_letters(source), &route.chars().collect::<Vec<_>>()),
        _ => return None,
    })
}

#[test]
fn a_pattern_matches_what_it_says() {
    bolero::check!(name = "patterns")
        .with_iterations(400)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let kind = input.pick(&KINDS);
            let mut text = input.text(40, WORDS);
            if input.flag() {
                text.insert(0, '/');
            }
            let Ok(pattern) = build(kind, &text) else { return };
            assert_eq!(
                build(kind, pattern.source()).as_ref(),
                Ok(&pattern),
                "{kind} {text:?}"
            );
            for _ in 0..4 {
                let route = format!(
                    "/{}",
                    input.text(30, &["/", "a", "ab", "é", "*", "?", "%", "%2F", "checkout"])
                );
                let Ok(route) = route::normalise(&route, 1_024) else {
                    continue;
                };
                let matches = pattern.matches(&route);
                assert_eq!(
                    Some(matches),
                    says(&pattern, &route).or(Some(matches)),
                    "{kind} {text:?} on {route:?}"
                );
                assert!(
                    !matches || route.starts_with(pattern.literal_prefix()),
                    "{kind} {text:?} on {route:?}"
                );
                assert!(
                    matches || !pattern.matches_everything(),
                    "{kind} {text:?} on {route:?}"
                );
            }
        });
}
