//! Rules in waves: opened on their schedule, stopped by what their tabs do, and turned by hand.
//!
//! How far a rule is open stands in the log. One server opens the next wave: the node with the least id among those that are there and have
//! read the log, or the server itself where it is alone. If that ends, the next one goes on from what the log says. An entry names the share
//! that is open then, and one that says less than what stands has no effect, so it does no harm where two servers open at once.
//!
//! Before each wave, and every few seconds while one waits, the outcomes of all nodes are asked for. A wave waits for a node that does not
//! answer, but not forever.

use std::sync::Arc;

use headcount_core::command_log::{CommandLog, Entry};
use headcount_core::invalidation::waves::{Finding, State, Waves};
use headcount_core::invalidation::{Audience, Mode, Rule, Standing};
use headcount_core::protocol::admin::{ChangeAnswer, RuleEntry, SpreadState};
use headcount_core::questions::OutcomesOfRules;
use headcount_core::registry::RuleOutcomes;

use super::turn::Turn;
use super::{Commander, next_id};
use crate::answers;
use crate::error::CommandError;

/// How often the outcomes of a rule are looked at while it waits for its next wave.
const CHECK_MS: u64 = 5_000;

/// How long a wave waits for the numbers of nodes that do not answer. By then the tabs of a node that was lost have come to others.
const PATIENCE_MS: u64 = 5_000;

/// What was seen of all rules, and whether some nodes did not say.
struct Looked {
    outcomes: RuleOutcomes,
    is_partial: bool,
}

impl<Log: CommandLog> Commander<Log> {
    /// Opens rules in waves further where that is due, and stops them where too many tabs are stuck, hold the refresh or are gone. To be called
    /// about once a second.
    pub(super) async fn look_after_waves(&mut self) {
        let running: Vec<Arc<Rule>> = running(&self.standing).cloned().collect();
        if running.is_empty() || !self.opens_waves().await {
            return;
        }
        let now_ms = self.everywhere.unix_ms();
        let is_due = |rule: &Arc<Rule>| waves_of(rule).is_some_and(|waves| waves.due(now_ms).is_some());
        if !running.iter().any(is_due) && now_ms.saturating_sub(self.looked_ms) < CHECK_MS {
            return;
        }
        let Some(looked) = self.look_at_outcomes(&running).await else {
            return;
        };
        self.looked_ms = now_ms;
        for rule in running {
            self.go_on(&rule, &looked, now_ms).await;
        }
    }

    /// Whether this server is the one that opens waves.
    async fn opens_waves(&mut self) -> bool {
        let Some(nodes) = &self.everywhere.nodes else {
            return true;
        };
        if self.log.is_stopped() {
            return false;
        }
        let Ok(list) = nodes.list().await else {
            return false;
        };
        let able = list.nodes.iter().filter(|node| !node.drains && node.lag == 0);
        let least = able.min_by(|one, other| one.id.cmp(&other.id));
        list.broker_reached && least.is_some_and(|node| node.here)
    }

    /// What became of the rules so far. Nothing is asked where nothing can stop any of these. `None`: not even this server answered.
    async fn look_at_outcomes(&mut self, running: &[Arc<Rule>]) -> Option<Looked> {
        let can_stop = |rule: &Arc<Rule>| waves_of(rule).is_some_and(|waves| waves.stop_if.is_some());
        if !running.iter().any(can_stop) {
            return Some(Looked {
                outcomes: RuleOutcomes::default(),
                is_partial: false,
            });
        }
        match self.everywhere.ask(OutcomesOfRules).await {
            Ok((answers, nodes)) => Some(Looked {
                outcomes: answers.into_iter().sum(),
                is_partial: nodes.is_some_and(|nodes| nodes.is_partial()),
            }),
            Err(error) => {
                tracing::warn!(error = %CommandError::from(error), "no wave is opened, because a shard did not say in time what tabs did");
                None
            }
        }
    }

    /// Stops a rule, or opens it further.
    async fn go_on(&mut self, rule: &Rule, looked: &Looked, now_ms: u64) {
        let Some(waves) = waves_of(rule) else { return };
        if let Some(finding) = waves.judge(looked.outcomes.of(rule.id).seen()) {
            return self.stop(rule.id, finding).await;
        }
        let Some((open, at_ms)) = waves.due(now_ms) else {
            return;
        };
        let waited_ms = now_ms.saturating_sub(waves.next_ms().unwrap_or(now_ms));
        if looked.is_partial && waited_ms < PATIENCE_MS {
            tracing::debug!(rule = rule.id, "a wave waits for nodes that did not answer");
            return;
        }
        let id = rule.id;
        let opened = self
            .append(|standing| {
                let waves = running(standing).find(|rule| rule.id == id);
                let waves = waves.and_then(|rule| waves_of(rule));
                let opens = waves.is_some_and(|waves| waves.open < open);
                Ok(opens.then_some(Entry::Wave {
                    rule: id,
                    open,
                    at_ms,
                }))
            })
            .await;
        match opened {
            Ok(Some(_)) => tracing::info!(id, %open, "a wave was opened"),
            Ok(None) => {}
            Err(error) => tracing::warn!(id, %error, "a wave could not be opened; it is tried again"),
        }
    }

    async fn stop(&mut self, id: u32, finding: Finding) {
        let stopped = self
            .append(|standing| {
                let runs = running(standing).any(|rule| rule.id == id);
                Ok(runs.then_some(Entry::Halt {
                    rule: id,
                    why: Some(finding),
                }))
            })
            .await;
        match stopped {
            Ok(Some(_)) => tracing::warn!(id, why = %finding, "an invalidation has stopped by itself"),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(id, %error, "an invalidation could not be stopped; it is tried again");
            }
        }
    }

    /// Pauses a rule in waves, lets it go on, or ends it. Nothing changes where it is so already.
    pub(super) async fn turn(&mut self, id: u32, turn: Turn) -> Result<ChangeAnswer, CommandError> {
        let at_ms = self.everywhere.unix_ms();
        let before = Arc::clone(standing_rule(&self.standing, id)?);
        self.append(|standing| {
            let rule = standing_rule(standing, id)?;
            turned(rule, turn, at_ms)
        })
        .await?;
        let after = standing_rule(&self.standing, id).map(Arc::clone);
        let mut invalidation = RuleEntry::from(&*after.unwrap_or(before));
        if turn == Turn::Abort
            && let Some(spread) = &mut invalidation.spread
        {
            (spread.state, spread.next_at) = (SpreadState::Aborted, None);
        }
        tracing::info!(id, ?turn, "an invalidation was paused, resumed or aborted");
        Ok(ChangeAnswer {
            invalidation,
            nodes: None,
        })
    }

    /// Lets a rule ask for more, or be for more tabs. It then has another number, and what its tabs were told counts as told unless it asks them
    /// for something else.
    pub(super) async fn change(
        &mut self,
        id: u32,
        asks: (Option<Audience>, Option<Mode>),
    ) -> Result<ChangeAnswer, CommandError> {
        let created_ms = self.everywhere.unix_ms();
        let draft = changed(&self.standing, id, asks, created_ms)?;
        let spread_ms = match &draft {
            Some(rule) if rule.mode == Mode::Force => self.spread_of(rule).await,
            _ => 0,
        };
        let rules_max = self.site.config.limits.rules_max;
        let stood = self
            .append(|standing| {
                let rule = changed(standing, id, asks, created_ms)?;
                Ok(rule.map(|rule| Entry::Rule {
                    rule: Rule { spread_ms, ..rule },
                    rules_max,
                }))
            })
            .await?;
        let now = stood.and_then(|stood| stood.id).unwrap_or(id);
        tracing::info!(id, now, "an invalidation was changed");
        Ok(ChangeAnswer {
            invalidation: RuleEntry::from(&**standing_rule(&self.standing, now)?),
            nodes: None,
        })
    }

    /// Over how long the tabs of a rule are told, or those of its widest wave: the more they are, the longer. The longest time, where they
    /// cannot be counted.
    pub(super) async fn spread_of(&mut self, rule: &Rule) -> u32 {
        let most_ms = self.site.config.limits.spread_ms;
        let tabs = self.count(rule).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a shard did not say in time how many tabs a command reaches, so the command is spread slowly");
            u64::MAX
        });
        answers::spread(rule, tabs, most_ms)
    }
}

fn waves_of(rule: &Rule) -> Option<&Waves> {
    rule.waves.as_deref()
}

/// The rules that go on by themselves.
fn running(standing: &Standing) -> impl Iterator<Item = &Arc<Rule>> {
    let rules = standing.rules().map(|(_, rule)| rule);
    rules.filter(|rule| waves_of(rule).is_some_and(Waves::is_running))
}

fn standing_rule(standing: &Standing, id: u32) -> Result<&Arc<Rule>, CommandError> {
    let position = standing.position(id);
    let rule = position.and_then(|position| standing.rule(position));
    rule.ok_or(CommandError::NoSuchRule { id })
}

/// The entry that turns a rule. `None`: it is so already.
fn turned(rule: &Rule, turn: Turn, at_ms: u64) -> Result<Option<Entry>, CommandError> {
    let id = rule.id;
    let waves = waves_of(rule).ok_or(CommandError::NotInWaves { id })?;
    Ok(match (turn, waves.state) {
        (Turn::Pause, State::Running) if waves.is_complete() => return Err(CommandError::AllOpen { id }),
        (Turn::Pause, State::Running) => Some(Entry::Halt { rule: id, why: None }),
        (Turn::Resume { .. }, State::Paused) => Some(Entry::Resume {
            rule: id,
            at_ms,
            accepted: None,
        }),
        (Turn::Resume { seen }, State::Stopped(_)) => Some(Entry::Resume {
            rule: id,
            at_ms,
            accepted: Some(seen),
        }),
        (Turn::Abort, _) => Some(Entry::End { ids: vec![id] }),
        (Turn::Pause, State::Paused | State::Stopped(_)) | (Turn::Resume { .. }, State::Running) => None,
    })
}

/// What a rule becomes. `None`: it is so already.
fn changed(
    standing: &Standing,
    id: u32,
    (audience, mode): (Option<Audience>, Option<Mode>),
    created_ms: u64,
) -> Result<Option<Rule>, CommandError> {
    let rule = standing_rule(standing, id)?;
    let asks = (audience.unwrap_or(rule.audience), mode.unwrap_or(rule.mode));
    if asks == (rule.audience, rule.mode) {
        return Ok(None);
    }
    let narrows = asks.0 == Audience::Outdated && rule.audience == Audience::All;
    if narrows || asks.1 == Mode::Prompt && rule.mode == Mode::Force {
        return Err(CommandError::Narrower);
    }
    Ok(Some(rule.changed(next_id(standing)?, asks, created_ms)))
}

#[cfg(test)]
mod tests {
    use headcount_core::invalidation::waves::{Measure, Schedule, Seen, Share};
    use headcount_core::limits::Limits;
    use headcount_core::pattern::RoutePattern;

    use super::*;

    fn rule(state: State, open: Share) -> Rule {
        let schedule = Schedule::even(60_000, 60).unwrap();
        Rule {
            id: 7,
            pattern: RoutePattern::exact("/a", &Limits::default()).unwrap(),
            versions: None,
            audience: Audience::Outdated,
            mode: Mode::Prompt,
            release: "v1".into(),
            created_ms: 0,
            expires_ms: u64::MAX,
            spread_ms: 0,
            waves: Some(Box::new(Waves {
                state,
                open,
                ..Waves::new(schedule, None, 0)
            })),
            continues: None,
        }
    }

    #[test]
    fn what_is_so_already_is_not_written_again() {
        let stopped = State::Stopped(Finding {
            measure: Measure::Stuck,
            tabs: 3,
            told: 30,
            most: Share::NONE,
        });
        let seen = Seen {
            told: 30,
            ..Seen::default()
        };
        let entry = |state, turn| turned(&rule(state, Share::NONE), turn, 5).unwrap();
        assert!(matches!(
            entry(State::Running, Turn::Pause),
            Some(Entry::Halt { rule: 7, why: None })
        ));
        for (state, turn) in [
            (State::Paused, Turn::Pause),
            (stopped, Turn::Pause),
            (State::Running, Turn::Resume { seen }),
        ] {
            assert_eq!(entry(state, turn), None, "{state:?} {turn:?}");
        }
        let resumed = |accepted| {
            Some(Entry::Resume {
                rule: 7,
                at_ms: 5,
                accepted,
            })
        };
        assert_eq!(entry(State::Paused, Turn::Resume { seen }), resumed(None));
        assert_eq!(entry(stopped, Turn::Resume { seen }), resumed(Some(seen)));
        assert_eq!(entry(stopped, Turn::Abort), Some(Entry::End { ids: vec![7] }));
        let all = turned(&rule(State::Running, Share::ALL), Turn::Pause, 5);
        assert!(matches!(all, Err(CommandError::AllOpen { id: 7 })));
        let plain = Rule {
            waves: None,
            ..rule(State::Running, Share::NONE)
        };
        assert!(matches!(
            turned(&plain, Turn::Abort, 5),
            Err(CommandError::NotInWaves { id: 7 })
        ));
    }

    #[test]
    fn a_rule_can_become_more_and_not_less() {
        let mut standing = Standing::default();
        let rule = rule(State::Running, Share::NONE);
        standing.apply(&Entry::Rule { rule, rules_max: 9 });
        let to = |audience, mode| changed(&standing, 7, (audience, mode), 9);
        assert!(to(None, None).unwrap().is_none());
        assert!(
            to(Some(Audience::Outdated), Some(Mode::Prompt))
                .unwrap()
                .is_none()
        );
        let wider = to(Some(Audience::All), None).unwrap().unwrap();
        assert!(wider.id == 8 && wider.is_told_by(7));
        let harder = to(Some(Audience::All), Some(Mode::Force)).unwrap().unwrap();
        assert!(harder.id == 8 && !harder.is_told_by(7) && harder.first() == 7);
        standing.apply(&Entry::Rule {
            rule: harder,
            rules_max: 9,
        });
        for (audience, mode) in [(Some(Audience::Outdated), None), (None, Some(Mode::Prompt))] {
            let less = changed(&standing, 8, (audience, mode), 9);
            assert!(matches!(less, Err(CommandError::Narrower)));
        }
        assert!(matches!(
            changed(&standing, 7, (None, None), 9),
            Err(CommandError::NoSuchRule { id: 7 })
        ));
    }
}
