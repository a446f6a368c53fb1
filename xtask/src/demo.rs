//! `cargo xtask demo`: the demo, from source.
//!
//! Built with the dev profile: a newcomer waits a minute and a half instead of five, and a demo's few hundred visitors
//! cannot tell. The process becomes the demo, so Ctrl-C and exit codes are the server's own.

use crate::report::Failure;
use crate::run;

/// Becomes `headcount demo` with `arguments`.
pub(crate) fn demo(arguments: &[String]) -> Result<(), Failure> {
    let mut command = run::command("cargo", &["run", "--package", "headcount", "--", "demo"]);
    Err(run::replace(command.args(arguments)))
}
