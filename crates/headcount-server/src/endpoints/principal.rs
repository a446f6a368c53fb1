//! Who may use the admin API.
//!
//! Two extractors, which handlers take as arguments. [`Principal`] is the admin secret, or a ticket that was given for
//! it. [`AppServer`] is a bearer secret that opens the bridge; a ticket does not, because a bridge gets visitors'
//! cookies and no page needs one.
//!
//! A bearer token is shown on purpose. A ticket is a cookie, which browsers send by themselves, so with a ticket the request
//! must also come from a page of our own or of an allowed origin.
//!
//! Code that checks a secret answers a wrong one through [`wrong_secret`], which counts, logs and delays it.

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use headcount_core::protocol::admin::{SessionAnswer, SessionRequest, SignedOutAnswer};
use http::header::SET_COOKIE;
use http::request::Parts;

use super::body;
use super::stream::peer;
use crate::clock;
use crate::door::Line;
use crate::error::Refusal;
use crate::guesses::TooMany;
use crate::head::{Head, only};
use crate::headcount::Headcount;
use crate::metrics::Count;
use crate::origin::RequestOrigin;
#[cfg(feature = "bridge")]
use crate::secrets::Recognised;
use crate::secrets::Right;
use crate::site::KnownAddress;

/// Proof that the request may use the admin API.
#[derive(Debug)]
pub(super) struct Principal;

/// Proof that the request comes from an app server.
#[cfg(feature = "bridge")]
#[derive(Clone, Copy, Debug)]
pub(super) struct AppServer {
    /// The mark of the secret that it showed.
    pub(super) mark: u64,
    /// Whether it may decide who sees stats.
    may_authorize: bool,
}

/// Why a request has no principal.
#[derive(Debug)]
pub(super) enum Denied {
    /// It shows a secret that does not hold.
    WrongSecret,
    /// Anything else.
    Refused(Refusal),
}

impl FromRequestParts<Headcount> for Principal {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, headcount: &Headcount) -> Result<Self, Refusal> {
        match identify(parts, headcount) {
            Ok(principal) => Ok(principal),
            Err(Denied::Refused(refusal)) => Err(refusal),
            Err(Denied::WrongSecret) => Err(wrong_secret(parts, headcount).await),
        }
    }
}

#[cfg(feature = "bridge")]
impl FromRequestParts<Headcount> for AppServer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, headcount: &Headcount) -> Result<Self, Refusal> {
        let keyring = &headcount.site().keyring;
        let has_own = keyring.has(Right::Bridge);
        if !has_own && !keyring.has(Right::Admin) {
            return Err(Refusal::not_configured());
        }
        let Some(token) = bearer(parts) else {
            return Err(match headcount.tickets().shown(parts) {
                Some(_) => Refusal::ticket_at_bridge(),
                None => Refusal::unauthorized(),
            });
        };
        let Some(Recognised { right, mark }) = keyring.recognise(token) else {
            return Err(wrong_secret(parts, headcount).await);
        };
        let may_authorize = right == Right::Bridge || !has_own;
        Ok(Self { mark, may_authorize })
    }
}

#[cfg(feature = "bridge")]
impl AppServer {
    /// Refuses a secret that may not decide who sees stats.
    pub(super) fn need_authorizing(self) -> Result<(), Refusal> {
        if self.may_authorize {
            Ok(())
        } else {
            Err(Refusal::bridge_secret_needed())
        }
    }
}

/// The principal that a request head shows.
pub(super) fn identify(parts: &Parts, headcount: &Headcount) -> Result<Principal, Denied> {
    let keyring = &headcount.site().keyring;
    if !keyring.has(Right::Admin) {
        return Err(Denied::Refused(Refusal::not_configured()));
    }
    if let Some(token) = bearer(parts) {
        return match keyring.recognise(token).map(|recognised| recognised.right) {
            Some(Right::Admin) => Ok(Principal),
            Some(Right::Bridge) => Err(Denied::Refused(Refusal::bridge_only())),
            None => Err(Denied::WrongSecret),
        };
    }
    let tickets = headcount.tickets();
    let ticket = tickets
        .shown(parts)
        .and_then(|value| tickets.check(value, clock::unix_ms()));
    if ticket.is_none() {
        return Err(Denied::Refused(Refusal::unauthorized()));
    }
    match headcount.site().origins.classify(parts) {
        RequestOrigin::Foreign => Err(Denied::Refused(headcount.refuse_origin(parts))),
        _ => Ok(Principal),
    }
}

/// The token of the one `Authorization` header, where that is a bearer.
fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = only(parts, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The admin secret that was shown in a body, as its mark.
pub(super) fn admin_secret(headcount: &Headcount, shown: &str) -> Option<u64> {
    let recognised = headcount.site().keyring.recognise(shown)?;
    (recognised.right == Right::Admin).then_some(recognised.mark)
}

/// Takes a wrong secret in, and says how it is refused when it is time to.
pub(super) async fn wrong_secret(parts: &Parts, headcount: &Headcount) -> Refusal {
    headcount.count(Count::RefusedSecret);
    let site = headcount.site();
    let peer = peer(parts);
    let client = site.client(parts, peer);
    let from = client
        .filter(|_| site.config.ip_tracking)
        .and_then(KnownAddress::address);
    let address = site.address_of_guess(parts, peer);
    let line = parts.extensions.get::<Line>();
    if headcount.guesses().hold(address, from, line).await == Err(TooMany) {
        if let Some(line) = line {
            // A trusted proxy carries others on the same connection.
            line.give_no_answer(!peer.is_some_and(|peer| site.trust().trusts(peer)));
        }
        return Refusal::too_many_guesses();
    }
    Refusal::wrong_secret()
}

/// Sign in: exchange the admin secret for a ticket
///
/// The ticket is a cookie for the board. It holds for the endpoints that are not part of the bridge.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/session",
        tag = "Session",
        request_body = SessionRequest,
        responses((status = 200, description = "The ticket is in the `Set-Cookie` header", body = SessionAnswer))
    )
)]
pub(super) async fn sign_in(
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    if !headcount.site().keyring.has(Right::Admin) {
        return Err(Refusal::not_configured());
    }
    if headcount.site().origins.classify(&parts) == RequestOrigin::Foreign {
        return Err(headcount.refuse_origin(&parts));
    }
    let asked: SessionRequest = body::json(body, &headcount.site().config.limits).await?;
    let Some(mark) = admin_secret(&headcount, &asked.secret) else {
        return Err(wrong_secret(&parts, &headcount).await);
    };
    let tickets = headcount.tickets();
    let ticket = tickets
        .issue(clock::unix_ms(), mark)
        .map_err(|_| Refusal::internal())?;
    let answer = Json(SessionAnswer {
        ok: true,
        expires_at: ticket.expires_ms,
    });
    let own = set_cookie(&parts, tickets.cookie(), &ticket.cookie_value);
    let stale = tickets.stale(&parts);
    let stale = stale.into_iter().map(|name| take_cookie(&parts, name));
    let cookies = std::iter::once(own)
        .chain(stale)
        .map(|cookie| (SET_COOKIE, cookie));
    Ok((AppendHeaders(cookies), answer).into_response())
}

/// Sign out
///
/// The ticket ends, and with it the live stats of the pages that used it, in a cluster at every node.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        delete,
        path = "/session",
        tag = "Session",
        responses((status = 200, description = "The ticket has ended", body = SignedOutAnswer))
    )
)]
pub(super) async fn sign_out(
    _: Principal,
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Response, Refusal> {
    let (parts, _) = request.into_parts();
    let tickets = headcount.tickets();
    let name = tickets.cookie();
    let mut nodes = None;
    if let Some(value) = tickets.shown(&parts) {
        let ended = tickets.revoke(value, clock::unix_ms());
        let pairs = [format!("{name}={value}")];
        nodes = headcount.sign_out(ended.into_iter().collect(), &pairs).await;
    }
    let answer = Json(SignedOutAnswer { ok: true, nodes });
    Ok(([(SET_COOKIE, take_cookie(&parts, name))], answer).into_response())
}

/// Takes a cookie of a ticket away from the browser.
fn take_cookie(parts: &Parts, name: &str) -> String {
    set_cookie(parts, name, "") + "; Max-Age=0"
}

fn set_cookie(parts: &Parts, name: &str, value: &str) -> String {
    // Behind a proxy that ends TLS, only the proxy's header shows this; a forged one makes the cookie stricter, not weaker.
    let secure = if parts.header("x-forwarded-proto") == Some("https") {
        "; Secure"
    } else {
        ""
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
}
