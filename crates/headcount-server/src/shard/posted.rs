//! What a body says that a browser posts: a route, or a sign of life.

use std::borrow::Cow;

use headcount_core::protocol::client::{self, Addressed, ClientMessage, RouteBody};

use crate::head::Head;

/// Bytes of a body that is looked at here; the generic door takes longer ones.
pub(super) const BODY_BYTES_MAX: usize = 8_192;

/// What a body says.
pub(super) enum Said<'a> {
    /// This tab shows this page.
    Route {
        connection_id: Cow<'a, str>,
        route: Cow<'a, str>,
    },
    /// This tab is still there.
    Alive { connection_id: Cow<'a, str> },
    /// Nothing that is understood.
    Nothing,
    /// Something that the generic door answers.
    Other,
}

pub(super) fn read_route(text: &str) -> Said<'_> {
    client::object(text).map_or(Said::Nothing, |RouteBody { connection_id, route }| Said::Route {
        connection_id,
        route,
    })
}

pub(super) fn read_message(text: &str) -> Said<'_> {
    match (client::parse(text), client::object(text)) {
        (Ok(ClientMessage::RouteUpdate { route }), Ok(Addressed { connection_id })) => {
            Said::Route { connection_id, route }
        }
        (Ok(ClientMessage::Alive), Ok(Addressed { connection_id })) => Said::Alive { connection_id },
        (Ok(_), Ok(_)) => Said::Other,
        _ => Said::Nothing,
    }
}

/// The one length a request states; `None` where it states none, several, or no number.
pub(super) fn content_length(request: &dyn Head) -> Option<usize> {
    let first = request.header("content-length")?;
    let is_one = request.count("content-length") == 1 && first.bytes().all(|byte| byte.is_ascii_digit());
    first.parse().ok().filter(|_| is_one)
}
