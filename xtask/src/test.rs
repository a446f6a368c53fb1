//! `cargo xtask test`: everything, from a fresh clone. What the build server runs.

use crate::report::{Failure, Passed, step};
use crate::{autobahn, brokers, browser, chart, check, dist, needs, packages, reference, repeat, run};

/// Installs what is missing, then runs the gates, every Rust test, the Autobahn test suite and the browser tests.
pub(crate) fn test() -> Result<(), Failure> {
    step("what the machine must have", needs::chromium)?;
    step("Firefox and WebKit for the client's tests", needs::engines)?;
    step("proxies for the browser tests", needs::proxies)?;
    step("NATS servers for the tests", brokers::both)?;
    step("network namespaces for the tests", needs::namespaces)?;
    step("npm packages", needs::packages)?;
    step("Helm, as a library", chart::library)?;
    let mut repeated = Vec::new();
    let outcome = everything(&mut repeated);
    repeat::summary(&repeated);
    outcome
}

/// Repeated tests are listed even if something fails.
fn everything(repeated: &mut Vec<String>) -> Result<(), Failure> {
    check::gates()?;
    step("packages for the browser", packages::packages)?;
    step("the binary", binary)?;
    step(
        "the reference says what the programs say",
        reference::programs_are_fresh,
    )?;
    repeat::forget();
    let rust = step("Rust tests", rust_tests);
    repeated.extend(repeat::of_nextest());
    rust?;
    step("black-box tests against three nodes of a cluster", cluster_tests)?;
    step("the server's tests without what only Linux has", portable_tests)?;
    step("examples in the documentation", documentation_tests)?;
    step(
        "WebSocket conformance: the Autobahn test suite",
        autobahn::conformance_if_possible,
    )?;
    step("TypeScript packages", typescript)?;
    step("documentation", documentation)?;
    dist::installed()?;
    step("browser tests", || browser::in_chromium(repeated))?;
    step("browser tests of the client in Firefox and in WebKit", || {
        browser::in_others(repeated)
    })
}

fn binary() -> Result<Passed, Failure> {
    let mut command = run::command("cargo", &["build", "--package", "headcount"]);
    run::succeed(&mut command, "mend what the compiler names").map(|()| Passed::Whole)
}

/// `--no-fail-fast`: the log of the build server must show every failure.
fn rust_tests() -> Result<Passed, Failure> {
    let arguments: &[&str] = if check::has_nextest() {
        &["nextest", "run", "--workspace", "--no-fail-fast"]
    } else {
        &["test", "--workspace", "--all-targets", "--no-fail-fast"]
    };
    let next = "run the test that failed alone: cargo test -p <package> <name>";
    run::succeed(&mut run::command("cargo", arguments), next).map(|()| Passed::Whole)
}

/// What holds on one server holds on any node of a cluster. The tests that are left out say so.
fn cluster_tests() -> Result<Passed, Failure> {
    // Each in one process, because the tests of the library share a broker.
    against_three_nodes("headcount-server", &["--skip", "cluster::"])?;
    against_three_nodes("headcount", &["scenarios::"])
}

/// The black-box tests of this package that these words select.
fn against_three_nodes(package: &str, which: &[&str]) -> Result<Passed, Failure> {
    let mut command = run::command("cargo", &["test", "--package", package, "--test", "it", "--"]);
    command.args(which).env("HEADCOUNT_TEST_NODES", "3");
    let next = format!("run it alone: HEADCOUNT_TEST_NODES=3 cargo test -p {package} --test it <name>");
    run::succeed(&mut command, &next).map(|()| Passed::Whole)
}

/// What runs on other systems is run on this one. Only the crates of the workspace are rebuilt for it.
fn portable_tests() -> Result<Passed, Failure> {
    let mut command = run::command(
        "cargo",
        &["test", "--package", "headcount-server", "--lib", "--test", "it"],
    );
    command.env("RUSTC_WORKSPACE_WRAPPER", run::root().join("xtask/portable.sh"));
    let next =
        "run it alone: RUSTC_WORKSPACE_WRAPPER=$PWD/xtask/portable.sh cargo test -p headcount-server <name>";
    run::succeed(&mut command, next).map(|()| Passed::Whole)
}

fn documentation_tests() -> Result<Passed, Failure> {
    let mut command = run::command("cargo", &["test", "--workspace", "--doc"]);
    run::succeed(&mut command, "mend the example that the message names").map(|()| Passed::Whole)
}

/// Builds the site of `docs/`. A link to a page, or to a part of one, that is not there ends the build.
fn documentation() -> Result<Passed, Failure> {
    let mut command = run::command("npm", &["run", "build", "--silent"]);
    let next = "mend the link that the message names; run it alone, in docs/: npm run build";
    run::succeed(command.current_dir(run::root().join("docs")), next).map(|()| Passed::Whole)
}

/// Builds each package of `packages/`, and judges its types, its tests, its size and whether it could be published. The
/// browser tests use what is built here.
fn typescript() -> Result<Passed, Failure> {
    let mut command = run::command("npm", &["run", "check", "--silent"]);
    let next = "run it alone, in packages/<name>/: npm run build, types, test, size or publishable";
    run::succeed(&mut command, next).map(|()| Passed::Whole)
}
