//! `cargo xtask dist`: headcount for those who have no compiler, as files in a folder.
//!
//! The binary is built once, with the client and the board in it, and staged with what every way to install it brings along
//! (`artefacts/staged.rs`), the bill of materials and the licences of all that it names among it. Each artefact of the table is a function of
//! that, in a separate file. Checksums come last, over what is there. The folder is emptied at the start, so that it holds one release.
//!
//! Everything is packed by programs (`tar`, `gzip`, `dpkg-deb`, …), because xtask has no dependencies. The same commit gives the same
//! archives: entries are sorted, belong to root, and have the time of the commit, or that of `SOURCE_DATE_EPOCH`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::artefacts::staged::{Profile, Staged};
use crate::artefacts::{bill, chart, debian, image, licences, npm, sums, tarball};
use crate::report::{Failure, Passed, step};
use crate::{needs, packages, run};

/// Something that is handed out.
struct Artefact {
    /// What `--only` calls it.
    name: &'static str,
    make: fn(&Staged) -> Result<Passed, Failure>,
}

/// In the order in which they are made.
const ARTEFACTS: [Artefact; 5] = [
    Artefact {
        name: "tarball",
        make: tarball::make,
    },
    Artefact {
        name: "deb",
        make: debian::make,
    },
    Artefact {
        name: "npm",
        make: npm::make,
    },
    Artefact {
        name: "image",
        make: image::make,
    },
    Artefact {
        name: "chart",
        make: chart::make,
    },
];

const FOLDER: &str = "target/dist";
/// What `cargo xtask test` makes.
const TRIED: &str = "target/dist-test";
const TESTS: &str = "deploy/test";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) profile: Profile,
    pub(crate) out: PathBuf,
    /// Names of artefacts; all where there are none.
    pub(crate) only: Vec<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            profile: Profile::Release,
            out: run::root().join(FOLDER),
            only: Vec::new(),
        }
    }
}

/// Reads the arguments and makes what they name.
pub(crate) fn dist(arguments: &[String]) -> Result<(), Failure> {
    make(&read(arguments)?)
}

/// Makes everything from a binary that compiles quickly, and installs and uses each artefact once. A part of `cargo xtask test`.
pub(crate) fn installed() -> Result<(), Failure> {
    let out = run::root().join(TRIED);
    let wanted = Wanted {
        profile: Profile::Dev,
        out: out.clone(),
        only: Vec::new(),
    };
    make(&wanted)?;
    step("what the image is judged by", needs::image_schemas)?;
    let missing = needs::shells()?;
    step("what is handed out, installed and used", || {
        let mut command = run::command("node", &["--test", "--test-reporter=spec"]);
        let next = format!("run it alone: DIST=$PWD/{TRIED} node --test <file of {TESTS}>");
        run::succeed(
            command.env("DIST", &out).current_dir(run::root().join(TESTS)),
            &next,
        )
        .map(|()| missing)
    })
}

/// Makes the artefacts, then what is made of all of them.
pub(crate) fn make(wanted: &Wanted) -> Result<(), Failure> {
    step("packages for the browser", whole_packages)?;
    empty(&wanted.out)?;
    let mut staged = None;
    step("the binary, and what comes with it", || {
        staged = Some(Staged::build(wanted.profile, &wanted.out)?);
        Ok(Passed::Whole)
    })?;
    let Some(staged) = staged else { return Ok(()) };
    step("the bill of materials", || bill::make(&staged))?;
    step("the licences of what is in it", || licences::make(&staged))?;
    for artefact in ARTEFACTS.iter().filter(|artefact| wanted.names(artefact)) {
        step(artefact.name, || (artefact.make)(&staged))?;
    }
    step("checksums", || sums::make(&staged))
}

impl Wanted {
    fn names(&self, artefact: &Artefact) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == artefact.name)
    }
}

fn read(arguments: &[String]) -> Result<Wanted, Failure> {
    let mut wanted = Wanted::default();
    for pair in arguments.chunks(2) {
        match pair {
            [option, value] if option == "--profile" => wanted.profile = Profile::read(value)?,
            [option, value] if option == "--out" => wanted.out = run::root().join(value),
            [option, value] if option == "--only" => wanted.only = known(value)?,
            _ => return Err(usage(&format!("`{}` cannot be read", pair.join(" ")))),
        }
    }
    Ok(wanted)
}

fn known(list: &str) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = list.split(',').map(str::to_owned).collect();
    match names
        .iter()
        .find(|name| ARTEFACTS.iter().all(|artefact| artefact.name != **name))
    {
        Some(name) => Err(usage(&format!("there is no artefact called `{name}`"))),
        None => Ok(names),
    }
}

fn usage(what: &str) -> Failure {
    let names: Vec<&str> = ARTEFACTS.iter().map(|artefact| artefact.name).collect();
    let next = format!(
        "cargo xtask dist [--profile release|dev] [--out FOLDER] [--only {}]",
        names.join(",")
    );
    Failure::new(what, next)
}

/// What is handed out has the client and the board in it, so here Node is no option.
fn whole_packages() -> Result<Passed, Failure> {
    if !needs::has_node() {
        return Err(Failure::new(
            "there is no Node 20 or newer, or no npm, so the binary would lack the client and the board",
            "install Node 20 or newer",
        ));
    }
    packages::packages()
}

/// Makes an empty folder. Only a folder that an earlier run made, or an empty one, is replaced.
fn empty(folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(
            format!("cannot prepare {}: {error}", folder.display()),
            "choose another folder with --out",
        )
    };
    let mark = folder.join(sums::NAME);
    let is_foreign =
        fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) && !mark.is_file();
    if is_foreign {
        let what = format!("{} holds something else than a release", folder.display());
        return Err(Failure::new(
            what,
            "empty it, or choose another folder with --out",
        ));
    }
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    // So that a run that broke off can be repeated.
    fs::write(mark, "").map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn everything_is_made_unless_something_is_named() {
        let wanted = read(&[]).unwrap();
        assert_eq!(wanted, Wanted::default());
        assert!(ARTEFACTS.iter().all(|artefact| wanted.names(artefact)));
        let wanted = read(&words("--only tarball --profile dev")).unwrap();
        assert_eq!((wanted.profile, wanted.only), (Profile::Dev, words("tarball")));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in ["--only rpm", "--profile fast", "--out", "everything"] {
            assert!(read(&words(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("headcount-dist-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("letter.txt"), "dear").unwrap();
        assert!(empty(&folder).is_err());
        fs::write(folder.join(sums::NAME), "").unwrap();
        empty(&folder).unwrap();
        assert!(!folder.join("letter.txt").exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
