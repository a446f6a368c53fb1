//! What a release reads of the repository.

use std::fs;
use std::path::Path;

use crate::report::Failure;
use crate::run;

pub(super) fn git(root: &Path, arguments: &[&str]) -> Result<String, Failure> {
    run::output(run::command("git", arguments).current_dir(root))
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure::new(
            format!("cannot read {}: {error}", path.display()),
            "clone the repository again",
        )
    })
}
