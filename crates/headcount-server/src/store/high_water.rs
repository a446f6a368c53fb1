//! The highest number that a store has given, in a file beside it. So a store that was put back from an older backup is known: it
//! would give numbers again that open tabs have seen. Leave the file out of backups; one that is missing counts as older.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use headcount_core::epoch::Epoch;

use super::private;

/// Where the mark of one store lies.
#[derive(Clone, Debug)]
pub(super) struct HighWater(PathBuf);

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

    /// Whether a store of this epoch, whose newest number is `head`, lacks numbers that it has given.
    pub(super) fn is_beyond(&self, epoch: Epoch, head: u32) -> bool {
        // What is no number counts as missing: whoever wrote it, it proves nothing.
        match fs::read_to_string(&self.0).ok().as_deref().and_then(parse) {
            Some((of, given)) => of == epoch && given > head,
            None => head > 0,
        }
    }

    /// Notes how far this store has come. A mark that cannot be written is one number behind, or missing: the next start may then take
    /// the store for a restored one, which costs its tabs another look at each rule.
    pub(super) fn note(&self, epoch: Epoch, head: u32) {
        if let Err(error) = self.write(epoch, head) {
            tracing::debug!(%error, "the store's highest number cannot be noted beside it");
        }
    }

    fn write(&self, epoch: Epoch, head: u32) -> io::Result<()> {
        let draft = self.0.with_extension("head-new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(private::FILE)
            .open(&draft)?;
        writeln!(file, "{epoch} {head}")?;
        fs::rename(&draft, &self.0)
    }
}

fn parse(text: &str) -> Option<(Epoch, u32)> {
    let (epoch, head) = text.trim_end().split_once(' ')?;
    Some((Epoch::parse(epoch)?, head.parse().ok()?))
}
