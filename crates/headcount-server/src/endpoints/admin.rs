//! The admin API.

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use headcount_core::protocol::admin::{
    ConnectionsAnswer, InvalidateRouteAnswer, InvalidateRouteRequest, InvalidationAnswer,
    InvalidationRequest, InvalidationsAnswer, LiftAnswer, ReleaseEntry, ReleaseRequest, ReleasesAnswer,
    StatsAnswer,
};
use headcount_core::protocol::convert::Invalidation;
use serde::Deserialize;

use super::body;
use super::principal::{Principal, identify};
use crate::error::{CommandError, Refusal};
use crate::headcount::{ConnectionsQuery, Headcount};

/// Rows of a page unless told otherwise, and at the most.
const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

type Answer<T> = Result<Json<T>, Refusal>;

pub(super) async fn stats(_: Principal, State(headcount): State<Headcount>) -> Answer<StatsAnswer> {
    Ok(Json(headcount.stats().await?))
}

/// Query of `GET connections`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    route: Option<String>,
    version: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn connections(
    _: Principal,
    State(headcount): State<Headcount>,
    query: Result<Query<PageQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<ConnectionsAnswer> {
    let Query(query) = query.map_err(|rejection| Refusal::invalid_query(rejection.body_text()))?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if limit == 0 || limit > PAGE_MAX {
        return Err(Refusal::invalid_query(format!("`limit` must be 1 to {PAGE_MAX}")));
    }
    let asked = ConnectionsQuery {
        route: query.route,
        version: query.version,
        limit,
        cursor: query.cursor,
    };
    let page = headcount.connections(asked).await?;
    page.map(Json).ok_or_else(|| {
        Refusal::invalid_query("`cursor` is none that was given out: leave it out to start anew")
    })
}

pub(super) async fn releases(_: Principal, State(headcount): State<Headcount>) -> Answer<ReleasesAnswer> {
    Ok(Json(headcount.releases().await?))
}

pub(super) async fn announce(
    _: Principal,
    State(headcount): State<Headcount>,
    request: Request,
) -> Answer<ReleaseEntry> {
    let asked: ReleaseRequest = read(&headcount, request).await?;
    Ok(Json(headcount.announce(&asked.version).await?))
}

pub(super) async fn rules(_: Principal, State(headcount): State<Headcount>) -> Answer<InvalidationsAnswer> {
    Ok(Json(headcount.rules().await?))
}

pub(super) async fn invalidate(
    _: Principal,
    State(headcount): State<Headcount>,
    request: Request,
) -> Answer<InvalidationAnswer> {
    let asked: InvalidationRequest = read(&headcount, request).await?;
    if asked.expires == Some(0) {
        return Err(Refusal::invalid_body("`expires` must be at least 1 second"));
    }
    let dry_run = asked.dry_run;
    let invalidation =
        Invalidation::from_request(asked, &headcount.site().config.limits).map_err(CommandError::from)?;
    Ok(Json(if dry_run {
        headcount.dry_run(invalidation).await?
    } else {
        headcount.invalidate(invalidation).await?
    }))
}

/// The specification's own call: everyone whose route equals this one or begins with it.
pub(super) async fn invalidate_route(
    State(headcount): State<Headcount>,
    request: Request,
) -> Answer<InvalidateRouteAnswer> {
    let (parts, body) = request.into_parts();
    let secret = headcount
        .site()
        .config
        .admin_secret
        .as_ref()
        .ok_or_else(Refusal::not_configured)?;
    let asked: InvalidateRouteRequest = body::json(body, &headcount.site().config.limits).await?;
    if !asked.secret.as_ref().is_some_and(|shown| secret.matches(shown)) {
        identify(&parts, &headcount)?;
    }
    let limits = &headcount.site().config.limits;
    let invalidation = Invalidation::of_route(&asked.route, limits).map_err(CommandError::from)?;
    let answer = headcount.invalidate(invalidation).await?;
    Ok(Json(InvalidateRouteAnswer {
        ok: true,
        route: asked.route,
        id: answer.id.unwrap_or_default(),
        tabs: answer.tabs,
    }))
}

pub(super) async fn lift(
    _: Principal,
    State(headcount): State<Headcount>,
    Path(id): Path<String>,
) -> Answer<LiftAnswer> {
    let id = id
        .parse()
        .map_err(|_| Refusal::invalid_query("a rule's number is a whole number"))?;
    Ok(Json(headcount.lift(id).await?))
}

/// Query of `DELETE invalidations`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiftQuery {
    id: u32,
}

pub(super) async fn lift_by_query(
    _: Principal,
    State(headcount): State<Headcount>,
    query: Result<Query<LiftQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<LiftAnswer> {
    let Query(query) = query.map_err(|rejection| Refusal::invalid_query(rejection.body_text()))?;
    Ok(Json(headcount.lift(query.id).await?))
}

async fn read<T: serde::de::DeserializeOwned>(headcount: &Headcount, request: Request) -> Result<T, Refusal> {
    body::json(request.into_body(), &headcount.site().config.limits).await
}
