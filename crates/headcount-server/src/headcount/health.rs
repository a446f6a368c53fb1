//! Whether everything runs.

use std::time::Duration;

use headcount_core::questions::Pulse;
use tokio::sync::oneshot;

use super::Headcount;
use crate::answers::{gather, patience};
use crate::shard::Mail;

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
        let asked = self.shards().iter().enumerate().map(|(number, shard)| {
            let (question, (reply, answer)) = (Pulse.into(), oneshot::channel());
            // A full mailbox drops the question, which is an answer as well.
            let _full = shard.offer(Mail::Ask { question, reply });
            (number, answer)
        });
        for (number, answer) in gather(asked, self.patience()).await {
            if answer.is_err() && self.is_ready() {
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
