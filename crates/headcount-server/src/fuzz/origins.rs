//! Origins: a page is of this site only where its host is, letter by letter.

use super::{Input, cases, head};
use crate::origin::{Origins, RequestOrigin, is_origin};

const WORDS: &[&str] = &[
    "http://",
    "https://",
    "site.example",
    "SITE.example",
    "evil.example",
    "app.example.com",
    ":",
    ":443",
    ":80",
    ":8443",
    "/",
    "@",
    ".",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[",
    "]",
    "null",
    "*",
    ",",
    " ",
    "#",
    "?",
    "\\",
    "%2e",
    "é",
    "0",
];

/// Host and port of an authority, in lower case, without the ports that go without saying.
fn host_of(authority: &str) -> String {
    let authority = authority.to_ascii_lowercase();
    let bare = [":80", ":443", ":0080", ":00443"]
        .iter()
        .find_map(|own| authority.strip_suffix(own));
    bare.unwrap_or(&authority).to_owned()
}

#[test]
fn only_pages_of_the_site_are_of_the_site() {
    let listed = "https://app.example.com".to_owned();
    let origins = Origins::new(std::slice::from_ref(&listed));
    bolero::check!(name = "origins")
        .with_iterations(3_000)
        .with_generator(cases(128))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let scheme = input.pick(&["http://", "https://", ""]);
            let origin = format!("{scheme}{}", input.text(20, WORDS));
            let host = if input.flag() {
                input.text(20, WORDS)
            } else {
                origin.replace(scheme, "")
            };
            let sent: &[(&str, &[u8])] = &[("origin", origin.as_bytes()), ("host", host.as_bytes())];
            let Some(parts) = head("/", sent) else { return };
            match origins.classify(&parts) {
                RequestOrigin::NotABrowser => panic!("an `Origin` was overlooked"),
                RequestOrigin::Foreign => {}
                RequestOrigin::Allowed(text) => {
                    assert_eq!((text, host_of(text)), (&*origin, host_of(&listed)));
                }
                RequestOrigin::SameOrigin => {
                    let (_, authority) = origin.split_once("://").unwrap();
                    assert!(
                        is_origin(&origin) && !authority.contains(['/', '@', '\\', '#', '?', '%', ' ']),
                        "{origin:?}"
                    );
                    // Two spellings of an IPv6 address are one host.
                    assert!(
                        host_of(authority) == host_of(&host) || host.contains('['),
                        "{origin:?} is {host:?}"
                    );
                }
            }
            let second = input.raw(20, WORDS);
            let twice: &[(&str, &[u8])] = &[sent[0], ("origin", &second), sent[1]];
            if let Some(parts) = head("/", twice) {
                assert_eq!(origins.classify(&parts), RequestOrigin::Foreign);
            }
        });
}
