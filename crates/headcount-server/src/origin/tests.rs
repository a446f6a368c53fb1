use super::*;

fn head(headers: &[(&str, &str)]) -> http::request::Parts {
    let mut request = http::Request::builder().uri("/__skew/ws");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn origins() -> Origins {
    Origins::new(&[
        "https://app.example.com".to_owned(),
        "http://localhost:3000".to_owned(),
    ])
}

#[track_caller]
fn check(headers: &[(&str, &str)], expected: RequestOrigin<'_>) {
    assert_eq!(origins().classify(&head(headers)), expected, "{headers:?}");
}

#[test]
fn the_pages_of_the_host_itself_are_same_origin() {
    for (origin, host) in [
        ("https://site.example", "site.example"),
        ("https://site.example", "site.example:443"),
        ("https://site.example:443", "site.example"),
        ("http://site.example", "site.example:80"),
        ("http://Site.Example", "SITE.example"),
        ("http://127.0.0.1:4477", "127.0.0.1:4477"),
        ("http://[::1]:4477", "[0:0:0:0:0:0:0:1]:4477"),
        ("https://[::1]", "[::1]:443"),
    ] {
        check(&[("origin", origin), ("host", host)], RequestOrigin::SameOrigin);
    }
}

#[test]
fn other_pages_are_foreign() {
    for (origin, host) in [
        ("https://evil.example", "site.example"),
        ("https://site.example.evil.example", "site.example"),
        ("https://sub.site.example", "site.example"),
        ("https://site.example:8443", "site.example"),
        ("https://site.example", "site.example:8443"),
        ("http://site.example", "site.example:443"),
        ("https://site.example", "site.example:80"),
        ("http://localhost:3001", "localhost:4477"),
        ("null", "null"),
        ("", ""),
        ("*", "*"),
        ("site.example", "site.example"),
        ("https://site.example/", "site.example"),
        ("https://user@site.example", "site.example"),
        ("https://site.example https://evil.example", "site.example"),
        ("chrome-extension://site.example", "site.example"),
        ("file://", "site.example"),
        ("https://site.example.", "site.example"),
    ] {
        check(&[("origin", origin), ("host", host)], RequestOrigin::Foreign);
    }
    check(&[("origin", "https://site.example")], RequestOrigin::Foreign);
}

#[test]
fn a_listed_origin_is_allowed_whatever_the_host() {
    for origin in [
        "https://app.example.com",
        "https://APP.example.com:443",
        "http://localhost:3000",
    ] {
        let site = ("sec-fetch-site", "cross-site");
        check(
            &[("origin", origin), ("host", "api.example"), site],
            RequestOrigin::Allowed(origin),
        );
    }
    for origin in [
        "http://app.example.com",
        "https://app.example.com:444",
        "https://x.app.example.com",
    ] {
        check(
            &[("origin", origin), ("host", "api.example")],
            RequestOrigin::Foreign,
        );
    }
}

#[test]
fn several_origins_are_foreign_even_where_each_is_fine() {
    let host = ("host", "site.example");
    let own = ("origin", "https://site.example");
    check(&[own, own, host], RequestOrigin::Foreign);
    check(
        &[own, ("origin", "https://app.example.com"), host],
        RequestOrigin::Foreign,
    );
}

#[test]
fn the_browsers_own_word_on_the_site_counts() {
    let host = ("host", "site.example");
    let own = ("origin", "http://site.example");
    check(
        &[own, host, ("sec-fetch-site", "cross-site")],
        RequestOrigin::Foreign,
    );
    check(
        &[own, host, ("sec-fetch-site", "same-origin")],
        RequestOrigin::SameOrigin,
    );
    for (site, expected) in [
        ("same-origin", RequestOrigin::SameOrigin),
        ("none", RequestOrigin::NotABrowser),
        ("same-site", RequestOrigin::Foreign),
        ("cross-site", RequestOrigin::Foreign),
        ("elsewhere", RequestOrigin::Foreign),
    ] {
        check(&[host, ("sec-fetch-site", site)], expected);
    }
}

#[test]
fn the_browsers_word_proves_a_page_of_ours_whatever_a_proxy_made_of_the_host() {
    let site = ("sec-fetch-site", "same-origin");
    let own = ("origin", "https://shop.example");
    let host = ("host", "backend:8080");
    check(&[own, host, site], RequestOrigin::SameOrigin);
    check(&[own, site], RequestOrigin::SameOrigin);
    check(&[("origin", "null"), host, site], RequestOrigin::SameOrigin);
    // Not its word for another relation, nor two of them, nor an origin that no browser sends, nor an app's.
    for other in ["same-site", "cross-site", "none", "Same-Origin", ""] {
        check(&[own, host, ("sec-fetch-site", other)], RequestOrigin::Foreign);
    }
    check(&[own, host, site, site], RequestOrigin::Foreign);
    check(
        &[own, host, site, ("sec-fetch-site", "cross-site")],
        RequestOrigin::Foreign,
    );
    check(&[own, own, host, site], RequestOrigin::Foreign);
    check(
        &[("origin", "https://shop.example/"), host, site],
        RequestOrigin::Foreign,
    );
    check(
        &[("origin", "capacitor://localhost"), host, site],
        RequestOrigin::Foreign,
    );
}

#[test]
fn apps_are_allowed_by_name_alone() {
    let listed = [
        "Capacitor://LOCALHOST",
        "app://obsidian.md:80",
        "moz-extension://5A3b",
    ];
    let origins = Origins::new(&listed.map(str::to_owned));
    let admits = |origin: &str| match origins.classify(&head(&[("origin", origin), ("host", "localhost")])) {
        RequestOrigin::Allowed(text) => text == origin,
        RequestOrigin::Foreign => false,
        other => panic!("{origin}: {other:?}"),
    };
    for origin in [
        "capacitor://localhost",
        "app://obsidian.md:80",
        "moz-extension://5a3b",
    ] {
        assert!(admits(origin), "{origin}");
    }
    for origin in [
        "capacitor://localhost:80",
        "capacitor://localhost.evil.example",
        "ionic://localhost",
        "app://obsidian.md",
        "app://obsidian.md:8080",
        "null",
        "file://",
    ] {
        assert!(!admits(origin), "{origin}");
    }
    let nameless = Origins::new(&["null".to_owned()]);
    for origin in ["null", "file://"] {
        assert_eq!(
            nameless.classify(&head(&[("origin", origin), ("sec-fetch-site", "cross-site")])),
            RequestOrigin::Allowed(origin)
        );
    }
}

#[test]
fn what_is_wrong_with_an_origin_is_said() {
    for (text, word) in [
        ("https://*.example.com", "wildcard"),
        ("*", "wildcard"),
        ("app.example.com", "scheme"),
        ("https://app.example.com/", "slash"),
        ("capacitor://localhost/", "slash"),
        ("https://user@app.example.com", "before the host"),
        ("wss://app.example.com", "scheme"),
        ("https://app.example.com:x", "port"),
        ("https://b\u{fc}cher.de", "ASCII"),
    ] {
        let problem = problem(text).unwrap();
        assert!(problem.contains(word), "{text}: {problem}");
    }
    assert_eq!(problem("tauri://localhost"), None);
}

#[test]
fn a_tool_sends_no_origin() {
    check(&[("host", "site.example")], RequestOrigin::NotABrowser);
}

#[test]
fn http2_names_its_host_in_the_target() {
    let mut head = head(&[("origin", "https://site.example")]);
    head.uri = "https://site.example/__skew/route".parse().unwrap();
    assert_eq!(origins().classify(&head), RequestOrigin::SameOrigin);
}

#[test]
fn what_can_be_listed() {
    for text in [
        "https://a",
        "http://a-b.c_d:1",
        "https://127.0.0.1",
        "http://[::1]:65535",
        "https://xn--bcher-kva.de",
        "HTTPS://A",
        "null",
        "file://",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "app://obsidian.md",
        "app://.",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://5a3b0c1e-9d0f-4c52-8a57-2c1f0b1a7e6d",
        "my-app+x.y://localhost:1420",
    ] {
        assert!(is_origin(text), "{text}");
    }
    for text in [
        "",
        "*",
        "a",
        "//a",
        "nul",
        "null/",
        "file:///",
        "capacitor://",
        "capacitor://localhost/",
        "capacitor://localhost/index.html",
        "chrome-extension://*",
        "1app://a",
        "my app://a",
        "blob:https://a",
        "javascript://a",
        "https://",
        "https://*",
        "https://*.a",
        "https://a/",
        "https://a?b",
        "https://a#b",
        "https://a b",
        "https://u@a",
        "https://a:",
        "https://a:0",
        "https://a:+1",
        "https://a:65536",
        "https://a:1:2",
        "https://::1",
        "https://[::1",
        "https://[a]",
        "https://[::1]a",
        "https://bücher.de",
        "ws://a",
        "WSS://a",
    ] {
        assert!(!is_origin(text), "{text}");
    }
    assert_eq!(Origins::new(&["https://*.example".to_owned()]).allowed, []);
}
