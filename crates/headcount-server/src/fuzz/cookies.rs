//! Cookies and queries: what was put in comes out, and headcount's own cookies go only to authorizers that name them.

use super::{Input, cases, head};
use crate::authorize::ticket::TICKET_COOKIE;
use crate::authorize::{BROWSER_COOKIE, Reads};
use crate::head::{cookie, query_parameter, without_cookies};

const WORDS: &[&str] = &[
    ";",
    "; ",
    "=",
    "\"",
    " ",
    "\t",
    ",",
    TICKET_COOKIE,
    BROWSER_COOKIE,
    "headcount_ticket=secret",
    "headcount_browser=b",
    "__nkpv=v1",
    "theme=dark",
    "%3B",
    "%3D",
    "$Version",
    "é",
];

/// The text as a form writes it.
fn form_encoded(text: &str, spaces_as_plus: bool) -> String {
    let write = |byte: u8| match byte {
        b' ' if spaces_as_plus => "+".to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    text.bytes().map(write).collect()
}

#[test]
fn a_value_comes_out_as_it_was_put_in() {
    bolero::check!(name = "cookies")
        .with_iterations(3_000)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let (value, before) = (input.text(60, WORDS), input.text(20, &["&", "route", "=", "%"]));
            let before = form_encoded(&before, false).replace("route", "");
            let uri = format!(
                "/sse?{before}&route={}&route=late",
                form_encoded(&value, input.flag())
            );
            let parts = head(&uri, &[]).unwrap();
            assert_eq!(query_parameter(&parts, "route"), Some(value), "{uri}");

            let header = input.text(120, WORDS);
            let is_own = |name: &str| [TICKET_COOKIE, BROWSER_COOKIE].contains(&name);
            let kept = without_cookies(&header, |name, _| is_own(name));
            for pair in kept.split(';') {
                let is_ours = pair.split_once('=').is_some_and(|(name, _)| is_own(name.trim()));
                assert!(!is_ours, "{header:?} became {kept:?}");
            }
            let Some(parts) = head("/", &[("cookie", header.as_bytes())]) else {
                return;
            };
            let shown = Reads::header("cookie").collect(&parts);
            for name in [TICKET_COOKIE, BROWSER_COOKIE] {
                let leaked = shown.as_ref().and_then(|shown| cookie(shown, name));
                assert_eq!(leaked, None, "{header:?}");
            }
            let theme = shown.as_ref().and_then(|shown| cookie(shown, "theme"));
            assert_eq!(theme, cookie(&parts, "theme"), "{header:?}");
        });
}
