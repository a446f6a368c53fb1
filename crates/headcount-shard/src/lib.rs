//! Shards: threads that hold connections, one per core.
//!
//! A shard owns its sockets, its table and its counts, and shares nothing: everything it is told comes through its mailbox,
//! everything it has to say goes to the hub, the hooks or the generic door over bounded queues, and it waits for none of
//! them. A connection at rest is one table entry and one socket: no task, no buffer, no timer.
//!
//! A shard is made of parts, and each file knows only those beneath it:
//!
//! - `reactor`: the loop. It owns the parts, and gives each what it needs.
//! - `lean`, `posts`, `lobby`, `listen`: the way in. Sockets are accepted and read; the server says what a request asks for (`judgement`).
//! - `arrive`: a connection opens. `receive`, `subscribe`: a client speaks.
//! - `questions`, `deliver`, `stats`, `sweep`, `drain`: walks over the table; rules and releases, stats, signs of life and the end go out.
//! - `tabs`: the open connections, and the one send path. It is made of `table`, `wire`, `guests`, `readers` and `outlets`.
//! - `mail`, `shards`, `remote`: how the rest of the process talks to a shard.
//!
//! Deliberately absent: HTTP beyond the answers to a POST, admission, authorizers, the store. What a shard needs of them it is
//! given as plain data ([`Terms`]) or asks through [`Surroundings`]; neither axum, hyper nor a runtime is below this crate. The crate
//! is the data plane of `headcount-server`; it is not for use by itself.
//!
//! Most parts are values: what is due is decided without a socket, by `nudges`, `spread`, `deferred`, `handshakes`, `outbox` and others.

mod arrive;
mod cause;
mod census;
mod credentials;
mod date;
mod decision;
mod deferred;
mod deliver;
mod drain;
mod guests;
mod handshakes;
mod judgement;
mod lean;
mod link;
mod listen;
mod lobby;
mod log;
mod mail;
mod mailbox;
mod mark;
pub mod meters;
mod moves;
mod newcomer;
mod nudges;
mod outbox;
mod outlets;
mod peer;
mod posts;
mod questions;
mod reactor;
mod readers;
mod receive;
pub mod remote;
mod roll;
mod shards;
mod signals;
mod spare;
mod spread;
mod stats;
mod subscribe;
mod surroundings;
mod sweep;
mod table;
mod tabs;
mod tap;
#[cfg(test)]
mod tests;
mod token;
mod wire;
mod witness;

use std::sync::Arc;

use headcount_core::invalidation::Standing;
use mio::{Poll, Waker};

use mailbox::Mailbox;
use roll::Roll;
use token::Ready;

pub use census::{Census, Full, Seat};
pub use credentials::Credentials;
pub use decision::Decision;
pub use guests::Request;
pub use headcount_core::happening::{Happening, Wants};
pub use judgement::{Judgement, Post, Posted, SCRATCH_BYTES, StreamOpening};
pub use link::RemoteLink;
pub use mail::{Arrival, Mail, NewLink, NewStanding};
pub use mark::Mark;
pub use meters::{Count, Meters};
pub use newcomer::{Newcomer, Transport};
pub use outlets::{AuthorizeJob, Handoff, Outlets, ShardEvent, Subscribing};
pub use shards::{Handle, Shards};
pub use signals::Signals;
pub use spare::{Shortage, Spare};
pub use surroundings::{Asking, Surroundings, Terms};
pub use tap::{SLICE_ROWS, Tap, TapNews};
pub use witness::Witness;

/// Commands that may wait for a shard before further ones are turned away.
const MAILBOX_MAX: usize = 65_536;

/// Starts the shards' threads. They end on [`Mail::Stop`].
///
/// # Errors
///
/// The system refuses a thread, or a queue of its readiness.
pub fn start(terms: Terms, standing: &Arc<Standing>, outlets: &Outlets) -> std::io::Result<Shards> {
    let terms = Arc::new(terms);
    let count = terms.shards.max(1);
    let mut polls = Vec::with_capacity(count);
    let mut handles = Vec::with_capacity(count);
    for _ in 0..count {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Ready::Mailbox.token())?;
        handles.push(Handle {
            mailbox: Arc::new(Mailbox::new(waker, MAILBOX_MAX)),
            signals: Arc::default(),
            meters: Arc::default(),
            roll: Arc::new(Roll::new(terms.limits.connections_max)),
        });
        polls.push(poll);
    }
    let shards = Shards::new(handles, terms.limits.send_bytes_max);
    for (number, poll) in polls.into_iter().enumerate() {
        // The number of cores of a machine fits.
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let shard = reactor::Shard::new(number, poll, &shards, &terms, standing, outlets);
        let (terms, mailbox) = (
            Arc::clone(&terms),
            Arc::clone(&shards.handles[usize::from(number)].mailbox),
        );
        std::thread::Builder::new()
            .name(format!("headcount-shard-{number}"))
            .spawn(move || {
                let run = Box::new(|| shard.run());
                terms.server.run(&format!("shard {number}"), run);
                // After a panic, every waiting asker sees its question dropped.
                drop(mailbox.close());
            })?;
    }
    Ok(shards)
}
