//! The highest number that a store has given, in a file beside it.
//!
//! A store that was restored from a backup would give out numbers again that open tabs have seen. This mark shows it: a
//! store that is behind its mark, or whose mark is missing or has another epoch, takes a new epoch. Leave the mark out
//! of backups.
//!
//! No tab gets a number before the mark has it: a command whose number cannot be marked is refused, as one that cannot
//! be stored. The file is written in place, so it needs no room on a full disk; if a crash garbles it, it counts as
//! missing.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use headcount_core::epoch::Epoch;
use rustix::fs::OFlags;

use super::error::StoreError;
use super::private;

/// Longer files are not ours, bytes.
const BYTES_MAX: u64 = 64;

/// Where the mark of one store lies.
#[derive(Clone, Debug)]
pub(super) struct HighWater(PathBuf);

/// Why the numbers of a store cannot be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It has given higher ones.
    Older,
    /// Nothing says which ones it has given.
    Unmarked,
    /// The mark is that of another epoch.
    OtherEpoch,
}

impl HighWater {
    /// The mark of the store at this path.
    pub(super) fn of(store: &Path) -> Self {
        let mut name = store.as_os_str().to_owned();
        name.push(".head");
        Self(name.into())
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether a store of this epoch, whose newest number is `head`, may lack numbers that it gave out, and why.
    pub(super) fn doubt(&self, epoch: Epoch, head: u32) -> Option<Doubt> {
        // An invalid mark counts as missing.
        match self.read().ok().as_deref().and_then(parse) {
            None if head == 0 => None,
            None => Some(Doubt::Unmarked),
            Some((of, _)) if of != epoch => Some(Doubt::OtherEpoch),
            Some((_, given)) => (given > head).then_some(Doubt::Older),
        }
    }

    /// Marks how far this store has come.
    pub(super) fn mark(&self, epoch: Epoch, head: u32) -> Result<(), StoreError> {
        self.write(&format!("{epoch} {head:010}\n"))
            .map_err(|error| StoreError::io(&self.0, error))
    }

    fn read(&self) -> io::Result<String> {
        let mut text = String::new();
        let file = unhung().read(true).open(&self.0)?;
        file.take(BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let file = unhung()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(private::FILE)
            .open(&self.0)?;
        file.write_all_at(text.as_bytes(), 0)?;
        let length = text.len() as u64;
        if file.metadata()?.len() != length {
            file.set_len(length)?;
        }
        file.sync_data()
    }
}

/// Opening a pipe would wait for its other end.
fn unhung() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    options
}

fn parse(text: &str) -> Option<(Epoch, u32)> {
    let (epoch, head) = text.trim_end().split_once(' ')?;
    Some((Epoch::parse(epoch)?, head.parse().ok()?))
}
