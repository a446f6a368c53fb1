//! Streams through the generic door: those that the lean door did not take, and every stream of an embedding app.
//!
//! The connection itself is a shard's as always. A WebSocket over plain TCP leaves HTTP altogether and its socket moves to
//! the shard; what cannot be moved (an SSE response, TLS) is fed by its shard through a short queue.

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::client::Resume;
use headcount_core::protocol::server;
use headcount_core::sse;
use headcount_core::websocket::{self, CloseCode};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Version};
use http_body_util::Full;

use crate::admission::{self, Candidate, Transport};
use crate::clock;
use crate::door::PeerAddress;
use crate::door::upgrade;
use crate::error::Refusal;
use crate::headcount::Headcount;
use crate::metrics::Count;
use crate::shard::remote::{self, RemoteBody};
use crate::shard::{Arrival, Mail, NewLink, websocket_accept};
use crate::site::{Full as NoRoom, Seat};

/// `GET sse`.
pub(super) async fn sse(State(headcount): State<Headcount>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match admit(&headcount, &parts, Transport::Sse) {
        Ok(Admitted::Candidate(candidate, place)) => open_sse(&headcount, candidate, place),
        Ok(Admitted::Bot) => event_stream(
            HeaderMap::new(),
            Body::new(Full::new(sse::event(&bot_text(&headcount)))),
        ),
        Err(refusal) => refusal.into_response(),
    }
}

/// `GET ws`.
pub(super) async fn websocket(State(headcount): State<Headcount>, mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    // HTTP/1.0 knows no upgrades (RFC 9110, section 7.8).
    let accept = websocket_accept(&parts).filter(|_| parts.version == Version::HTTP_11);
    let admitted = match admit(&headcount, &parts, Transport::WebSocket) {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.into_response(),
    };
    // Last: pages do not see why their handshake failed. A plain request tells them, and 426 means that this server would have taken it.
    let Some(accept) = accept else {
        return Refusal::no_handshake().into_response();
    };
    let mut headers = HeaderMap::new();
    match admitted {
        Admitted::Bot => {
            let text = bot_text(&headcount);
            let mut farewell = websocket::text(&text).to_vec();
            farewell.extend_from_slice(&websocket::close(CloseCode::NORMAL, ""));
            tokio::spawn(upgrade::answer_once(upgrade, farewell));
        }
        Admitted::Candidate(candidate, place) => {
            headers = candidate_headers(&headcount, &candidate);
            tokio::spawn(upgrade::adopt(headcount, upgrade, candidate, place));
        }
    }
    switching_protocols(headers, &accept)
}

enum Admitted {
    Candidate(Box<Candidate>, Seat),
    Bot,
}

fn admit(headcount: &Headcount, parts: &Parts, transport: Transport) -> Result<Admitted, Refusal> {
    if !headcount.is_ready() {
        return Err(Refusal::draining());
    }
    let candidate = match admission::judge(headcount.site(), parts, transport, peer(parts)) {
        Ok(candidate) => candidate,
        Err(admission::NotAdmitted::Bot) => {
            headcount.count(Count::RefusedBot);
            let agent = crate::head::Head::header(parts, "user-agent");
            headcount.site().bots.note(agent);
            return Ok(Admitted::Bot);
        }
        Err(admission::NotAdmitted::Origin) => {
            return Err(headcount.refuse_origin(parts));
        }
    };
    match Seat::take(&headcount.site().census, candidate.address) {
        Ok(place) => Ok(Admitted::Candidate(Box::new(candidate), place)),
        Err(NoRoom::Server) => {
            headcount.count(Count::RefusedFull);
            Err(Refusal::full("the server has reached its limit of connections"))
        }
        Err(NoRoom::Address) => {
            headcount.count(Count::RefusedAddress);
            Err(Refusal::full("this address has reached its limit of connections"))
        }
    }
}

fn open_sse(headcount: &Headcount, candidate: Box<Candidate>, place: Seat) -> Response {
    let headers = candidate_headers(headcount, &candidate);
    let shards = headcount.shards();
    let (link, end) = remote::link(shards);
    let shard = shards.for_new(candidate.tab);
    let arrival = Arrival {
        newcomer: candidate.newcomer(headcount.site()),
        place,
        link: NewLink::Remote(link),
        greeting: Vec::new(),
        early: Vec::new(),
    };
    if shard.offer(Mail::Open(Box::new(arrival))).is_err() {
        headcount.count(Count::CommandDropped);
        return Refusal::overloaded().into_response();
    }
    event_stream(headers, Body::new(RemoteBody::new(end)))
}

fn event_stream(mut headers: HeaderMap, body: Body) -> Response {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    (headers, body).into_response()
}

fn switching_protocols(mut headers: HeaderMap, accept: &str) -> Response {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// The header lines a candidate's answer needs. Origins are told by the layer around all client endpoints.
fn candidate_headers(headcount: &Headcount, candidate: &Candidate) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(value) = candidate.set_cookie(headcount.site())
        && let Ok(value) = HeaderValue::from_str(&value)
    {
        headers.insert(http::header::SET_COOKIE, value);
    }
    headers
}

/// What a bot gets: the first message, under an id that names no connection.
fn bot_text(headcount: &Headcount) -> String {
    let nowhere = ConnectionKey {
        shard: u16::MAX,
        slot: u32::MAX,
        generation: 0,
    };
    let id = headcount.site().cipher.id(nowhere);
    let current = headcount.current_release();
    let epoch = headcount.site().standing().epoch;
    let resume = epoch.map_or_else(String::new, |epoch| Resume::write(epoch, 0, std::iter::empty()));
    let keepalive_ms = headcount.site().config.limits.keepalive_ms;
    server::connected(&current, id, clock::unix_ms(), &resume, keepalive_ms, epoch, true)
}

/// The address of the socket that a request came in on, where that is known.
pub(super) fn peer(parts: &Parts) -> Option<IpAddr> {
    let ours = parts.extensions.get::<PeerAddress>().map(|peer| peer.0.ip());
    ours.or_else(|| {
        parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0.ip())
    })
}
