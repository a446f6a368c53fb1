//! Routes said by POST, answered by the shard that holds the socket.
//!
//! A tab on SSE says each navigation in a small request. It mostly comes over a socket the browser keeps open, so that
//! socket stays a guest between requests. Where the tab's connection lives on another shard, that one moves it and says
//! whether it did; the socket waits meanwhile, and so do further requests on it.

use std::io::Write;

use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::client::{self, RouteBody};
use mio::net::TcpStream;

use super::guests::Visit;
use super::lean::Decision;
use super::reactor::Shard;
use super::{Answerer, Command};
use crate::head::Head;
use crate::origin::Admission;

/// Bytes of a body that is looked at here; the generic door takes longer ones.
const BODY_BYTES_MAX: usize = 8_192;

/// A posted route: which connection, and where to; `None` where the body is none.
pub(super) type Post = Option<(ConnectionKey, String)>;

/// A posted route that another shard must act on.
#[derive(Debug)]
pub(super) struct Question {
    key: ConnectionKey,
    route: String,
}

impl Shard {
    /// What to do with a POST of which this head and this much of the body have arrived.
    pub(super) fn decide_post(&self, request: &dyn Head, head_bytes: usize, rest: &[u8]) -> Decision {
        let simple = self.is_route_path(request.path())
            && request
                .header("connection")
                .is_none_or(|value| value.trim().eq_ignore_ascii_case("keep-alive"))
            && request.header("upgrade").is_none()
            && matches!(
                self.site.origins.admits(request),
                Admission::SameOrigin | Admission::NotABrowser
            );
        let body_bytes_max = BODY_BYTES_MAX.min(self.limits().body_bytes_max as usize);
        let length = content_length(request).filter(|length| *length <= body_bytes_max);
        let (true, true, Some(length)) = (simple, self.site.is_ready(), length) else {
            return Decision::HandOver;
        };
        let Some(body) = rest.get(..length) else {
            return Decision::Wait;
        };
        let said = std::str::from_utf8(body)
            .ok()
            .and_then(|text| client::object::<RouteBody<'_>>(text).ok());
        let post = said.and_then(|body| {
            Some((
                self.site.cipher.key(&body.connection_id)?,
                body.route.into_owned(),
            ))
        });
        Decision::Post {
            post,
            bytes: head_bytes + length,
        }
    }

    /// Acts on a posted route: whether a connection is there that now shows it, or the question that another shard must
    /// answer.
    pub(super) fn post(&mut self, post: Post) -> Result<bool, Question> {
        let Some((key, route)) = post else {
            return Ok(false);
        };
        if key.shard != self.number && self.shards.of(key).is_some() {
            return Err(Question { key, route });
        }
        Ok(self.navigate_by_post(key, &route))
    }

    /// Puts a question to the shard that can answer it.
    pub(super) fn ask_elsewhere(&mut self, visit: Visit, question: Option<Question>) {
        let Some(Question { key, route }) = question else {
            return;
        };
        let reply = Answerer::Guest {
            shard: self.number,
            visit,
        };
        let asked = self
            .shards
            .of(key)
            .map(|shard| shard.offer(Command::Navigate { key, route, reply }));
        if !matches!(asked, Some(Ok(()))) {
            self.on_answer(visit, false);
        }
    }

    /// Answers a posted route. Whether the socket took it.
    pub(super) fn send_answer(&mut self, stream: &mut TcpStream, moved: bool) -> bool {
        let body = if moved { "{\"ok\":true}" } else { "{\"ok\":false}" };
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\ndate: {}\r\n\r\n{body}",
            body.len(),
            self.date.now()
        );
        // A socket that does not take a hundred bytes has not read its last hundred answers.
        stream
            .write(answer.as_bytes())
            .is_ok_and(|written| written == answer.len())
    }

    fn is_route_path(&self, path: &str) -> bool {
        path.strip_prefix(self.site.config.base_path.as_str()) == Some("/route")
    }
}

/// The one length a request states; `None` where it states none, several, or no number.
fn content_length(request: &dyn Head) -> Option<usize> {
    let mut lengths = Vec::new();
    request.each_value("content-length", &mut |value| lengths.push(value));
    match *lengths {
        [length] if length.bytes().all(|byte| byte.is_ascii_digit()) => length.parse().ok(),
        _ => None,
    }
}
