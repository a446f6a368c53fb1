//! Questions to the shards, and how long their answers are waited for.
//!
//! All shards are asked at once, and there is one deadline for all of them. What was answered by then comes back with what is missing;
//! what that means is up to the asker. A shard drops a question when no one waits for its answer any more.

mod tally;

use std::time::{Duration, Instant};

use headcount_core::invalidation::waves::Waves;
use headcount_core::invalidation::{Mode, Rule, spread_of};
use headcount_core::protocol::admin::{InvalidationAnswer, SpreadRequest};
use headcount_core::protocol::convert::SpreadError;
use headcount_core::protocol::nodes::NodesAsked;
use headcount_core::questions::{Answers, Ask, Missing};
use headcount_core::registry::Reach;
use tokio::sync::oneshot;

use crate::clock;
use crate::error::CommandError;
use crate::shard::{Mail, Shards};

pub(crate) use tally::tally;

/// How long all shards together may take to answer.
pub(crate) fn patience(answer_ms: u32) -> Duration {
    Duration::from_millis(answer_ms.into())
}

/// Waits for an answer.
pub(crate) async fn within<T>(answer: oneshot::Receiver<T>, patience: Duration) -> Result<T, Missing> {
    until(clock::now() + patience, answer).await
}

/// Waits for an answer. What has come by then counts, also where the deadline has passed.
async fn until<T>(deadline: Instant, answer: oneshot::Receiver<T>) -> Result<T, Missing> {
    match tokio::time::timeout_at(deadline.into(), answer).await {
        Ok(answer) => answer.map_err(|_| Missing::Ended),
        Err(_) => Err(Missing::Late),
    }
}

/// Waits for the answers of several shards until one deadline for all of them, each with the number of its shard.
pub(crate) async fn gather<T>(
    answers: impl IntoIterator<Item = (usize, oneshot::Receiver<T>)>,
    patience: Duration,
) -> Vec<(usize, Result<T, Missing>)> {
    // All questions are put before the first answer is waited for.
    let answers: Vec<_> = answers.into_iter().collect();
    let deadline = clock::now() + patience;
    let mut gathered = Vec::with_capacity(answers.len());
    for (shard, answer) in answers {
        gathered.push((shard, until(deadline, answer).await));
    }
    gathered
}

/// Asks one shard. [`Missing::Ended`] where there is no shard of this number.
pub(crate) async fn ask_one<Q: Ask>(
    shards: &Shards,
    shard: usize,
    question: Q,
    patience: Duration,
) -> Result<Q::Answer, Missing> {
    let answer = within(shards.ask(shard, question), patience).await?;
    Q::pick(answer).ok_or(Missing::Late)
}

/// Asks each of these shards its own question, all at once.
pub(crate) async fn ask_each<Q: Ask>(
    shards: &Shards,
    questions: impl IntoIterator<Item = (usize, Q)>,
    patience: Duration,
) -> Answers<Q::Answer> {
    let asked = questions
        .into_iter()
        .map(|(shard, question)| (shard, shards.ask(shard, question)));
    let gathered = gather(asked, patience).await.into_iter();
    // An answer to another question does not count.
    let picked = |answer| Q::pick(answer).ok_or(Missing::Late);
    gathered
        .map(|(shard, answer)| (shard, answer.and_then(picked)))
        .collect()
}

/// Asks every shard the same question.
pub(crate) async fn ask_all<Q: Ask + Clone>(
    shards: &Shards,
    question: Q,
    patience: Duration,
) -> Answers<Q::Answer> {
    let questions = (0..shards.iter().len()).map(|shard| (shard, question.clone()));
    ask_each(shards, questions, patience).await
}

/// Sends every shard mail that it answers.
pub(crate) async fn tell_all<T>(
    shards: &Shards,
    mail: impl Fn(oneshot::Sender<T>) -> Mail,
    patience: Duration,
) -> Answers<T> {
    let told = shards.iter().enumerate().map(|(number, shard)| {
        let (reply, answer) = oneshot::channel();
        shard.force(mail(reply));
        (number, answer)
    });
    gather(told, patience).await.into_iter().collect()
}

/// How far a rule reaches, over all shards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hits {
    pub(crate) tabs: u64,
    pub(crate) routes: u64,
    /// Tabs of which it cannot be known.
    pub(crate) unknown: u64,
    /// How many nodes these are the numbers of; `None` without a cluster.
    pub(crate) nodes: Option<NodesAsked>,
}

impl Hits {
    /// The sum of what tables found, those of so many nodes.
    pub(crate) fn over(reaches: impl Iterator<Item = Reach>, nodes: Option<NodesAsked>) -> Self {
        let reach: Reach = reaches.sum();
        Self {
            tabs: reach.tabs,
            routes: reach.routes.len() as u64,
            unknown: reach.unknown,
            nodes,
        }
    }
}

impl From<Hits> for InvalidationAnswer {
    fn from(hits: Hits) -> Self {
        let mut answer = Self::default();
        answer.tabs = hits.tabs;
        answer.routes = hits.routes;
        answer.unknown = hits.unknown;
        answer.nodes = hits.nodes;
        answer
    }
}

/// Over how long a rule tells so many tabs unless it is said: not longer than half the time for which it stands. An offer makes no tab
/// act, so it goes to all at once. A rule in waves tells those of its widest wave, well before the next one.
pub(crate) fn spread(rule: &Rule, tabs: u64, most_ms: u32) -> u32 {
    match (rule.mode, &rule.waves) {
        (Mode::Prompt, _) => 0,
        (Mode::Force, None) => {
            let half_ms = rule.expires_ms.saturating_sub(rule.created_ms) / 2;
            spread_of(tabs, most_ms.min(u32::try_from(half_ms).unwrap_or(u32::MAX)))
        }
        (Mode::Force, Some(waves)) => {
            let (widest, interval_ms) = waves.schedule.widest();
            spread_of(widest.of(tabs), most_ms.min(interval_ms - interval_ms / 5))
        }
    }
}

/// How a rule opens to so many tabs, as it begins.
pub(crate) fn waves(rule: &Rule, asked: &SpreadRequest, tabs: u64) -> Result<Waves, CommandError> {
    let schedule = asked.schedule()?.for_tabs(tabs).map_err(SpreadError::from)?;
    let stands_ms = rule.expires_ms.saturating_sub(rule.created_ms);
    if schedule.length_ms() >= stands_ms {
        return Err(CommandError::WavesTooLong {
            length_ms: schedule.length_ms(),
            stands_ms,
        });
    }
    Ok(Waves::new(schedule, asked.stop_if(), rule.created_ms))
}

#[cfg(test)]
mod tests {
    use headcount_core::questions::{Pulse, VersionCounts};

    use super::*;
    use crate::config::Config;
    use crate::headcount::Headcount;
    use crate::shard::busy::Busy;

    #[tokio::test]
    async fn there_is_one_deadline_for_all_and_what_came_by_then_counts() {
        let (held, waiting): (Vec<_>, Vec<_>) = (0..20).map(|_| oneshot::channel::<u32>()).unzip();
        let (ended, never) = oneshot::channel();
        drop(ended);
        let (reply, answer) = oneshot::channel();
        reply.send(5).unwrap();
        let asked = (0..).zip(waiting.into_iter().chain([never, answer]));
        let patience = Duration::from_millis(500);
        let gathered = tokio::time::timeout(patience * 10, gather(asked, patience)).await;
        let answers: Answers<u32> = gathered
            .expect("one deadline, not one for each")
            .into_iter()
            .collect();
        assert_eq!(answers.answered, [(21, 5)]);
        assert_eq!(answers.missing.len(), 21);
        assert_eq!(answers.missing[19..], [(19, Missing::Late), (20, Missing::Ended)]);
        assert!(
            held.iter().all(oneshot::Sender::is_closed),
            "no one waits for the late ones"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_shard_that_is_busy_is_missing_and_the_others_have_answered() {
        let config = Config::default().with(|config| config.shards = 3);
        let headcount = Headcount::builder(config).start().await.unwrap();
        let shards = headcount.shards();
        let busy = Busy::queue(shards.get(1).unwrap());
        busy.begin();
        let answers = ask_all(shards, Pulse, Duration::from_millis(100)).await;
        assert_eq!(answers.missing, [(1, Missing::Late)]);
        assert_eq!(answers.answered, [(0, ()), (2, ())]);
        drop(busy);
        let long = Duration::from_secs(20);
        let answers = ask_all(shards, VersionCounts, long).await;
        assert_eq!(answers.whole().unwrap().values().flatten().count(), 0);
        assert_eq!(ask_one(shards, 2, Pulse, long).await, Ok(()));
        assert_eq!(ask_one(shards, 3, Pulse, long).await, Err(Missing::Ended));
    }
}
