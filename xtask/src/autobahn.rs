//! `cargo xtask conformance`: the Autobahn test suite against the echo server of `conformance/`.
//!
//! The suite runs on Python 2.7 and nothing newer. Where there is one (`PYTHON2` names it, else `python2.7` on the PATH,
//! else one that pyenv keeps), the suite is installed from the Python package index into `target/autobahn/` at the versions that
//! `conformance/autobahn.txt` names, and stays there. All cases are run but 12 and 13, which are about compression:
//! headcount does not offer any.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::report::{Failure, Passed, step};
use crate::run;

/// Cases of the suite at the version that is pinned, without 12 and 13.
const CASES: &str = "301";
const PINS: &str = "conformance/autobahn.txt";
const NEXT: &str = "look at the reports in target/autobahn/reports/, and at the case by its number on github.com/crossbario/autobahn-testsuite";

/// The suite, installed.
struct Suite {
    python: PathBuf,
    home: PathBuf,
}

/// Installs the suite and runs it; where it does not install, that is a failure.
pub(crate) fn conformance() -> Result<(), Failure> {
    step("WebSocket conformance: the Autobahn test suite", || {
        Suite::install()?.judge()
    })
}

/// The same as a part of everything: without a Python 2.7 the package's own tests have to do. With one, a suite that does not install is
/// a failure.
pub(crate) fn conformance_if_possible() -> Result<Passed, Failure> {
    match python() {
        Ok(_) => Suite::install()?.judge(),
        Err(Failure { what, next }) => Ok(Passed::WithoutPart(format!("{what}: {next}"))),
    }
}

impl Suite {
    fn install() -> Result<Self, Failure> {
        let suite = Self {
            python: python()?,
            home: run::root().join("target/autobahn"),
        };
        let pins = fs::read_to_string(run::root().join(PINS)).map_err(|error| unusable(PINS, &error))?;
        let installed = suite.home.join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|there| there == pins) {
            return Ok(suite);
        }
        let arguments = [
            "-m",
            "pip",
            "install",
            "--user",
            "--quiet",
            "--no-warn-script-location",
            "--disable-pip-version-check",
            "-r",
            PINS,
        ];
        run::succeed(
            suite.command().args(arguments),
            "see pip's message above; a compiler for C may be missing",
        )?;
        fs::write(&installed, pins).map_err(|error| unusable("target/autobahn", &error))?;
        Ok(suite)
    }

    fn judge(&self) -> Result<Passed, Failure> {
        let reports = self.home.join("reports");
        let index = reports.join("index.json");
        let specification = self.home.join("cases.json");
        // Of an earlier run, which must not be taken for this one's.
        let _not_there = fs::remove_file(&index);
        let mut echo = Echo::start()?;
        fs::write(&specification, format!(
            r#"{{"outdir": "{}", "servers": [{{"agent": "headcount", "url": "{}"}}], "cases": ["*"], "exclude-cases": ["12.*", "13.*"], "exclude-agent-cases": {{}}}}"#,
            reports.display(), echo.url
        ))
        .map_err(|error| unusable("target/autobahn", &error))?;
        let mut command = self.command();
        command
            .arg(self.home.join("bin/wstest"))
            .args(["--mode", "fuzzingclient", "--spec"])
            .arg(&specification);
        // One line for each case, and none that says how it went.
        run::succeed(command.stdout(Stdio::null()), "see its message above")?;
        echo.stop()?;
        let mut command = self.command();
        command.arg("conformance/judge.py").arg(&index).arg(CASES);
        run::succeed(&mut command, NEXT)?;
        Ok(Passed::Noting(format!("{CASES} cases, strictly")))
    }

    /// Python, with this installation as its user's own.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command
            .current_dir(run::root())
            .env("PYTHONUSERBASE", &self.home)
            // That Python 2 is at its end is known.
            .env("PYTHONWARNINGS", "ignore");
        command
    }
}

/// The echo server, which ends when its stdin does.
struct Echo {
    child: Child,
    url: String,
}

impl Echo {
    fn start() -> Result<Self, Failure> {
        let mut command = run::command("cargo", &["run", "--quiet", "--package", "headcount-conformance"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |error: &std::io::Error| unusable("the echo server", error);
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let mut url = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut url)
                .map_err(|error| failed(&error))?;
        }
        if url.is_empty() {
            return Err(Failure::new(
                "the echo server did not start",
                "cargo run --package headcount-conformance",
            ));
        }
        let url = url.trim().to_owned();
        Ok(Self { child, url })
    }

    fn stop(&mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::new(format!("the echo server ended with {status}"), NEXT)),
            Err(error) => Err(unusable("the echo server", &error)),
        }
    }
}

/// A Python 2.7 that can install packages.
fn python() -> Result<PathBuf, Failure> {
    let named = std::env::var_os("PYTHON2").map(PathBuf::from);
    let usual = || Some(PathBuf::from("python2.7"));
    let found = match named {
        Some(named) => Some(named).filter(|python| can_install(python)),
        None => usual()
            .filter(|python| can_install(python))
            .or_else(|| pyenv().filter(|python| can_install(python))),
    };
    found.ok_or_else(|| {
        Failure::new(
            "there is no Python 2.7 with pip, which the Autobahn test suite needs",
            "install one (pyenv install 2.7.18), or let PYTHON2 name it",
        )
    })
}

fn can_install(python: &Path) -> bool {
    python
        .to_str()
        .is_some_and(|python| run::works(python, &["-m", "pip", "--version"]))
}

/// pyenv's newest Python 2.7, which is not on the PATH.
fn pyenv() -> Option<PathBuf> {
    if !run::works("pyenv", &["--version"]) {
        return None;
    }
    let versions = run::output(&mut run::command("pyenv", &["versions", "--bare"])).ok()?;
    let version = newest(&versions)?;
    let prefix = run::output(&mut run::command("pyenv", &["prefix", version])).ok()?;
    Some(PathBuf::from(prefix.trim()).join("bin/python2.7"))
}

fn newest(versions: &str) -> Option<&str> {
    let patch = |version: &&str| {
        version
            .strip_prefix("2.7.")
            .and_then(|patch| patch.parse::<u32>().ok())
    };
    versions
        .lines()
        .map(str::trim)
        .filter(|version| patch(version).is_some())
        .max_by_key(patch)
}

fn unusable(what: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot use {what}: {error}"), "look at its permissions")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_pyenvs_versions() {
        assert_eq!(newest("2.7.9\n2.7.18\n3.11.7\npypy2.7-7.3.1\n"), Some("2.7.18"));
        assert_eq!(newest("3.11.7\n"), None);
    }
}
