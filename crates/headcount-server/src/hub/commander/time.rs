//! Rules end when they should, whatever the clock does.

use headcount_core::invalidation::Rule;
use headcount_core::protocol::admin::RuleEntry;

use super::Commander;
use crate::clock;
use crate::store::Step;

/// A change of the clock that is a correction. Smaller ones are its steps.
const CORRECTION_MS: u64 = 1_000;

impl Commander {
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

    /// Lets rules that were given to this process end as long from now as before.
    async fn correct(&mut self, delta_ms: i64) {
        let mut next = self.standing.clone();
        let corrected = next.shift(self.before, delta_ms);
        if corrected.is_empty() {
            return;
        }
        let rules = corrected
            .iter()
            .map(|rule| RuleEntry::from(rule.as_ref()))
            .collect();
        let head = next.head;
        self.stand(next, None, None).await;
        self.store.note(Step {
            head,
            rules,
            ..Step::default()
        });
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
        if !awake.is_empty() {
            let mut next = self.standing.clone();
            for rule in awake {
                tracing::info!(
                    id = rule.id,
                    "a rule stands again, because the clock was wrong when it ended"
                );
                next.add(rule, self.site.config.limits.rules_max);
            }
            self.stand(next, None, None).await;
        }
        if clock::is_settled() && !self.lapsed.is_empty() {
            let lapsed: Vec<u32> = self.lapsed.drain(..).map(|rule| rule.id).collect();
            tracing::info!(?lapsed, "rules lapsed");
            self.store.note(Step {
                head: self.standing.head,
                forget_rules: lapsed,
                ..Step::default()
            });
        }
    }

    pub(super) async fn expire(&mut self) {
        let mut next = self.standing.clone();
        let lapsed: Vec<u32> = next.expire(clock::unix_ms()).iter().map(|rule| rule.id).collect();
        if lapsed.is_empty() {
            return;
        }
        tracing::info!(?lapsed, "rules lapsed");
        let step = Step {
            head: next.head,
            forget_rules: lapsed,
            ..Step::default()
        };
        self.stand(next, None, None).await;
        // They have lapsed whether or not the disk hears of it; at the next start they lapse again.
        self.store.note(step);
    }
}
