//! `SHA256SUMS`: the checksum of every file that is handed out, in the form that `sha256sum --check` reads.

use std::fs;
use std::path::{Path, PathBuf};

use super::staged::{Staged, unwritten};
use crate::report::{Failure, Passed};
use crate::run;

pub(crate) const NAME: &str = "SHA256SUMS";
/// What is in the folder, and is not handed out.
const STAGE: &str = "stage";

pub(crate) fn make(staged: &Staged) -> Result<Passed, Failure> {
    let files = files(&staged.out)?;
    let names: Vec<&str> = files.iter().filter_map(|path| path.to_str()).collect();
    let mut command = run::command("sha256sum", &[&["--"], names.as_slice()].concat());
    let sums = run::output(command.current_dir(&staged.out))?;
    let path = staged.out.join(NAME);
    fs::write(&path, sums).map_err(|error| unwritten(&path, &error))?;
    Ok(Passed::Noting(format!("{} files", files.len())))
}

/// The files below the folder, as paths from there, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    walk(folder, Path::new(""), &mut found).map_err(|error| {
        Failure::new(
            format!("cannot list {}: {error}", folder.display()),
            "look at its permissions",
        )
    })?;
    found.retain(|path| !path.starts_with(STAGE) && path != Path::new(NAME));
    found.sort();
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}
