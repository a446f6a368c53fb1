//! Who may use the admin API: whoever shows the secret, or a ticket that was had for it.
//!
//! A bearer token is shown on purpose. A ticket is a cookie, which browsers send by themselves, so with a ticket the request
//! must also come from a page of our own or of an allowed origin.

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use headcount_core::protocol::admin::{SessionAnswer, SessionRequest};
use http::header::SET_COOKIE;
use http::request::Parts;

use super::body;
use crate::authorize::ticket::TICKET_COOKIE;
use crate::clock;
use crate::error::Refusal;
use crate::head::{Head, cookie};
use crate::headcount::Headcount;
use crate::origin::Admission;

/// Proof that the request may do what it asks.
#[derive(Debug)]
pub(super) struct Principal;

impl FromRequestParts<Headcount> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, headcount: &Headcount) -> Result<Self, Refusal> {
        identify(parts, headcount)
    }
}

/// The principal that a request head shows.
pub(super) fn identify(parts: &Parts, headcount: &Headcount) -> Result<Principal, Refusal> {
    let secret = headcount
        .site()
        .config
        .admin_secret
        .as_ref()
        .ok_or_else(Refusal::not_configured)?;
    let bearer = parts.header("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    if let Some(token) = bearer {
        return if secret.matches(token) {
            Ok(Principal)
        } else {
            Err(Refusal::wrong_secret())
        };
    }
    let ticket =
        cookie(parts, TICKET_COOKIE).and_then(|value| headcount.tickets().check(value, clock::unix_ms()));
    if ticket.is_none() {
        return Err(Refusal::unauthorized());
    }
    match headcount.site().origins.admits(parts) {
        Admission::Foreign => Err(Refusal::foreign_origin()),
        _ => Ok(Principal),
    }
}

/// The secret for a ticket.
pub(super) async fn sign_in(
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let config = &headcount.site().config;
    let secret = config.admin_secret.as_ref().ok_or_else(Refusal::not_configured)?;
    if headcount.site().origins.admits(&parts) == Admission::Foreign {
        return Err(Refusal::foreign_origin());
    }
    let asked: SessionRequest = body::json(body, &config.limits).await?;
    if !secret.matches(&asked.secret) {
        return Err(Refusal::wrong_secret());
    }
    let ticket = headcount
        .tickets()
        .issue(clock::unix_ms())
        .map_err(|_| Refusal::internal())?;
    let answer = Json(SessionAnswer {
        ok: true,
        expires_at: ticket.expires_ms,
    });
    Ok((
        [(SET_COOKIE, set_cookie(&parts, &ticket.cookie_value, ""))],
        answer,
    )
        .into_response())
}

/// Ends a ticket.
pub(super) async fn sign_out(
    _: Principal,
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    if let Some(value) = cookie(&parts, TICKET_COOKIE) {
        headcount.tickets().revoke(value);
    }
    let answer = Json(serde_json::json!({"ok": true}));
    Ok(([(SET_COOKIE, set_cookie(&parts, "", "; Max-Age=0"))], answer).into_response())
}

fn set_cookie(parts: &Parts, value: &str, more: &str) -> String {
    // Behind a proxy that ends TLS only the proxy's word says so; a false one makes the cookie stricter, not weaker.
    let secure = if parts.header("x-forwarded-proto") == Some("https") {
        "; Secure"
    } else {
        ""
    };
    format!("{TICKET_COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}")
}
