//! What shards answer: no answer is waited for without a bound, and the answers about a rule are summed.

use std::sync::Arc;
use std::time::Duration;

use headcount_core::invalidation::{Mode, Rule, spread_of};
use headcount_core::limits::Limits;
use headcount_core::protocol::admin::InvalidationAnswer;
use headcount_core::registry::Reach;
use tokio::sync::oneshot;

use crate::error::CommandError;
use crate::shard::{Command, Question, Shards};

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

impl From<Reach> for Hits {
    fn from(reach: Reach) -> Self {
        Self {
            tabs: reach.tabs,
            routes: reach.routes.len() as u64,
            unknown: reach.unknown,
        }
    }
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
    let mut reaches = Vec::with_capacity(answers.len());
    for answer in answers {
        reaches.push(or_ended(answer, patience).await?);
    }
    Ok(reaches.into_iter().sum::<Reach>().into())
}

/// As [`within`], but a shard that has ended counts as one without connections.
pub(crate) async fn or_ended<T: Default>(
    answer: oneshot::Receiver<T>,
    patience: Duration,
) -> Result<T, CommandError> {
    match within(answer, patience).await {
        Err(CommandError::Stopped) => Ok(T::default()),
        answer => answer,
    }
}
