//! `cargo xtask bench`: the measurements, in a release build, from the separate package in `benches/`.

use crate::report::Failure;
use crate::run;

/// Builds the binary that is measured, then runs the measuring program with `arguments`.
pub(crate) fn bench(arguments: &[String]) -> Result<(), Failure> {
    if !run::root().join("benches/Cargo.toml").is_file() {
        return Err(Failure::new(
            "there is no package in benches/ in this checkout, so there is nothing to measure",
            "take a revision that has it: git log --all -- benches/Cargo.toml",
        ));
    }
    let mut binary = run::command("cargo", &["build", "--release", "--package", "headcount"]);
    run::succeed(&mut binary, "mend what the compiler names")?;
    let mut command = run::command(
        "cargo",
        &["run", "--release", "--package", "headcount-bench", "--"],
    );
    Err(run::replace(command.args(arguments)))
}
