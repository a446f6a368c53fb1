//! Whether everything runs.

use std::time::Duration;

use tokio::sync::oneshot;

use super::Headcount;
use crate::answers::{patience, within};
use crate::shard::{Command, Question};

impl Headcount {
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
}
