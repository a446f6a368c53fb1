//! Messages go out.
//!
//! A message to many clients is encoded once and sent in
//! pieces of a few hundred; sockets are served in between. So a broadcast to fifteen thousand tabs delays no socket by
//! more than a millisecond or two.
//!
//! Nothing is decided ahead. A round visits the slots where a rule matched and sends what is due there at that moment.
//! So a rule that was lifted since is not sent, a tab that moved away gets nothing, and one that came in between is
//! told once. A rule counts as told once it was written; an event id names the rules that were written before it, and
//! itself.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use headcount_core::invalidation::waves::Share;
use headcount_core::invalidation::{Rule, Standing, positions};
use headcount_core::protocol::client::Resume;
use headcount_core::protocol::server;
use headcount_core::sse;
use headcount_core::websocket;

use crate::meters::Count;
use crate::newcomer::Transport;
use crate::outbox::Part;
use crate::spread::Spreads;
use crate::tabs::Tabs;

/// Messages sent before sockets are heard again.
const PIECE: usize = 256;

/// What looking for due rules may cost before sockets are heard again, in looks at a slot: 0.1 to 0.3 ms.
const WORK: u32 = 4_096;

/// A release on its way to all tabs.
#[derive(Debug)]
struct Broadcast {
    websocket: Bytes,
    sse: Bytes,
    next: u32,
    end: u32,
    /// The newest connection when it began: those that came later were greeted with the release.
    newest: u32,
}

/// A round that sends due rules.
#[derive(Debug, Default)]
struct Round {
    /// Slots to go by. Never more than there are connections: where they would be, all slots are gone by instead.
    hits: VecDeque<u32>,
    next: u32,
    /// Slots still to go by from `next` on.
    left: u32,
}

impl Round {
    /// The next slot.
    fn step(&mut self, end: u32) -> Option<u32> {
        if let Some(slot) = self.hits.pop_front() {
            return Some(slot);
        }
        self.left = self.left.checked_sub(1)?;
        let slot = if self.next < end { self.next } else { 0 };
        self.next = slot + 1;
        Some(slot)
    }
}

/// A rule as it is sent, encoded once for many.
struct Framed {
    position: usize,
    text: String,
    websocket: Bytes,
}

/// What is on its way to many tabs of a shard.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    broadcast: Option<Broadcast>,
    round: Round,
    spreads: Spreads,
}

impl Deliveries {
    /// Starts to tell all tabs of a release. It replaces one that is still on its way: tabs need only the latest.
    pub(super) fn broadcast(&mut self, tabs: &Tabs, text: &str) {
        self.broadcast = Some(Broadcast {
            websocket: websocket::text(text),
            sse: sse::event(text),
            next: 0,
            end: tabs.table.end(),
            newest: tabs.table.generation(),
        });
    }

    /// Goes by these slots as well, soon.
    pub(super) fn go_by(&mut self, tabs: &Tabs, hits: Vec<u32>) {
        let round = &mut self.round;
        if round.left > 0 || round.hits.len() + hits.len() > tabs.table.len() {
            self.go_by_all(tabs);
        } else {
            round.hits.extend(hits);
        }
    }

    /// Goes by every slot, soon.
    pub(super) fn go_by_all(&mut self, tabs: &Tabs) {
        self.round.hits = VecDeque::new();
        self.round.left = tabs.table.end();
    }

    /// Whether anything is on its way to many.
    pub(super) fn is_delivering(&self) -> bool {
        self.broadcast.is_some() || self.round.left > 0 || !self.round.hits.is_empty()
    }

    /// Sends a piece of what is on its way: a release first, for a tab to hear of it before it is asked to run it.
    pub(super) fn deliver_some(&mut self, tabs: &mut Tabs) {
        match self.broadcast.take() {
            Some(broadcast) => self.broadcast_some(tabs, broadcast),
            None => self.go_round(tabs),
        }
    }

    fn broadcast_some(&mut self, tabs: &mut Tabs, mut broadcast: Broadcast) {
        let mut sent = 0;
        while broadcast.next < broadcast.end {
            if sent == PIECE {
                self.broadcast = Some(broadcast);
                return;
            }
            let slot = broadcast.next;
            broadcast.next += 1;
            sent += 1;
            let Some(transport) = tabs.transport(slot) else {
                continue;
            };
            if tabs.table.opened_after(slot, broadcast.newest) {
                continue;
            }
            tabs.meters.one(Count::SentVersion);
            tabs.send(
                slot,
                &[Part::Shared(match transport {
                    Transport::WebSocket => &broadcast.websocket,
                    Transport::Sse => &broadcast.sse,
                })],
            );
        }
    }

    fn go_round(&mut self, tabs: &mut Tabs) {
        let standing = Arc::clone(tabs.table.standing());
        let (mut framed, mut sent, mut work) = (Vec::new(), 0, 0);
        while sent < PIECE && work < WORK {
            let Some(slot) = self.round.step(tabs.table.end()) else {
                self.round.hits = VecDeque::new();
                return;
            };
            let due = tabs.table.due(slot, &mut work);
            let due = self.due_now(tabs, slot, due);
            if due != 0 {
                sent += due.count_ones() as usize;
                tell(tabs, slot, due, &standing, &mut framed);
            }
        }
    }

    /// Tells a connection the standing rules that concern it and that it was not told.
    pub(super) fn deliver_due(&mut self, tabs: &mut Tabs, slot: u32) {
        let due = tabs.table.due(slot, &mut 0);
        let due = self.due_now(tabs, slot, due);
        if due != 0 {
            let standing = Arc::clone(tabs.table.standing());
            tell(tabs, slot, due, &standing, &mut Vec::new());
        }
    }

    /// Other rules stand: those that stand no more are spread no more.
    pub(super) fn rules_changed(&mut self, tabs: &Tabs) {
        self.spreads.prune(tabs.table.standing(), tabs.now_ms);
    }

    /// The tabs of the rule at this position are about to be told: those from this place on, where it was open before.
    pub(super) fn begin(&mut self, rule: Arc<Rule>, position: usize, from: Share, now_ms: u64) {
        self.spreads.begin(rule, position, from, now_ms);
    }

    /// The rules in `due` that the connection in this slot must be told now. It is visited again when the rest is due.
    fn due_now(&mut self, tabs: &Tabs, slot: u32, due: u64) -> u64 {
        self.spreads.now(slot, due, || tabs.table.lot(slot), tabs.now_ms)
    }

    /// Visits the slots whose moment has come.
    pub(super) fn end_waits(&mut self, tabs: &Tabs) {
        if self.spreads.is_idle() {
            return;
        }
        match self.spreads.take_come(tabs.now_ms, tabs.table.len()) {
            Some(come) if come.is_empty() => {}
            Some(come) => self.go_by(tabs, come),
            None => self.go_by_all(tabs),
        }
        self.spreads.prune(tabs.table.standing(), tabs.now_ms);
    }

    /// When a slot's moment comes.
    pub(super) fn next_moment_ms(&self) -> Option<u64> {
        self.spreads.next_ms()
    }
}

fn tell(tabs: &mut Tabs, slot: u32, due: u64, standing: &Standing, framed: &mut Vec<Framed>) {
    for position in positions(due) {
        let Some(rule) = standing.rule(position) else {
            continue;
        };
        let known = framed.iter().position(|framed| framed.position == position);
        let at = known.unwrap_or_else(|| {
            let text = server::invalidated(
                &rule.release,
                rule.id,
                rule.mode,
                standing.epoch.unwrap_or_default(),
            );
            framed.push(Framed {
                position,
                websocket: websocket::text(&text),
                text,
            });
            framed.len() - 1
        });
        let Some(framed) = framed.get(at) else { return };
        let Some(transport) = tabs.transport(slot) else {
            return;
        };
        tabs.table.note_matched(position);
        tabs.meters.one(Count::SentVersion);
        let sent = match transport {
            Transport::WebSocket => tabs.send(slot, &[Part::Shared(&framed.websocket)]),
            Transport::Sse => {
                let event = sse::event_with_id(&resume_id(tabs, slot, Some(rule.id)), &framed.text);
                tabs.send_own(slot, &event)
            }
        };
        if !sent {
            return;
        }
        tabs.table.note_told(slot, position);
    }
}

/// What a page must give back when it reconnects: the newest command when it was loaded, and what it was told since, with
/// the one that is being told. Empty while the epoch is not known: it then gives back what another server said.
pub(super) fn resume_id(tabs: &Tabs, slot: u32, telling: Option<u32>) -> String {
    let Some(epoch) = tabs.table.standing().epoch else {
        return String::new();
    };
    Resume::write(
        epoch,
        tabs.table.since(slot).unwrap_or_default(),
        tabs.table.told(slot).chain(telling),
    )
}
