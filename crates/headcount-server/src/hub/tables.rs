//! What the shards of this server answer together to a question of another node.

use std::time::Duration;

use headcount_core::cluster::{NodeAnswer, Tables};
use headcount_core::questions::{Answer, Missing, OutcomesOfRules, Question, ReachOf, VersionCounts};

use crate::answers::{ask_all, ask_one, tally};
use crate::shard::Shards;

/// Asks these tables, and puts together what they answer. [`NodeAnswer::Unable`] where that is not everything, or there is
/// no such table.
pub(super) async fn answer(
    shards: &Shards,
    tables: Tables,
    question: Question,
    patience: Duration,
) -> NodeAnswer {
    let answered = match tables {
        Tables::Of(shard) => of_one(shards, shard.into(), question, patience).await,
        Tables::All => of_all(shards, question, patience).await,
    };
    answered.map_or(NodeAnswer::Unable, NodeAnswer::Table)
}

async fn of_one(
    shards: &Shards,
    shard: usize,
    question: Question,
    patience: Duration,
) -> Result<Answer, Missing> {
    match question {
        Question::ConnectionsFrom(question) => ask_one(shards, shard, question, patience)
            .await
            .map(Answer::ConnectionsFrom),
        Question::TallyFrom(question) => ask_one(shards, shard, question, patience)
            .await
            .map(Answer::TallyFrom),
        _ => Err(Missing::Ended),
    }
}

async fn of_all(shards: &Shards, question: Question, patience: Duration) -> Result<Answer, Missing> {
    Ok(match question {
        Question::Pulse(pulse) => {
            ask_all(shards, pulse, patience).await.whole()?;
            Answer::Pulse(())
        }
        Question::VersionCounts(VersionCounts) => {
            let answers = ask_all(shards, VersionCounts, patience).await.whole()?;
            Answer::VersionCounts(answers.values().flatten().collect())
        }
        Question::OutcomesOfRules(OutcomesOfRules) => {
            let answers = ask_all(shards, OutcomesOfRules, patience).await.of_running()?;
            Answer::OutcomesOfRules(answers.values().sum())
        }
        Question::ReachOf(question) => {
            let answers = ask_all::<ReachOf>(shards, question, patience)
                .await
                .of_running()?;
            Answer::ReachOf(answers.values().sum())
        }
        Question::TallyFrom(_) => Answer::TallyFrom(tally(shards, patience).await?),
        // The pages of several tables are not one page.
        Question::ConnectionsFrom(_) => return Err(Missing::Ended),
    })
}
