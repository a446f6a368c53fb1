//! The cause in a few words, for answers and for the log.

#[cfg(feature = "store")]
use std::io::ErrorKind;

use super::StoreError;

const FULL: &str = "no space is left on the disk";
const READ_ONLY: &str = "the file system is read-only";
const FAILS: &str = "the disk fails";

impl StoreError {
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
            #[cfg(feature = "store")]
            Self::Database(source) => match super::database::io_kind(&**source) {
                Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => FULL,
                Some(ErrorKind::ReadOnlyFilesystem) => READ_ONLY,
                _ => FAILS,
            },
            _ => FAILS,
        }
    }
}
