//! Routes and signs of life said by POST, answered by the shard that holds the socket.
//!
//! A tab on SSE says each navigation in a small request, and in another that it is still there, once per `keepalive_ms`. They mostly
//! come over a socket that the browser keeps open, so that socket goes to the shard where the tab lives and stays a guest there
//! between requests. Where it later speaks for a tab of another shard, what it says is left for that shard to find (`nudges`),
//! and that shard's roll says at once whether there is such a connection.

use std::io::Write;

use headcount_core::connection::ConnectionKey;
use headcount_core::session::Spent;
use mio::net::TcpStream;

use super::Mail;
use super::guests::Request;
use super::posted::{Post, Posted};
use super::reactor::Shard;
use crate::metrics::Count;

impl Shard {
    /// The shard that a socket's first POST is for, where that is another. A browser's sockets mostly speak for one tab, so
    /// this one is better off there; what it says later for tabs of other shards is left for them.
    pub(super) fn home_of(&self, request: &Request, post: &Post) -> Option<usize> {
        let (key, _) = post
            .as_ref()
            .filter(|(key, _)| !request.answered && key.shard != self.number)?;
        let is_open = self.shards.of(*key).is_some_and(|shard| shard.holds(*key));
        is_open.then(|| key.shard.into())
    }

    /// Gives a socket to another shard, with what was read of it.
    pub(super) fn send_home(&self, home: usize, mut request: Request, read: &[u8]) {
        self.leave_stream(&mut request.stream);
        request.read.extend_from_slice(read);
        request.looked_at = 0;
        self.tell_shard(home, Mail::Serve(request));
    }

    /// Acts on what was posted. Whether there is such a connection, and a route is one.
    pub(super) fn post(&mut self, key: ConnectionKey, posted: &Posted) -> bool {
        let is_here = key.shard == self.number;
        let taken = match posted {
            Posted::Route(route) if is_here => self.navigate_by_post(key, route),
            Posted::Route(route) => {
                let route_bytes_max = self.limits().route_bytes_max;
                self.shards.leave_route(key, route, route_bytes_max).is_some()
            }
            Posted::Alive if is_here => self.hear_by_post(key),
            Posted::Alive => self.shards.leave_sign(key),
        };
        if taken && !is_here {
            self.nudges.owe(usize::from(key.shard));
        }
        taken
    }

    /// Wakes the shards that routes were left for, as far as it is time.
    pub(super) fn nudge_others(&mut self) {
        let mailbox = |shard| self.shards.get(shard).map(|handle| &handle.mailbox);
        self.nudges.settle(
            self.now_ms,
            |shard| mailbox(shard).is_some_and(|mailbox| mailbox.has_waiting()),
            |shard| {
                if let Some(mailbox) = mailbox(shard) {
                    mailbox.wake_for_waiting();
                }
            },
        );
    }

    /// Notes that a connection gave a sign of life. Whether it is here.
    fn hear_by_post(&mut self, key: ConnectionKey) -> bool {
        let Some(slot) = self.registry.find(key) else {
            return false;
        };
        self.meters.one(Count::ReceivedOther);
        self.spend(slot) != Spent::Flood
    }

    /// Answers a POST. Whether the socket took it.
    pub(super) fn send_answer(&mut self, stream: &mut TcpStream, taken: bool) -> bool {
        let (length, body) = if taken {
            ("11", "{\"ok\":true}")
        } else {
            ("12", "{\"ok\":false}")
        };
        let answer = [
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ",
            length,
            "\r\ndate: ",
            self.date.now(),
            "\r\n\r\n",
            body,
        ]
        .concat();
        // A socket that does not take a hundred bytes has not read its last hundred answers.
        stream
            .write(answer.as_bytes())
            .is_ok_and(|written| written == answer.len())
    }
}
