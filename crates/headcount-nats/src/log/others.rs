//! The other servers, as far as one that begins waits for them: while the stream was purged, one that runs knows more than its copy.

use std::time::Duration;

use async_nats::jetstream::stream::Info;
use tokio::time::Instant;

/// How long the checkpoint of another server is waited for: two of its regular looks, and an answer of the broker.
const OTHERS: Duration = Duration::from_secs(5);
/// How long it may then take to begin without them.
const ALONE: Duration = Duration::from_secs(5);

/// The other servers, as far as one that begins waits for them.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Until when. `None`: there was no reason yet.
    until: Option<Instant>,
}

impl Others {
    /// Whether a stream without a checkpoint is left to the others for now. A new one is not.
    pub(super) fn are_awaited(&mut self, info: &Info) -> bool {
        if info.state.last_sequence == 0 {
            return false;
        }
        let until = *self.until.get_or_insert_with(|| {
            tracing::warn!(
                seconds = OTHERS.as_secs(),
                "the stream of the log was purged, and has no checkpoint: this server waits for that of another"
            );
            Instant::now() + OTHERS
        });
        Instant::now() < until
    }

    /// Until when the log may be begun, with the time for them.
    pub(super) fn extend(&self, until: Instant) -> Instant {
        self.until.map_or(until, |others| until.max(others + ALONE))
    }
}
