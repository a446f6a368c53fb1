//! `cargo xtask faults`: the fault campaign, with what needs root, other programs or minutes. `cargo xtask test` runs the rest of it.
//!
//! A full disk and a read-only one on a small tmpfs, a wall clock that is set by libfaketime, dead links in a network namespace, a disk
//! that hangs, parts that panic, descriptors that run out, and many rounds of `kill -9`. Each test says what it saw.

use crate::report::{Failure, Passed, step};
use crate::{needs, run};

/// The tests, by the names of their files.
const OF_THE_BINARY: &str = "test(faults) | test(half_open) | test(durability) | test(descriptors)";
const OF_THE_LIBRARY: &str = "test(disk) | test(vitals) | test(epochs) | test(store)";

pub(crate) fn faults() -> Result<(), Failure> {
    step("libfaketime", needs::faketime)?;
    step("network namespaces for the tests", needs::namespaces)?;
    step("a file system of our own", mounts)?;
    step("faults under the library", || {
        nextest("headcount-server", OF_THE_LIBRARY)
    })?;
    step("faults under the binary", || nextest("headcount", OF_THE_BINARY))
}

fn mounts() -> Result<Passed, Failure> {
    if run::works("unshare", &["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]) {
        return Ok(Passed::Whole);
    }
    Err(Failure::new("nothing can be mounted here", "run this as root"))
}

fn nextest(package: &str, tests: &str) -> Result<Passed, Failure> {
    let mut command = run::command(
        "cargo",
        &[
            "nextest",
            "run",
            "--package",
            package,
            "--run-ignored",
            "all",
            "--no-fail-fast",
            "--retries",
            "0",
            "--no-capture",
            "--filterset",
            tests,
        ],
    );
    run::succeed(
        &mut command,
        "run the test that failed alone: cargo nextest run --run-ignored all <name>",
    )
    .map(|()| Passed::Whole)
}
