//! Who on this shard gets stats, and how they go out.
//!
//! What a reader is told next is decided by its [`Follower`]; here is whether it can be told now. One that is behind, with bytes
//! queued or no room in its queue, misses what comes, and asks the hub for a whole message once it has caught up. So nothing
//! queues up behind a slow reader but the message that it is reading.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use headcount_core::connection::ConnectionKey;
use headcount_core::feed::Follower;
use headcount_core::stats::Form;
use tokio::sync::mpsc;

use crate::outlets::ShardEvent;
use crate::signals::Signals;

/// The admitted subscribers of a shard. Few, and looked up rarely.
#[derive(Debug)]
pub(super) struct Readers {
    followers: HashMap<ConnectionKey, Follower>,
    /// Those that need a whole message and could not be given one, and since when: they are looked at again soon.
    missed: Vec<(ConnectionKey, u64)>,
    /// Until when those are sent no whole message that were sent a long one.
    pauses: HashMap<ConnectionKey, u64>,
    /// Questions to the authorizers so far.
    turns: u64,
    signals: Arc<Signals>,
}

impl Readers {
    /// None yet. Their number will be in `signals`.
    pub(super) fn new(signals: Arc<Signals>) -> Self {
        Self {
            followers: HashMap::new(),
            missed: Vec::new(),
            pauses: HashMap::new(),
            turns: 0,
            signals,
        }
    }

    /// Counts one more question to the authorizers.
    pub(super) fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// Questions to the authorizers so far.
    pub(super) fn turn(&self) -> u64 {
        self.turns
    }

    /// A connection gets stats in this form from now on, a whole message first.
    pub(super) fn begin(&mut self, key: ConnectionKey, form: Form) {
        self.followers.insert(key, Follower::new(form));
        self.say_how_many();
    }

    /// A connection gets no more stats.
    pub(super) fn end(&mut self, key: ConnectionKey) {
        if self.followers.remove(&key).is_some() {
            self.say_how_many();
        }
    }

    fn say_how_many(&self) {
        let readers = self.followers.len();
        self.signals.subscribers.store(readers, Ordering::Relaxed);
    }

    /// Everyone that gets stats.
    pub(super) fn keys(&self) -> Vec<ConnectionKey> {
        self.followers.keys().copied().collect()
    }

    pub(super) fn of(&self, key: ConnectionKey) -> Option<&Follower> {
        self.followers.get(&key)
    }

    pub(super) fn of_mut(&mut self, key: ConnectionKey) -> Option<&mut Follower> {
        self.followers.get_mut(&key)
    }

    /// Asks the hub for a whole message, now or, where its queue is full, soon.
    pub(super) fn want(&mut self, key: ConnectionKey, hub: &mpsc::Sender<ShardEvent>, now_ms: u64) {
        let Some(form) = self.of(key).map(Follower::form) else {
            return;
        };
        if hub.try_send(ShardEvent::Wants { key, form }).is_err() {
            self.note_missed(key, now_ms);
        }
    }

    /// Whether a reader may be sent a whole message, if it is one that it is sent now. One that may not gets one later.
    pub(super) fn has_turn(&mut self, key: ConnectionKey, now_ms: u64) -> bool {
        let is_whole = |follower: &Follower| follower.needs_whole() || follower.form() == Form::Whole;
        let pauses = self.pauses(key, now_ms);
        match self.of_mut(key) {
            Some(follower) if pauses && is_whole(follower) => follower.miss(),
            _ => return true,
        }
        self.note_missed(key, now_ms);
        false
    }

    /// Takes out those that missed a whole message, with since when.
    pub(super) fn take_missed(&mut self) -> Vec<(ConnectionKey, u64)> {
        std::mem::take(&mut self.missed)
    }

    /// Puts one of these back.
    pub(super) fn still_missed(&mut self, key: ConnectionKey, since_ms: u64) {
        self.missed.push((key, since_ms));
    }

    /// Whether a reader must be visited again.
    pub(super) fn has_missed(&self) -> bool {
        !self.missed.is_empty()
    }

    /// Whether this connection is sent no whole message yet.
    pub(super) fn pauses(&self, key: ConnectionKey, now_ms: u64) -> bool {
        self.pauses.get(&key).is_some_and(|until_ms| now_ms < *until_ms)
    }

    /// This connection must pause, also if it unsubscribes and subscribes again during that time.
    pub(super) fn pause(&mut self, key: ConnectionKey, now_ms: u64, pause_ms: u64) {
        if self.pauses.len() >= 16 + 2 * self.followers.len() {
            self.pauses.retain(|_, until_ms| now_ms < *until_ms);
        }
        self.pauses.insert(key, now_ms + pause_ms);
    }

    /// One needs a whole message and could not be given one.
    pub(super) fn note_missed(&mut self, key: ConnectionKey, now_ms: u64) {
        if !self.missed.iter().any(|(missed, _)| *missed == key) {
            self.missed.push((key, now_ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: ConnectionKey = ConnectionKey {
        shard: 0,
        slot: 3,
        generation: 1,
    };

    #[test]
    fn the_hub_knows_how_many_there_are() {
        let signals = Arc::<Signals>::default();
        let mut readers = Readers::new(Arc::clone(&signals));
        readers.begin(KEY, Form::Whole);
        assert_eq!(signals.subscribers.load(Ordering::Relaxed), 1);
        readers.end(KEY);
        readers.end(KEY);
        assert_eq!(signals.subscribers.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn one_that_a_full_queue_kept_from_a_whole_message_is_remembered_once() {
        let (hub, mut asked) = mpsc::channel(1);
        let mut readers = Readers::new(Arc::default());
        readers.want(KEY, &hub, 5);
        assert!(asked.try_recv().is_err(), "it is no reader yet");
        readers.begin(KEY, Form::Whole);
        for now_ms in 6..9 {
            readers.want(KEY, &hub, now_ms);
        }
        assert!(matches!(asked.try_recv(), Ok(ShardEvent::Wants { key: KEY, .. })));
        assert_eq!(readers.take_missed(), [(KEY, 7)]);
        assert!(!readers.has_missed());
    }

    #[test]
    fn one_that_was_sent_a_long_message_pauses_also_if_it_subscribes_again() {
        let mut readers = Readers::new(Arc::default());
        readers.begin(KEY, Form::Whole);
        assert!(readers.has_turn(KEY, 10));
        readers.pause(KEY, 10, 100);
        readers.end(KEY);
        readers.begin(KEY, Form::Whole);
        assert!(!readers.has_turn(KEY, 109));
        assert_eq!(readers.take_missed(), [(KEY, 109)]);
        assert!(readers.has_turn(KEY, 110));
    }
}
