//! The Debian package: cargo-deb packs what is staged, with the service of the tarball made one of a package.
//!
//! `crates/headcount/Cargo.toml` says which file goes where, and `deploy/debian/` has the settings and the scripts. cargo-deb reads its
//! files at fixed paths, so what is staged is copied to `target/debian` first.

use std::fs;
use std::path::{Path, PathBuf};

use super::staged::{Profile, Staged, unwritten};
use super::tool::{self, Tool};
use crate::report::{Failure, Passed};
use crate::run;

/// Without its own compression it needs no C library; it runs `xz` then.
const CARGO_DEB: Tool = Tool {
    name: "cargo-deb",
    version: "3.8.0",
    features: &["--no-default-features"],
};
const FOLDER: &str = "target/debian";
const UNIT: &str = "headcount.service";
/// Lines of the unit that differ in the package: it has another path, a file with settings and a static user.
const LINES: [(&str, &str); 2] = [
    (
        "ExecStart=/usr/local/bin/headcount serve --data-dir",
        "ExecStart=/usr/bin/headcount serve --config /etc/headcount/headcount.toml --data-dir",
    ),
    ("DynamicUser=yes\n", "User=headcount\n"),
];

pub(crate) fn make(staged: &Staged) -> Result<Passed, Failure> {
    if !run::works("dpkg-shlibdeps", &["--version"]) {
        let what = "there is no dpkg-shlibdeps, which finds out on which libraries the package depends";
        return Err(Failure::new(
            what,
            "apt-get install dpkg-dev, or leave deb out with --only",
        ));
    }
    let program = tool::installed(&CARGO_DEB)?;
    let folder = run::root().join(FOLDER);
    fill(staged, &folder)?;
    let made = staged.out.join(format!("headcount_{}.deb", staged.version));
    let out = made.display().to_string();
    let arguments = [
        "--package",
        "headcount",
        "--no-build",
        "--no-strip",
        "--compress-system",
        "--quiet",
        "--output",
        &out,
    ];
    let mut command = run::command(&program.display().to_string(), &arguments);
    if staged.profile == Profile::Dev {
        command.args(["--fast", "--compress-type", "gz"]);
    }
    run::succeed(
        command.env("SOURCE_DATE_EPOCH", &staged.epoch),
        "see its message above",
    )?;
    named_as_debian_does(staged, &made).map(Passed::Noting)
}

/// Copies what is staged to where cargo-deb looks for it.
fn fill(staged: &Staged, folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
    }
    let (from, to) = (staged.folder.display().to_string(), folder.display().to_string());
    run::succeed(
        &mut run::command("cp", &["-R", "--", &from, &to]),
        "see its message above",
    )?;
    let path = folder.join(UNIT);
    let text = fs::read_to_string(&path).map_err(|error| unwritten(&path, &error))?;
    fs::write(&path, unit(&text)?).map_err(|error| unwritten(&path, &error))
}

/// The unit of a tarball as one of a package.
fn unit(text: &str) -> Result<String, Failure> {
    let mut unit = text.to_owned();
    for (from, to) in LINES {
        if !unit.contains(from) {
            let what = format!("deploy/systemd/{UNIT} no longer has `{}`", from.trim_end());
            return Err(Failure::new(what, "mend LINES in xtask/src/artefacts/debian.rs"));
        }
        unit = unit.replace(from, to);
    }
    Ok(unit)
}

/// Renames the package to what its own fields say: `headcount_0.1.0-1_amd64.deb`.
fn named_as_debian_does(staged: &Staged, made: &Path) -> Result<String, Failure> {
    let path = made.display().to_string();
    let format = "--showformat=${Package}_${Version}_${Architecture}.deb";
    let name = run::output(&mut run::command("dpkg-deb", &["--show", format, &path]))?;
    let to: PathBuf = staged.out.join(&name);
    fs::rename(made, &to).map_err(|error| unwritten(&to, &error))?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_the_package_names_its_own_paths() {
        let source = fs::read_to_string(run::root().join("deploy/systemd").join(UNIT)).unwrap();
        let unit = unit(&source).unwrap();
        assert!(unit.contains("ExecStart=/usr/bin/headcount serve --config /etc/headcount/headcount.toml"));
        assert!(unit.contains("\nUser=headcount\n"));
        assert!(!unit.contains("/usr/local") && !unit.contains("DynamicUser"));
    }

    #[test]
    fn a_unit_without_those_lines_is_refused() {
        assert!(unit("[Service]\nExecStart=/bin/true\n").is_err());
    }
}
