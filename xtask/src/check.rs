//! `cargo xtask check`: what to run before every commit. The quick part of `cargo xtask test`.
//!
//! The steps go from the fast to the slow, and the first failure ends the run.

use crate::report::{Failure, Passed, step};
use crate::{
    arrows, circles, dependencies, documents, names, phrases, reference, rooms, run, rust, sizes, source,
};

/// The gates, then the unit tests.
pub(crate) fn check() -> Result<(), Failure> {
    gates()?;
    step("unit tests", unit_tests)
}

/// Every check that does not run the product.
pub(crate) fn gates() -> Result<(), Failure> {
    step("formatting", formatting)?;
    step("lints of TypeScript", typescript_lints)?;
    step("rules on sources", source::rules)?;
    let sources = rust::sources()?;
    step("arrows between the rooms of a crate", || rooms::rules(&sources))?;
    step("circles of files", || circles::rules(&sources))?;
    step("names of public types", || names::rules(&sources))?;
    step("sizes of files and functions", || sizes::rules(&sources))?;
    step("documents name what exists", documents::rules)?;
    step("comments and documents in plain words", phrases::rules)?;
    step(
        "the reference says what the sources say",
        reference::sources_are_fresh,
    )?;
    step("lints", lints)?;
    step("the library without its features, and with each alone", features)?;
    step("documentation of the crates", documentation)?;
    step("arrows between crates", arrows::rules)?;
    step("dependencies: licences, bans, sources", dependencies::rules)
}

/// Whether cargo-nextest is there. It runs each test in its own process, and several at once.
pub(crate) fn has_nextest() -> bool {
    run::works("cargo", &["nextest", "--version"])
}

fn formatting() -> Result<Passed, Failure> {
    let mut command = run::command("cargo", &["fmt", "--all", "--check"]);
    run::succeed(&mut command, "cargo fmt --all").map(|()| Passed::Whole)
}

/// A feature that is off by default is linted as well.
const OPENAPI: &str = "--features=headcount-server/openapi";

fn lints() -> Result<Passed, Failure> {
    let mut command = run::command(
        "cargo",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            OPENAPI,
            "--",
            "-D",
            "warnings",
        ],
    );
    let next = "mend what clippy names; an exception is `#[expect(<lint>, reason = \"…\")]`";
    run::succeed(&mut command, next).map(|()| Passed::Whole)
}

/// Features of the library that an app can leave out.
const FEATURES: [&str; 6] = [
    "bridge",
    "cluster",
    "forward-auth",
    "metrics",
    "sealed-session",
    "store",
];

/// What one feature needs must not come from another one, and what is off must leave nothing unused.
fn features() -> Result<Passed, Failure> {
    for feature in [""].into_iter().chain(FEATURES) {
        let package = ["clippy", "--package=headcount-server", "--no-default-features"];
        let mut command = run::command("cargo", &package);
        let features = format!("--features={feature}");
        command.args([features.as_str(), "--", "-D", "warnings"]);
        let next = format!(
            "mend what clippy names with the features `{feature}` alone: an item of another feature needs its `#[cfg(feature = …)]`"
        );
        run::succeed(&mut command, &next)?;
    }
    Ok(Passed::Whole)
}

/// oxlint takes a second or two, and is installed with the npm packages. A clone without Node checks Rust alone.
fn typescript_lints() -> Result<Passed, Failure> {
    if !run::root().join("node_modules/.bin/oxlint").exists() {
        return Ok(Passed::WithoutPart("`npm ci` installs oxlint".to_owned()));
    }
    let next = "mend what oxlint names; .oxlintrc.json says why a rule is off, and how to write an exception";
    run::succeed(&mut run::command("npm", &["run", "lint", "--silent"]), next).map(|()| Passed::Whole)
}

/// A link to an item that was renamed, or that readers of the documentation cannot see, is a warning of rustdoc. Bare URLs
/// are fine: help texts are documentation as well, and a terminal shows `<https://…>` as it stands.
fn documentation() -> Result<Passed, Failure> {
    let mut command = run::command("cargo", &["doc", "--no-deps", "--workspace"]);
    let next = "mend the link that rustdoc names; an item that is not public stands in backticks alone";
    run::succeed(
        command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::bare_urls"),
        next,
    )
    .map(|()| Passed::Whole)
}

fn unit_tests() -> Result<Passed, Failure> {
    let arguments: &[&str] = if has_nextest() {
        &["nextest", "run", "--workspace", "--lib", "--bins"]
    } else {
        &["test", "--workspace", "--lib", "--bins"]
    };
    let next = "run the test that failed alone: cargo test -p <package> <name>";
    run::succeed(&mut run::command("cargo", arguments), next).map(|()| Passed::Whole)
}
