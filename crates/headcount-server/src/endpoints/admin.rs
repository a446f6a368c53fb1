//! The admin API.

use std::num::NonZeroU64;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, Request, State};
use headcount_core::protocol::admin::{
    ConnectionsAnswer, InvalidateRouteAnswer, InvalidateRouteRequest, InvalidationAnswer,
    InvalidationRequest, InvalidationsAnswer, LiftAnswer, RefusalsAnswer, ReleaseEntry, ReleaseRequest,
    ReleasesAnswer, StatsAnswer,
};
use headcount_core::protocol::convert::Invalidation;
use headcount_core::protocol::history::HistoryAnswer;
use headcount_core::protocol::pages::PagesAnswer;
use serde::Deserialize;

use super::body;
use super::principal::{Denied, Principal, admin_secret, identify, wrong_secret};
use crate::error::{CommandError, Refusal};
use crate::headcount::{ConnectionsQuery, Headcount};
use crate::history::HistoryQuery;
use crate::secrets::Right;

/// Rows of a list unless told otherwise: connections, and pages of the site.
const CONNECTIONS_DEFAULT: usize = 100;
const PAGES_DEFAULT: usize = 50;
/// Rows of a list at the most.
const ROWS_MAX: usize = 1_000;

type AnyQuery<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

type Answer<T> = Result<Json<T>, Refusal>;

pub(super) async fn stats(_: Principal, State(headcount): State<Headcount>) -> Answer<StatsAnswer> {
    Ok(Json(headcount.stats().await?))
}

pub(super) async fn refusals(_: Principal, State(headcount): State<Headcount>) -> Json<RefusalsAnswer> {
    Json(headcount.refusals())
}

/// Query of `GET pages`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PagesQuery {
    limit: Option<usize>,
}

pub(super) async fn pages(
    _: Principal,
    State(headcount): State<Headcount>,
    query: AnyQuery<PagesQuery>,
) -> Answer<PagesAnswer> {
    let limit = rows(asked(query)?.limit, PAGES_DEFAULT)?;
    Ok(Json(headcount.pages(limit).await?))
}

/// Query of `GET history`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SamplesQuery {
    from: Option<u64>,
    step: Option<NonZeroU64>,
}

pub(super) async fn history(
    _: Principal,
    State(headcount): State<Headcount>,
    query: AnyQuery<SamplesQuery>,
) -> Answer<HistoryAnswer> {
    let SamplesQuery { from, step } = asked(query)?;
    let wanted = HistoryQuery {
        from_ms: from.unwrap_or_default(),
        step_ms: step,
    };
    Ok(Json(headcount.history(wanted)?))
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
    query: AnyQuery<PageQuery>,
) -> Answer<ConnectionsAnswer> {
    let query = asked(query)?;
    let limit = rows(query.limit, CONNECTIONS_DEFAULT)?;
    let wanted = ConnectionsQuery {
        route: query.route,
        version: query.version,
        limit,
        cursor: query.cursor,
    };
    let page = headcount.connections(wanted).await?;
    page.map(Json).ok_or_else(|| {
        Refusal::invalid_query("`cursor` is none that was given out: leave it out to start anew")
    })
}

pub(super) async fn releases(_: Principal, State(headcount): State<Headcount>) -> Answer<ReleasesAnswer> {
    Ok(Json(headcount.releases()))
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
    let limits = headcount.site().config.limits.clone();
    // Making an automaton of a pattern may take a tenth of a second, which others need not wait for. An asker that hangs up while it
    // waits for its turn is dropped with this future.
    let patterns = Arc::clone(&headcount.site().patterns);
    let turn = patterns
        .acquire_owned()
        .await
        .map_err(|_| CommandError::Stopped)?;
    let made = tokio::task::spawn_blocking(move || {
        let _until_made = turn;
        Invalidation::from_request(asked, &limits)
    })
    .await;
    let invalidation = made
        .map_err(|_| CommandError::Stopped)?
        .map_err(CommandError::from)?;
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
    let limits = &headcount.site().config.limits;
    let invalidation = Invalidation {
        spread_ms: asked.spread_ms,
        ..Invalidation::of_route(&asked.route, limits).map_err(CommandError::from)?
    };
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
    query: AnyQuery<LiftQuery>,
) -> Answer<LiftAnswer> {
    Ok(Json(headcount.lift(asked(query)?.id).await?))
}

/// A query; what is wrong with it is said.
fn asked<T>(query: AnyQuery<T>) -> Result<T, Refusal> {
    let Query(query) = query.map_err(|rejection| Refusal::invalid_query(rejection.body_text()))?;
    Ok(query)
}

/// How many rows a list may have.
fn rows(limit: Option<usize>, default: usize) -> Result<usize, Refusal> {
    let limit = limit.unwrap_or(default);
    if limit == 0 || limit > ROWS_MAX {
        return Err(Refusal::invalid_query(format!("`limit` must be 1 to {ROWS_MAX}")));
    }
    Ok(limit)
}

async fn read<T: serde::de::DeserializeOwned>(headcount: &Headcount, request: Request) -> Result<T, Refusal> {
    body::json(request.into_body(), &headcount.site().config.limits).await
}
