//! The npm packages: the launcher and the binary for this platform, the client, and the packages for Vue and Nuxt, as `npm publish` takes them.

use super::staged::Staged;
use crate::report::{Failure, Passed};
use crate::{packages, run};

pub(crate) fn make(staged: &Staged) -> Result<Passed, Failure> {
    packages::further("nuxt")?;
    let out = staged.out.join("npm");
    let arguments = [
        "packages/pack.mjs",
        &staged.binary.display().to_string(),
        &staged.target,
        &staged.version,
        &out.display().to_string(),
    ];
    run::succeed(&mut run::command("node", &arguments), "see its message above")?;
    Ok(Passed::Noting("client, vue, nuxt, cli and its binary".to_owned()))
}
