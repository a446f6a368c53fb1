//! The files of the repository and the packages it builds from, as `cargo tree` tells them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::Failure;
use crate::run;

/// A package in the graph of dependencies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// Its name on crates.io, or in this workspace.
    pub(crate) name: String,
    /// Its licence expression (SPDX), empty if it states none.
    pub(crate) licence: String,
    /// Whether it lies in this repository.
    pub(crate) is_local: bool,
}

/// The packages that `cargo tree` with `selection` lists, each once. Fails if Cargo.lock does not match the manifests.
pub(crate) fn packages(selection: &[&str]) -> Result<Vec<Package>, Failure> {
    let fixed = ["tree", "--locked", "--prefix", "none", "--format", "{p}\t{l}"];
    let text = run::output(&mut run::command("cargo", &[&fixed, selection].concat()))?;
    let mut packages: Vec<Package> = text.lines().filter_map(package).collect();
    packages.sort();
    packages.dedup();
    Ok(packages)
}

/// One line: `name vX.Y.Z (path or proc-macro)<tab>licence (*)`.
fn package(line: &str) -> Option<Package> {
    let (identity, licence) = line.split_once('\t')?;
    Some(Package {
        name: identity.split(' ').next()?.to_owned(),
        licence: licence.trim_end_matches("(*)").trim().to_owned(),
        is_local: identity.contains(" (/"),
    })
}

/// Every file of the repository, as paths from the root, sorted. What is built or installed is left out.
pub(crate) fn files() -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    walk(Path::new(""), &mut found).map_err(|error| {
        Failure::new(
            format!("cannot list the repository: {error}"),
            "look at its permissions",
        )
    })?;
    found.sort();
    Ok(found)
}

/// The text of a file of the repository.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(run::root().join(path)).map_err(|error| {
        Failure::new(
            format!("cannot read {}: {error}", path.display()),
            "it must be UTF-8 text",
        )
    })
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(run::root().join(folder))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = folder.join(&name);
        if !entry.file_type()?.is_dir() {
            found.push(path);
        } else if !matches!(
            name.to_str(),
            Some("target" | "node_modules" | "dist" | ".git" | ".nuxt" | ".output")
        ) {
            walk(&path, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, licence: &str, is_local: bool) -> Package {
        Package {
            name: name.to_owned(),
            licence: licence.to_owned(),
            is_local,
        }
    }

    #[test]
    fn lines_of_cargo_tree() {
        assert_eq!(
            package("aes v0.9.4\tMIT OR Apache-2.0"),
            Some(of("aes", "MIT OR Apache-2.0", false))
        );
        assert_eq!(package("mio v1.2.0\tMIT (*)"), Some(of("mio", "MIT", false)));
        assert_eq!(
            package("serde_derive v1.0.2 (proc-macro)\tMIT"),
            Some(of("serde_derive", "MIT", false))
        );
        assert_eq!(
            package("xtask v0.1.0 (/src/headcount/xtask)\t"),
            Some(of("xtask", "", true))
        );
        assert_eq!(package(""), None);
    }

    #[test]
    fn the_walk_finds_this_file_and_nothing_that_is_built() {
        let files = files().unwrap();
        assert!(files.contains(&PathBuf::from("xtask/src/tree.rs")));
        assert!(!files.iter().any(|path| path.starts_with("target")));
    }
}
