//! The licences of everything in the binary by others, in full: they ask for that where it is handed out. `deploy/licences.mjs` collects them
//! for the packages that the bill of materials names.

use std::fs;

use super::bill;
use super::staged::{Staged, THIRD_PARTY, unwritten};
use crate::report::{Failure, Passed};
use crate::run;

/// Cargo says where the sources of each crate lie.
const COLLECT: &str =
    r#"cargo metadata --format-version 1 --locked --filter-platform "$1" | node deploy/licences.mjs "$0""#;

pub(crate) fn make(staged: &Staged) -> Result<Passed, Failure> {
    let bill = bill::path(staged).display().to_string();
    let text = run::output(&mut run::command(
        "bash",
        &["-o", "pipefail", "-c", COLLECT, &bill, &staged.target],
    ))?;
    let path = staged.folder.join(THIRD_PARTY);
    fs::write(&path, text).map_err(|error| unwritten(&path, &error))?;
    Ok(Passed::Noting(THIRD_PARTY.to_owned()))
}
