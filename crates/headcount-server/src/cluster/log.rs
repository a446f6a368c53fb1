//! The log of commands that the servers of a cluster share, as one of them has it: there, or not yet.

use headcount_core::command_log::{AppendError, CommandLog, Entry, LogIndex};
use headcount_nats::NatsLog;
use tokio::sync::oneshot;

const AWAY: &str = "the broker does not answer";

/// The log. It has one reader, which is its writer too.
#[derive(Debug)]
pub(crate) struct SharedLog(State);

#[derive(Debug)]
enum State {
    /// It comes when the broker answers.
    Awaited(oneshot::Receiver<NatsLog>),
    There(Box<NatsLog>),
}

impl SharedLog {
    pub(super) fn there(log: NatsLog) -> Self {
        Self(State::There(Box::new(log)))
    }

    pub(super) fn awaited(log: oneshot::Receiver<NatsLog>) -> Self {
        Self(State::Awaited(log))
    }

    fn get(&mut self) -> Result<&mut NatsLog, AppendError> {
        if let State::Awaited(awaited) = &mut self.0
            && let Ok(log) = awaited.try_recv()
        {
            *self = Self::there(log);
        }
        match &mut self.0 {
            State::There(log) => Ok(log),
            State::Awaited(_) => Err(AppendError::Late(AWAY)),
        }
    }
}

impl CommandLog for SharedLog {
    async fn append(&mut self, entry: &Entry, after: LogIndex) -> Result<LogIndex, AppendError> {
        self.get()?.append(entry, after).await
    }

    async fn note(&mut self, entry: &Entry, after: LogIndex) -> Result<LogIndex, AppendError> {
        self.get()?.note(entry, after).await
    }

    async fn next(&mut self) -> Option<(LogIndex, Entry)> {
        if let State::Awaited(awaited) = &mut self.0 {
            let log = awaited.await.ok()?;
            *self = Self::there(log);
        }
        match &mut self.0 {
            State::There(log) => log.next().await,
            State::Awaited(_) => None,
        }
    }

    fn ready(&mut self) -> Option<(LogIndex, Entry)> {
        match &mut self.0 {
            State::There(log) => log.ready(),
            State::Awaited(_) => None,
        }
    }

    fn is_stopped(&self) -> bool {
        matches!(&self.0, State::There(log) if log.is_stopped())
    }
}
