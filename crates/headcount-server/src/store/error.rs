//! Why the store cannot be opened, read or written: one true sentence for each cause.

use std::io;
use std::path::PathBuf;

#[cfg(feature = "store")]
mod database;
mod reason;

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
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A value is not what was written.
    #[error("the store holds a value that cannot be read")]
    Value(#[source] Box<dyn std::error::Error + Send + Sync>),
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
