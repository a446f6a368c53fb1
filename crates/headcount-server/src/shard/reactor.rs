//! The loop of a shard: wait, then mailbox, readiness, deliveries, deadlines, report.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use headcount_core::invalidation::Standing;
use headcount_core::limits::Limits;
use headcount_core::registry::Registry;
use headcount_core::stats::{Incarnation, Reporter};
use mio::event::Event;
use mio::{Events, Poll, Token};
use tokio::sync::mpsc::Permit;

use super::deferred::Deferred;
use super::deliver::{Broadcast, Round};
use super::guests::{Guests, is_guest};
use super::handshakes::Handshakes;
use super::judge::SCRATCH_BYTES;
use super::listen::Listener;
use super::nudges::Nudges;
use super::peer::Peer;
use super::questions::Walk;
use super::readers::Readers;
use super::spread::Spreads;
use super::sweep::{Drain, Sweep};
use super::{Handle, Mail, Outlets, ShardEvent, Shards};
use crate::clock::{self, HttpDate};
use crate::metrics::Meters;
use crate::site::Site;

/// The token of the mailbox. Slots are 32 bits wide, guests use one bit more.
pub(super) const WAKER: usize = usize::MAX;

/// The token of the listener.
pub(super) const LISTENER: usize = usize::MAX - 1;

const EVENTS_AT_ONCE: usize = 1_024;

/// One shard. Everything in here is touched by its own thread alone.
pub(super) struct Shard {
    pub(super) number: u16,
    pub(super) site: Arc<Site>,
    pub(super) shards: Shards,
    pub(super) outlets: Outlets,
    pub(super) handle: Handle,
    pub(super) meters: Arc<Meters>,
    pub(super) poll: Poll,
    pub(super) registry: Registry<Peer>,
    /// Numbers what the table reports.
    reporter: Reporter,
    pub(super) listener: Option<Listener>,
    pub(super) guests: Guests,
    pub(super) scratch: Vec<u8>,
    pub(super) broadcast: Option<Broadcast>,
    pub(super) round: Round,
    pub(super) spreads: Spreads,
    /// Walks over the table, each for an asker that waits.
    pub(super) walks: VecDeque<Walk>,
    pub(super) readers: Readers,
    /// Questions to the authorizers so far.
    pub(super) turns: u64,
    /// Navigations that wait for the allowance of their connections.
    pub(super) deferred: Deferred,
    /// What WebSockets showed lately.
    pub(super) handshakes: Handshakes,
    /// Shards that routes were left for.
    pub(super) nudges: Nudges,
    pub(super) sweep: Sweep,
    pub(super) drain: Option<Drain>,
    pub(super) stopping: bool,
    /// The `date` of HTTP answers.
    pub(super) date: HttpDate,
    started: Instant,
    /// Milliseconds since the shard started, at the beginning of this turn of the loop.
    pub(super) now_ms: u64,
}

impl Shard {
    pub(super) fn new(
        number: u16,
        poll: Poll,
        shards: &Shards,
        site: &Arc<Site>,
        standing: &Arc<Standing>,
        outlets: &Outlets,
    ) -> Self {
        let handle = shards.handles[usize::from(number)].clone();
        let config = &site.config;
        Self {
            number,
            registry: Registry::new(
                number,
                config.route_tracking,
                &config.limits,
                Arc::clone(standing),
            ),
            reporter: Reporter::new(Incarnation::default()),
            meters: Arc::clone(&handle.meters),
            handle,
            site: Arc::clone(site),
            shards: shards.clone(),
            outlets: outlets.clone(),
            poll,
            listener: None,
            guests: Guests::default(),
            scratch: vec![0; SCRATCH_BYTES],
            broadcast: None,
            round: Round::default(),
            spreads: Spreads::default(),
            walks: VecDeque::new(),
            readers: Readers::default(),
            turns: 0,
            deferred: Deferred::default(),
            handshakes: Handshakes::default(),
            nudges: Nudges::new(shards.handles.len()),
            sweep: Sweep::default(),
            drain: None,
            stopping: false,
            date: HttpDate::default(),
            started: clock::now(),
            now_ms: 0,
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.site.config.limits
    }

    pub(super) fn run(mut self) -> std::io::Result<()> {
        let ended = self.turn_until_stopped();
        // Every waiting asker gets an answer, if only by seeing its question dropped.
        for mail in self.handle.mailbox.close() {
            if let Mail::Report { question } = mail {
                self.answer_report(question);
            }
        }
        ended
    }

    fn turn_until_stopped(&mut self) -> std::io::Result<()> {
        let name = format!("shard-{}", self.number);
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        let mut received = VecDeque::new();
        loop {
            if let Err(error) = self.poll.poll(&mut events, self.wait())
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                return Err(error);
            }
            self.site.faults.strike(&name);
            self.now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            // First the mailbox: a tab that got `ok` from another shard may have navigated again since, in one of these
            // events.
            self.handle.mailbox.take(&mut received);
            for mail in received.drain(..) {
                self.on_mail(mail);
            }
            if self.stopping {
                return Ok(());
            }
            for event in &events {
                self.on_event(event);
            }
            self.nudge_others();
            self.accept_again();
            self.walk_some();
            self.end_waits();
            self.deliver_some();
            self.on_time();
            self.report_changes();
        }
    }

    /// How long to wait for sockets; `None`: until something happens.
    fn wait(&self) -> Option<Duration> {
        if self.is_delivering()
            || !self.walks.is_empty()
            || self
                .next_accept_ms()
                .is_some_and(|again_ms| again_ms <= self.now_ms)
        {
            return Some(Duration::ZERO);
        }
        let next = [
            self.guests.next_deadline_ms(),
            self.next_accept_ms(),
            self.nudges.next_ms(),
            self.next_sweep_ms(),
            self.next_moment_ms(),
            self.next_deferred_ms(),
            self.handshakes.next_ms(),
            self.next_drain_ms(),
        ]
        .into_iter()
        .flatten()
        .min()?;
        // The clock of this turn is a little old by now; waiting that much too long does no harm.
        Some(Duration::from_millis(next.saturating_sub(self.now_ms).max(1)))
    }

    fn on_event(&mut self, event: &Event) {
        let token = event.token().0;
        if token == WAKER {
            return;
        }
        if token == LISTENER {
            self.accept();
            return;
        }
        if is_guest(token) {
            self.on_guest(token, event.is_read_closed() || event.is_error());
            return;
        }
        // Tokens below the guests' are slots.
        let Ok(slot) = u32::try_from(token) else { return };
        if event.is_writable() {
            self.on_writable(slot);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.on_readable(slot, event.is_read_closed() || event.is_error());
        }
    }

    /// Tells the hub what changed, if anyone watches, and not more often than it wants to hear.
    fn report_changes(&mut self) {
        let signals = &self.handle.signals;
        if !signals.watched.load(Ordering::Relaxed) || !self.registry.has_changes() {
            return;
        }
        if !signals.may_report.load(Ordering::SeqCst) {
            signals.has_more.store(true, Ordering::SeqCst);
            // The hub may have allowed it between the two lines above, and not have seen that there is more.
            if !signals.may_report.load(Ordering::SeqCst) {
                return;
            }
        }
        signals.has_more.store(false, Ordering::SeqCst);
        let hub = self.outlets.reports.clone();
        // A full queue means the hub is behind: the changes stay here, and grow into newer ones.
        if let Ok(permit) = hub.try_reserve() {
            self.handle.signals.may_report.store(false, Ordering::SeqCst);
            self.report_on(permit, None);
        }
    }

    pub(super) fn report_on(&mut self, permit: Permit<'_, ShardEvent>, question: Option<u64>) {
        permit.send(ShardEvent::Report {
            shard: self.number,
            report: self.reporter.changes(self.registry.take_changes()),
            question,
        });
    }

    pub(super) fn token(slot: u32) -> Token {
        Token(slot as usize)
    }
}
