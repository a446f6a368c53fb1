//! The bridge to app servers, below the admin API. The specification is `protocol/BRIDGE.md`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use headcount_core::cluster::RelayOutcome;
use headcount_core::protocol::bridge::{
    AnswersAnswer, AnswersRequest, EndedAnswer, EndedRequest, MessagesAnswer, MessagesRequest,
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body::Frame;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::body;
use super::principal::AppServer;
use super::query::{AnyQuery, asked};
use crate::bridge::{self, BridgeOptions, Ways};
use crate::error::Refusal;
use crate::headcount::Headcount;
use crate::shard::Wants;
use crate::site::Site;
use crate::tab::Begun;

/// Query of `GET bridge`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub(super) struct BridgeQuery {
    /// What to tell, with commas between: `open`, `route`, `close`, `authorize`.
    #[cfg_attr(feature = "openapi", param(default = "open,route,close"))]
    hooks: Option<String>,
    /// `each`: every bridge is told of connections. `one`: of the bridges with the same `app` only one is, the one that has been open
    /// longest. In a cluster, that is one of all servers.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(inline, default = "each"))]
    mode: Mode,
    /// The name that bridges with `mode=one` share. Default: the empty name.
    #[serde(default)]
    app: String,
}

/// Which of several bridges of one app are told of connections.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Each,
    One,
}

/// The endless answer of a bridge.
struct Lines(mpsc::Receiver<Bytes>);

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(cx)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Open a bridge
///
/// An endless answer: one JSON object a line. `protocol/BRIDGE.md` says what each line means and in which order they come.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        get,
        path = "/bridge",
        tag = "Bridge",
        params(BridgeQuery),
        responses((status = 200, description = "The lines, each of them one of these", body = headcount_core::protocol::bridge::BridgeLine, content_type = "application/x-ndjson"))
    )
)]
pub(super) async fn lines(
    app: AppServer,
    State(headcount): State<Headcount>,
    query: AnyQuery<BridgeQuery>,
) -> Result<Response, Refusal> {
    let query = asked(query)?;
    if !headcount.is_ready() {
        return Err(Refusal::draining());
    }
    let options = options(&query, headcount.site(), app.mark)?;
    if options.authorizes {
        app.need_authorizing()?;
    }
    let ways = Ways {
        site: headcount.site().clone(),
        shards: headcount.shards().clone(),
        bridges: headcount.bridges().clone(),
    };
    let lines = bridge::open(ways, options).ok_or_else(|| {
        Refusal::full("too many bridges are open: close one, or raise `limits.bridges_max`")
    })?;
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CACHE_CONTROL, "no-store, no-transform"),
    ];
    Ok((headers, Body::new(Lines(lines))).into_response())
}

fn options(query: &BridgeQuery, site: &Site, had_for: u64) -> Result<BridgeOptions, Refusal> {
    let mut options = BridgeOptions {
        wants: Wants::default(),
        authorizes: false,
        shares: match query.mode {
            Mode::Each => None,
            Mode::One => Some(site.hash(&query.app)),
        },
        had_for,
    };
    let hooks = query.hooks.as_deref().unwrap_or("open,route,close");
    for hook in hooks.split(',').filter(|hook| !hook.is_empty()) {
        match hook {
            "open" => options.wants.opens = true,
            "route" => options.wants.moves = true,
            "close" => options.wants.closes = true,
            "authorize" => options.authorizes = true,
            _ => {
                let message = format!("`hooks` has `{hook}`: name some of open, route, close and authorize");
                return Err(Refusal::invalid_query(message));
            }
        }
    }
    Ok(options)
}

/// Send messages to tabs
///
/// Messages to one connection arrive in order, each at most once.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/bridge/messages",
        tag = "Bridge",
        request_body = MessagesRequest,
        responses((status = 200, description = "How many messages were sent, unknown or refused", body = MessagesAnswer))
    )
)]
pub(super) async fn messages(
    _: AppServer,
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Json<MessagesAnswer>, Refusal> {
    let asked: MessagesRequest = read(&headcount, request).await?;
    let mut answer = MessagesAnswer::default();
    let mut passed_on = Vec::new();
    for message in asked.messages {
        let tab = headcount.tab(&message.id).ok();
        match tab.filter(|tab| tab.elsewhere.is_some() || headcount.shards().is_open(tab.key)) {
            None => answer.unknown += 1,
            Some(tab) => match tab.begin(&message.data) {
                Ok(Begun::Here) => answer.sent += 1,
                Ok(Begun::There(outcome)) => passed_on.push(outcome),
                Err(_) => answer.refused += 1,
            },
        }
    }
    // All are on their way, in their order. Only then is it waited for what the other nodes say.
    for outcome in passed_on {
        match outcome.await {
            Ok(RelayOutcome::Taken) => answer.sent += 1,
            Ok(RelayOutcome::NotTaken | RelayOutcome::Gone) => answer.unknown += 1,
            Ok(RelayOutcome::Late) | Err(_) => answer.refused += 1,
        }
    }
    Ok(Json(answer))
}

/// Say which browsers may see stats
///
/// Answers to the `authorize` lines of a bridge.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/bridge/answers",
        tag = "Bridge",
        request_body = AnswersRequest,
        responses((status = 200, description = "How many answers were accepted", body = AnswersAnswer))
    )
)]
pub(super) async fn answers(
    app: AppServer,
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Json<AnswersAnswer>, Refusal> {
    app.need_authorizing()?;
    let asked: AnswersRequest = read(&headcount, request).await?;
    let answers: Vec<_> = asked
        .answers
        .into_iter()
        .map(|one| (one.ask, one.admitted))
        .collect();
    let given = answers.len() as u64;
    let within = headcount.patience();
    let taken = headcount.bridges().answer(answers, within).await;
    Ok(Json(AnswersAnswer {
        taken,
        unknown: given.saturating_sub(taken),
    }))
}

/// Say which cookies are no longer valid
///
/// Admissions by these cookies end, in a cluster at every node.
#[cfg_attr(
    feature = "openapi",
    utoipa::path(
        post,
        path = "/bridge/ended",
        tag = "Bridge",
        request_body = EndedRequest,
        responses((status = 200, description = "The cookies are no longer accepted", body = EndedAnswer))
    )
)]
pub(super) async fn ended(
    app: AppServer,
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Json<EndedAnswer>, Refusal> {
    app.need_authorizing()?;
    let asked: EndedRequest = read(&headcount, request).await?;
    let nodes = headcount.sign_out(Vec::new(), &asked.cookies).await;
    Ok(Json(EndedAnswer { ok: true, nodes }))
}

async fn read<T: serde::de::DeserializeOwned>(headcount: &Headcount, request: Request) -> Result<T, Refusal> {
    let limits = &headcount.site().config.limits;
    body::json_within(request.into_body(), limits, limits.bridge_body_bytes_max).await
}
