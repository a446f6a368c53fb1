//! One database file: making it, opening it, and telling what is wrong with it.
//!
//! A new file is made whole under another name and then given its own, so a file that is there and empty was emptied by
//! something else. Opening verifies every page, so a damaged file is found at the start and not when it is needed.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::ops::Bound;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{BackendError, Builder, Database, DatabaseError, StorageBackend};

use super::error::StoreError;
use super::private;
use crate::faults::Faults;

/// The first bytes of every redb file.
const MAGIC: [u8; 9] = [b'r', b'e', b'd', b'b', 0x1A, 0x0A, 0xA9, 0x0D, 0x0A];

/// Where a database lies, and how its disk behaves.
#[derive(Clone, Debug)]
pub(super) struct StoreFile {
    pub(super) path: PathBuf,
    pub(super) is_history: bool,
    pub(super) faults: Faults,
}

impl StoreFile {
    /// Opens the file, or makes one that `fill` has filled. Whether it was made.
    pub(super) fn open(
        &self,
        fill: impl FnOnce(&Database) -> Result<(), StoreError>,
    ) -> Result<(Database, bool), StoreError> {
        let is_new = !self.path.try_exists().map_err(|error| self.io(error))?;
        if is_new {
            self.make(fill)?;
        }
        self.check()?;
        Ok((self.database(&self.path)?, is_new))
    }

    /// Gives a file that cannot be read another name, for its owner to look at. Its new name.
    pub(super) fn set_aside(&self) -> Result<PathBuf, StoreError> {
        let aside = self.beside("damaged");
        std::fs::rename(&self.path, &aside).map_err(|error| self.io(error))?;
        Ok(aside)
    }

    fn make(&self, fill: impl FnOnce(&Database) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let draft = self.beside(&format!("{}.new", std::process::id()));
        let made = self.database(&draft).and_then(|database| fill(&database));
        let made = made.and_then(|()| {
            // Not a rename: where two servers start at once, the one that comes late must not replace the other's store.
            match std::fs::hard_link(&draft, &self.path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                // Some file systems have no links.
                Err(_) => std::fs::rename(&draft, &self.path).map_err(|error| self.io(error)),
                Ok(()) => Ok(()),
            }
        });
        let _renamed_already = std::fs::remove_file(&draft);
        made?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| self.io(error))
    }

    fn check(&self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let kind = std::fs::metadata(&self.path).map_err(|error| self.io(error))?;
        if !kind.is_file() && !kind.is_dir() {
            // Opening a pipe would wait for its other end.
            return Err(StoreError::Foreign { path });
        }
        let mut file = File::open(&self.path).map_err(|error| self.io(error))?;
        let length = file.metadata().map_err(|error| self.io(error))?.len();
        let mut head = Vec::new();
        let limit = MAGIC.len() as u64;
        file.by_ref()
            .take(limit)
            .read_to_end(&mut head)
            .map_err(|error| self.io(error))?;
        if head.iter().all(|byte| *byte == 0) {
            return Err(StoreError::Empty { path });
        }
        if head != MAGIC && !(length < limit && MAGIC.starts_with(&head)) {
            return Err(StoreError::Foreign { path });
        }
        // redb's smallest file has more than one page of 4,096 bytes.
        if length < 4_096 {
            let reason = format!("it has only {length} bytes");
            return Err(StoreError::Damaged { path, reason });
        }
        Ok(())
    }

    fn database(&self, path: &Path) -> Result<Database, StoreError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(path != self.path)
            .truncate(path != self.path)
            .mode(private::FILE)
            .open(path)
            .map_err(|error| self.io(error))?;
        private::file(&file, path).map_err(|error| self.io(error))?;
        let disk = Disk {
            file: FileBackend::new(file).map_err(|error| StoreError::opening(path, error))?,
            place: self.clone(),
        };
        // The check finds nearly every damage; what it does not may be a panic of redb.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            Builder::new()
                .set_check_integrity_on_open(true)
                .create_with_backend(disk)
        }));
        match opened {
            Ok(opened) => opened.map_err(|error: DatabaseError| StoreError::opening(path, error)),
            Err(_) => Err(StoreError::Damaged {
                path: path.to_owned(),
                reason: "its pages contradict each other".to_owned(),
            }),
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(ending);
        name.into()
    }

    fn io(&self, error: io::Error) -> StoreError {
        StoreError::io(&self.path, error)
    }
}

/// A file, below the faults that tests order.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    place: StoreFile,
}

type Locked<T> = Result<T, BackendError>;

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.place.faults.write(self.place.is_history)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.place.faults.write(self.place.is_history)?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.place.faults.write(self.place.is_history)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<()> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Locked<bool> {
        self.file.query_lock_range(start, end)
    }
}
