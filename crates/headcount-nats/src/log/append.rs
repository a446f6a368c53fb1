//! One entry, from the first attempt until it is known what became of it, or until the time is up.
//!
//! An entry can have one index alone: the one after the entry that it was decided after. The broker stores it there or nowhere, and at most
//! once, because every attempt has the same id and the same expectation. So an attempt without an answer is settled by a look at that index:
//! if our entry is there, it is stored; if another one is, ours can never be. Only while nothing is there, an attempt that is still under way
//! can be stored, and then the next attempt finds it or is it.
//!
//! Nothing is sent while the broker is not reached, because the client of NATS would keep it and send it whenever it is back.

use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;
use headcount_core::command_log::{AppendError, Checkpoint, Entry};
use headcount_core::protocol::log::{LogError, encode};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::ledger::{ANSWER, Found, Ledger};

/// How long until a broker that cannot just now is asked again.
const PAUSE: Duration = Duration::from_millis(50);
/// Random bytes of an id.
const ID_BYTES: usize = 16;

pub(super) const SILENT: &str = "the broker does not answer";
/// It keeps too many messages, or too many bytes.
pub(super) const NO_ROOM: &str = "the broker has no room for it";
const NOT_NOW: &str = "the broker cannot store anything just now";
/// The broker has less than what was read from it.
pub(super) const TOO_SHORT: &str = "the broker has lost the end of the log of commands";
const TOO_LONG: &str = "it is longer than the broker takes";
const REFUSED: &str = "the broker refuses it";

/// An entry to append.
#[derive(Debug)]
pub(super) struct Draft {
    subject: String,
    payload: Bytes,
    /// Its own, so that no two attempts to append it are both stored.
    pub(super) id: String,
    /// The sequence that must be the last one.
    after: u64,
}

impl Draft {
    fn new(subject: String, payload: Bytes, after: u64) -> Result<Self, AppendError> {
        let mut random = [0; ID_BYTES];
        getrandom::fill(&mut random).map_err(|source| AppendError::Failed {
            reason: "the system gives no random numbers",
            source: Box::new(source),
        })?;
        Ok(Self {
            subject,
            payload,
            id: format!("{:032x}", u128::from_be_bytes(random)),
            after,
        })
    }

    /// Its index, if it is stored.
    pub(super) fn index(&self) -> u64 {
        self.after + 1
    }
}

/// What became of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is in the log.
    Stored,
    /// Another entry has its index, so it never will be.
    Taken,
}

/// What the broker says to one attempt.
enum Answer {
    Stored,
    /// Another sequence is the last.
    NotLast,
    /// Not stored, and may be in a moment.
    NotNow,
    /// Not stored, for a reason that stays.
    Refused {
        reason: &'static str,
        source: Box<dyn Error + Send + Sync>,
    },
    Silence,
}

impl Ledger {
    /// An entry to append after this sequence, sealed for the one that it gets.
    pub(super) fn draft(&self, subject: String, entry: &[u8], after: u64) -> Result<Draft, AppendError> {
        let sealed = self.seal.seal(&(after + 1).to_be_bytes(), &[entry]);
        let payload = sealed.map_err(|source| AppendError::Failed {
            reason: "the command cannot be sealed",
            source: Box::new(source),
        })?;
        Draft::new(subject, payload.into(), after)
    }

    /// A checkpoint to append after this sequence.
    pub(super) fn draft_checkpoint(&self, checkpoint: &Checkpoint, after: u64) -> Result<Draft, AppendError> {
        let entry = Entry::Checkpoint(Box::new(checkpoint.clone()));
        let written = encode(&entry).map_err(unwritable)?;
        self.draft(self.subjects.checkpoint(), &written, after)
    }

    /// Appends the draft, or finds out that it can never be.
    pub(super) async fn append(&self, draft: &Draft, until: Instant) -> Result<Settled, AppendError> {
        let mut ledger = self.clone();
        // Whether an attempt may be stored yet.
        let mut is_open = false;
        let mut reason = SILENT;
        while Instant::now() < until && ledger.is_up_by(until).await {
            let wait = ANSWER.min(until.saturating_duration_since(Instant::now()));
            match ledger.send(draft, wait).await {
                Answer::Stored => return Ok(Settled::Stored),
                Answer::NotLast => reason = TOO_SHORT,
                Answer::NotNow => {
                    reason = NOT_NOW;
                    pause(until).await;
                    continue;
                }
                Answer::Refused { reason, source } if !is_open => {
                    return Err(AppendError::Failed { reason, source });
                }
                Answer::Refused { reason: why, .. } => reason = why,
                Answer::Silence => {
                    is_open = true;
                    reason = SILENT;
                }
            }
            if !ledger.is_up_by(until).await {
                break;
            }
            let looking = timeout_at(until, ledger.at(draft.index()));
            match looking.await.unwrap_or(Found::NoAnswer) {
                Found::Message(there) if there.id == draft.id && there.payload == draft.payload => {
                    return Ok(Settled::Stored);
                }
                Found::Message(_) => return Ok(Settled::Taken),
                Found::Nothing | Found::NoAnswer => pause(until).await,
            }
        }
        Err(if is_open {
            AppendError::Unknown(reason)
        } else {
            AppendError::Late(reason)
        })
    }

    /// One attempt.
    async fn send(&self, draft: &Draft, wait: Duration) -> Answer {
        let message = PublishMessage::build()
            .payload(draft.payload.clone())
            .message_id(&draft.id)
            .expected_stream(self.subjects.stream())
            .expected_last_sequence(draft.after);
        let sending = async {
            self.context
                .send_publish(draft.subject.clone(), message)
                .await?
                .await
        };
        let error = match timeout(wait, sending).await {
            Ok(Ok(_)) => return Answer::Stored,
            Ok(Err(error)) => error,
            Err(_) => return Answer::Silence,
        };
        match error.kind() {
            PublishErrorKind::WrongLastSequence => Answer::NotLast,
            // No broker that is reached keeps the stream: it starts, or elects who leads.
            PublishErrorKind::StreamNotFound => Answer::NotNow,
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => Answer::Silence,
            PublishErrorKind::MaxPayloadExceeded => Answer::Refused {
                reason: TOO_LONG,
                source: Box::new(error),
            },
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::MaxAckPending
            | PublishErrorKind::Other => said(error),
        }
    }
}

/// What an error of JetStream means.
fn said(error: jetstream::context::PublishError) -> Answer {
    let code = error
        .source()
        .and_then(|source| source.downcast_ref::<jetstream::Error>())
        .map(jetstream::Error::error_code);
    let reason = match code {
        Some(
            ErrorCode::CLUSTER_NOT_AVAILABLE
            | ErrorCode::CLUSTER_NOT_LEADER
            | ErrorCode::CLUSTER_NOT_ACTIVE
            | ErrorCode::CLUSTER_SERVER_NOT_MEMBER,
        ) => return Answer::NotNow,
        Some(
            ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED
            | ErrorCode::STREAM_STORE_FAILED,
        ) => NO_ROOM,
        _ => REFUSED,
    };
    Answer::Refused {
        reason,
        source: Box::new(error),
    }
}

/// The entry cannot be encoded.
pub(super) fn unwritable(error: LogError) -> AppendError {
    AppendError::Failed {
        reason: "the command cannot be written down",
        source: Box::new(error),
    }
}

async fn pause(until: Instant) {
    sleep_until(until.min(Instant::now() + PAUSE)).await;
}
