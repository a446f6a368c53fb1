//! What can go wrong.

mod refusal;

use headcount_core::command_log::AppendError;
use headcount_core::pattern::PatternError;
use headcount_core::protocol::convert::SpreadError;
use headcount_core::questions::Missing;
use headcount_core::version::VersionError;

use crate::authorize::ForwardAuthError;
use crate::store::StoreError;

pub(crate) use refusal::{FULL_ANSWER, Refusal};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration contradicts itself. All contradictions, one a line.
    #[error("the configuration is not valid:\n  {}", .0.join("\n  "))]
    Config(Vec<String>),
    /// The store cannot be opened or read.
    #[error("the store is not usable")]
    Store(#[from] StoreError),
    /// Forward authorization cannot be set up.
    #[error("forward authorization cannot be set up")]
    ForwardAuth(#[from] ForwardAuthError),
    /// The configured release could not be announced.
    #[error("the release could not be announced")]
    Release(#[source] Box<CommandError>),
    /// The cluster cannot be joined, and will not be before somebody changes something.
    #[cfg(feature = "cluster")]
    #[error("the cluster cannot be joined")]
    Cluster(#[from] crate::cluster::ClusterError),
    /// The system gives no threads, sockets or random numbers.
    #[error("the system refuses a thread, a poll or random numbers")]
    System(#[from] std::io::Error),
}

/// Why a server stopped serving.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// This server was served before.
    #[error("a server can be served only once")]
    AlreadyServed,
    /// The listener cannot be used.
    #[error("the listener cannot be used")]
    Listener(#[source] std::io::Error),
    /// A part of the server that it cannot do without has ended: a shard, say, by a panic. The log says why. Start another one.
    #[error("{part} has ended unexpectedly, so the server cannot go on")]
    PartEnded {
        /// The part.
        part: String,
    },
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command could not be stored: nothing happened.
    #[error("the command could not be stored, so no tab was told: {reason}")]
    NotStored {
        /// Why, in a few words.
        reason: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The command was not stored in time, and was taken back: nothing happened.
    #[error("the command could not be stored, so no tab was told: {reason}")]
    StoreHangs {
        /// Why, in a few words.
        reason: &'static str,
    },
    /// What keeps the commands was sent the command and did not say in time what became of it: it may have happened, or may happen yet.
    #[error("the command was sent, and may be stored: {reason}. Look at the list before you give it again")]
    MayBeStored {
        /// Why, in a few words.
        reason: &'static str,
    },
    /// The version cannot be announced.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// The pattern is not valid.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// No rule with this number stands.
    #[error(
        "no invalidation has the number {id}: it has ended, or never existed. The list of invalidations has those that stand"
    )]
    NoSuchRule {
        /// The number.
        id: u32,
    },
    /// What is asked needs something that is off.
    #[error("`{setting}` is off")]
    Off {
        /// The setting to turn on.
        setting: &'static str,
    },
    /// The spread is longer than an hour, or than the rule stands.
    #[error(
        "the spread is too long: it is at most an hour, and no longer than the rule stands. Use at most {most_ms} milliseconds"
    )]
    Spread {
        /// The longest time for this rule, milliseconds.
        most_ms: u32,
    },
    /// The rule cannot open so.
    #[error("the tabs cannot be told so: {0}")]
    Waves(#[from] SpreadError),
    /// The rule would end before it is open to all tabs.
    #[error(
        "the waves take {length_ms} milliseconds, and the rule stands for {stands_ms}: let it stand longer, or take less time"
    )]
    WavesTooLong {
        /// How long the waves take.
        length_ms: u64,
        /// How long the rule stands.
        stands_ms: u64,
    },
    /// The rule tells all its tabs, so there is nothing to pause.
    #[error("invalidation {id} is not in waves, so it cannot be paused. It can be lifted")]
    NotInWaves {
        /// The number.
        id: u32,
    },
    /// The rule is open to all tabs, so there is nothing to pause.
    #[error("invalidation {id} is open to all tabs already, so it cannot be paused. It can be lifted")]
    AllOpen {
        /// The number.
        id: u32,
    },
    /// A rule cannot take back what it told tabs.
    #[error(
        "an invalidation can change from `prompt` to `force` and from `outdated` to `all`, and not back. Lift it, and give another one"
    )]
    Narrower,
    /// The rule would end as it begins.
    #[error("an invalidation stands for at least 1 second")]
    NoTime,
    /// All four billion numbers were given.
    #[error("no number is left for another command: begin with an empty store")]
    OutOfNumbers,
    /// A part of the server did not answer within `limits.answer_ms`.
    #[error("the server is overloaded: try again shortly")]
    Overloaded,
    /// The server drains, and the store belongs to its successor.
    #[error("this server is stopping and takes no more commands: send the command to its successor")]
    Draining,
    /// The server has stopped.
    #[error("the server has stopped")]
    Stopped,
}

impl From<Missing> for CommandError {
    fn from(why: Missing) -> Self {
        match why {
            Missing::Ended => Self::Stopped,
            Missing::Late => Self::Overloaded,
        }
    }
}

impl From<AppendError> for CommandError {
    fn from(error: AppendError) -> Self {
        match error {
            // Others append faster than this server can read.
            AppendError::Behind => Self::Overloaded,
            AppendError::Closed => Self::Draining,
            AppendError::Late(reason) => Self::StoreHangs { reason },
            AppendError::Unknown(reason) => Self::MayBeStored { reason },
            AppendError::Failed { reason, source } => Self::NotStored { reason, source },
        }
    }
}
