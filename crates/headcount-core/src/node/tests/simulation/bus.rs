//! The bus of a run: it delays, drops, repeats and reorders what is sent, and lets some nodes not hear others.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::chance::Chance;
use crate::cluster::{Message, NodeAnswer};
use crate::connection::NodeId;

/// What is under way, as a value or as it is written.
#[derive(Clone, Debug)]
pub(super) enum Letter {
    Message(Box<Message>),
    Written(Bytes),
}

impl Letter {
    /// A message as a value, with what reading adds to it: whose rows it has.
    pub(super) fn of(mut message: Message, from: NodeId) -> Self {
        let changes = match &mut message {
            Message::Report(report) => Some(&mut report.changes),
            Message::Answer {
                answer: NodeAnswer::Counts(changes),
                ..
            } => Some(changes),
            _ => None,
        };
        for (_, row) in changes.into_iter().flat_map(|changes| &mut changes.rows) {
            if let Some(row) = row {
                row.node = Some(from);
            }
        }
        Self::Message(Box::new(message))
    }
}

/// How long a message takes at the most, in a storm.
pub(super) const SLOWEST_MS: u64 = 2_000;

/// How the bus treats messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    /// Each takes 1 to 5 ms.
    Calm,
    /// Some are lost, repeated, or take up to two seconds.
    Stormy,
    /// Messages about moved tabs take up to three seconds and come twice; others are calm.
    SlowMoves,
}

/// A message under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) from: NodeId,
    /// The server that it is for, and which of its lives.
    pub(super) server: usize,
    pub(super) to: NodeId,
    pub(super) letter: Letter,
}

#[derive(Debug)]
pub(super) struct Bus {
    pub(super) weather: Weather,
    /// By the moment of arrival.
    under_way: BTreeMap<(u64, u64), UnderWay>,
    sent: u64,
    /// Servers that do not hear others: from, to.
    pub(super) deaf: BTreeSet<(usize, usize)>,
}

impl Bus {
    pub(super) fn new(weather: Weather) -> Self {
        Self {
            weather,
            under_way: BTreeMap::new(),
            sent: 0,
            deaf: BTreeSet::new(),
        }
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        self.under_way.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    /// What arrives by now.
    pub(super) fn arrive(&mut self, now_ms: u64) -> Option<UnderWay> {
        self.next_ms().filter(|next_ms| *next_ms <= now_ms)?;
        self.under_way.pop_first().map(|(_, arrived)| arrived)
    }

    pub(super) fn send(
        &mut self,
        chance: &mut Chance,
        now_ms: u64,
        (from_server, from): (usize, NodeId),
        (server, to): (usize, NodeId),
        letter: &Letter,
    ) {
        if self.deaf.contains(&(from_server, server)) {
            return;
        }
        let is_move =
            matches!(letter, Letter::Message(message) if matches!(**message, Message::Moved { .. }));
        let (lost, repeated, slow, slowest_ms) = match self.weather {
            Weather::Stormy => (8, 8, 15, SLOWEST_MS),
            Weather::SlowMoves if is_move => (0, 80, 80, 3_000),
            Weather::Calm | Weather::SlowMoves => (0, 0, 0, 1),
        };
        let times = match chance.below(100) {
            roll if roll < lost => 0,
            roll if roll < lost + repeated => 2,
            _ => 1,
        };
        for _ in 0..times {
            let delay_ms = if chance.percent(slow) {
                chance.below(slowest_ms)
            } else {
                1 + chance.below(5)
            };
            self.sent += 1;
            let under_way = UnderWay {
                from,
                server,
                to,
                letter: letter.clone(),
            };
            self.under_way.insert((now_ms + delay_ms, self.sent), under_way);
        }
    }
}
