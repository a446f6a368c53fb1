//! The admin API.

use std::num::NonZeroU64;

use axum::Json;
use axum::extract::{Request, State};
use headcount_core::protocol::admin::{
    ConnectionsAnswer, RefusalsAnswer, ReleaseEntry, ReleaseRequest, ReleasesAnswer, StatsAnswer,
};
use headcount_core::protocol::adoption::AdoptionAnswer;
use headcount_core::protocol::history::HistoryAnswer;
use headcount_core::protocol::nodes::NodesAnswer;
use headcount_core::protocol::pages::PagesAnswer;
use serde::Deserialize;

use super::body;
use super::principal::Principal;
use super::query::{AnyQuery, asked};
use crate::error::Refusal;
use crate::headcount::{ConnectionsQuery, Headcount};
use crate::history::HistoryQuery;

/// Rows of a list unless told otherwise: connections, and pages of the site.
const CONNECTIONS_DEFAULT: usize = 100;
const PAGES_DEFAULT: usize = 50;
/// Rows of a list at the most.
const ROWS_MAX: usize = 1_000;

pub(super) type Answer<T> = Result<Json<T>, Refusal>;

/// Count the open tabs
///
/// The counts by version and by route, and the first connections one by one. They are of one moment.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/stats",
        tag = "Counts",
        responses((status = 200, description = "The counts", body = StatsAnswer))
    )
)]
pub(super) async fn stats(_: Principal, State(headcount): State<Headcount>) -> Answer<StatsAnswer> {
    Ok(Json(headcount.stats().await?))
}

/// List the nodes of the cluster
///
/// They are those that the server hears. Without a cluster the answer is an error.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/nodes",
        tag = "Counts",
        responses((status = 200, description = "The nodes that are there", body = NodesAnswer))
    )
)]
pub(super) async fn nodes(_: Principal, State(headcount): State<Headcount>) -> Answer<NodesAnswer> {
    Ok(Json(headcount.nodes().await?))
}

/// List the pages that the server refused because of their origin
///
/// A page is refused where its origin is neither that of the server nor in `allowed_origins`.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/refusals",
        tag = "Counts",
        responses((status = 200, description = "The refused pages", body = RefusalsAnswer))
    )
)]
pub(super) async fn refusals(_: Principal, State(headcount): State<Headcount>) -> Json<RefusalsAnswer> {
    Json(headcount.refusals())
}

/// Query of `GET pages`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct PagesQuery {
    /// How many pages to list, the most viewed first.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 1_000, default = 50))]
    limit: Option<usize>,
}

/// List the pages of the site with the most open tabs
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/pages",
        tag = "Counts",
        params(PagesQuery),
        responses((status = 200, description = "The pages", body = PagesAnswer))
    )
)]
pub(super) async fn pages(
    _: Principal,
    State(headcount): State<Headcount>,
    query: AnyQuery<PagesQuery>,
) -> Answer<PagesAnswer> {
    let limit = rows(asked(query)?.limit, PAGES_DEFAULT)?;
    Ok(Json(headcount.pages(limit).await?))
}

/// Query of `GET adoption`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct AdoptionQuery {
    /// The release.
    release: String,
    /// Only tabs on this route and below it. Default: all tabs.
    route: Option<String>,
}

/// Show how far a release has come
///
/// Tabs on any other version count as behind, also those on a newer one. `nodes` says whether the numbers are those of the whole cluster.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/adoption",
        tag = "Releases",
        params(AdoptionQuery),
        responses((status = 200, description = "The counts", body = AdoptionAnswer))
    )
)]
pub(super) async fn adoption(
    _: Principal,
    State(headcount): State<Headcount>,
    query: AnyQuery<AdoptionQuery>,
) -> Answer<AdoptionAnswer> {
    let AdoptionQuery { release, route } = asked(query)?;
    Ok(Json(headcount.adoption(&release, route.as_deref()).await?))
}

/// Query of `GET history`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct SamplesQuery {
    /// The earliest sample, in milliseconds since the Unix epoch. Default: the oldest that is kept.
    from: Option<u64>,
    /// The least time between two samples, in milliseconds. Default: every sample.
    #[cfg_attr(feature = "openapi", param(value_type = Option<u64>, minimum = 1))]
    step: Option<NonZeroU64>,
}

/// Show how the counts by version changed over time
///
/// A sample is kept every `limits.history_step_ms` for the last hour, and every minute for `limits.history_seconds`.
/// In a cluster, samples have the tabs of all servers.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/history",
        tag = "Counts",
        params(SamplesQuery),
        responses((status = 200, description = "The samples", body = HistoryAnswer))
    )
)]
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
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    /// Only tabs on this route.
    route: Option<String>,
    /// Only tabs that run this version.
    version: Option<String>,
    /// How many connections to list.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 1_000, default = 100))]
    limit: Option<usize>,
    /// The `next` of the page before. Default: begin at the first connection.
    cursor: Option<String>,
}

/// List the open connections one by one
///
/// A list that needs more than one page goes on with the `next` of the page before as `cursor`.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/connections",
        tag = "Counts",
        params(PageQuery),
        responses((status = 200, description = "One page of the list", body = ConnectionsAnswer))
    )
)]
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
    page.map(Json)
        .ok_or_else(|| Refusal::invalid_query("`cursor` is not valid: leave it out to start again"))
}

/// List the releases that were announced
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/releases",
        tag = "Releases",
        responses((status = 200, description = "The releases", body = ReleasesAnswer))
    )
)]
pub(super) async fn releases(_: Principal, State(headcount): State<Headcount>) -> Answer<ReleasesAnswer> {
    Ok(Json(headcount.releases()))
}

/// Announce a release
///
/// It becomes the current release, and every open tab is told. The answer comes when the release is on disk.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/releases",
        tag = "Releases",
        request_body = ReleaseRequest,
        responses((status = 200, description = "The release", body = ReleaseEntry))
    )
)]
pub(super) async fn announce(
    _: Principal,
    State(headcount): State<Headcount>,
    request: Request,
) -> Answer<ReleaseEntry> {
    let asked: ReleaseRequest = read(&headcount, request).await?;
    Ok(Json(headcount.announce(&asked.version).await?))
}

/// How many rows a list may have.
fn rows(limit: Option<usize>, default: usize) -> Result<usize, Refusal> {
    let limit = limit.unwrap_or(default);
    if limit == 0 || limit > ROWS_MAX {
        return Err(Refusal::invalid_query(format!(
            "`limit`: write a whole number from 1 to {ROWS_MAX}"
        )));
    }
    Ok(limit)
}

pub(super) async fn read<T: serde::de::DeserializeOwned>(
    headcount: &Headcount,
    request: Request,
) -> Result<T, Refusal> {
    body::json(request.into_body(), &headcount.site().config.limits).await
}
