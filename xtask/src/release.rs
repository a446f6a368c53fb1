//! `cargo xtask release <version>`: a release in one command, up to where it leaves this machine.
//!
//! It refuses to begin unless the tree is clean, on `main`, the version is newer than every released one and the changelog has something to
//! say; all that is wrong is told at once. Then it writes the version where it stands, dates the changelog, generates, commits, makes what
//! is handed out, and tags last, so that a tag always has its artefacts. It publishes nothing: it prints the commands. `--dry-run` says what
//! would change and changes nothing.

mod changelog;
mod places;
mod repository;
mod version;

use std::fs;
use std::path::{Path, PathBuf};

use crate::dist;
use crate::report::{Failure, Passed, say, step};
use crate::{needs, reference, run};
use repository::{git, read};
use version::Version;

const BRANCH: &str = "main";
const CHANGELOG: &str = "CHANGELOG.md";

/// A release that may begin.
#[derive(Debug)]
struct Plan {
    version: Version,
    /// The files that change, as paths from the root, and their new texts.
    files: Vec<(PathBuf, String)>,
    /// What the changelog says about it.
    notes: String,
}

/// Reads the arguments, and releases or says what that would do.
pub(crate) fn release(arguments: &[String]) -> Result<(), Failure> {
    let (text, is_dry) = match arguments {
        [text] => (text, false),
        [text, flag] | [flag, text] if flag == "--dry-run" => (text, true),
        _ => {
            return Err(Failure::new(
                "a release has one version",
                "cargo xtask release <version> [--dry-run]",
            ));
        }
    };
    let plan = plan(run::root(), text)?;
    if is_dry {
        say(&plan.text());
        return Ok(());
    }
    carry_out(&plan)
}

fn carry_out(plan: &Plan) -> Result<(), Failure> {
    let (root, tag) = (run::root(), plan.version.tag());
    step("the version and the changelog", || plan.write(root))?;
    step("lock files", lock_files)?;
    reference::generate()?;
    step("the commit", || {
        commit(root, &format!("release: {}", plan.version))
    })?;
    dist::make(&dist::Wanted::default())?;
    step("the tag", || {
        let arguments = [
            "tag",
            "--annotate",
            &tag,
            "--message",
            &format!("headcount {}", plan.version),
        ];
        git(root, &arguments).map(|_| Passed::Noting(tag.clone()))
    })?;
    say(&format!(
        "\nNothing has left this machine. To publish:\n{}",
        publishing(&tag)
    ));
    Ok(())
}

fn publishing(tag: &str) -> String {
    format!(
        "  git push origin {BRANCH} {tag}\n  upload the files of target/dist/ that SHA256SUMS names, and SHA256SUMS, to the release {tag}\n  \
         npm publish each of target/dist/npm/*.tgz: the client before vue and nuxt, the binaries before cli\n"
    )
}

/// The lock files have the versions of our own packages.
fn lock_files() -> Result<Passed, Failure> {
    run::succeed(
        &mut run::command("cargo", &["update", "--workspace", "--offline"]),
        "see its message above",
    )?;
    if !needs::has_node() {
        return Err(Failure::new(
            "there is no Node 20 or newer, or no npm",
            "install Node 20 or newer",
        ));
    }
    let arguments = [
        "install",
        "--package-lock-only",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
    ];
    run::succeed(&mut run::command("npm", &arguments), "see npm's message above").map(|()| Passed::Whole)
}

fn commit(root: &Path, message: &str) -> Result<Passed, Failure> {
    git(root, &["commit", "--all", "--quiet", "--message", message])?;
    git(root, &["log", "-1", "--oneline"]).map(|line| Passed::Noting(line.trim().to_owned()))
}

/// Judges the repository, and reads what would change.
fn plan(root: &Path, text: &str) -> Result<Plan, Failure> {
    let mut findings = state(root)?;
    let current = places::current(root)?;
    let changelog = read(&root.join(CHANGELOG))?;
    let version = Version::read(text);
    match &version {
        None => findings.push(format!(
            "`{text}` is not a version: write three numbers, such as 1.2.3"
        )),
        Some(version) => findings.extend(not_newer(root, version, &current)?),
    }
    let notes = changelog::unreleased(&changelog);
    if notes.is_none() {
        findings.push(format!("{CHANGELOG}: nothing is written under [Unreleased]"));
    }
    Failure::unless_empty(&findings, "mend all of it, then release again")?;
    let (Some(version), Some(notes)) = (version, notes) else {
        return Err(Failure::new("nothing to release", "write the changelog"));
    };
    let mut files = places::rewritten(root, &current, &version)?;
    files.push((
        CHANGELOG.into(),
        changelog::dated(&changelog, &version.to_string(), &today()?),
    ));
    Ok(Plan {
        version,
        files,
        notes,
    })
}

/// Why nothing can be released from where the repository stands.
fn state(root: &Path) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let changes = git(root, &["status", "--porcelain"])?;
    if !changes.is_empty() {
        findings.push(format!("the tree is not clean:\n{}", changes.trim_end()));
    }
    let branch = git(root, &["branch", "--show-current"])?;
    if branch.trim() != BRANCH {
        findings.push(format!(
            "the branch is `{}`; releases are made on {BRANCH}",
            branch.trim()
        ));
    }
    Ok(findings)
}

/// A version is released once, and none comes after a newer one.
fn not_newer(root: &Path, version: &Version, current: &Version) -> Result<Vec<String>, Failure> {
    let mut findings = Vec::new();
    let tags = git(root, &["tag", "--list", "v*"])?;
    let newest = tags
        .lines()
        .filter_map(|tag| Version::read(tag.strip_prefix('v')?))
        .max();
    match newest {
        Some(newest) if tags.lines().any(|tag| tag == version.tag()) => {
            findings.push(format!(
                "the tag {} is there already; the newest is {}",
                version.tag(),
                newest.tag()
            ));
        }
        Some(newest) if *version < newest => {
            findings.push(format!("{version} is not newer than {newest}, which is released"));
        }
        _ => {}
    }
    if version < current {
        findings.push(format!(
            "{version} is not newer than {current}, which Cargo.toml has"
        ));
    }
    Ok(findings)
}

impl Plan {
    fn write(&self, root: &Path) -> Result<Passed, Failure> {
        for (path, text) in &self.files {
            fs::write(root.join(path), text).map_err(|error| {
                Failure::new(
                    format!("cannot write {}: {error}", path.display()),
                    "git checkout .",
                )
            })?;
        }
        Ok(Passed::Noting(format!("{} files", self.files.len())))
    }

    /// What releasing it would do.
    fn text(&self) -> String {
        let files: Vec<String> = self
            .files
            .iter()
            .map(|(path, _)| format!("  {}\n", path.display()))
            .collect();
        let tag = self.version.tag();
        format!(
            "releasing {} would\n\n- write the version and the changelog into\n{}- bring the lock files up to date, and generate what is generated\n\
             - commit that as `release: {}`\n- make what is handed out, in target/dist/\n- tag the commit {tag}\n\nand print how to publish it:\n{}\n\
             The changelog says about it:\n\n{}\n",
            self.version,
            files.concat(),
            self.version,
            publishing(&tag),
            self.notes
        )
    }
}

fn today() -> Result<String, Failure> {
    run::output(&mut run::command("date", &["--utc", "+%F"])).map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests;
