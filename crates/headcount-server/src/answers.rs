//! What is read of a running server without passing the commander: the standing rules and releases, from memory, and what the
//! shards know. A disk that hangs or a command under way delays none of it, and no answer is waited for without a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use headcount_core::invalidation::{Mode, Rule, spread_of};
use headcount_core::limits::Limits;
use headcount_core::protocol::admin::{
    InvalidationAnswer, InvalidationsAnswer, ReleaseEntry, ReleasesAnswer, RuleEntry,
};
use headcount_core::protocol::convert::Invalidation;
use headcount_core::registry::{Outcomes, Reach};
use tokio::sync::oneshot;

use crate::error::CommandError;
use crate::headcount::Headcount;
use crate::hub::commander;
use crate::shard::{Command, Question, Shards};

impl Headcount {
    /// The release log.
    pub fn releases(&self) -> ReleasesAnswer {
        let standing = self.site().standing();
        ReleasesAnswer {
            current: standing.releases.current().to_string(),
            releases: standing.releases.entries().map(ReleaseEntry::from).collect(),
        }
    }

    /// The standing rules, and what became of them.
    pub async fn rules(&self) -> Result<InvalidationsAnswer, CommandError> {
        let outcomes = self.outcomes().await?;
        let standing = self.site().standing();
        let mut invalidations: Vec<_> = standing
            .rules()
            .map(|(_, rule)| RuleEntry {
                outcomes: Some(outcomes.get(&rule.id).copied().unwrap_or_default().into()),
                ..RuleEntry::from(rule.as_ref())
            })
            .collect();
        invalidations.sort_by_key(|rule| rule.id);
        Ok(InvalidationsAnswer { invalidations })
    }

    /// What [`Headcount::invalidate`] would hit now. Touches nothing.
    pub async fn dry_run(&self, invalidation: Invalidation) -> Result<InvalidationAnswer, CommandError> {
        self.check_rule(&invalidation)?;
        let asked_ms = invalidation.spread_ms;
        let rule = commander::rule(self.site(), &self.site().standing(), invalidation)?;
        let limits = &self.site().config.limits;
        let rule = Arc::new(rule);
        let hits = reach(self.shards(), Arc::clone(&rule), limits).await?;
        Ok(InvalidationAnswer {
            dry_run: true,
            spread_ms: asked_ms.unwrap_or_else(|| spread(&rule, hits.tabs, limits.spread_ms)),
            ..hits.into()
        })
    }

    /// Whether everything runs that the server cannot do without; else what does not.
    pub(crate) async fn check_vitals(&self) -> Result<(), String> {
        let ended = || {
            self.site()
                .vitals
                .ended()
                .map_or(Ok(()), |part| Err(part.to_string()))
        };
        ended()?;
        if !self.is_ready() {
            // Shards end one after the other then.
            return Ok(());
        }
        let mut answers = Vec::new();
        for shard in self.shards().iter() {
            let (reply, answer) = oneshot::channel();
            // A full mailbox drops the question, which is an answer as well.
            let _full = shard.offer(Command::Ask(Question::Pulse(reply)));
            answers.push(answer);
        }
        for (number, answer) in answers.into_iter().enumerate() {
            if within(answer, self.patience()).await.is_err() && self.is_ready() {
                ended()?;
                return Err(format!("shard {number} does not answer"));
            }
        }
        Ok(())
    }

    /// How long a shard may take to answer.
    pub(crate) fn patience(&self) -> Duration {
        patience(self.site().config.limits.answer_ms)
    }

    /// What became of the standing rules, by their numbers.
    async fn outcomes(&self) -> Result<BTreeMap<u32, Outcomes>, CommandError> {
        let mut answers = Vec::new();
        for shard in self.shards().iter() {
            let (reply, answer) = oneshot::channel();
            shard.force(Command::Ask(Question::Outcomes(reply)));
            answers.push(answer);
        }
        let mut sum: BTreeMap<u32, Outcomes> = BTreeMap::new();
        for answer in answers {
            for (id, outcomes) in or_ended(answer, self.patience()).await? {
                sum.entry(id).or_default().add(outcomes);
            }
        }
        Ok(sum)
    }
}

pub(crate) fn patience(answer_ms: u32) -> Duration {
    Duration::from_millis(answer_ms.into())
}

/// Waits for an answer. [`CommandError::Stopped`] where there will be none, [`CommandError::Overloaded`] where it is late.
pub(crate) async fn within<T>(answer: oneshot::Receiver<T>, patience: Duration) -> Result<T, CommandError> {
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => answer.map_err(|_| CommandError::Stopped),
        Err(_) => Err(CommandError::Overloaded),
    }
}

/// How far a rule reaches, over all shards.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hits {
    pub(crate) tabs: u64,
    pub(crate) routes: u64,
    /// Tabs of which it cannot be known.
    pub(crate) unknown: u64,
}

impl From<Hits> for InvalidationAnswer {
    fn from(hits: Hits) -> Self {
        Self {
            id: None,
            tabs: hits.tabs,
            routes: hits.routes,
            unknown: hits.unknown,
            spread_ms: 0,
            dry_run: false,
            lapsed: Vec::new(),
        }
    }
}

/// How far a rule would reach now.
pub(crate) async fn reach(shards: &Shards, rule: Arc<Rule>, limits: &Limits) -> Result<Hits, CommandError> {
    let mut answers = Vec::new();
    for shard in shards.iter() {
        let (reply, answer) = oneshot::channel();
        shard.force(Command::Ask(Question::Reach {
            rule: Arc::clone(&rule),
            reply,
        }));
        answers.push(answer);
    }
    sum(answers, patience(limits.answer_ms)).await
}

/// Over how long a rule tells so many tabs unless it is said: not longer than half the time for which it stands. An offer makes no tab
/// act, so it goes to all at once.
pub(crate) fn spread(rule: &Rule, tabs: u64, most_ms: u32) -> u32 {
    match rule.mode {
        Mode::Prompt => 0,
        Mode::Force => {
            let half_ms = rule.expires_ms.saturating_sub(rule.created_ms) / 2;
            spread_of(tabs, most_ms.min(u32::try_from(half_ms).unwrap_or(u32::MAX)))
        }
    }
}

/// How far a rule reaches, over all shards.
pub(crate) async fn sum(
    answers: Vec<oneshot::Receiver<Reach>>,
    patience: Duration,
) -> Result<Hits, CommandError> {
    let mut hits = Hits::default();
    let mut routes = BTreeSet::new();
    for answer in answers {
        let reach = or_ended(answer, patience).await?;
        hits.tabs += reach.tabs;
        hits.unknown += reach.unknown;
        routes.extend(reach.routes);
    }
    hits.routes = routes.len() as u64;
    Ok(hits)
}

/// As [`within`], but a shard that has ended reaches nobody and knows nothing.
async fn or_ended<T: Default>(answer: oneshot::Receiver<T>, patience: Duration) -> Result<T, CommandError> {
    match within(answer, patience).await {
        Err(CommandError::Stopped) => Ok(T::default()),
        answer => answer,
    }
}
