//! What a shard is told, and what it does about it.

use std::sync::Arc;

use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::server;
use headcount_core::registry::Reach;
use headcount_core::session::Spent;
use headcount_core::stats::Form;

use super::arrive::Cause;
use super::peer::Subscription;
use super::reactor::Shard;
use super::sweep::Drain;
use super::{Mail, NewStanding, ShardEvent, Subscribing};
use crate::authorize::Credentials;
use crate::mark::Mark;
use crate::metrics::Count;

impl Shard {
    pub(super) fn on_mail(&mut self, mail: Mail) {
        match mail {
            Mail::Listen { listener, share } => self.listen(listener, share),
            Mail::StopListening => self.listener = None,
            Mail::Serve(request) => self.on_socket(request),
            Mail::Open(arrival) => self.on_arrival(*arrival),
            Mail::Received { key, text } => self.with(key, |shard, slot| shard.on_text(slot, &text)),
            Mail::Spent { key } => self.with(key, |shard, slot| {
                shard.spend(slot);
            }),
            Mail::Gone { key } => self.with(key, |shard, slot| shard.close(slot, Cause::Peer)),
            Mail::Navigate { key, route } => {
                self.navigate_by_post(key, &route);
            }
            Mail::Subscribe {
                key,
                form,
                credentials,
                browser,
            } => {
                self.with(key, |shard, slot| {
                    shard.subscribe_by_post(slot, form, credentials, browser);
                });
            }
            Mail::Admitted { key, credentials } => match self.registry.find(key) {
                Some(slot) => {
                    self.keep_admitting(slot, credentials);
                    self.admit(slot, key);
                }
                None => self.say_left(key, Subscription::None),
            },
            Mail::Suspend { key } => self.with(key, Self::suspend),
            Mail::Refused { key } => self.with(key, |shard, slot| {
                shard.unsubscribe(slot);
                shard.send_text(slot, server::STATS_UNAUTHORIZED);
            }),
            Mail::Tick(tick) => self.on_tick(&tick),
            Mail::Snapshot { message, readers } => self.on_snapshot(&message, readers),
            Mail::Send { key, text } => self.with(key, |shard, slot| {
                shard.meters.one(Count::SentCustom);
                shard.send_text(slot, &text);
            }),
            Mail::Standing(new) => self.on_standing(*new),
            Mail::Ask { question, reply } => self.on_question(question, reply),
            Mail::Tap(tap) => self.tap(tap),
            Mail::Replay { tap } => self.replay(tap),
            Mail::EndTurn(turn) => drop(turn),
            Mail::Report { question } => self.answer_report(question),
            Mail::Drain => self.drain = Some(Drain::new(self.now_ms, self.registry.len(), self.limits())),
            Mail::Stop => self.stop(),
        }
    }

    fn with(&mut self, key: ConnectionKey, act: impl FnOnce(&mut Self, u32)) {
        if let Some(slot) = self.registry.find(key) {
            act(self, slot);
        }
    }

    /// Puts a connection on the route that was posted for it. Whether it is here, and the route is one.
    pub(super) fn navigate_by_post(&mut self, key: ConnectionKey, route: &str) -> bool {
        let Some(slot) = self.registry.find(key) else {
            return false;
        };
        match self.spend(slot) {
            Spent::Within => {
                self.forget_deferred(slot);
                self.navigate(slot, route)
            }
            Spent::TooFast => {
                self.defer_navigation(slot, route);
                true
            }
            Spent::Flood => false,
        }
    }

    fn subscribe_by_post(
        &mut self,
        slot: u32,
        form: Form,
        credentials: Option<Arc<Credentials>>,
        browser: Mark,
    ) {
        match self.spend(slot) {
            Spent::Within => {}
            Spent::TooFast => return self.meters.one(Count::ReceivedFlood),
            Spent::Flood => return,
        }
        let Some(peer) = self.registry.peer(slot) else {
            return;
        };
        let shown = credentials
            .as_ref()
            .map_or(Mark::NONE, |shown| self.site.mark(shown));
        let same_browser = !self.site.compares_browsers()
            || browser.is_some() && peer.browser == browser
            || shown.is_some() && peer.shown == shown;
        if same_browser {
            self.ask_authorizers(slot, form, credentials);
        } else {
            self.meters.one(Count::SubscribeForeign);
            if peer.stats == Subscription::None {
                self.send_text(slot, server::STATS_UNAUTHORIZED);
            }
        }
    }

    /// Refuses without asking anybody.
    pub(super) fn refuse(&mut self, slot: u32, count: Count) {
        self.meters.one(count);
        self.unsubscribe(slot);
        self.send_text(slot, server::STATS_UNAUTHORIZED);
    }

    fn admit(&mut self, slot: u32, key: ConnectionKey) {
        let Some(peer) = self.registry.peer_mut(slot) else {
            return;
        };
        match peer.stats {
            // Unsubscribed while the authorizers were being asked.
            Subscription::None => self.say_left(key, Subscription::None),
            Subscription::Asked(form) | Subscription::Admitted(form) => {
                peer.stats = Subscription::Admitted(form);
                self.begin_reading(key, form);
            }
        }
    }

    fn suspend(&mut self, slot: u32) {
        if let Some(peer) = self.registry.peer_mut(slot)
            && let Subscription::Admitted(form) = peer.stats
        {
            peer.stats = Subscription::Asked(form);
            if let Some(outbox) = &mut peer.outbox {
                outbox.stats_missed = false;
            }
            if let Some(key) = self.registry.key(slot) {
                self.end_reading(key);
            }
        }
    }

    pub(super) fn unsubscribe(&mut self, slot: u32) {
        if let Some(peer) = self.registry.peer_mut(slot)
            && peer.stats != Subscription::None
        {
            let before = std::mem::replace(&mut peer.stats, Subscription::None);
            if let Some(outbox) = &mut peer.outbox {
                outbox.stats_missed = false;
            }
            if let Some(key) = self.registry.key(slot) {
                self.end_reading(key);
                self.say_left(key, before);
            }
        }
    }

    /// Tells the hub that a subscriber, or a connection that asked to be one, is gone. If the queue is full, the hub learns
    /// it from the answer to its verdict.
    pub(super) fn say_left(&self, key: ConnectionKey, before: Subscription) {
        let turn = self.turns;
        let _learned_later = match before {
            Subscription::Admitted(_) => self
                .outlets
                .reports
                .try_send(ShardEvent::Left { key, turn })
                .is_ok(),
            Subscription::None | Subscription::Asked(_) => {
                let left = Subscribing::Left { key, turn };
                self.outlets.subscribing.try_send(left).is_ok()
            }
        };
    }

    fn on_standing(&mut self, new: NewStanding) {
        let NewStanding {
            standing,
            broadcast,
            position,
            reply,
        } = new;
        self.spreads.prune(&standing, self.now_ms);
        self.registry.set_standing(standing);
        self.begin_outcomes_anew();
        if let Some(text) = broadcast {
            self.broadcast(&text);
        }
        match position.and_then(|position| self.registry.standing().rule(position).cloned()) {
            Some(rule) => {
                self.spreads
                    .begin(Arc::clone(&rule), position.unwrap_or_default(), self.now_ms);
                self.begin_hits(rule, reply);
            }
            None => {
                let _asker_gone = reply.send(Reach::default());
            }
        }
    }

    pub(super) fn answer_report(&mut self, question: u64) {
        let hub = self.outlets.reports.clone();
        match hub.try_reserve() {
            Ok(permit) => self.report_on(permit, Some(question)),
            // The hub keeps one question under way, so its queue can be full for a moment only.
            Err(_) => {
                self.handle.force(Mail::Report { question });
            }
        }
    }

    fn stop(&mut self) {
        for slot in 0..self.registry.end() {
            self.close(slot, Cause::Drained);
        }
        self.stopping = true;
    }
}
