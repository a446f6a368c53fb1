//! The rules of the admin API.

use axum::Json;
use axum::extract::{Path, Request, State};
use headcount_core::protocol::admin::{
    ChangeAnswer, ChangeRequest, InvalidateRouteAnswer, InvalidateRouteRequest, InvalidationAnswer,
    InvalidationRequest, InvalidationsAnswer, LiftAnswer, StateBody,
};
use serde::Deserialize;

use super::admin::{Answer, read};
use super::body;
use super::principal::{Denied, Principal, admin_secret, identify, wrong_secret};
use super::query::{AnyQuery, asked};
use crate::error::Refusal;
use crate::headcount::Headcount;
use crate::invalidation::Invalidation;
use crate::secrets::Right;

/// List the rules that stand, and what tabs did about them
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/invalidations",
        tag = "Rules",
        responses((status = 200, description = "The rules", body = InvalidationsAnswer))
    )
)]
pub(super) async fn rules(_: Principal, State(headcount): State<Headcount>) -> Answer<InvalidationsAnswer> {
    Ok(Json(headcount.rules().await?))
}

/// Refresh the tabs on some routes
///
/// Makes a rule: every tab that it matches is told to refresh, now or when it comes to a matching route, until the rule expires. The
/// answer comes when the rule is on disk. With `dryRun` nothing changes, and the answer says how many tabs the rule matches now.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/invalidations",
        tag = "Rules",
        request_body = InvalidationRequest,
        responses((status = 200, description = "The rule and how many tabs it matches now", body = InvalidationAnswer))
    )
)]
pub(super) async fn invalidate(
    _: Principal,
    State(headcount): State<Headcount>,
    request: Request,
) -> Answer<InvalidationAnswer> {
    let asked: InvalidationRequest = read(&headcount, request).await?;
    let dry_run = asked.dry_run;
    let invalidation = Invalidation::from(asked);
    Ok(Json(if dry_run {
        headcount.dry_run(invalidation).await?
    } else {
        headcount.invalidate(invalidation).await?
    }))
}

/// Refresh every tab on a route or below it
///
/// The call of nuxt-skew-protection. It makes a rule for every page load whose route begins with `route`. The admin secret may come in
/// the body instead of the header.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/invalidate-route",
        tag = "Rules",
        request_body = InvalidateRouteRequest,
        responses((status = 200, description = "The rule and how many tabs it matches now", body = InvalidateRouteAnswer))
    )
)]
pub(super) async fn invalidate_route(
    State(headcount): State<Headcount>,
    request: Request,
) -> Answer<InvalidateRouteAnswer> {
    let (parts, body) = request.into_parts();
    if !headcount.site().keyring.has(Right::Admin) {
        return Err(Refusal::not_configured());
    }
    let asked: InvalidateRouteRequest = body::json(body, &headcount.site().config.limits).await?;
    match (&asked.secret, identify(&parts, &headcount)) {
        (Some(shown), _) if admin_secret(&headcount, shown).is_some() => {}
        (_, Ok(Principal)) => {}
        (Some(_), Err(_)) | (None, Err(Denied::WrongSecret)) => {
            return Err(wrong_secret(&parts, &headcount).await);
        }
        (None, Err(Denied::Refused(refusal))) => return Err(refusal),
    }
    let invalidation = Invalidation::prefix(asked.route.clone())
        .all()
        .spread_ms(asked.spread_ms);
    let answer = headcount.invalidate(invalidation).await?;
    Ok(Json(InvalidateRouteAnswer {
        ok: true,
        route: asked.route,
        id: answer.id.unwrap_or_default(),
        tabs: answer.tabs,
        unknown: answer.unknown,
        spread_ms: answer.spread_ms,
    }))
}

/// End a rule
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        delete,
        path = "/invalidations/{id}",
        tag = "Rules",
        params(("id" = u32, Path, description = "The number of the rule.")),
        responses((status = 200, description = "The rule no longer stands", body = LiftAnswer))
    )
)]
pub(super) async fn lift(
    _: Principal,
    State(headcount): State<Headcount>,
    Path(id): Path<String>,
) -> Answer<LiftAnswer> {
    Ok(Json(headcount.lift(number(&id)?).await?))
}

/// The number of a rule in a path.
fn number(id: &str) -> Result<u32, Refusal> {
    id.parse().map_err(|_| {
        Refusal::invalid_query("the number of a rule is wrong: write a whole number, such as 17")
    })
}

/// Change a rule
///
/// With `state` a rule in waves is paused, goes on or ends. With `mode` or `audience` it asks for more, or is for more tabs: it then has
/// another number, and goes on from where it was. What is so already changes nothing.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        patch,
        path = "/invalidations/{id}",
        tag = "Rules",
        params(("id" = u32, Path, description = "The number of the rule.")),
        request_body = ChangeRequest,
        responses((status = 200, description = "The rule as it is now", body = ChangeAnswer))
    )
)]
pub(super) async fn change(
    _: Principal,
    State(headcount): State<Headcount>,
    Path(id): Path<String>,
    request: Request,
) -> Answer<ChangeAnswer> {
    let id = number(&id)?;
    let ChangeRequest {
        state,
        audience,
        mode,
    } = read(&headcount, request).await?;
    let answer = match (state, audience.is_some() || mode.is_some()) {
        (Some(StateBody::Paused), false) => headcount.pause(id).await,
        (Some(StateBody::Running), false) => headcount.resume(id).await,
        (Some(StateBody::Aborted), false) => headcount.abort(id).await,
        (None, true) => {
            let asks = (audience.map(Into::into), mode.map(Into::into));
            headcount.change(id, asks).await
        }
        (Some(_), true) | (None, false) => {
            return Err(Refusal::invalid_body(
                "write either `state`, or `mode` and `audience` or one of them",
            ));
        }
    };
    Ok(Json(answer?))
}

/// Query of `DELETE invalidations`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct LiftQuery {
    /// The number of the rule.
    id: u32,
}

/// End a rule, named in the query
///
/// Does the same as `DELETE /invalidations/{id}`.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        delete,
        path = "/invalidations",
        tag = "Rules",
        params(LiftQuery),
        responses((status = 200, description = "The rule no longer stands", body = LiftAnswer))
    )
)]
pub(super) async fn lift_by_query(
    _: Principal,
    State(headcount): State<Headcount>,
    query: AnyQuery<LiftQuery>,
) -> Answer<LiftAnswer> {
    Ok(Json(headcount.lift(asked(query)?.id).await?))
}
