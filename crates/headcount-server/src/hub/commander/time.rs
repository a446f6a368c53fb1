//! Rules end when they should, whatever the clock does.

use headcount_core::command_log::{CommandLog, Entry};
use headcount_core::invalidation::Rule;

use super::Commander;
use crate::clock;

/// A change of the clock that is a correction. Smaller ones are its steps.
const CORRECTION_MS: u64 = 1_000;

impl<Log: CommandLog> Commander<Log> {
    /// Follows the clock. Durations stay the same when the time of day is corrected.
    pub(super) async fn keep_time(&mut self) {
        clock::look();
        let offset_ms = clock::offset_ms();
        let delta_ms = offset_ms - std::mem::replace(&mut self.offset_ms, offset_ms);
        if delta_ms.unsigned_abs() > CORRECTION_MS {
            tracing::warn!(
                milliseconds = delta_ms,
                "the clock was set; the new time is used from now on"
            );
            self.tickets.shift(delta_ms);
            self.correct(delta_ms).await;
        }
        self.wake_lapsed().await;
    }

    /// Lets rules that were given to this process end as long from now as before. In a cluster none moves: see `membership`.
    async fn correct(&mut self, delta_ms: i64) {
        if self.membership.is_some() {
            return;
        }
        let after = self.before;
        if self.standing.rules().any(|(_, rule)| rule.id > after) {
            self.note(Entry::MoveTimes { after, delta_ms }).await;
        }
    }

    /// Rules that seemed to have lapsed at the start stand again where the clock turns out to have been wrong, and are forgotten when it
    /// is sure.
    async fn wake_lapsed(&mut self) {
        if self.lapsed.is_empty() {
            return;
        }
        let now_ms = clock::unix_ms();
        let is_over = |rule: &mut Rule| rule.expires_ms > now_ms;
        let awake: Vec<Rule> = self.lapsed.extract_if(.., is_over).collect();
        for rule in awake {
            if self.standing.rules().any(|(_, newer)| rule.is_replaced_by(newer)) {
                self.note(Entry::End { ids: vec![rule.id] }).await;
                continue;
            }
            tracing::info!(
                id = rule.id,
                "a rule stands again, because the clock was wrong when it ended"
            );
            let rules_max = self.site.config.limits.rules_max;
            let checkpoint = Box::new(self.standing.with_again(rule, rules_max));
            self.note(Entry::Checkpoint(checkpoint)).await;
        }
        if clock::is_settled() && !self.lapsed.is_empty() {
            let lapsed: Vec<u32> = self.lapsed.drain(..).map(|rule| rule.id).collect();
            tracing::info!(?lapsed, "rules lapsed");
            self.note(Entry::End { ids: lapsed }).await;
        }
    }

    pub(super) async fn expire(&mut self) {
        let ids = self.standing.lapsed(clock::unix_ms());
        if !ids.is_empty() {
            tracing::info!(lapsed = ?ids, "rules lapsed");
            self.note(Entry::End { ids }).await;
        }
    }
}
