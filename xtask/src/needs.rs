//! What the machine must have beyond Rust, and how to get it: Node, browsers, nginx, Caddy, NATS, `ip` and the npm packages.
//!
//! Installs only what is missing, and system packages only as root on a Debian system; elsewhere it prints the command. Reads
//! one variable, `CHROMIUM`: the path of that browser, where it is not Debian's. The browser tests read the same one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::report::{Failure, Passed};
use crate::{run, tree};

const DEBIAN_CHROMIUM: &str = "/usr/bin/chromium";
/// A program, what makes it answer at once, and Debian's package of it.
type Program = (&'static str, &'static str, &'static str);
const PROXIES: [Program; 2] = [("nginx", "-v", "nginx"), ("caddy", "version", "caddy")];
/// The other browsers that the client is tested in, and the display that one of them needs.
const ENGINES: [Program; 3] = [
    ("firefox-esr", "--version", "firefox-esr"),
    ("WebKitWebDriver", "--help", "webkit2gtk-driver"),
    ("Xvfb", "-help", "xvfb"),
];
/// The shells that complete headcount's command line, beside bash.
const SHELLS: [Program; 2] = [("fish", "--version", "fish"), ("zsh", "--version", "zsh")];
/// What the image's documents are judged by, and Debian's package of it.
const SCHEMAS: &str = "/usr/share/gocode/src/github.com/opencontainers/image-spec/schema";
const SCHEMAS_PACKAGE: &str = "golang-github-opencontainers-image-spec-dev";
const PIP_INSTALL: [&str; 9] = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--root-user-action=ignore",
    "--upgrade",
    "--no-deps",
    "--require-hashes",
];
const APT_INSTALL: [&str; 3] = ["install", "--yes", "--no-install-recommends"];
/// Where a lock file of npm lies, from the root: the packages, the browser tests, and the documentation.
const LOCKED: [&str; 3] = ["", "e2e", "docs"];
/// The oldest release of Node that runs the browser tests.
const NODE_MAJOR_MIN: u32 = 20;

/// Chromium, installed if this can be done here.
pub(crate) fn chromium() -> Result<Passed, Failure> {
    let named = std::env::var_os("CHROMIUM");
    let path = browser(named.clone());
    if path.is_file() {
        return Ok(Passed::Noting(format!("Chromium is {}", path.display())));
    }
    if named.is_some() {
        let what = format!("CHROMIUM names {}, which is not there", path.display());
        return Err(Failure::new(
            what,
            "let it name a Chromium or Chrome, or unset it",
        ));
    }
    if !may_install() {
        let next = format!(
            "sudo apt-get update && sudo apt-get {} chromium",
            APT_INSTALL.join(" ")
        );
        return Err(Failure::new(
            format!("no Chromium at {}, nor one named by CHROMIUM", path.display()),
            next,
        ));
    }
    install(&["chromium"])?;
    Ok(Passed::Noting("installed Chromium".to_owned()))
}

/// nginx and Caddy, which the rules in the documentation are for, installed if this can be done here.
pub(crate) fn proxies() -> Result<Passed, Failure> {
    let installed = programs(&PROXIES)?;
    // Debian starts what it installs, on port 80. The tests start their own, on free ports.
    for service in &installed {
        let _there_is_no_systemd = run::works("systemctl", &["disable", "--now", service]);
    }
    Ok(noting(&installed))
}

/// Firefox and `WebKit`, installed if this can be done here.
pub(crate) fn engines() -> Result<Passed, Failure> {
    programs(&ENGINES).map(|installed| noting(&installed))
}

/// Debian's NATS server, installed if this can be done here. It is in the folder of system programs, which is not on every PATH.
pub(crate) fn nats_server() -> Result<Passed, Failure> {
    let installed = programs(&[("/usr/sbin/nats-server", "--version", "nats-server")])?;
    // Debian starts it, on port 4222. The tests start their own, on free ports.
    for service in &installed {
        let _there_is_no_systemd = run::works("systemctl", &["disable", "--now", service]);
    }
    Ok(noting(&installed))
}

/// pip for Debian's Python, installed if this can be done here.
pub(crate) fn pip() -> Result<Passed, Failure> {
    programs(&[("pip3", "--version", "python3-pip")]).map(|installed| noting(&installed))
}

/// Installs Python packages at pinned versions, with checksums, into `home`: those that the file `pins` names. Does nothing where the same were
/// installed there before. Both paths are relative to the repository. `next` says what to do where pip cannot.
pub(crate) fn python_packages(pins: &str, home: &str, next: &str) -> Result<(), Failure> {
    let unusable = |error: &std::io::Error| {
        Failure::new(
            format!("cannot write {home}: {error}"),
            "look at the permissions and at the room on the disk",
        )
    };
    let wanted = tree::text(Path::new(pins))?;
    let folder = run::root().join(home);
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    let mut command = run::command("python3", &PIP_INSTALL);
    command.arg("--target").arg(&folder).args(["--requirement", pins]);
    run::succeed(&mut command, next)?;
    fs::write(&installed, wanted).map_err(|error| unusable(&error))
}

/// fish and zsh, installed if this can be done here.
pub(crate) fn shells() -> Result<Passed, Failure> {
    if !may_install()
        && SHELLS
            .iter()
            .any(|(program, asked, _)| !run::works(program, &[asked]))
    {
        let reason = "fish or zsh is not here, so their completions were not tried";
        return Ok(Passed::WithoutPart(reason.to_owned()));
    }
    programs(&SHELLS).map(|installed| noting(&installed))
}

/// umoci, which makes images without a daemon, installed if this can be done here.
pub(crate) fn umoci() -> Result<Passed, Failure> {
    programs(&[("umoci", "--version", "umoci")]).map(|installed| noting(&installed))
}

/// The schemas of the OCI, which the image is judged by, installed if this can be done here.
pub(crate) fn image_schemas() -> Result<Passed, Failure> {
    if Path::new(SCHEMAS).is_dir() {
        return Ok(Passed::Noting("already there".to_owned()));
    }
    if !may_install() {
        let reason = format!("{SCHEMAS_PACKAGE} is not installed, so no schema judges the image");
        return Ok(Passed::WithoutPart(reason));
    }
    install(&[SCHEMAS_PACKAGE])?;
    Ok(noting(&[SCHEMAS_PACKAGE]))
}

/// Installs those packages whose program is missing, and returns them.
fn programs(wanted: &[Program]) -> Result<Vec<&'static str>, Failure> {
    let missing = wanted
        .iter()
        .filter(|(program, asked, _)| !run::works(program, &[asked]));
    let (programs, packages): (Vec<&str>, Vec<&str>) =
        missing.map(|&(program, _, package)| (program, package)).unzip();
    if packages.is_empty() {
        return Ok(packages);
    }
    if !may_install() {
        let next = format!(
            "sudo apt-get update && sudo apt-get {} {}",
            APT_INSTALL.join(" "),
            packages.join(" ")
        );
        return Err(Failure::new(
            format!("not on the PATH: {}", programs.join(", ")),
            next,
        ));
    }
    install(&packages)?;
    Ok(packages)
}

fn noting(installed: &[&str]) -> Passed {
    if installed.is_empty() {
        return Passed::Noting("already there".to_owned());
    }
    Passed::Noting(format!("installed {}", installed.join(", ")))
}

/// `ip` creates the network namespaces for tests with lost peers. Installs it if possible. If namespaces cannot be
/// created here, those tests are left out, and this says so.
pub(crate) fn namespaces() -> Result<Passed, Failure> {
    let without = |reason: &str| {
        Ok(Passed::WithoutPart(format!(
            "{reason}, so half-open peers are not tested"
        )))
    };
    if !run::works("unshare", &["--net", "true"]) {
        return without("network namespaces cannot be made here (root can)");
    }
    if run::works("ip", &["-V"]) {
        return Ok(Passed::Noting("already there".to_owned()));
    }
    if !may_install() {
        return without("there is no `ip` (iproute2)");
    }
    install(&["iproute2"])?;
    Ok(Passed::Noting("installed iproute2".to_owned()))
}

/// libfaketime, by which a test sets the wall clock of a server, installed if this can be done here.
pub(crate) fn faketime() -> Result<Passed, Failure> {
    if run::works("faketime", &["--version"]) {
        return Ok(Passed::Noting("already there".to_owned()));
    }
    if !may_install() {
        return Err(Failure::new(
            "there is no faketime",
            format!("sudo apt-get {} faketime", APT_INSTALL.join(" ")),
        ));
    }
    install(&["faketime"])?;
    Ok(Passed::Noting("installed faketime".to_owned()))
}

/// Node, and the packages that the lock files name, at those versions.
pub(crate) fn packages() -> Result<Passed, Failure> {
    let version = run::output(&mut run::command("node", &["--version"]))?;
    if !is_new_enough(&version) {
        let what = format!("node calls itself {}", version.trim());
        return Err(Failure::new(
            what,
            format!("install Node {NODE_MAJOR_MIN} or newer"),
        ));
    }
    for folder in LOCKED {
        npm_ci(folder)?;
    }
    Ok(Passed::Whole)
}

/// Whether there is a Node that can build the packages, and npm.
pub(crate) fn has_node() -> bool {
    let has_both = ["node", "npm"]
        .iter()
        .all(|program| run::works(program, &["--version"]));
    has_both
        && run::output(&mut run::command("node", &["--version"])).is_ok_and(|version| is_new_enough(&version))
}

/// Installs the packages that the lock file in this folder names, unless they are there already.
pub(crate) fn npm_ci(folder: &str) -> Result<(), Failure> {
    let folder = run::root().join(folder);
    if is_fresh(&folder) {
        return Ok(());
    }
    let mut command = run::command("npm", &["ci", "--no-audit", "--no-fund"]);
    run::succeed(command.current_dir(folder), "see npm's message above")
}

fn browser(named: Option<OsString>) -> PathBuf {
    named.map_or_else(|| PathBuf::from(DEBIAN_CHROMIUM), PathBuf::from)
}

/// System packages are installed only as root on a Debian system.
fn may_install() -> bool {
    is_root() && run::works("apt-get", &["--version"])
}

fn install(packages: &[&str]) -> Result<(), Failure> {
    apt_get(&["update"])?;
    apt_get(&[&APT_INSTALL[..], packages].concat())
}

fn apt_get(arguments: &[&str]) -> Result<(), Failure> {
    let mut command = run::command("apt-get", arguments);
    run::succeed(
        command.env("DEBIAN_FRONTEND", "noninteractive"),
        "see apt-get's message above",
    )
}

fn is_root() -> bool {
    run::output(&mut run::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0")
}

/// npm writes another lock file beside the installed packages; while that one is newer, nothing has changed.
fn is_fresh(folder: &Path) -> bool {
    let installed = modified(&folder.join("node_modules/.package-lock.json"));
    let wanted = modified(&folder.join("package-lock.json"));
    matches!((installed, wanted), (Some(installed), Some(wanted)) if installed >= wanted)
}

fn is_new_enough(version: &str) -> bool {
    major(version).is_some_and(|major| major >= NODE_MAJOR_MIN)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// `20` of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_says_its_version_with_a_v() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20.20.2"), None);
        assert_eq!(major("vnext"), None);
    }

    #[test]
    fn the_variable_wins_over_the_usual_place() {
        assert_eq!(browser(Some("/opt/chrome".into())), PathBuf::from("/opt/chrome"));
        assert_eq!(browser(None), PathBuf::from(DEBIAN_CHROMIUM));
    }
}
