//! Why the store cannot be opened, read or written: one true sentence for each cause.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use redb::{DatabaseError, StorageError};

/// Why the store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory cannot be made.
    #[error("the data directory `{}` cannot be made", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has the file open.
    #[error("the store `{}` is in use: another headcount runs with this data directory", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file has no content.
    #[error(
        "the store `{}` is empty: what it held is lost. Restore it from a backup, or delete the file to begin without \
         releases and rules",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("`{}` is not a headcount store: move that file away, or use another data directory", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is cut off, or its content was changed by something else.
    #[error(
        "the store `{}` is damaged or cut off ({reason}): restore it from a backup, or delete the file to begin without \
         releases and rules",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A later version of headcount wrote it.
    #[error(
        "the store `{}` has format {format}, which this version of headcount does not know: run the version that wrote it, \
         or a newer one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: String,
    },
    /// The system refuses access.
    #[error("no permission to read and write the store `{}`", path.display())]
    Permission {
        /// The file.
        path: PathBuf,
    },
    /// The file system cannot be written.
    #[error("the store `{}` is on a file system that is read-only", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The disk is full, or the quota is used up.
    #[error("no space is left on the disk for the store `{}`", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// The system fails in another way.
    #[error("the store `{}` cannot be opened", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database refused.
    #[error("the store cannot be read or written")]
    Database(#[source] Box<redb::Error>),
    /// A value is not what was written.
    #[error("the store holds a value that cannot be read")]
    Value(#[from] serde_json::Error),
    /// The disk did not answer in time. The write is cancelled.
    #[error("the disk does not answer")]
    Hanging,
    /// The system refuses what a store needs.
    #[error("the system refuses a thread or random numbers for the store")]
    System(#[source] io::Error),
    /// The database failed in a way that it should not.
    #[error("the store failed unexpectedly")]
    Unexpected,
    /// The server drains: the store belongs to its successor.
    #[error("the server is draining and has handed over its store")]
    Released,
}

/// redb has an error type for each thing that can fail; to our callers they are one.
macro_rules! from_redb {
    ($($error:ident)*) => {
        $(impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })*
    };
}

from_redb!(TransactionError TableError StorageError CommitError);

impl StoreError {
    /// What the system says about this file.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::PermissionDenied => Self::Permission { path },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full { path },
            ErrorKind::UnexpectedEof => Self::Damaged {
                path,
                reason: "it ends too early".to_owned(),
            },
            _ => Self::Io { path, source },
        }
    }

    /// What the database says about this file.
    pub(super) fn opening(path: &Path, error: DatabaseError) -> Self {
        let owned = path.to_owned();
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                Self::Locked { path: owned }
            }
            DatabaseError::UpgradeRequired(format) => Self::Newer {
                path: owned,
                format: format!("{format} of its database"),
            },
            DatabaseError::Storage(StorageError::Corrupted(reason)) => Self::Damaged { path: owned, reason },
            DatabaseError::Storage(StorageError::Io(source)) => Self::io(path, source),
            other => Self::Database(Box::new(other.into())),
        }
    }

    /// The cause in a few words, without a path: for answers that anyone can read.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Full { .. } => FULL,
            Self::ReadOnly { .. } => READ_ONLY,
            Self::Permission { .. } => "no permission",
            Self::Locked { .. } => "another headcount has it",
            Self::Empty { .. } => "its file is empty",
            Self::Foreign { .. } => "its file is something else",
            Self::Damaged { .. } => "its file is damaged",
            Self::Hanging => "the disk does not answer",
            Self::Released => "it is handed over",
            Self::Database(source) => match &**source {
                redb::Error::Io(source) => match source.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FULL,
                    ErrorKind::ReadOnlyFilesystem => READ_ONLY,
                    _ => FAILS,
                },
                _ => FAILS,
            },
            _ => FAILS,
        }
    }
}

const FULL: &str = "no space is left on the disk";
const READ_ONLY: &str = "the file system is read-only";
const FAILS: &str = "the disk fails";
