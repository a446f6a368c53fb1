//! The stream, and where to begin to read it.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, Republish, RetentionPolicy, StorageType};
use headcount_core::command_log::{AppendError, Checkpoint, Entry, Source};
use headcount_core::protocol::log::{Decoded, LogError};
use tokio::time::{Instant, sleep, timeout};

use super::ledger::{ANSWER, Created, Found, Kept, Ledger, NotRead};
use super::others::Others;

/// Messages that the stream keeps at most. The broker refuses more. Those that servers append come to about a tenth: two checkpoints and what
/// followed them.
pub const MESSAGES_MAX: u64 = 16_384;
/// How long until the broker is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The broker keeps no streams.
    #[error(
        "JetStream is off at the broker: start nats-server with `-js`, or write `jetstream {{}}` into its configuration"
    )]
    JetStreamOff,
    /// The stream is another one than a log needs.
    #[error(
        "the stream {stream} exists with another `{setting}` than the log needs: give the cluster another name, or remove the stream \
         if nothing needs it"
    )]
    Settings {
        /// The stream.
        stream: String,
        /// The first setting that differs.
        setting: &'static str,
    },
    /// The broker cannot make the stream.
    #[error(
        "the broker cannot keep the log on {replicas} brokers: ask for fewer replicas, or add brokers to its cluster"
    )]
    Replicas {
        /// How many were asked for.
        replicas: usize,
    },
    /// The broker's cluster has too few brokers now.
    #[error(
        "fewer than {replicas} brokers that can keep the log are there: look at whether all of the broker's cluster run, or ask for fewer \
         replicas"
    )]
    Peers {
        /// How many were asked for.
        replicas: usize,
    },
    /// The broker does not let this server use the stream.
    #[error(
        "the broker refuses to make the stream {stream}: check what this user may do, and what room its account has"
    )]
    Refused {
        /// The stream.
        stream: String,
        /// The cause.
        source: async_nats::jetstream::Error,
    },
    /// The last checkpoint is of a version that this one does not know.
    #[error(
        "the last checkpoint of the log cannot be read: upgrade this server to the version of the others"
    )]
    Unreadable(#[source] Option<LogError>),
    /// The log is that of others.
    #[error(
        "the log {stream} is sealed with another cluster secret: give this server the secret of the others, or give its cluster another name"
    )]
    OtherSecret {
        /// The stream.
        stream: String,
    },
    /// The first checkpoint could not be written.
    #[error("the log could not be begun")]
    NotBegun(#[source] AppendError),
    /// The broker's permissions forbid what a server needs.
    #[error("the broker does not allow {denied}: give its user the permissions that the guide names")]
    Denied {
        /// What it does not allow, in its words, such as `Publish to "headcount.shop.log.entry"`.
        denied: String,
    },
    /// The broker does not answer.
    #[error("the broker does not answer: look at its log, and at whether a majority of its cluster is there")]
    NoAnswer,
    /// The connection to the broker has ended.
    #[error("the connection to the broker has ended")]
    Ended(#[from] async_nats::SubscribeError),
}

/// Where to begin to read.
#[derive(Debug)]
pub(super) struct First {
    pub(super) index: u64,
    pub(super) id: String,
    pub(super) checkpoint: Checkpoint,
    /// Whether a later revision wrote it, so that it may hold more.
    pub(super) is_later: bool,
    /// When the stream was made.
    pub(super) created: Created,
}

/// What a server has as it begins to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<'a> {
    pub(super) stands: &'a Checkpoint,
    pub(super) source: Source,
}

impl Ledger {
    /// Finds the last checkpoint. A missing stream is made, and one without a checkpoint is begun with what is `held`. One that has lost what is held
    /// of it gets that back.
    pub(super) async fn begin(&self, held: Held<'_>, mut until: Instant) -> Result<First, OpenError> {
        let mut last = OpenError::NoAnswer;
        let mut others = Others::default();
        while Instant::now() < until && self.clone().is_up_by(until).await {
            let error = match self.begin_once(&held, &mut others, until).await {
                Ok(Some(first)) => return Ok(first),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            match (error, self.denials.last()) {
                (Some(OpenError::NoAnswer | OpenError::NotBegun(_)), Some(denied)) => {
                    return Err(OpenError::Denied { denied });
                }
                // A broker that has just started has not read its streams yet, and does not know the others of its cluster.
                (
                    Some(error @ (OpenError::JetStreamOff | OpenError::NoAnswer | OpenError::Peers { .. })),
                    _,
                ) => {
                    last = error;
                }
                (Some(error), _) => return Err(error),
                (None, _) => until = others.extend(until),
            }
            sleep(PAUSE).await;
        }
        Err(last)
    }

    async fn begin_once(
        &self,
        held: &Held<'_>,
        others: &mut Others,
        until: Instant,
    ) -> Result<Option<First>, OpenError> {
        match self.try_begin(held, others, until).await? {
            Some(first) => self.give_back(held, first, until).await,
            None => Ok(None),
        }
    }

    /// `None`: another server was faster, so there is something to be read now, or the others are waited for.
    async fn try_begin(
        &self,
        held: &Held<'_>,
        others: &mut Others,
        until: Instant,
    ) -> Result<Option<First>, OpenError> {
        let info = self.stream().await?;
        match self.last_checkpoint().await {
            Found::Message(kept) => match self.first(&kept, &info) {
                Ok(first) => Ok(Some(first)),
                Err(error) => self.readable(kept.index, &info).await?.ok_or(error).map(Some),
            },
            Found::NoAnswer => Err(OpenError::NoAnswer),
            Found::Nothing if others.are_awaited(&info) => Ok(None),
            Found::Nothing => self.begin_without_checkpoint(held, &info, until).await,
        }
    }

    /// The last checkpoint before this one that can be read. Others may write to the subject of checkpoints, and newer versions may write
    /// another kind.
    async fn readable(&self, before: u64, info: &Info) -> Result<Option<First>, OpenError> {
        let (mut last, mut next) = (None, info.state.first_sequence);
        while next < before {
            match self.checkpoint_from(next).await {
                Found::Message(kept) => {
                    next = kept.index + 1;
                    last = self.first(&kept, info).ok().or(last);
                }
                Found::Nothing => break,
                Found::NoAnswer => return Err(OpenError::NoAnswer),
            }
        }
        Ok(last)
    }

    fn first(&self, kept: &Kept, info: &Info) -> Result<First, OpenError> {
        let read = self.read(kept);
        let is_later = matches!(read, Ok(Decoded::Later(_)));
        match read {
            Ok(
                Decoded::Entry(Entry::Checkpoint(checkpoint)) | Decoded::Later(Entry::Checkpoint(checkpoint)),
            ) => Ok(First {
                index: kept.index,
                id: kept.id.clone(),
                checkpoint: *checkpoint,
                is_later,
                created: Created(info.created),
            }),
            Ok(Decoded::Entry(_) | Decoded::Later(_) | Decoded::Unknown { .. }) => {
                Err(OpenError::Unreadable(None))
            }
            Err(NotRead::Invalid(error)) => Err(OpenError::Unreadable(Some(error))),
            Err(NotRead::Sealed) => Err(OpenError::OtherSecret {
                stream: self.subjects.stream(),
            }),
        }
    }

    /// The stream as it is. A missing one is made.
    async fn stream(&self) -> Result<Info, OpenError> {
        let name = self.subjects.stream();
        let error = match timeout(ANSWER, self.context.get_stream(&name)).await {
            Err(_) => return Err(OpenError::NoAnswer),
            Ok(Ok(stream)) => return self.check(stream.cached_info()),
            Ok(Err(error)) => error,
        };
        match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                self.make().await
            }
            GetStreamErrorKind::JetStream(error) => Err(self.refused(error)),
            GetStreamErrorKind::Request if is_without_responders(&error) => Err(OpenError::JetStreamOff),
            GetStreamErrorKind::Request
            | GetStreamErrorKind::EmptyName
            | GetStreamErrorKind::InvalidStreamName => Err(OpenError::NoAnswer),
        }
    }

    async fn make(&self) -> Result<Info, OpenError> {
        let making = self.context.create_stream(self.config());
        match timeout(2 * ANSWER, making).await {
            Ok(Ok(stream)) => self.check(stream.cached_info()),
            Ok(Err(error)) => match error.kind() {
                CreateStreamErrorKind::JetStream(error) => Err(self.refused(error)),
                CreateStreamErrorKind::JetStreamUnavailable => Err(OpenError::JetStreamOff),
                _ => Err(OpenError::NoAnswer),
            },
            Err(_) => Err(OpenError::NoAnswer),
        }
    }

    fn refused(&self, source: async_nats::jetstream::Error) -> OpenError {
        match source.error_code() {
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                OpenError::JetStreamOff
            }
            ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED => OpenError::Replicas {
                replicas: self.replicas,
            },
            ErrorCode::CLUSTER_NO_PEERS => OpenError::Peers {
                replicas: self.replicas,
            },
            // Another server has just made it, or the brokers elect who leads.
            ErrorCode::STREAM_NAME_EXIST
            | ErrorCode::CLUSTER_NOT_AVAILABLE
            | ErrorCode::CLUSTER_NOT_LEADER
            | ErrorCode::CLUSTER_NOT_ACTIVE => OpenError::NoAnswer,
            _ => OpenError::Refused {
                stream: self.subjects.stream(),
                source,
            },
        }
    }

    fn config(&self) -> Config {
        Config {
            name: self.subjects.stream(),
            description: Some("headcount: the log of commands".to_owned()),
            subjects: vec![self.subjects.log()],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            num_replicas: self.replicas,
            // What is forgotten is for servers to say: after a checkpoint.
            discard: DiscardPolicy::New,
            max_messages: i64::try_from(MESSAGES_MAX).unwrap_or(i64::MAX),
            republish: Some(Republish {
                source: self.subjects.log(),
                destination: self.subjects.stored(),
                headers_only: true,
            }),
            ..Config::default()
        }
    }

    /// Whether the stream that is there is a log.
    fn check(&self, info: &Info) -> Result<Info, OpenError> {
        let (has, wants) = (&info.config, self.config());
        let settings = [
            ("subjects", has.subjects == wants.subjects),
            ("retention", has.retention == wants.retention),
            ("storage", has.storage == wants.storage),
            ("discard", has.discard == wants.discard),
            ("max_msgs", has.max_messages == wants.max_messages),
            ("max_msgs_per_subject", has.max_messages_per_subject <= 0),
            ("max_age", has.max_age.is_zero()),
            ("republish", has.republish == wants.republish),
            ("no_ack", !has.no_ack),
            ("sealed", !has.sealed),
            ("deny_purge", !has.deny_purge),
            ("mirror or sources", has.mirror.is_none() && has.sources.is_none()),
        ];
        if let Some((setting, _)) = settings.into_iter().find(|(_, is_right)| !is_right) {
            return Err(OpenError::Settings {
                stream: wants.name,
                setting,
            });
        }
        if has.num_replicas != wants.num_replicas {
            tracing::warn!(
                has = has.num_replicas,
                wants = wants.num_replicas,
                "the stream of the log keeps its number of replicas: change it with `nats stream edit`"
            );
        }
        Ok(info.clone())
    }
}

/// Whether nobody listens where JetStream would.
fn is_without_responders(error: &(dyn std::error::Error + 'static)) -> bool {
    use async_nats::jetstream::context::{RequestError, RequestErrorKind};

    let mut source = error.source();
    while let Some(cause) = source {
        let is_it = |error: &RequestError| matches!(error.kind(), RequestErrorKind::NoResponders);
        if cause.downcast_ref::<RequestError>().is_some_and(is_it) {
            return true;
        }
        source = cause.source();
    }
    false
}
