//! The client's script and the board: how they are served, and the answers if they were not built.

use headcount_server::{AssetFile, Assets, Config};

use crate::client::{Answer, Ask, ask};
use crate::server::{Door, Server, config};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const PAGE: &str =
    r#"<meta name="headcount" content="{{base}}" data-admin="{{admin}}" data-version="{{version}}">"#;

fn file(path: &'static str, text: &'static str, gzip: Option<&'static str>) -> AssetFile {
    let mut file = AssetFile::new(path, text);
    file.gzip = gzip.map(Into::into);
    file
}

/// As if everything had been built; what is compressed is told by its text.
fn built() -> Assets {
    let mut assets = Assets::default();
    assets.client = vec![
        file("client.js", "the script", Some("gz script")),
        file("client.js.map", "{}", None),
        file("client/question-5e6f.js", "the question", Some("gz question")),
        file("client/refreshing.1.js", "the refresh", None),
    ];
    assets.board = vec![
        file("index.html", PAGE, Some("never used")),
        file("favicon.svg", "<svg/>", None),
        file("assets/board-1a2b.js", "the board", Some("gz board")),
        file("assets/board-3c4d.css", "the style", None),
    ];
    assets
}

fn serving(config: Config, assets: &Assets) -> Server {
    Server::build(Door::Own, config, |builder| builder.assets(assets.clone()))
}

fn get(server: &Server, target: &str) -> Answer {
    ask(server.address, &Ask::get(target))
}

fn headers<'a, const COUNT: usize>(answer: &'a Answer, names: [&str; COUNT]) -> [Option<&'a str>; COUNT] {
    names.map(|name| answer.header(name))
}

#[test]
fn the_script_is_for_pages_of_any_origin() {
    let server = serving(config(), &built());
    let request = Ask::get("/__skew/client.js")
        .header("origin", "https://elsewhere.example")
        .header("sec-fetch-site", "cross-site");
    let answer = ask(server.address, &request);
    assert_eq!((answer.status, &*answer.body), (200, "the script"));
    let named = [
        "content-type",
        "cache-control",
        "access-control-allow-origin",
        "cross-origin-resource-policy",
        "x-content-type-options",
        "vary",
        "content-encoding",
        "sourcemap",
    ];
    let expected = [
        Some("text/javascript; charset=utf-8"),
        Some("public, max-age=300"),
        Some("*"),
        Some("cross-origin"),
        Some("nosniff"),
        Some("accept-encoding"),
        None,
        Some("client.js.map"),
    ];
    assert_eq!(headers(&answer, named), expected);
    assert_eq!(answer.header("content-security-policy"), None);
    let map = get(&server, "/__skew/client.js.map");
    assert_eq!(
        (map.status, map.header("content-type")),
        (200, Some("application/json"))
    );
    let other = ask(
        server.address,
        &Ask::get("/__skew/health").header("origin", "https://elsewhere.example"),
    );
    assert_eq!(other.status, 403, "everything else is guarded as before");
}

#[test]
fn parts_of_the_script_are_for_any_page_of_the_same_build() {
    let server = serving(config(), &built());
    let ask_from_elsewhere = |target: &str| {
        let request = Ask::get(target)
            .header("origin", "https://elsewhere.example")
            .header("sec-fetch-site", "cross-site");
        ask(server.address, &request)
    };
    let part = ask_from_elsewhere("/__skew/client/question-5e6f.js");
    assert_eq!((part.status, &*part.body), (200, "the question"));
    let named = ["content-type", "cache-control", "access-control-allow-origin"];
    let expected = [
        Some("text/javascript; charset=utf-8"),
        Some("public, max-age=31536000, immutable"),
        Some("*"),
    ];
    assert_eq!(headers(&part, named), expected);
    let refresh = get(&server, "/__skew/client/refreshing.1.js");
    assert_eq!((refresh.status, &*refresh.body), (200, "the refresh"));
    assert_eq!(
        refresh.header("cache-control"),
        Some("public, max-age=300"),
        "its name stays"
    );
    for target in [
        "/__skew/client/question-0000.js",
        "/__skew/client/client.js",
        "/__skew/client/../client.js",
        "/__skew/client/%2e%2e/client.js",
    ] {
        let missing = ask_from_elsewhere(target);
        assert_eq!(
            (missing.status, &*missing.code()),
            (404, "no-such-part"),
            "{target}"
        );
        let named = ["cache-control", "access-control-allow-origin"];
        assert_eq!(
            headers(&missing, named),
            [Some("no-store"), Some("*")],
            "{target}"
        );
    }
}

#[test]
fn who_has_it_already_is_told_so() {
    let server = serving(config(), &built());
    let pages = [
        "/__skew/client.js",
        "/__skew/client/question-5e6f.js",
        "/headcount/",
        "/headcount/assets/board-1a2b.js",
    ];
    for target in pages {
        let first = get(&server, target);
        let tag = first.header("etag").unwrap().to_owned();
        let again = |tag: &str| ask(server.address, &Ask::get(target).header("if-none-match", tag));
        let same = again(&tag);
        assert_eq!((same.status, &*same.body), (304, ""), "{target}");
        assert_eq!(same.header("etag"), Some(&*tag));
        assert_eq!(same.header("cache-control"), first.header("cache-control"));
        assert_eq!(same.header("content-type"), None);
        assert_eq!(again("W/\"another\"").status, 200, "{target}");
    }
}

#[test]
fn who_takes_gzip_gets_it() {
    let server = serving(config(), &built());
    let compressed = |target: &str, coding: &str| {
        let answer = ask(
            server.address,
            &Ask::get(target).header("accept-encoding", coding),
        );
        assert_eq!(answer.status, 200);
        (answer.header("content-encoding").map(str::to_owned), answer.body)
    };
    let gzip = || Some("gzip".to_owned());
    assert_eq!(
        compressed("/__skew/client.js", "gzip, br"),
        (gzip(), "gz script".into())
    );
    assert_eq!(compressed("/__skew/client.js", "br"), (None, "the script".into()));
    assert_eq!(
        compressed("/headcount/assets/board-1a2b.js", "gzip"),
        (gzip(), "gz board".into())
    );
    assert_eq!(
        compressed("/headcount/favicon.svg", "gzip"),
        (None, "<svg/>".into())
    );
    assert_eq!(
        compressed("/headcount/", "gzip").0,
        None,
        "the page is this server's own"
    );
}

#[test]
fn head_is_get_without_its_body() {
    let server = serving(config(), &built());
    for target in ["/__skew/client.js", "/headcount/", "/headcount/favicon.svg"] {
        let full = get(&server, target);
        let head = ask(server.address, &Ask::new("HEAD", target));
        assert_eq!((head.status, &*head.body), (200, ""), "{target}");
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.header(name), full.header(name), "{target}: {name}");
        }
        let length = full.body.len().to_string();
        assert_eq!(head.header("content-length"), Some(&*length));
    }
}

#[test]
fn the_board_is_a_page_under_a_strict_policy_and_its_files() {
    let server = serving(config(), &built());
    let page = get(&server, "/headcount/");
    let version = env!("CARGO_PKG_VERSION");
    let filled = format!(
        r#"<meta name="headcount" content="/__skew" data-admin="/api/admin" data-version="{version}">"#
    );
    assert_eq!((page.status, &*page.body), (200, &*filled));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let cached = "public, max-age=31536000, immutable";
    for (target, kind, caching) in [
        ("assets/board-1a2b.js", "text/javascript; charset=utf-8", cached),
        ("assets/board-3c4d.css", "text/css; charset=utf-8", cached),
        ("favicon.svg", "image/svg+xml", "no-cache"),
    ] {
        let answer = get(&server, &format!("/headcount/{target}"));
        assert_eq!(answer.status, 200, "{target}");
        assert_eq!(answer.header("content-type"), Some(kind));
        assert_eq!(answer.header("cache-control"), Some(caching));
    }
    for (target, status) in [
        ("/headcount/", 200),
        ("/headcount", 307),
        ("/headcount/assets/board-1a2b.js", 200),
        ("/headcount/no-such-file", 404),
        ("/headcount/assets", 404),
        ("/headcount/../__skew/client.js", 404),
        ("/headcount/%2e%2e/client.js", 404),
    ] {
        let answer = get(&server, target);
        assert_eq!(answer.status, status, "{target}");
        let named = [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "access-control-allow-origin",
        ];
        let expected = [
            Some(POLICY),
            Some("nosniff"),
            Some("no-referrer"),
            Some("same-origin"),
            None,
        ];
        assert_eq!(headers(&answer, named), expected, "{target}");
    }
    let moved = get(&server, "/headcount");
    assert_eq!(moved.header("location"), Some("headcount/"));
    assert_eq!(ask(server.address, &Ask::post("/headcount/", "")).status, 405);
}

#[test]
fn the_page_says_where_everything_is() {
    let server = serving(
        config().with(|config| {
            config.base_path = "/it's/pro&/__skew".to_owned();
            config.admin_path = "/ops/api".to_owned();
            config.board_path = Some("/ops/board".to_owned());
        }),
        &built(),
    );
    let page = get(&server, "/ops/board/").body;
    assert!(page.contains(r#"content="/it&#39;s/pro&amp;/__skew""#), "{page}");
    assert!(page.contains(r#"data-admin="/ops/api""#), "{page}");
    assert_eq!(get(&server, "/ops/board").header("location"), Some("board/"));
    assert_eq!(get(&server, "/headcount/").status, 404);
}

#[test]
fn what_was_not_built_says_how_to_get_it() {
    let server = serving(config(), &Assets::default());
    let page = get(&server, "/headcount/");
    assert_eq!(page.status, 404);
    assert!(page.body.contains("cargo xtask build"), "{}", page.body);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("content-security-policy"), Some(POLICY));
    assert!(!page.body.contains("<script") && !page.body.contains("<style") && !page.body.contains("style="));
    for target in [
        "/__skew/client.js",
        "/__skew/client.js.map",
        "/__skew/client/question-5e6f.js",
    ] {
        let script = get(&server, target);
        assert_eq!((script.status, &*script.code()), (404, "not-built"));
        assert!(script.body.contains("cargo xtask build"), "{}", script.body);
    }
}

#[test]
fn a_library_that_was_given_nothing_has_no_board() {
    let server = Server::start(config());
    assert_eq!(get(&server, "/headcount/").body, "");
    assert_eq!(get(&server, "/headcount").status, 404);
    assert_eq!(get(&server, "/__skew/client.js").code(), "not-built");
}

#[test]
fn a_board_that_is_off_is_nowhere() {
    let server = serving(config().with(|config| config.board_path = None), &built());
    for target in ["/headcount", "/headcount/", "/headcount/favicon.svg"] {
        assert_eq!(get(&server, target).status, 404, "{target}");
    }
    assert_eq!(get(&server, "/__skew/client.js").status, 200);
}

#[test]
fn a_board_that_is_served_apart_is_not_on_the_sites_address() {
    let server = serving(config().with(|config| config.admin_apart = true), &built());
    assert_eq!(get(&server, "/headcount/").status, 404);
    assert_eq!(get(&server, "/__skew/client.js").status, 200);
}
