//! The Helm chart, packed by Helm itself, and the plain manifests that are rendered from it.

use super::staged::{Staged, copy};
use crate::report::{Failure, Passed};
use crate::{chart, run};

pub(crate) fn make(staged: &Staged) -> Result<Passed, Failure> {
    let manifests = format!("headcount-{}-kubernetes.yaml", staged.version);
    copy(&run::root().join(chart::MANIFESTS), &staged.out.join(manifests))?;
    let Some(mut helm) = chart::helm()? else {
        return Ok(Passed::WithoutPart(chart::WITHOUT.to_owned()));
    };
    run::output(helm.arg("package").arg(&staged.out))?;
    Ok(Passed::Noting(format!(
        "headcount-{}.tgz and plain manifests",
        staged.version
    )))
}
