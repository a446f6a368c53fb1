//! What every artefact is made of: the binary as a release has it, and what each way to install it brings along.
//!
//! ```text
//! <out>/stage/headcount-<version>-<target>/
//!   headcount                     stripped, with the client and the board in it
//!   headcount.service             deploy/systemd/headcount.service, with the path of a tarball
//!   completions/                  headcount.bash, _headcount, headcount.fish
//!   man/                          a page for each command
//!   LICENSE-APACHE, LICENSE-MIT, README.md, CHANGELOG.md
//!   THIRD-PARTY-LICENSES          of what is in the binary by others: `licences.rs` adds it
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::Failure;
use crate::run;

/// The file of each shell's completions, as its packages are used to name it.
pub(crate) const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "headcount.bash"),
    ("zsh", "_headcount"),
    ("fish", "headcount.fish"),
];

/// The licences of what is in the binary by others.
pub(crate) const THIRD_PARTY: &str = "THIRD-PARTY-LICENSES";

/// Files of the repository that come with the binary, and what they are called there.
const ALONGSIDE: [(&str, &str); 5] = [
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("deploy/systemd/headcount.service", "headcount.service"),
];

/// How the binary is compiled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Profile {
    /// For use.
    Release,
    /// For tests of how it is packed: compiled in a fraction of the time.
    Dev,
}

impl Profile {
    pub(crate) fn read(name: &str) -> Result<Self, Failure> {
        match name {
            "release" => Ok(Self::Release),
            "dev" => Ok(Self::Dev),
            _ => Err(Failure::new(
                format!("there is no profile `{name}`"),
                "release or dev",
            )),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    /// Its folder below `target/`.
    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

/// The staged files, and what their packages say about them.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The folder that the header of this file shows.
    pub(crate) folder: PathBuf,
    /// The binary in it.
    pub(crate) binary: PathBuf,
    /// Of the workspace, such as `0.1.0`.
    pub(crate) version: String,
    /// For what it is compiled, as rustc says it: `x86_64-unknown-linux-gnu`.
    pub(crate) target: String,
    /// The time of every file in an archive, in seconds since 1970.
    pub(crate) epoch: String,
    /// How the binary was compiled. What is only for tests is not worth the time that the best compression takes.
    pub(crate) profile: Profile,
    /// Where artefacts go.
    pub(crate) out: PathBuf,
}

impl Staged {
    /// Compiles the binary and stages everything below `out`.
    pub(crate) fn build(profile: Profile, out: &Path) -> Result<Self, Failure> {
        let arguments = [
            "build",
            "--locked",
            "--package",
            "headcount",
            "--profile",
            profile.name(),
        ];
        run::succeed(
            &mut run::command("cargo", &arguments),
            "mend what the compiler names",
        )?;
        let built = run::root()
            .join("target")
            .join(profile.folder())
            .join("headcount");
        let (version, target, epoch) = (version()?, target()?, epoch()?);
        let folder = out.join("stage").join(format!("headcount-{version}-{target}"));
        let staged = Self {
            binary: folder.join("headcount"),
            folder,
            version,
            target,
            epoch,
            profile,
            out: out.to_owned(),
        };
        staged.fill(&built)?;
        Ok(staged)
    }

    fn fill(&self, built: &Path) -> Result<(), Failure> {
        for folder in ["completions", "man"] {
            let folder = self.folder.join(folder);
            fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
        }
        copy(built, &self.binary)?;
        let binary = self.binary.display().to_string();
        run::succeed(&mut run::command("strip", &[&binary]), "install binutils")?;
        for (from, to) in ALONGSIDE {
            copy(&run::root().join(from), &self.folder.join(to))?;
        }
        for (shell, name) in COMPLETIONS {
            let script = run::output(&mut run::command(&binary, &["completions", shell]))?;
            let path = self.folder.join("completions").join(name);
            fs::write(&path, script).map_err(|error| unwritten(&path, &error))?;
        }
        let man = self.folder.join("man").display().to_string();
        run::succeed(
            &mut run::command(&binary, &["man-pages", &man]),
            "see its message above",
        )
    }

    /// `headcount-<version>-<target>`.
    pub(crate) fn name(&self) -> String {
        format!("headcount-{}-{}", self.version, self.target)
    }
}

/// Copies a file, with its permissions.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let copied = fs::copy(from, to);
    copied.map(|_| ()).map_err(|error| {
        let what = format!("cannot copy {} to {}: {error}", from.display(), to.display());
        Failure::new(what, "look at the permissions and at the room on the disk")
    })
}

pub(crate) fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    let what = format!("cannot write {}: {error}", path.display());
    Failure::new(what, "look at the permissions and at the room on the disk")
}

/// The version of the workspace.
pub(crate) fn version() -> Result<String, Failure> {
    let id = run::output(&mut run::command(
        "cargo",
        &["pkgid", "--offline", "--package", "headcount"],
    ))?;
    let version = id.trim().rsplit(['#', '@']).next().unwrap_or_default();
    Ok(version.to_owned())
}

/// What rustc compiles for.
fn target() -> Result<String, Failure> {
    let text = run::output(&mut run::command("rustc", &["--version", "--verbose"]))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| {
        Failure::new(
            "rustc does not say for what it compiles",
            "rustc --version --verbose",
        )
    })
}

/// `SOURCE_DATE_EPOCH`, else the time of the commit.
fn epoch() -> Result<String, Failure> {
    match std::env::var_os("SOURCE_DATE_EPOCH") {
        Some(epoch) => Ok(epoch.to_string_lossy().into_owned()),
        None => run::output(&mut run::command("git", &["log", "-1", "--format=%ct"]))
            .map(|text| text.trim().to_owned()),
    }
}
