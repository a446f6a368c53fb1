//! `cargo xtask build`, and what every command needs before it builds the binary: the TypeScript packages that go into it.
//!
//! Those are the browser client, and the board with what it is built on. Each is built when something in it is younger than what was
//! built from it, and then every one behind it, because they hold each other's code. Without Node the binary is built all
//! the same; it then says how to get what is missing, and so does the step here.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::report::{Failure, Passed, step};
use crate::{needs, run};

/// The packages that go into the binary, each behind those that it is built on.
const PACKAGES: [&str; 3] = ["client", "vue", "dashboard"];

/// Builds the binary for use, with all that belongs into it.
pub(crate) fn build() -> Result<(), Failure> {
    step("packages for the browser", packages)?;
    step("the binary", || {
        let mut command = run::command("cargo", &["build", "--release", "--package", "headcount"]);
        run::succeed(&mut command, "mend what the compiler names").map(|()| Passed::Whole)
    })
}

/// The packages, built where Node is.
pub(crate) fn packages() -> Result<Passed, Failure> {
    if !needs::has_node() {
        let reason =
            "there is no Node 20 or newer, or no npm, so the browser client and the board were not built";
        return Ok(Passed::WithoutPart(reason.to_owned()));
    }
    needs::npm_ci("")?;
    let there = PACKAGES
        .iter()
        .map(|name| run::root().join("packages").join(name));
    let there: Vec<_> = there
        .filter(|folder| folder.join("package.json").is_file())
        .collect();
    let stale = there.iter().skip_while(|folder| !is_stale(folder));
    let mut built = Vec::new();
    for folder in stale {
        let mut command = run::command("npm", &["run", "build", "--silent"]);
        run::succeed(command.current_dir(folder), "see its message above")?;
        built.extend(folder.file_name().map(|name| name.to_string_lossy().into_owned()));
    }
    if built.is_empty() {
        return Ok(Passed::Noting("already there".to_owned()));
    }
    Ok(Passed::Noting(format!("built {}", built.join(", "))))
}

/// A package that does not go into the binary, built if it is stale.
pub(crate) fn further(name: &str) -> Result<(), Failure> {
    let folder = run::root().join("packages").join(name);
    if !is_stale(&folder) {
        return Ok(());
    }
    let mut command = run::command("npm", &["run", "build", "--silent"]);
    run::succeed(command.current_dir(folder), "see its message above")
}

/// Whether something in the package's folder is younger than what was built from it, or nothing was.
fn is_stale(folder: &Path) -> bool {
    let built = folder.join("dist");
    let Some(oldest) = times(&built).into_iter().min() else {
        return true;
    };
    let sources = fs::read_dir(folder).into_iter().flatten().flatten();
    let sources =
        sources.filter(|entry| !matches!(entry.file_name().to_str(), Some("dist" | "node_modules")));
    sources
        .flat_map(|entry| times(&entry.path()))
        .any(|time| time > oldest)
}

/// When each file below this path, or this file, was written.
fn times(path: &Path) -> Vec<SystemTime> {
    if let Ok(entries) = fs::read_dir(path) {
        return entries.flatten().flat_map(|entry| times(&entry.path())).collect();
    }
    let time = path.metadata().and_then(|file| file.modified());
    time.into_iter().collect()
}
