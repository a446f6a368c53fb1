//! Runs the binary with nothing of this machine's environment.

use std::ffi::OsStr;
use std::process::{Command, Output};

/// The binary with these words behind it and no variables.
pub(crate) fn headcount<Word: AsRef<OsStr>>(words: impl IntoIterator<Item = Word>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount"));
    command.env_clear().args(words);
    command
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code.
    pub(crate) code: i32,
    /// Data.
    pub(crate) stdout: String,
    /// Talk.
    pub(crate) stderr: String,
}

/// Runs it to its end.
pub(crate) fn ended(mut command: Command) -> Ended {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Ended {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs it with these words to its end.
pub(crate) fn run(words: &[&str]) -> Ended {
    ended(headcount(words))
}
