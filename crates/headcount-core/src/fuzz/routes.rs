//! Routes: one form, bounded and clean, that names the same bytes as the text it came from.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{Input, cases};
use crate::route::normalise;

const WORDS: &[&str] = &[
    "/",
    "%2F",
    "%2f",
    "%",
    "%25",
    "%C3%A9",
    "%c3%a9",
    "é",
    "%E2%82%AC",
    "%F0%9F%98%80",
    "%c2%9b",
    "%00",
    "%3F",
    "?",
    "#",
    "%23",
    "..",
    "//",
    "%ED%A0%80",
    "%C0%AF",
    "\u{9b}",
    "\u{202e}",
    "checkout",
];

/// Whether every `%` begins an upper-case sequence, and nothing stands there that a route may not hold.
fn is_normal(route: &str) -> bool {
    let digit =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte));
    let bytes = route.as_bytes();
    let escapes = |at: usize| bytes[at] != b'%' || (digit(bytes.get(at + 1)) && digit(bytes.get(at + 2)));
    route.starts_with('/')
        && !route.contains(['?', '#'])
        && !route.contains(char::is_control)
        && (0..bytes.len()).all(escapes)
}

#[test]
fn a_route_has_one_clean_form() {
    bolero::check!(name = "routes")
        .with_iterations(4_000)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let bytes_max = input.below(256);
            let mut text = input.text(200, WORDS);
            if input.flag() {
                text.insert(0, '/');
            }
            let Ok(route) = normalise(&text, bytes_max) else {
                return;
            };
            let path = text.split(['?', '#']).next().unwrap_or_default();
            assert!(
                route.len() <= bytes_max && is_normal(&route),
                "{text:?} -> {route:?}"
            );
            assert!(
                percent_decode_str(path).eq(percent_decode_str(&route)),
                "{text:?} names other bytes than {route:?}"
            );
            assert_eq!(normalise(&route, bytes_max).as_deref(), Ok(&*route));
            assert_eq!(normalise(path, bytes_max).as_deref(), Ok(&*route));
            if path == route {
                assert!(
                    matches!(route, Cow::Borrowed(_)) || path.contains('%'),
                    "{text:?}"
                );
            }
        });
}
