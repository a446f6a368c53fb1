//! The Helm chart in `deploy/helm/`, by Helm's own library, and the plain manifests that are rendered from it.
//!
//! The library is installed from the Python package index into `target/helm/`, at the version and with the checksum that
//! `deploy/helm/requirements.txt` names. There are builds of it for x86-64 alone; elsewhere the chart is not rendered, and this says so.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::report::{Failure, Passed};
use crate::{needs, run};

/// The plain manifests, which `cargo xtask generate` writes.
pub(crate) const MANIFESTS: &str = "deploy/kubernetes/headcount.yaml";
const PINS: &str = "deploy/helm/requirements.txt";
const HOME: &str = "target/helm";
/// Ends with 0 where the library can be installed.
const CAN_INSTALL: &str =
    "import sys, platform, pip; sys.exit(sys.version_info < (3, 10) or platform.machine() != 'x86_64')";
pub(crate) const WITHOUT: &str =
    "Helm's library needs Python 3.10 or newer with pip, on x86-64, so the chart is not rendered";

/// Installs the library where it can be.
pub(crate) fn library() -> Result<Passed, Failure> {
    Ok(match install()? {
        Some(_) => Passed::Whole,
        None => Passed::WithoutPart(WITHOUT.to_owned()),
    })
}

/// Writes the plain manifests as the chart says them.
pub(crate) fn write_manifests() -> Result<Passed, Failure> {
    let Some(mut helm) = helm()? else {
        return Ok(Passed::WithoutPart(WITHOUT.to_owned()));
    };
    let text = run::output(helm.arg("manifests"))?;
    fs::write(run::root().join(MANIFESTS), text).map_err(|error| unusable(MANIFESTS, &error))?;
    Ok(Passed::Whole)
}

/// `chart.py` with the library; nothing where it cannot be installed.
pub(crate) fn helm() -> Result<Option<Command>, Failure> {
    let Some(home) = install()? else { return Ok(None) };
    let mut command = run::command("python3", &["deploy/helm/chart.py"]);
    command.env("PYTHONPATH", home);
    Ok(Some(command))
}

fn install() -> Result<Option<PathBuf>, Failure> {
    if !run::works("python3", &["-c", CAN_INSTALL]) {
        return Ok(None);
    }
    needs::python_packages(PINS, HOME, "see pip's message above")?;
    Ok(Some(run::root().join(HOME)))
}

fn unusable(path: &str, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("cannot write {path}: {error}"),
        "look at the permissions and at the room on the disk",
    )
}
