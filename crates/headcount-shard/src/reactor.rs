//! The loop of a shard: wait, then mailbox, readiness, deliveries, deadlines, report.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use headcount_core::connection::ConnectionKey;
use headcount_core::invalidation::Standing;
use headcount_core::invalidation::waves::Share;
use headcount_core::registry::{Reach, Registry};
use headcount_core::stats::{Incarnation, Reporter};
use mio::event::Event;
use mio::{Events, Poll};
use tokio::sync::mpsc::Permit;

use crate::arrive::Connections;
use crate::cause::Cause;
use crate::deliver::Deliveries;
use crate::drain::{self, Drain};
use crate::guests::Guests;
use crate::lean::Door;
use crate::lobby;
use crate::mail::{Mail, NewStanding};
use crate::meters::Count;
use crate::moves;
use crate::outlets::{Outlets, ShardEvent};
use crate::questions::Walks;
use crate::readers::Readers;
use crate::receive::Clients;
use crate::shards::{Handle, Shards};
use crate::stats;
use crate::subscribe;
use crate::surroundings::Terms;
use crate::sweep::Sweep;
use crate::table::Table;
use crate::tabs::Tabs;
use crate::token::Ready;
use crate::wire::Wire;

const EVENTS_AT_ONCE: usize = 1_024;

/// One shard. Everything in here is touched by its own thread alone.
pub(super) struct Shard {
    handle: Handle,
    connections: Connections,
    door: Door,
    walks: Walks,
    sweep: Sweep,
    /// Numbers what the table reports.
    reporter: Reporter,
    stopping: bool,
    /// When the shard started, on the steady clock.
    started_ms: u64,
}

impl Shard {
    pub(super) fn new(
        number: u16,
        poll: Poll,
        shards: &Shards,
        terms: &Arc<Terms>,
        standing: &Arc<Standing>,
        outlets: &Outlets,
    ) -> Self {
        let handle = shards.handles[usize::from(number)].clone();
        let registry = Registry::new(number, terms.route_tracking, &terms.limits, Arc::clone(standing));
        let tabs = Tabs {
            number,
            terms: Arc::clone(terms),
            meters: Arc::clone(&handle.meters),
            table: Table::new(registry, Arc::clone(&handle.roll)),
            wire: Wire::new(poll, terms.limits.outbox_bytes_max),
            guests: Guests::default(),
            readers: Readers::new(Arc::clone(&handle.signals)),
            outlets: outlets.clone(),
            now_ms: 0,
        };
        Self {
            handle,
            connections: Connections {
                tabs,
                deliveries: Deliveries::default(),
                clients: Clients::default(),
                drain: None,
            },
            door: Door::new(number, shards),
            walks: Walks::default(),
            sweep: Sweep::default(),
            reporter: Reporter::new(Incarnation::default()),
            stopping: false,
            started_ms: terms.server.steady_ms(),
        }
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
        let name = format!("shard-{}", self.connections.tabs.number);
        let mut events = Events::with_capacity(EVENTS_AT_ONCE);
        let mut received = VecDeque::new();
        loop {
            let time = self.wait();
            self.connections.tabs.wire.wait(&mut events, time)?;
            self.connections.tabs.terms.server.on_turn(&name);
            let steady_ms = self.connections.tabs.terms.server.steady_ms();
            let tabs = &mut self.connections.tabs;
            tabs.now_ms = steady_ms.saturating_sub(self.started_ms);
            tabs.table.pass(tabs.now_ms);
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
            self.end_turn();
        }
    }

    /// Does what is due at the end of a turn, after everything that was heard.
    fn end_turn(&mut self) {
        let now_ms = self.connections.tabs.now_ms;
        self.door.posts.nudge_others(now_ms);
        self.door.accept_again(&mut self.connections);
        let Connections { tabs, deliveries, .. } = &mut self.connections;
        self.walks.walk_some(tabs, deliveries);
        deliveries.end_waits(tabs);
        deliveries.deliver_some(tabs);
        self.on_time();
        self.report_changes();
    }

    /// How long to wait for sockets; `None`: until something happens.
    fn wait(&self) -> Option<Duration> {
        let Connections {
            tabs,
            deliveries,
            clients,
            drain,
        } = &self.connections;
        let now_ms = tabs.now_ms;
        let accept_ms = self.door.next_accept_ms();
        if deliveries.is_delivering()
            || !self.walks.is_empty()
            || accept_ms.is_some_and(|again_ms| again_ms <= now_ms)
        {
            return Some(Duration::ZERO);
        }
        let has_tabs = !tabs.table.is_empty();
        let pass_ms = u64::from(tabs.limits().keepalive_ms);
        let has_more = clients.has_deferred() || tabs.readers.has_missed();
        let next = [
            tabs.guests.next_deadline_ms(),
            accept_ms,
            self.door.posts.next_nudge_ms(),
            has_tabs.then(|| self.sweep.next_ms(now_ms, tabs.table.end(), pass_ms)),
            deliveries.next_moment_ms(),
            has_more.then(|| self.sweep.next_look_ms()),
            clients.next_expiry_ms(),
            (has_tabs && drain.is_some()).then(|| now_ms + 1),
        ]
        .into_iter()
        .flatten()
        .min()?;
        // The clock of this turn is a little old by now; waiting that much too long does no harm.
        Some(Duration::from_millis(next.saturating_sub(now_ms).max(1)))
    }

    fn on_event(&mut self, event: &Event) {
        let ended = event.is_read_closed() || event.is_error();
        let connections = &mut self.connections;
        match Ready::of(event.token()) {
            None | Some(Ready::Mailbox) => {}
            Some(Ready::Listener) => self.door.accept(connections),
            Some(Ready::Guest(place)) => self.door.on_guest(connections, place, ended),
            Some(Ready::Slot(slot)) => {
                if event.is_writable() {
                    connections.tabs.on_writable(slot);
                }
                if event.is_readable() || ended {
                    self.door.on_readable(connections, slot, ended);
                }
            }
        }
    }

    /// Does the work that is due by now.
    fn on_time(&mut self) {
        let Connections {
            tabs,
            deliveries,
            clients,
            drain,
        } = &mut self.connections;
        lobby::end_visits(tabs);
        clients.expire_handshakes(tabs.now_ms);
        if let Some(drain) = drain {
            drain.go_on(tabs);
        }
        if self.sweep.look(tabs.now_ms) {
            clients.apply_deferred(tabs, deliveries);
            stats::catch_up(tabs);
            self.sweep.go_on(tabs);
        } else if self.sweep.is_behind() {
            self.sweep.go_on(tabs);
        }
    }

    fn on_mail(&mut self, mail: Mail) {
        let Connections {
            tabs,
            deliveries,
            clients,
            ..
        } = &mut self.connections;
        match mail {
            Mail::Listen { listener, share } => self.door.listen(tabs, listener, share),
            Mail::StopListening => self.door.stop_listening(),
            Mail::Serve(request) => self.door.serve(&mut self.connections, request),
            Mail::Open(arrival) => self.connections.arrive(*arrival),
            Mail::Received { key, text } => with(tabs, key, |tabs, slot| {
                clients.on_text(tabs, deliveries, slot, &text);
            }),
            Mail::Spent { key } => with(tabs, key, |tabs, slot| {
                tabs.spend(slot);
            }),
            Mail::LetGo {
                to,
                tabs: moved,
                newest,
            } => moves::let_go(tabs, to, &moved, newest),
            Mail::TakeOver { tabs: books } => moves::take_over(tabs, books),
            Mail::Gone { key } => with(tabs, key, |tabs, slot| {
                tabs.close(slot, Cause::Peer);
            }),
            Mail::Navigate { key, route } => {
                clients.navigate_by_post(tabs, deliveries, key, &route);
            }
            Mail::Subscribe {
                key,
                form,
                credentials,
                browser,
            } => with(tabs, key, |tabs, slot| {
                subscribe::by_post(tabs, slot, form, credentials, browser);
            }),
            Mail::Admitted { key, credentials } => subscribe::admit(tabs, key, credentials),
            Mail::Suspend { key } => subscribe::suspend(tabs, key),
            Mail::Refused { key } => subscribe::end(tabs, key),
            Mail::Tick(tick) => stats::on_tick(tabs, &tick),
            Mail::Snapshot { message, readers } => stats::on_snapshot(tabs, &message, readers),
            Mail::Send { key, text } => with(tabs, key, |tabs, slot| {
                tabs.meters.one(Count::SentCustom);
                tabs.send_text(slot, &text);
            }),
            Mail::Standing(new) => self.on_standing(*new),
            Mail::Ask { question, reply } => self.walks.ask(tabs, deliveries, question, reply),
            Mail::Tap(tap) => tabs.outlets.witness.tap(tap, tabs.number, &tabs.table),
            Mail::Replay { tap } => tabs.outlets.witness.replay(tap, tabs.number, &tabs.table),
            Mail::EndTurn(turn) => drop(turn),
            Mail::Report { question } => self.answer_report(question),
            Mail::Drain => self.connections.drain = Some(Drain::begin(tabs)),
            Mail::Stop => self.stop(),
        }
    }

    fn on_standing(&mut self, new: NewStanding) {
        let NewStanding {
            standing,
            broadcast,
            position,
            reply,
        } = new;
        let Connections { tabs, deliveries, .. } = &mut self.connections;
        let is_of_other_epoch = tabs.table.standing().epoch != standing.epoch;
        let opened_before = position.map(|position| open_before(tabs.table.standing(), &standing, position));
        let caught_up = tabs.table.set_standing(standing);
        if is_of_other_epoch {
            drain::send_all_back(tabs);
        }
        deliveries.rules_changed(tabs);
        deliveries.go_by(tabs, caught_up);
        self.walks.rules_changed();
        if let Some(text) = broadcast {
            deliveries.broadcast(tabs, &text);
        }
        match position.and_then(|position| tabs.table.standing().rule(position).cloned()) {
            Some(rule) => {
                let from = opened_before.unwrap_or_default();
                deliveries.begin(Arc::clone(&rule), position.unwrap_or_default(), from, tabs.now_ms);
                self.walks.begin_hits(tabs, deliveries, rule, reply);
            }
            None => {
                let _asker_gone = reply.send(Reach::default());
            }
        }
    }

    /// Tells the hub what changed, if anyone watches, and not more often than it wants to hear.
    fn report_changes(&mut self) {
        let tabs = &self.connections.tabs;
        let signals = &self.handle.signals;
        let has_news = signals.watched.load(Ordering::Relaxed) && tabs.table.has_changes();
        if !has_news || !signals.take_leave() {
            return;
        }
        let hub = tabs.outlets.reports.clone();
        // A full queue means the hub is behind: the changes stay here, and grow into newer ones.
        if let Ok(permit) = hub.try_reserve() {
            self.handle.signals.may_report.store(false, Ordering::SeqCst);
            self.report_on(permit, None);
        }
    }

    fn answer_report(&mut self, question: u64) {
        let hub = self.connections.tabs.outlets.reports.clone();
        match hub.try_reserve() {
            Ok(permit) => self.report_on(permit, Some(question)),
            // The hub keeps one question under way, so its queue can be full for a moment only.
            Err(_) => {
                self.handle.force(Mail::Report { question });
            }
        }
    }

    fn report_on(&mut self, permit: Permit<'_, ShardEvent>, question: Option<u64>) {
        let tabs = &mut self.connections.tabs;
        permit.send(ShardEvent::Report {
            shard: tabs.number,
            report: self.reporter.changes(tabs.table.take_changes()),
            question,
        });
    }

    fn stop(&mut self) {
        let tabs = &mut self.connections.tabs;
        for slot in 0..tabs.table.end() {
            tabs.close(slot, Cause::Drained);
        }
        self.stopping = true;
    }
}

/// How far the rule at a position was open by what stood before, in waves or because another one went before it.
fn open_before(before: &Standing, now: &Standing, position: usize) -> Share {
    match (before.rule(position), now.rule(position)) {
        (Some(before), Some(now)) if now.is_told_by(before.id) => {
            before.waves.as_ref().map_or(Share::ALL, |waves| waves.open)
        }
        _ => Share::NONE,
    }
}

/// Acts on a connection that is still there.
fn with(tabs: &mut Tabs, key: ConnectionKey, act: impl FnOnce(&mut Tabs, u32)) {
    if let Some(slot) = tabs.table.find(key) {
        act(tabs, slot);
    }
}
