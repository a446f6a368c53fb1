//! Releases, rules and the history on disk, so that they outlive the process.
//!
//! One small embedded database file. A command is committed (and synced) before anyone is told it was accepted, so what was
//! acknowledged survives `kill -9` and power loss. Values are the admin API's own JSON: a reader of the file needs no other
//! format. Without a directory the store keeps nothing.

mod history;

use std::path::{Path, PathBuf};

use headcount_core::invalidation::Rule;
use headcount_core::limits::Limits;
use headcount_core::protocol::admin::{ReleaseEntry, RuleEntry};
use headcount_core::release::Release;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

const RELEASES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("releases");
const RULES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("rules");
/// Numbers that outlive what they count: a command's number is never given twice, also when its rule was lifted.
const NUMBERS: TableDefinition<'_, &str, u32> = TableDefinition::new("numbers");
const HEAD: &str = "head";

/// Why the store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory cannot be made.
    #[error("the data directory `{}` cannot be made", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be opened.
    #[error("the store `{}` cannot be opened; another headcount may be using it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: redb::DatabaseError,
    },
    /// The database refused.
    #[error("the store cannot be read or written")]
    Database(#[source] Box<redb::Error>),
    /// A value is not what was written.
    #[error("the store holds a value that cannot be read")]
    Value(#[from] serde_json::Error),
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

/// What the store held at start.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// The number of the newest command ever given.
    pub(crate) head: u32,
    /// Releases, oldest first.
    pub(crate) releases: Vec<Release>,
    /// Rules, oldest first. One whose pattern no longer fits the limits is left out, with a warning.
    pub(crate) rules: Vec<Rule>,
}

/// One durable step: everything in it happens, or nothing.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// The number of the newest command.
    pub(crate) head: u32,
    /// A release to add.
    pub(crate) release: Option<ReleaseEntry>,
    /// A release to forget, by number.
    pub(crate) forget_release: Option<u32>,
    /// A rule to add.
    pub(crate) rule: Option<RuleEntry>,
    /// Rules to forget, by number.
    pub(crate) forget_rules: Vec<u32>,
}

/// The store. `None` inside: keeps nothing.
#[derive(Debug)]
pub(crate) struct Store(Option<Database>);

impl Store {
    /// A store that keeps nothing.
    pub(crate) fn in_memory() -> Self {
        Self(None)
    }

    /// Opens or makes the store in this directory.
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory).map_err(|source| StoreError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        let path = directory.join("headcount.redb");
        let database = Database::create(&path).map_err(|source| StoreError::Open { path, source })?;
        let write = database.begin_write()?;
        write.open_table(RELEASES)?;
        write.open_table(RULES)?;
        write.open_table(NUMBERS)?;
        write.open_table(history::SAMPLES)?;
        write.commit()?;
        Ok(Self(Some(database)))
    }

    /// Everything that was kept.
    pub(crate) fn load(&self, limits: &Limits) -> Result<Stored, StoreError> {
        let Some(database) = &self.0 else {
            return Ok(Stored::default());
        };
        let read = database.begin_read()?;
        let mut stored = Stored {
            head: read
                .open_table(NUMBERS)?
                .get(HEAD)?
                .map_or(0, |head| head.value()),
            ..Stored::default()
        };
        for entry in read.open_table(RELEASES)?.iter()? {
            let entry: ReleaseEntry = serde_json::from_slice(entry?.1.value())?;
            stored.releases.push(entry.into());
        }
        for entry in read.open_table(RULES)?.iter()? {
            let entry: RuleEntry = serde_json::from_slice(entry?.1.value())?;
            let id = entry.id;
            match entry.into_rule(limits) {
                Ok(rule) => stored.rules.push(rule),
                Err(error) => {
                    tracing::warn!(id, %error, "a stored rule no longer fits the limits and is left out");
                }
            }
        }
        Ok(stored)
    }

    /// Takes a step; when this returns it is on disk. Blocks for as long as the disk takes.
    pub(crate) fn commit(&self, step: &Step) -> Result<(), StoreError> {
        let Some(database) = &self.0 else { return Ok(()) };
        let write = database.begin_write()?;
        {
            write.open_table(NUMBERS)?.insert(HEAD, step.head)?;
            let mut releases = write.open_table(RELEASES)?;
            if let Some(release) = &step.release {
                releases.insert(release.id, serde_json::to_vec(release)?.as_slice())?;
            }
            if let Some(id) = step.forget_release {
                releases.remove(id)?;
            }
            let mut rules = write.open_table(RULES)?;
            for id in &step.forget_rules {
                rules.remove(*id)?;
            }
            if let Some(rule) = &step.rule {
                rules.insert(rule.id, serde_json::to_vec(rule)?.as_slice())?;
            }
        }
        write.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(id: u32, version: &str) -> Step {
        let release = ReleaseEntry {
            id,
            version: version.to_owned(),
            announced_at: 5,
        };
        Step {
            head: id,
            release: Some(release),
            ..Step::default()
        }
    }

    #[test]
    fn what_was_committed_is_there_again() {
        let directory = tempfile::tempdir().unwrap();
        {
            let store = Store::open(directory.path()).unwrap();
            store.commit(&release(1, "v1")).unwrap();
            store
                .commit(&Step {
                    forget_release: Some(1),
                    ..release(7, "v2")
                })
                .unwrap();
        }
        let stored = Store::open(directory.path())
            .unwrap()
            .load(&Limits::default())
            .unwrap();
        assert_eq!(stored.head, 7);
        assert_eq!(
            stored.releases,
            [Release {
                id: 7,
                version: "v2".into(),
                announced_ms: 5
            }]
        );
    }

    #[test]
    fn a_store_in_use_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let _held = Store::open(directory.path()).unwrap();
        let error = Store::open(directory.path()).unwrap_err();
        assert!(
            error.to_string().contains("another headcount may be using it"),
            "{error}"
        );
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Store::open(&file.path().join("below-a-file")).unwrap_err();
        assert!(matches!(error, StoreError::Directory { .. }) && error.to_string().contains("below-a-file"));
    }
}
