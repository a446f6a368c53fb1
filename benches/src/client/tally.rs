//! What a loader has seen so far, and how it takes what a connection received.

use std::time::Duration;

use super::command::Setup;
use super::connection::{Connection, Said, send_all};
use super::event::Event;
use super::websocket;
use crate::clock;

/// The name of a tab whose server gives it none, as long as headcount's.
const UNGREETED: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Connections that had their first message.
    pub(super) opened: usize,
    /// Connections that were refused or could not be made.
    pub(super) failed: usize,
    /// Connections that the server ended.
    pub(super) lost: usize,
    /// Posts whose answer was not `"ok":true`, and frames that could not be sent.
    pub(super) refused: usize,
    /// Distinct tabs told of a version since the mark, and when the last was.
    pub(super) told: usize,
    pub(super) told_at: Duration,
    /// What the subscribed connection received.
    pub(super) stats: u64,
    pub(super) stats_at: Duration,
    pub(super) stats_bytes: u64,
    /// The last total in them.
    pub(super) total: Option<u64>,
}

/// Takes what a connection received. False if the stream has ended.
pub(super) fn take(connection: &mut Connection, bytes: &[u8], tally: &mut Tally) -> bool {
    let Connection {
        socket,
        decoder,
        setup,
        id,
        watching,
        told,
        resume,
        return_at,
        ..
    } = connection;
    if *watching {
        tally.stats_bytes += u64::try_from(bytes.len()).unwrap_or_default();
    }
    let mut open = true;
    let mut pong = Vec::new();
    let fed = decoder.feed(bytes, &mut |event| match event {
        Event::Accepted if *setup == Setup::Relay => {
            UNGREETED.clone_into(id);
            tally.opened += 1;
        }
        Event::Accepted => (),
        Event::Text(head) => match Said::read(head) {
            Said::Connected {
                id: named,
                resume: since,
            } => {
                named.clone_into(id);
                since.clone_into(resume);
                tally.opened += 1;
            }
            Said::Version if !*told => {
                *told = true;
                tally.told += 1;
                tally.told_at = clock::now();
            }
            Said::Stats { total } => {
                tally.stats += 1;
                tally.stats_at = clock::now();
                tally.total = total.or(tally.total);
            }
            Said::Reconnect { after_ms } => *return_at = Some(clock::now() + Duration::from_millis(after_ms)),
            Said::Version | Said::Other => (),
        },
        Event::Ping(payload) => websocket::frame(0xa, payload, &mut pong),
        Event::Closed => open = false,
    });
    let ponged = pong.is_empty() || send_all(socket, &pong).is_ok();
    open && ponged && fed.is_ok()
}
