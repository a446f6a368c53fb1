//! What a shard keeps beside a registry entry: the way to the tab, and what is under way on it.

use std::sync::Arc;

use headcount_core::session::Session;
use headcount_core::stats::Form;
use headcount_core::websocket::Decoder;
use mio::net::TcpStream;

use crate::credentials::Credentials;
use crate::link::{Queued, RemoteLink};
use crate::mark::Mark;
use crate::newcomer::Transport;
use crate::outbox::{Flushed, Outbox, Part, Sent};

/// One tab, as its shard sees it.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) link: Link,
    pub(super) transport: Transport,
    pub(super) life: Life,
    pub(super) stats: Subscription,
    /// Of its browser's cookie.
    pub(super) browser: Mark,
    /// Of what else its browser showed when it connected.
    pub(super) shown: Mark,
    pub(super) session: Session,
    pub(super) decoder: Decoder,
    pub(super) outbox: Option<Box<Outbox>>,
    pub(super) extras: Option<Box<Extras>>,
}

/// Whether a tab was heard since it was last visited, and whether it owes a sign of life. In one byte: a peer has no second one to spare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life(u8);

impl Life {
    const HEARD: u8 = 1;
    const OWES: u8 = 2;

    /// Of a tab that was just heard. One that `owes` is sent `keepalive` on either transport and answers it over SSE; over WebSocket
    /// its browser answers the pings.
    pub(super) fn new(owes: bool) -> Self {
        Self(Self::HEARD | if owes { Self::OWES } else { 0 })
    }

    /// It showed a sign of life.
    pub(super) fn note(&mut self) {
        self.0 |= Self::HEARD;
    }

    /// Whether it showed one since this was last asked.
    pub(super) fn take(&mut self) -> bool {
        let was_heard = self.0 & Self::HEARD != 0;
        self.0 &= !Self::HEARD;
        was_heard
    }

    pub(super) fn owes(self) -> bool {
        self.0 & Self::OWES != 0
    }
}

/// What most connections do not have.
#[derive(Debug, Default)]
pub(super) struct Extras {
    /// What its limit per address counts it as.
    pub(super) address: Option<u64>,
    /// The credentials that admitted it, so that it can ask again by message on the same stream. Other connections have
    /// none.
    pub(super) credentials: Option<Arc<Credentials>>,
}

/// Whether it gets stats, and the form that it asked for last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    None,
    /// The authorizers are being asked.
    Asked(Form),
    Admitted(Form),
}

/// The way to a tab.
#[derive(Debug)]
pub(super) enum Link {
    Socket(TcpStream),
    Remote(RemoteLink),
}

impl Peer {
    pub(super) fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Sends a message of at most four parts, at once where the socket takes it.
    pub(super) fn send(&mut self, parts: &[Part<'_>], now_ms: u64, bytes_max: usize) -> Sent {
        match &mut self.link {
            Link::Socket(socket) => Outbox::send(&mut self.outbox, socket, parts, now_ms, bytes_max),
            Link::Remote(link) => match link.send(parts.iter().map(Part::bytes), now_ms, bytes_max) {
                Queued::Yes => Sent::Yes,
                Queued::TooSlow => Sent::TooSlow,
                Queued::Gone => Sent::Broken,
            },
        }
    }

    /// For how long its tab took nothing of what waits for it.
    pub(super) fn untouched_ms(&self, now_ms: u64) -> u64 {
        match (&self.link, &self.outbox) {
            (Link::Remote(link), _) => link.untouched_ms(now_ms),
            (Link::Socket(_), Some(outbox)) => outbox.untouched_ms(now_ms),
            (Link::Socket(_), None) => 0,
        }
    }

    /// Sends queued bytes, as far as the socket accepts them. Drops the outbox when it is empty, and returns whether stats
    /// were left out since.
    pub(super) fn flush(&mut self, now_ms: u64) -> std::io::Result<Flushed> {
        match &mut self.link {
            Link::Socket(socket) => Outbox::flush(&mut self.outbox, socket, now_ms),
            Link::Remote(_) => Ok(Flushed::Empty),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_at_rest_keeps_little() {
        assert!(size_of::<Peer>() <= 56, "{}", size_of::<Peer>());
    }
}
