//! Checks on every request before an endpoint gets it, and headers of every answer of a kind.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, HOST};
use http::request::Parts;
use http::{HeaderValue, Version};

use crate::error::Refusal;
use crate::head::names_host;
use crate::headcount::Headcount;
use crate::metrics::Count;

/// Refuses a request that says its host in two ways or in none that can be read, and one under a name that is not ours where that matters.
pub(super) async fn host(State(headcount): State<Headcount>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match checked(&headcount, &parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// As [`host`], for requests from a socket of this server: HTTP/1.1 requires a host (RFC 9112, section 3.2).
pub(crate) async fn own_door(headcount: State<Headcount>, request: Request, next: Next) -> Response {
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
        return Refusal::ambiguous_head().into_response();
    }
    host(headcount, request, next).await
}

fn checked(headcount: &Headcount, parts: &Parts) -> Result<(), Refusal> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let differs = |host: &HeaderValue| {
        let authority = parts.uri.authority().filter(|_| parts.version == Version::HTTP_2);
        authority.is_some_and(|authority| {
            !host
                .as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes())
        })
    };
    let names_none = |host: &HeaderValue| !names_host(host.as_bytes());
    if second.is_some() || first.is_some_and(|host| names_none(host) || differs(host)) {
        return Err(Refusal::ambiguous_head());
    }
    if headcount.site().hosts.admit(parts) {
        Ok(())
    } else {
        headcount.count(Count::RefusedHost);
        Err(Refusal::foreign_host())
    }
}

/// A method that an endpoint does not support. axum adds `Allow`.
pub(super) async fn no_method() -> Refusal {
    Refusal::method_not_allowed()
}

/// Any method but `GET` of a stream, `HEAD` too: it would open a connection without a reader.
pub(super) async fn only_get() -> Response {
    ([(ALLOW, "GET")], Refusal::method_not_allowed()).into_response()
}

/// Answers that no cache may keep, because they are for one principal.
pub(super) async fn not_stored(mut response: Response) -> Response {
    let cached = response.headers_mut().entry(CACHE_CONTROL);
    cached.or_insert(HeaderValue::from_static("no-store"));
    response
}
