//! The files we hand out: the script of the browser client with its parts, and the board.
//!
//! The script is for pages of any origin. The board is one page with its files, under a content security policy: it
//! runs only these files and connects only to this server. Anyone can load the page; its data comes from endpoints that
//! need the secret.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use crate::assets::{PARTS, SCRIPT, SCRIPT_MAP, ServedFile};
use crate::error::Refusal;
use crate::headcount::Headcount;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// `GET client.js`.
pub(super) async fn script(State(headcount): State<Headcount>, headers: HeaderMap) -> Response {
    client_file(&headcount, SCRIPT, &headers)
}

/// `GET client.js.map`.
pub(super) async fn script_map(State(headcount): State<Headcount>, headers: HeaderMap) -> Response {
    client_file(&headcount, SCRIPT_MAP, &headers)
}

/// `GET client/…`: a part that the script loads when it needs it. A script of another build asks in vain, and no cache may keep that:
/// in a rolling deploy the next server has the part.
pub(super) async fn script_part(
    State(headcount): State<Headcount>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    client_file(&headcount, &format!("{PARTS}{file}"), &headers)
}

fn client_file(headcount: &Headcount, path: &str, headers: &HeaderMap) -> Response {
    let file = |path| headcount.assets().and_then(|assets| assets.client(path));
    let mut response = match (file(path), file(SCRIPT)) {
        (Some(file), _) => answer(file, headers),
        (None, Some(_)) => missing(Refusal::no_such_part()),
        (None, None) => missing(Refusal::not_built()),
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The script does not name its map itself: every page would load that line.
    if path == SCRIPT && file(SCRIPT_MAP).is_some() {
        headers.insert(
            HeaderName::from_static("sourcemap"),
            HeaderValue::from_static(SCRIPT_MAP),
        );
    }
    response
}

fn missing(refusal: Refusal) -> Response {
    let mut response = refusal.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The board without the slash behind which its files are. Relative, so that it holds behind a proxy that has put something before
/// our path.
pub(super) async fn to_board(request: Request) -> Redirect {
    let path = request.uri().path();
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    Redirect::temporary(&format!("{name}/"))
}

/// The board's page.
pub(super) async fn board(State(headcount): State<Headcount>, headers: HeaderMap) -> Response {
    let Some(assets) = headcount.assets() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match assets.page() {
        Some(page) => answer(page, &headers),
        None => (StatusCode::NOT_FOUND, answer(assets.no_board(), &headers)).into_response(),
    }
}

/// A file of the board.
pub(super) async fn board_file(
    State(headcount): State<Headcount>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    match headcount.assets().and_then(|assets| assets.board(&path)) {
        Some(file) => answer(file, &headers),
        None => (StatusCode::NOT_FOUND, "there is no such file\n").into_response(),
    }
}

/// Adds the board's policy to every answer below its path.
pub(super) async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A file, compressed where the client takes that; or that it has not changed (RFC 9110, section 13.1.2).
fn answer(file: &ServedFile, asked: &HeaderMap) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(ETAG, file.etag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(file.cache_control));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if knows(asked, &file.etag) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    let gzip = file.gzip.as_ref().filter(|_| takes_gzip(asked));
    if gzip.is_some() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    (headers, gzip.unwrap_or(&file.bytes).clone()).into_response()
}

/// Whether the client has this content already. Weak comparison, as for `GET`.
fn knows(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    let bare = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    let ours = bare(etag.as_bytes());
    let sent = asked.get_all(IF_NONE_MATCH).iter();
    sent.flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || bare(tag) == ours)
}

/// Whether the client accepts gzip by name. A client that sends `*` gets the uncompressed file.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let sent = asked.get_all(ACCEPT_ENCODING).iter();
    let mut codings = sent
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.trim().parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn gzip_goes_to_who_takes_it() {
        let takes = |values: &[&'static str]| takes_gzip(&asked(&ACCEPT_ENCODING, values));
        assert!(takes(&["gzip"]) && takes(&["br, GZIP;q=0.5"]) && takes(&["br", "deflate, gzip"]));
        assert!(!takes(&[]) && !takes(&["identity, br"]) && !takes(&["gzip;q=0"]));
        assert!(!takes(&["gzip; q=0.000, *"]) && !takes(&["gzipped"]));
    }

    #[test]
    fn content_that_is_known_is_known_by_any_form_of_its_tag() {
        let knows = |values: &[&'static str]| {
            knows(
                &asked(&IF_NONE_MATCH, values),
                &HeaderValue::from_static("W/\"abc\""),
            )
        };
        assert!(knows(&["W/\"abc\""]) && knows(&["\"abc\""]) && knows(&["*"]));
        assert!(knows(&["\"x\", W/\"abc\""]) && knows(&["\"x\"", "\"abc\""]));
        assert!(!knows(&[]) && !knows(&["\"ab\""]) && !knows(&["abc"]));
    }
}
