//! What the system and the database say, as an error of the store.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::Path;

use redb::{DatabaseError, StorageError};

use super::StoreError;

/// redb has an error type for each thing that can fail; to our callers they are one.
macro_rules! from_redb {
    ($($error:ident)*) => {
        $(#[doc(hidden)] // So that no reader of the documentation leans on this database.
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                Self::database(error.into())
            }
        })*
    };
}

from_redb!(TransactionError TableError StorageError CommitError);

#[doc(hidden)] // As above.
impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Value(error.into())
    }
}

impl StoreError {
    fn database(error: redb::Error) -> Self {
        Self::Database(error.into())
    }

    /// What the system says about this file.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
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
    pub(crate) fn opening(path: &Path, error: DatabaseError) -> Self {
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
            other => Self::database(other.into()),
        }
    }
}

/// What the system says, where the database names it as the cause.
pub(super) fn io_kind(error: &(dyn Error + Send + Sync + 'static)) -> Option<ErrorKind> {
    match error.downcast_ref() {
        Some(redb::Error::Io(source)) => Some(source.kind()),
        _ => None,
    }
}
