//! `cargo xtask canary`: what the tests pin, as it is on the registry today.
//!
//! Not a part of `cargo xtask test`, whose outcome depends on this repository alone. A canary that fails says that a lock
//! file in `e2e/` cannot be raised yet, and that users who install the newest Nuxt today have a problem.

use crate::report::{Failure, Passed, step};
use crate::{needs, packages, run};

/// Builds what the example needs, then installs, builds and uses it with the newest of everything.
pub(crate) fn canary() -> Result<(), Failure> {
    step("what the machine must have", needs::chromium)?;
    step("npm packages", needs::packages)?;
    step("packages for the browser", packages::packages)?;
    step("the Nuxt module", || {
        let mut command = run::command(
            "npm",
            &["run", "build", "--silent", "--workspace", "packages/nuxt"],
        );
        run::succeed(&mut command, "see its message above").map(|()| Passed::Whole)
    })?;
    step("the binary", || {
        let mut command = run::command("cargo", &["build", "--package", "headcount"]);
        run::succeed(&mut command, "mend what the compiler names").map(|()| Passed::Whole)
    })?;
    step("the example on the newest Nuxt", || {
        let mut command = run::command("node", &["canary.mjs"]);
        let next = "mend the module, or say in packages/nuxt/README.md which Nuxt it does not work in";
        run::succeed(command.current_dir(run::root().join("e2e")), next).map(|()| Passed::Whole)
    })
}
