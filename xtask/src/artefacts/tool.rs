//! Programs of the Cargo registry that make artefacts: each at one version, below `target/tools`, and nowhere else on the machine.

use std::path::PathBuf;

use crate::report::Failure;
use crate::run;

const FOLDER: &str = "target/tools";

/// One of them.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// How its features are chosen.
    pub(crate) features: &'static [&'static str],
}

/// Where it is, once it is there. Installs it where it is missing or has another version; that takes a minute or two.
pub(crate) fn installed(tool: &Tool) -> Result<PathBuf, Failure> {
    let folder = run::root()
        .join(FOLDER)
        .join(format!("{}-{}", tool.name, tool.version));
    let program = folder.join("bin").join(tool.name);
    if program.is_file() {
        return Ok(program);
    }
    let root = folder.display().to_string();
    let build = run::root().join(FOLDER).join("build").display().to_string();
    let fixed = [
        "install",
        tool.name,
        "--version",
        tool.version,
        "--locked",
        "--debug",
        "--root",
        &root,
        "--target-dir",
        &build,
    ];
    let mut command = run::command("cargo", &[&fixed, tool.features].concat());
    run::succeed(
        &mut command,
        "the registry must be reachable, or install it there by hand",
    )?;
    Ok(program)
}
