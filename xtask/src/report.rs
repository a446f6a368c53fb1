//! What the person at the terminal sees: each step's name, result and time, and what to do after a failure.
//!
//! The only file here that prints, and the only one that reads the clock. Everything goes to stderr.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// Why a step stopped the run, and what its reader does next.
#[derive(Debug, PartialEq)]
pub(crate) struct Failure {
    /// What is wrong, one finding a line.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) next: String,
}

impl Failure {
    /// `what` is wrong; `next` is what to do about it.
    pub(crate) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            next: next.into(),
        }
    }

    /// `Ok` without findings, else all of them in one failure.
    pub(crate) fn unless_empty(findings: &[String], next: &str) -> Result<(), Self> {
        if findings.is_empty() {
            Ok(())
        } else {
            Err(Self::new(findings.join("\n"), next))
        }
    }
}

/// How a step that did not fail ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Passed {
    /// All of it was done.
    Whole,
    /// All of it was done, and this is worth knowing.
    Noting(String),
    /// A part was left out, for this reason.
    WithoutPart(String),
}

/// Runs one step between its name and its result.
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result<Passed, Failure>) -> Result<(), Failure> {
    say(&format!("\n── {name}\n"));
    let started = now();
    let passed = work()?;
    let seconds = now().duration_since(started).as_secs_f32();
    say(&match passed {
        Passed::Whole => format!("   ok, {seconds:.1} s\n"),
        Passed::Noting(note) => format!("   ok, {seconds:.1} s: {note}\n"),
        Passed::WithoutPart(reason) => format!("   ok, {seconds:.1} s; SKIPPED IN PART: {reason}\n"),
    });
    Ok(())
}

/// Says how the whole run ended, and turns it into the process's exit code.
pub(crate) fn conclude(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => {
            say("\nall of it passed\n");
            ExitCode::SUCCESS
        }
        Err(Failure { what, next }) => {
            say(&format!("   FAILED\n\n{}\n\nnext: {next}\n", what.trim_end()));
            ExitCode::FAILURE
        }
    }
}

/// Writes `text` as it is. A terminal that is gone does not stop the run.
pub(crate) fn say(text: &str) {
    let _gone = std::io::stderr().lock().write_all(text.as_bytes());
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stopwatch for the person who waits; no result depends on it"
)]
fn now() -> Instant {
    Instant::now()
}
