//! When subscribers and other nodes are told what changed, and whether the shards report.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use headcount_core::feed::{Pace, Tick};
use headcount_core::stats::Form;

use super::{Hub, Waiting};
use crate::shard::Mail;

impl Hub {
    /// Whether a tick is due as soon as the shards have reported. Not while other nodes wait for everything.
    pub(super) fn has_tick(&self) -> bool {
        let has_hearers = self.counts.is_watched_elsewhere() || self.tells_readers();
        self.changed && has_hearers && !self.asked().any(|waiting| waiting.wanted)
    }

    /// Whether readers are told at the next tick. Not while a new reader waits for its first stats: it has them in a moment, and then there
    /// may be no one left to tell.
    pub(super) fn tells_readers(&self) -> bool {
        self.subscribers.anyone_reads() && !self.has_new_readers()
    }

    /// Whether a reader waits for its first stats.
    pub(super) fn has_new_readers(&self) -> bool {
        self.beginning.is_some() || self.asked().any(|waiting| !waiting.readers.is_empty())
    }

    /// What the shards are asked for, now and next.
    fn asked(&self) -> impl Iterator<Item = &Waiting> {
        let asked = self.question.iter().map(|question| &question.waiting);
        asked.chain([&self.waiting])
    }

    pub(super) fn allow(&self, shard: usize) {
        if let Some(shard) = self.shards.get(shard) {
            shard.allow_report();
        }
    }

    pub(super) fn tick(&mut self, now: Instant) {
        self.changed = false;
        self.allowed = false;
        self.expected = 0;
        self.next_tick = now + Duration::from_millis(self.site.config.limits.tick_ms.into());
        self.counts.tick();
        self.perform();
        if self.tells_readers() {
            self.tick_readers(now);
        }
    }

    pub(super) fn tick_readers(&mut self, now: Instant) {
        let (subscribers, due) = (&self.subscribers, &self.due);
        let pace = |form: Form| match subscribers.reads(form) {
            false => Pace::Unread,
            true if due[form as usize] > now => Pace::Later,
            true => Pace::Now,
        };
        let tick = Arc::new(self.counts.feed().tick_paced(pace, &self.site.cipher));
        self.pace(now, &tick);
        self.changed = self.counts.feed().holds_news();
        if tick.is_empty() {
            return;
        }
        for shard in self
            .shards
            .iter()
            .filter(|shard| shard.signals.subscribers.load(Ordering::Relaxed) > 0)
        {
            shard.force(Mail::Tick(Arc::clone(&tick)));
        }
    }

    /// Settles when there is a tick again: the longer the messages, the later.
    pub(super) fn pace(&mut self, now: Instant, tick: &Tick) {
        let limits = &self.site.config.limits;
        for form in Form::ALL {
            if let Some(bytes) = tick.bytes(form) {
                self.due[form as usize] = now + Duration::from_millis(limits.stats_pause_ms(bytes));
            }
        }
        let read = Form::ALL.into_iter().filter(|form| self.subscribers.reads(*form));
        let first_due = read.map(|form| self.due[form as usize]).min().unwrap_or(now);
        self.next_tick = first_due.max(now + Duration::from_millis(limits.tick_ms.into()));
    }

    /// When there is something to do although nothing happens.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let tick = match (self.watched, self.allowed) {
            (true, false) => Some(self.next_tick),
            (true, true) if self.has_tick() => Some(self.gather_until),
            _ => None,
        };
        let beginning = self.beginning.as_ref().map(|beginning| beginning.until);
        let looks = [
            tick,
            beginning,
            self.subscribers.next_look(),
            self.next_look_of_node(),
        ];
        looks.into_iter().flatten().min()
    }

    /// Somebody watches here.
    pub(super) fn watch(&mut self) {
        match self.counts.watch(true) {
            Some(watched) => self.let_report(watched),
            None => self.perform(),
        }
    }

    /// Nobody watches here any more.
    pub(super) fn stop_watching(&mut self) {
        match self.counts.watch(false) {
            Some(watched) => self.let_report(watched),
            None => self.perform(),
        }
    }

    /// Lets the shards report from now on, or no longer.
    pub(super) fn let_report(&mut self, watched: bool) {
        if std::mem::replace(&mut self.watched, watched) == watched {
            return;
        }
        if !watched {
            self.allowed = false;
            self.forget_news();
            self.counts.feed().forget_messages();
        }
        for shard in self.shards.iter() {
            shard.signals.watched.store(watched, Ordering::SeqCst);
        }
    }
}
