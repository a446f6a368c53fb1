//! What the product is made of: under which licences, from where, and without what was banned.
//!
//! `deny.toml` is the only list. cargo-deny judges by it where it is installed (it also knows yanked duplicates and
//! wildcards); the three rules that must never be skipped are judged here as well, in a second and without it. Of the
//! file's TOML, only arrays of strings and of one-line tables are understood, which is all that those rules use.

use std::path::Path;

use crate::report::{Failure, Passed};
use crate::tree::{self, Package};
use crate::{licence, run};

const NEXT: &str = "use another crate, or argue for the exception in deny.toml";

/// Licences, bans and sources of everything that any package of the workspace uses, in tests too.
pub(crate) fn rules() -> Result<Passed, Failure> {
    let config = tree::text(Path::new("deny.toml"))?;
    let mut packages = tree::packages(&["--workspace", "--all-features", "--target", "all"])?;
    packages.retain(|package| !package.is_local);

    let mut findings = licences(&packages, &strings(&config, "licenses", "allow", None));
    findings.extend(bans(&packages, &strings(&config, "bans", "deny", Some("crate"))));
    let registries = strings(&config, "sources", "allow-registry", None);
    findings.extend(sources(&tree::text(Path::new("Cargo.lock"))?, &registries));
    findings.extend(addresses(&tree::text(Path::new("e2e/package-lock.json"))?));
    Failure::unless_empty(&findings, NEXT)?;

    if !run::works("cargo", &["deny", "--version"]) {
        let reason = "cargo-deny is not installed (cargo install cargo-deny --locked), so duplicates were not looked at";
        return Ok(Passed::WithoutPart(reason.to_owned()));
    }
    let mut deny = run::command("cargo", &["deny", "check", "licenses", "bans", "sources"]);
    run::succeed(&mut deny, NEXT)?;
    Ok(Passed::Noting(format!("{} packages", packages.len())))
}

fn licences(packages: &[Package], allowed: &[String]) -> Vec<String> {
    let refused = |package: &&Package| !licence::is_allowed(&package.licence, allowed);
    let finding = |package: &Package| format!("{}: its licence is `{}`", package.name, package.licence);
    packages.iter().filter(refused).map(finding).collect()
}

fn bans(packages: &[Package], banned: &[String]) -> Vec<String> {
    let found = packages.iter().filter(|package| banned.contains(&package.name));
    found
        .map(|package| format!("{} is banned", package.name))
        .collect()
}

/// Every `source` in a Cargo.lock must be one of `registries`; what lies in this repository has none.
fn sources(lock: &str, registries: &[String]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in lock.lines().filter_map(|line| line.strip_prefix("source = ")) {
        let source = source.trim_matches('"');
        let registry = source.strip_prefix("registry+").unwrap_or(source);
        if !registries.iter().any(|known| known == registry) {
            findings.push(format!("Cargo.lock: a package comes from {source}"));
        }
    }
    findings.dedup();
    findings
}

/// npm notes where it got each package; that names one machine's mirror and means nothing on another.
fn addresses(lock: &str) -> Vec<String> {
    let found = lock.lines().filter(|line| line.contains("\"resolved\""));
    found
        .map(|line| format!("e2e/package-lock.json: {}", line.trim()))
        .collect()
}

/// The strings in the array `key` of `[section]`; of tables in the array, the values of `field` only.
fn strings(config: &str, section: &str, key: &str, field: Option<&str>) -> Vec<String> {
    let header = format!("[{section}]");
    let opening = format!("{key} = [");
    let lines = config
        .lines()
        .map(|line| line.split_once(" #").map_or(line, |(before, _)| before).trim());
    let mut array = lines
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .skip_while(|line| !line.starts_with(&opening));
    let mut found = Vec::new();
    for line in array.by_ref() {
        if !line.starts_with('#') {
            found.extend(quoted(line.trim_start_matches(&opening), field));
        }
        if line.ends_with(']') {
            break;
        }
    }
    found
}

/// The quoted strings of one line; with `field`, only those that stand right after `field = `.
fn quoted(line: &str, field: Option<&str>) -> Vec<String> {
    let parts: Vec<&str> = line.split('"').collect();
    let is_wanted = |before: &str| {
        field.is_none_or(|field| {
            before
                .trim_end()
                .strip_suffix('=')
                .is_some_and(|name| name.trim_end().ends_with(field))
        })
    };
    parts
        .chunks_exact(2)
        .filter(|pair| is_wanted(pair[0]))
        .map(|pair| pair[1].to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
[licenses]
# one a line
allow = [
  "MIT", # permissive
  # "GPL-3.0-only",
  "Apache-2.0 WITH LLVM-exception",
]
[bans]
allow = ["nothing to do with licences"]
deny = [
  { crate = "native-tls", reason = "rustls" },
  { crate = "openssl-sys", reason = "rustls" },
]
[sources]
allow-registry = ["https://github.com/rust-lang/crates.io-index"]
allow-git = []
"#;

    fn package(name: &str, licence: &str) -> Package {
        Package {
            name: name.to_owned(),
            licence: licence.to_owned(),
            is_local: false,
        }
    }

    #[test]
    fn arrays_of_the_configuration() {
        assert_eq!(
            strings(CONFIG, "licenses", "allow", None),
            ["MIT", "Apache-2.0 WITH LLVM-exception"]
        );
        assert_eq!(
            strings(CONFIG, "bans", "deny", Some("crate")),
            ["native-tls", "openssl-sys"]
        );
        assert_eq!(strings(CONFIG, "sources", "allow-registry", None).len(), 1);
        assert!(strings(CONFIG, "sources", "allow-git", None).is_empty());
        assert!(strings(CONFIG, "absent", "allow", None).is_empty());
    }

    #[test]
    fn the_real_configuration_is_understood() {
        let config = tree::text(Path::new("deny.toml")).unwrap();
        assert!(strings(&config, "licenses", "allow", None).contains(&"MIT".to_owned()));
        assert!(strings(&config, "bans", "deny", Some("crate")).contains(&"openssl-sys".to_owned()));
        assert_eq!(strings(&config, "sources", "allow-registry", None).len(), 1);
    }

    #[test]
    fn findings() {
        let packages = [
            package("good", "MIT"),
            package("viral", "GPL-3.0-only"),
            package("silent", ""),
        ];
        let allowed = ["MIT".to_owned()];
        assert_eq!(
            licences(&packages, &allowed),
            [
                "viral: its licence is `GPL-3.0-only`",
                "silent: its licence is ``"
            ]
        );
        assert_eq!(bans(&packages, &["good".to_owned()]), ["good is banned"]);
    }

    #[test]
    fn sources_must_be_known() {
        let lock =
            "source = \"registry+https://a.example/index\"\nsource = \"git+https://b.example/x?rev=1#1\"\n";
        assert_eq!(sources(lock, &["https://a.example/index".to_owned()]).len(), 1);
        assert_eq!(sources(lock, &[]).len(), 2);
    }

    #[test]
    fn a_lock_file_of_npm_names_no_address() {
        assert!(addresses("\"version\": \"1.0.0\",").is_empty());
        assert_eq!(
            addresses("\"resolved\": \"https://mirror.example/x.tgz\",").len(),
            1
        );
    }
}
