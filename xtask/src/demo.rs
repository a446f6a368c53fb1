//! `cargo xtask demo`: the demo, from source.
//!
//! Built with the dev profile: a newcomer waits a minute and a half instead of five, and a demo's few hundred visitors
//! cannot tell. The process becomes the demo, so Ctrl-C and exit codes are the server's own.

use crate::report::{Failure, say, step};
use crate::{packages, run};

/// Becomes `headcount demo` with `arguments`. A demo without its board is better than none.
pub(crate) fn demo(arguments: &[String]) -> Result<(), Failure> {
    if let Err(Failure { what, next }) = step("packages for the browser", packages::packages) {
        say(&format!(
            "   {what}\n   next: {next}\n   the demo goes on without them\n\n"
        ));
    }
    let mut command = run::command("cargo", &["run", "--package", "headcount", "--", "demo"]);
    Err(run::replace(command.args(arguments)))
}
