//! Routes and signs of life said by POST, answered by the shard that holds the socket.
//!
//! A tab on SSE says each navigation in a small request, and in another that it is still there, once per `keepalive_ms`. They mostly
//! come over a socket that the browser keeps open, so that socket goes to the shard where the tab lives and stays a guest there
//! between requests. Where it later speaks for a tab of another shard, what it says is left for that shard to find (`nudges`),
//! and that shard's roll says at once whether there is such a connection.

use std::io::Write;

use headcount_core::connection::ConnectionKey;

use crate::arrive::Connections;
use crate::date::HttpDate;
use crate::judgement::{Post, Posted};
use crate::nudges::Nudges;
use crate::receive;
use crate::shards::{Handle, Shards};

/// What a shard needs to act on POSTs: the others, and what it owes to them.
#[derive(Debug)]
pub(super) struct Posts {
    /// The number of this shard.
    number: u16,
    pub(super) shards: Shards,
    /// Shards that something was left for.
    nudges: Nudges,
    /// The `date` of HTTP answers.
    date: HttpDate,
}

impl Posts {
    pub(super) fn new(number: u16, shards: &Shards) -> Self {
        Self {
            number,
            nudges: Nudges::new(shards.iter().len()),
            shards: shards.clone(),
            date: HttpDate::default(),
        }
    }

    /// The shard that a socket's first POST is for, where that is another. A browser's sockets mostly speak for one tab, so
    /// this one is better off there; what it says later for tabs of other shards is left for them.
    pub(super) fn home_of(&self, post: &Post) -> Option<usize> {
        let (key, _) = post.as_ref().filter(|(key, _)| key.shard != self.number)?;
        let is_open = self.shards.of(*key).is_some_and(|shard| shard.holds(*key));
        is_open.then(|| key.shard.into())
    }

    /// Acts on what was posted. Whether there is such a connection, and a route is one.
    pub(super) fn act(
        &mut self,
        connections: &mut Connections,
        (key, posted): &(ConnectionKey, Posted),
    ) -> bool {
        let key = *key;
        let is_here = key.shard == self.number;
        let Connections {
            tabs,
            deliveries,
            clients,
            ..
        } = connections;
        let taken = match posted {
            Posted::Route(route) if is_here => clients.navigate_by_post(tabs, deliveries, key, route),
            Posted::Route(route) => {
                let route_bytes_max = tabs.limits().route_bytes_max;
                self.shards.leave_route(key, route, route_bytes_max).is_some()
            }
            Posted::Alive if is_here => receive::hear_by_post(tabs, key),
            Posted::Alive => self.shards.leave_sign(key),
        };
        if taken && !is_here {
            self.nudges.owe(usize::from(key.shard));
        }
        taken
    }

    /// When shards must be woken that something was left for.
    pub(super) fn next_nudge_ms(&self) -> Option<u64> {
        self.nudges.next_ms()
    }

    /// Wakes the shards that something was left for, as far as it is time.
    pub(super) fn nudge_others(&mut self, now_ms: u64) {
        let shards = &self.shards;
        self.nudges.settle(
            now_ms,
            |shard| shards.get(shard).is_some_and(Handle::has_waiting),
            |shard| {
                if let Some(shard) = shards.get(shard) {
                    shard.wake_for_waiting();
                }
            },
        );
    }

    /// Answers a POST. Whether the socket took it.
    pub(super) fn answer(&mut self, stream: &mut impl Write, taken: bool, unix_ms: u64) -> bool {
        let (length, body) = if taken {
            ("11", "{\"ok\":true}")
        } else {
            ("12", "{\"ok\":false}")
        };
        let answer = [
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ",
            length,
            "\r\ndate: ",
            self.date.at(unix_ms),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer that is written, where there is room for so many bytes.
    fn answer(taken: bool, room: usize) -> (bool, String) {
        let mut posts = Posts::new(0, &Shards::default());
        let mut written = vec![0; room];
        let mut socket = &mut written[..];
        let is_taken = posts.answer(&mut socket, taken, 0);
        let left = socket.len();
        written.truncate(room - left);
        (is_taken, String::from_utf8(written).unwrap())
    }

    #[test]
    fn an_answer_says_its_length_and_a_socket_that_takes_half_of_it_is_given_up() {
        for (taken, body) in [(true, "{\"ok\":true}"), (false, "{\"ok\":false}")] {
            let (is_taken, text) = answer(taken, 1_000);
            assert!(is_taken && text.ends_with(&format!("\r\n\r\n{body}")), "{text}");
            let length = format!("\r\ncontent-length: {}\r\n", body.len());
            assert!(text.contains(&length), "{text}");
        }
        assert!(!answer(true, 20).0);
    }
}
