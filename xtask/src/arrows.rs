//! Which crate may depend on which: `core ← shard ← server ← binary`, `core ← nats ← server`.
//!
//! Arrows within a crate are those of `rooms.rs`. Cargo refuses circles of dependencies. This check allows only the
//! dependencies of the design, and keeps runtimes, sockets and randomness out of the core, also through third-party
//! crates. Dependencies of tests are not checked.

use crate::report::{Failure, Passed};
use crate::tree::{self, Package};

struct Rule {
    package: &'static str,
    /// Packages of this workspace that it may be built from.
    may_use: &'static [&'static str],
    /// Packages that it must not be built from, at any depth.
    must_not_use: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        package: "headcount-core",
        may_use: &[],
        must_not_use: &[
            "axum",
            "getrandom",
            "http",
            "hyper",
            "mio",
            "rand",
            "rand_core",
            "socket2",
            "tokio",
        ],
    },
    // The data plane answers what it can by itself, and waits for nothing: no framework, and no runtime but its queues.
    Rule {
        package: "headcount-shard",
        may_use: &["headcount-core"],
        must_not_use: &[
            "anyhow",
            "axum",
            "clap",
            "h2",
            "http",
            "httparse",
            "hyper",
            "hyper-util",
            "redb",
            "rustls",
            "tower-service",
        ],
    },
    Rule {
        package: "headcount-server",
        may_use: &["headcount-core", "headcount-nats", "headcount-shard"],
        must_not_use: &["anyhow", "clap"],
    },
    Rule {
        package: "headcount-nats",
        may_use: &["headcount-core"],
        must_not_use: &["anyhow", "clap"],
    },
    Rule {
        package: "headcount",
        may_use: &[
            "headcount-core",
            "headcount-nats",
            "headcount-server",
            "headcount-shard",
        ],
        must_not_use: &[],
    },
    // Judges the framing alone; the server only in its tests.
    Rule {
        package: "headcount-conformance",
        may_use: &["headcount-core"],
        must_not_use: &["tokio"],
    },
    // Measures from outside: the server's library, and the crates of its clients.
    Rule {
        package: "headcount-bench",
        may_use: &[
            "headcount-core",
            "headcount-nats",
            "headcount-server",
            "headcount-shard",
        ],
        must_not_use: &[],
    },
];

/// All that xtask is built from: a fresh clone runs it first.
const PARSER: [&str; 4] = ["proc-macro2", "quote", "syn", "unicode-ident"];

const NEXT: &str =
    "move the code to where its dependency may be, or change xtask/src/arrows.rs and the design with it";

/// Judges every package of the workspace; one that no rule knows is a finding, too.
pub(crate) fn rules() -> Result<Passed, Failure> {
    let members = tree::packages(&["--workspace", "--depth", "0"])?;
    let mut findings = Vec::new();
    for member in &members {
        let built_from = built_from(&member.name)?;
        match RULES.iter().find(|rule| rule.package == member.name) {
            Some(rule) => findings.extend(breaches(rule, &built_from)),
            None if member.name == "xtask" => findings.extend(strangers_in_xtask(&built_from)),
            None => findings.push(format!("{}: no rule says what it may use", member.name)),
        }
    }
    Failure::unless_empty(&findings, NEXT)?;
    Ok(Passed::Noting(format!(
        "{} packages of the workspace",
        members.len()
    )))
}

/// What goes into a package, at any depth and on every platform, itself left out.
fn built_from(package: &str) -> Result<Vec<Package>, Failure> {
    let mut packages = tree::packages(&["--package", package, "--edges", "normal,build", "--target", "all"])?;
    packages.retain(|found| found.name != package);
    Ok(packages)
}

fn breaches(rule: &Rule, built_from: &[Package]) -> Vec<String> {
    let is_breach = |used: &&Package| {
        let name = used.name.as_str();
        rule.must_not_use.contains(&name) || (used.is_local && !rule.may_use.contains(&name))
    };
    let finding = |used: &Package| format!("{} must not be built from {}", rule.package, used.name);
    built_from.iter().filter(is_breach).map(finding).collect()
}

fn strangers_in_xtask(built_from: &[Package]) -> Vec<String> {
    built_from
        .iter()
        .filter(|used| !PARSER.contains(&used.name.as_str()))
        .map(|used| {
            format!(
                "xtask has no dependency but a parser of Rust, and uses {}",
                used.name
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, is_local: bool) -> Package {
        Package {
            name: name.to_owned(),
            licence: "MIT".to_owned(),
            is_local,
        }
    }

    fn judge(of: &str, built_from: &[Package]) -> Vec<String> {
        let rule = RULES.iter().find(|rule| rule.package == of).unwrap();
        breaches(rule, built_from)
    }

    #[test]
    fn an_arrow_must_be_one_of_the_design() {
        let core = package("headcount-core", true);
        let server = package("headcount-server", true);
        assert!(judge("headcount-server", std::slice::from_ref(&core)).is_empty());
        assert!(judge("headcount", &[core, server.clone()]).is_empty());
        assert_eq!(
            judge("headcount-core", &[server]),
            ["headcount-core must not be built from headcount-server"]
        );
    }

    #[test]
    fn the_core_uses_no_runtime_at_any_depth() {
        assert!(judge("headcount-core", &[package("regex", false)]).is_empty());
        assert_eq!(
            judge(
                "headcount-core",
                &[package("tokio", false), package("mio", false)]
            )
            .len(),
            2
        );
        assert!(judge("headcount-server", &[package("tokio", false)]).is_empty());
    }

    #[test]
    fn xtask_has_no_dependency_but_a_parser() {
        assert!(strangers_in_xtask(&[package("syn", false)]).is_empty());
        assert_eq!(strangers_in_xtask(&[package("serde", false)]).len(), 1);
    }
}
