//! What is asked of the broker about the stream: each question once, with a bound on the wait.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::Context;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{Info, RawMessageErrorKind};
use bytes::Bytes;
use headcount_core::protocol::log::{Decoded, LogError, decode};
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::broker::{Link, NatsBroker};
use crate::denials::Denials;
use crate::seal::Seal;
use crate::subjects::Subjects;

/// How long one answer of the broker may take.
pub(super) const ANSWER: Duration = Duration::from_secs(1);
/// The header with the id of an entry, by which the broker knows one that it has.
const ID: &str = "Nats-Msg-Id";

/// The broker, as the keeper of one stream.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub(super) context: Context,
    pub(super) subjects: Subjects,
    pub(super) link: watch::Receiver<Link>,
    pub(super) replicas: usize,
    pub(super) denials: Denials,
    pub(super) seal: Seal,
}

/// When the stream was made: another one of the same name has another time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Created(pub(super) async_nats::datetime::DateTime);

/// A message of the stream.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) index: u64,
    /// Empty where it has none.
    pub(super) id: String,
    pub(super) payload: Bytes,
}

/// What the stream has at an index.
#[derive(Debug)]
pub(super) enum Found {
    Message(Kept),
    /// No message, or none any more.
    Nothing,
    /// The broker did not say.
    NoAnswer,
}

/// Why a message of the stream is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotRead {
    /// It was not sealed with this secret for this index.
    #[error(
        "it is not sealed with the secret of this cluster: give all nodes the same, and let nobody else write to the subjects of the cluster"
    )]
    Sealed,
    /// It is sealed, and is no entry.
    #[error("it is no entry")]
    Invalid(#[source] LogError),
}

impl Ledger {
    pub(super) fn new(broker: &NatsBroker, seal: Seal) -> Self {
        let mut context = async_nats::jetstream::new(broker.client.clone());
        context.set_timeout(ANSWER);
        Self {
            context,
            subjects: broker.subjects.clone(),
            link: broker.link.clone(),
            replicas: broker.replicas,
            denials: broker.denials.clone(),
            seal,
        }
    }

    /// What a message of the stream says.
    pub(super) fn read(&self, kept: &Kept) -> Result<Decoded, NotRead> {
        let entry = self.seal.open(&kept.index.to_be_bytes(), &kept.payload);
        decode(&entry.map_err(|_| NotRead::Sealed)?).map_err(NotRead::Invalid)
    }

    /// Waits until the broker is reached. False: it was not by then.
    pub(super) async fn is_up_by(&mut self, until: Instant) -> bool {
        matches!(
            timeout_at(until, self.link.wait_for(|link| link.up)).await,
            Ok(Ok(_))
        )
    }

    /// The state of the stream. `None`: the broker did not say. The error means that there is no such stream.
    pub(super) async fn info(&self) -> Result<Option<Info>, Gone> {
        use async_nats::jetstream::context::GetStreamErrorKind;

        let asked = timeout(ANSWER, self.context.get_stream(self.subjects.stream())).await;
        match asked {
            Ok(Ok(stream)) => Ok(Some(stream.cached_info().clone())),
            Ok(Err(error)) => match error.kind() {
                GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    Err(Gone)
                }
                _ => Ok(None),
            },
            Err(_) => Ok(None),
        }
    }

    /// The message at this index. The broker that leads the stream is asked, so that it is not one that lags.
    pub(super) async fn at(&self, index: u64) -> Found {
        let asking = async {
            let stream = self.context.get_stream_no_info(self.subjects.stream()).await;
            match stream {
                Ok(stream) => found(stream.get_raw_message(index).await),
                Err(_) => Found::NoAnswer,
            }
        };
        timeout(ANSWER, asking).await.unwrap_or(Found::NoAnswer)
    }

    /// The last checkpoint.
    pub(super) async fn last_checkpoint(&self) -> Found {
        let asking = async {
            let stream = self.context.get_stream_no_info(self.subjects.stream()).await;
            match stream {
                Ok(stream) => found(
                    stream
                        .get_last_raw_message_by_subject(&self.subjects.checkpoint())
                        .await,
                ),
                Err(_) => Found::NoAnswer,
            }
        };
        timeout(ANSWER, asking).await.unwrap_or(Found::NoAnswer)
    }

    /// The first checkpoint from this sequence on.
    pub(super) async fn checkpoint_from(&self, index: u64) -> Found {
        let asking = async {
            let stream = self.context.get_stream_no_info(self.subjects.stream()).await;
            match stream {
                Ok(stream) => found(
                    stream
                        .get_first_raw_message_by_subject(self.subjects.checkpoint(), index)
                        .await,
                ),
                Err(_) => Found::NoAnswer,
            }
        };
        timeout(ANSWER, asking).await.unwrap_or(Found::NoAnswer)
    }

    /// Lets the broker forget what came before this sequence. If that fails, the next checkpoint does it.
    pub(super) async fn forget_before(&self, index: u64) {
        if index <= 1 {
            return;
        }
        let asking = async {
            let stream = self
                .context
                .get_stream_no_info(self.subjects.stream())
                .await
                .map_err(async_nats::Error::from)?;
            stream
                .purge()
                .sequence(index)
                .await
                .map_err(async_nats::Error::from)
        };
        match timeout(ANSWER, asking).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(error, "the broker did not forget old entries"),
            Err(_) => tracing::debug!("the broker did not say whether it forgot old entries"),
        }
    }
}

/// There is no stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

fn found(answer: Result<StreamMessage, async_nats::jetstream::stream::RawMessageError>) -> Found {
    match answer {
        Ok(message) => Found::Message(Kept {
            index: message.sequence,
            id: id_of(&message.headers),
            payload: message.payload,
        }),
        Err(error) => match error.kind() {
            RawMessageErrorKind::NoMessageFound => Found::Nothing,
            RawMessageErrorKind::JetStream(error) if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
                Found::Nothing
            }
            _ => Found::NoAnswer,
        },
    }
}

fn id_of(headers: &HeaderMap) -> String {
    headers.get(ID).map(ToString::to_string).unwrap_or_default()
}
