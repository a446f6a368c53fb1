//! The store is its owner's alone: the directory is made `0700`, the files `0600`, and what is there with wider modes is
//! narrowed.
//!
//! A directory that holds other things too is left as it is, with a warning: others may need to reach those.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// The file of releases and rules.
pub(super) const COMMANDS_FILE: &str = "headcount.redb";
/// The file of the history.
pub(super) const HISTORY_FILE: &str = "history.redb";

/// The mode of the data directory.
const DIRECTORY: u32 = 0o700;
/// The permission bits of other users.
const OTHERS: u32 = 0o077;
/// The mode of the store's files.
pub(super) const FILE: u32 = 0o600;

/// Makes the directory where it is not there, or narrows its mode.
pub(super) fn directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(path)?;
    let mode = mode(&std::fs::metadata(path)?);
    if mode & OTHERS == 0 {
        return Ok(());
    }
    let narrowed = holds_nothing_else(path)
        && std::fs::set_permissions(path, Permissions::from_mode(mode & DIRECTORY)).is_ok();
    if !narrowed {
        tracing::warn!(
            "other users can reach the data directory `{}` (mode {mode:o}): give the store a separate directory, or \
             `chmod 700` this one",
            path.display()
        );
    }
    Ok(())
}

/// Narrows the mode of a file that was made with a wider one.
pub(super) fn file(file: &File, path: &Path) -> io::Result<()> {
    let mode = mode(&file.metadata()?);
    if mode & OTHERS != 0 && file.set_permissions(Permissions::from_mode(mode & FILE)).is_err() {
        tracing::warn!(
            "other users can read the store `{}` (mode {mode:o}): `chmod 600` it",
            path.display()
        );
    }
    Ok(())
}

fn holds_nothing_else(directory: &Path) -> bool {
    let is_ours = |name: &str| {
        [COMMANDS_FILE, HISTORY_FILE]
            .iter()
            .any(|ours| name.starts_with(ours))
    };
    std::fs::read_dir(directory).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_ours)))
    })
}

fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o777
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode_of(path: &Path) -> u32 {
        mode(&std::fs::metadata(path).unwrap())
    }

    fn widen(path: &Path, mode: u32) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_directory_is_its_owners_alone_unless_others_have_things_in_it() {
        let place = tempfile::tempdir().unwrap();
        let ours = place.path().join("a/b");
        directory(&ours).unwrap();
        assert_eq!(mode_of(&ours), DIRECTORY);
        std::fs::write(ours.join("headcount.redb"), "").unwrap();
        widen(&ours, 0o755);
        directory(&ours).unwrap();
        assert_eq!(mode_of(&ours), DIRECTORY);
        std::fs::write(ours.join("letters.txt"), "").unwrap();
        widen(&ours, 0o750);
        directory(&ours).unwrap();
        assert_eq!(mode_of(&ours), 0o750);
    }

    #[test]
    fn a_file_is_narrowed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("headcount.redb");
        let opened = File::create(&path).unwrap();
        widen(&path, 0o664);
        file(&opened, &path).unwrap();
        assert_eq!(mode_of(&path), FILE);
    }
}
