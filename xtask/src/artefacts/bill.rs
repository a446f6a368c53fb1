//! The bill of materials (SBOM): which packages are in the binary, at which versions and under which licences, as `CycloneDX` 1.5.
//!
//! cargo-cyclonedx says it for the crates, `npm sbom` for the packages of the client and the board, and `deploy/bill.mjs` merges the two.
//! cargo-cyclonedx writes its files beside the manifests, so it gets a copy of those.

use std::fs;
use std::path::PathBuf;

use super::staged::{Staged, unwritten};
use super::tool::{self, Tool};
use crate::report::{Failure, Passed};
use crate::run;

const CARGO_CYCLONEDX: Tool = Tool {
    name: "cargo-cyclonedx",
    version: "0.5.9",
    features: &[],
};
/// What Cargo must see to know what the binary is built from.
const MANIFESTS: &str =
    "git ls-files -z -- Cargo.lock '*.toml' '*.rs' | xargs -0 cp --parents --target-directory \"$0\"";
const OF_THE_BINARY: &str = "crates/headcount/headcount_bin.cdx.json";

pub(crate) fn make(staged: &Staged) -> Result<Passed, Failure> {
    let folder = staged.out.join("stage/bill");
    fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
    let at = folder.display().to_string();
    run::succeed(
        &mut run::command("sh", &["-c", MANIFESTS, &at]),
        "see its message above",
    )?;

    let program = tool::installed(&CARGO_CYCLONEDX)?.display().to_string();
    let arguments = [
        "cyclonedx",
        "--quiet",
        "--format",
        "json",
        "--spec-version",
        "1.5",
        "--describe",
        "binaries",
        "--target",
        &staged.target,
    ];
    run::succeed(
        run::command(&program, &arguments).current_dir(&folder),
        "see its message above",
    )?;

    let arguments = [
        "sbom",
        "--package-lock-only",
        "--sbom-format",
        "cyclonedx",
        "--workspace",
        "packages/dashboard",
    ];
    let npm = folder.join("npm.json");
    let said = run::output(&mut run::command("npm", &arguments))?;
    fs::write(&npm, said).map_err(|error| unwritten(&npm, &error))?;

    let (crates, npm) = (
        folder.join(OF_THE_BINARY).display().to_string(),
        npm.display().to_string(),
    );
    let bill = run::output(&mut run::command(
        "node",
        &["deploy/bill.mjs", &crates, &npm, &staged.epoch],
    ))?;
    let path = path(staged);
    fs::write(&path, bill).map_err(|error| unwritten(&path, &error))?;
    Ok(Passed::Noting(name(staged)))
}

/// Where it lies.
pub(crate) fn path(staged: &Staged) -> PathBuf {
    staged.out.join(name(staged))
}

fn name(staged: &Staged) -> String {
    format!("headcount-{}.cdx.json", staged.version)
}
