//! What SSE clients say, by POST.

use axum::Json;
use axum::extract::{Request, State};
use headcount_core::protocol::client::{self, Addressed, ClientMessage, RouteBody, StatsForm};
use serde::Serialize;

use super::body;
use crate::admission;
use crate::error::Refusal;
use crate::headcount::Headcount;

/// `{"ok": …}`
#[derive(Serialize)]
pub(super) struct Accepted {
    ok: bool,
}

/// A tab shows another page. `ok` is false for an unknown connection, a field that is missing or not a string (also
/// because the body is not JSON in UTF-8), and an invalid route. The lean door answers the same.
pub(super) async fn route(
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Json<Accepted>, Refusal> {
    let bytes = body::bytes(request.into_body(), &headcount.site().config.limits).await?;
    let said = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| client::object(text).ok());
    let ok = match said {
        Some(RouteBody { connection_id, route }) => headcount.navigate(&connection_id, &route).await,
        None => false,
    };
    Ok(Json(Accepted { ok }))
}

/// A browser subscribes its stream to stats. The answer does not say whether it is admitted: the stream does.
pub(super) async fn subscribe_stats(
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Json<Accepted>, Refusal> {
    let (parts, body) = request.into_parts();
    let site = headcount.site();
    let text = body::text(body, &site.config.limits).await?;
    let (Ok(Addressed { connection_id }), Ok(form)) =
        (client::object(&text), client::object::<StatsForm>(&text))
    else {
        return Err(Refusal::invalid_body(
            "send `{\"connectionId\": \"…\"}` with the id from `connected`; `delta` and `connections` are true or false",
        ));
    };
    let (credentials, browser) = (site.credentials(&parts), admission::browser_cookie(site, &parts));
    headcount
        .subscribe(&connection_id, form.into(), credentials, browser)
        .await?;
    Ok(Json(Accepted { ok: true }))
}

/// Any message of a tab. `ok` is false for an invalid message, an unknown connection, and a navigation to an invalid route.
pub(super) async fn message(
    State(headcount): State<Headcount>,
    request: Request,
) -> Result<Json<Accepted>, Refusal> {
    let (parts, body) = request.into_parts();
    let site = headcount.site();
    let bytes = body::bytes(body, &site.config.limits).await?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let (Ok(Addressed { connection_id }), Ok(message)) = (client::object(text), client::parse(text)) else {
        return Ok(Json(Accepted { ok: false }));
    };
    let ok = match message {
        ClientMessage::RouteUpdate { route } => headcount.navigate(&connection_id, &route).await,
        ClientMessage::SubscribeStats(form) => {
            let (credentials, browser) = (site.credentials(&parts), admission::browser_cookie(site, &parts));
            headcount
                .subscribe(&connection_id, form.into(), credentials, browser)
                .await?;
            true
        }
        _ => headcount.say(&connection_id, text).await?,
    };
    Ok(Json(Accepted { ok }))
}
