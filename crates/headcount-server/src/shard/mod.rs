//! Shards: threads that hold connections, one per core.
//!
//! A shard owns its sockets, its table and its counts, and shares nothing: everything it is told comes through its mailbox,
//! everything it has to say goes to the hub, the hooks or the generic door over bounded queues, and it waits for none of
//! them. A connection at rest is one table entry and one socket: no task, no buffer, no timer.
//!
//! A shard is made of parts, and each file knows only those beneath it:
//!
//! - `reactor`: the loop. It owns the parts, and gives each what it needs.
//! - `lean`, `posts`, `lobby`, `listen`: the way in. Sockets are accepted and read; `judge` and `posted` say what a request asks for.
//! - `arrive`: a connection opens. `receive`, `subscribe`: a client speaks.
//! - `questions`, `deliver`, `stats`, `sweep`, `drain`: walks over the table; rules and releases, stats, signs of life and the end go out.
//! - `tabs`: the open connections, and the one send path. It is made of `table`, `wire`, `guests`, `readers` and `outlets`.
//! - `mail`, `shards`, `remote`: how the rest of the process talks to a shard.
//!
//! Most parts are values: what is due is decided without a socket, by `nudges`, `spread`, `deferred`, `handshakes`, `outbox` and others.

mod arrive;
#[cfg(test)]
pub(crate) mod busy;
mod cause;
mod deferred;
mod deliver;
mod drain;
mod guests;
mod handshakes;
mod happening;
mod judge;
mod lean;
mod link;
mod listen;
mod lobby;
mod mail;
mod mailbox;
mod nudges;
mod outbox;
mod outlets;
mod peer;
mod posted;
mod posts;
mod questions;
mod reactor;
mod readers;
mod receive;
pub(crate) mod remote;
mod roll;
mod shards;
mod signals;
mod spread;
mod stats;
mod subscribe;
mod sweep;
mod table;
mod tabs;
mod tap;
mod token;
mod wire;
mod witness;

use std::sync::Arc;

use headcount_core::invalidation::Standing;
use mio::{Poll, Waker};

use crate::site::Site;
use mailbox::Mailbox;
use roll::Roll;
use token::Ready;

pub(crate) use happening::Happening;
pub(crate) use judge::websocket_accept;
#[cfg(test)]
pub(crate) use judge::{Judge, Judgement};
pub(crate) use mail::{Arrival, Mail, NewLink, NewStanding};
pub(crate) use outlets::{AuthorizeJob, Handoff, Outlets, ShardEvent, Subscribing};
pub(crate) use shards::{Handle, Shards};
pub(crate) use tap::{SLICE_ROWS, Tap, TapNews, Wants};
pub(crate) use witness::Witness;

/// Commands that may wait for a shard before further ones are turned away.
const MAILBOX_MAX: usize = 65_536;

/// Starts the shards' threads. They end on [`Mail::Stop`].
pub(crate) fn start(
    site: &Arc<Site>,
    standing: &Arc<Standing>,
    outlets: &Outlets,
) -> std::io::Result<Shards> {
    let count = site.config.shards_count();
    let mut polls = Vec::with_capacity(count);
    let mut handles = Vec::with_capacity(count);
    for _ in 0..count {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), Ready::Mailbox.token())?;
        handles.push(Handle {
            mailbox: Arc::new(Mailbox::new(waker, MAILBOX_MAX)),
            signals: Arc::default(),
            meters: Arc::default(),
            roll: Arc::new(Roll::new(site.config.limits.connections_max)),
        });
        polls.push(poll);
    }
    let shards = Shards::new(handles, site.config.limits.send_bytes_max);
    for (number, poll) in polls.into_iter().enumerate() {
        // The number of cores of a machine fits.
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        let shard = reactor::Shard::new(number, poll, &shards, site, standing, outlets);
        let (site, mailbox) = (
            Arc::clone(site),
            Arc::clone(&shards.handles[usize::from(number)].mailbox),
        );
        std::thread::Builder::new()
            .name(format!("headcount-shard-{number}"))
            .spawn(move || {
                site.vitals.run(&format!("shard {number}"), || shard.run());
                // After a panic, every waiting asker sees its question dropped.
                drop(mailbox.close());
            })?;
    }
    Ok(shards)
}
