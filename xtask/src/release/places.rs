//! Where the version of headcount stands: in manifests, and in lines of texts that name headcount beside it.
//!
//! Files are found by their form, not by a list, so that a new package or guide is released with the others. Lock files and generated
//! pages follow by their own programs, and what tells of earlier versions stays.

use std::path::{Path, PathBuf};

use super::repository::{git, read};
use super::version::Version;
use crate::report::Failure;

const MANIFEST: &str = "Cargo.toml";
/// Endings of files that may name the version.
const TEXTS: [&str; 5] = ["toml", "json", "md", "yaml", "yml"];
/// What tells of earlier versions, is generated or has the tests' own.
const LEFT_OUT: [&str; 6] = [
    "CHANGELOG.md",
    "docs/decisions/",
    "docs/guides/upgrading.md",
    "docs/reference/",
    "e2e/",
    "xtask/",
];
const LOCKS: &str = "package-lock.json";
/// How the line of a manifest begins that says its own version.
const OWN: [&str; 5] = [
    "version = \"",
    "\"version\": \"",
    "version: ",
    "appVersion: ",
    "app.kubernetes.io/version: ",
];

/// The version that the workspace has.
pub(super) fn current(root: &Path) -> Result<Version, Failure> {
    let text = read(&root.join(MANIFEST))?;
    let line = text.lines().find_map(|line| line.strip_prefix("version = \""));
    line.and_then(|rest| Version::read(rest.trim_end_matches('"')))
        .ok_or_else(|| {
            Failure::new(
                format!("{MANIFEST} has no line `version = \"1.2.3\"`"),
                "write one under [workspace.package]",
            )
        })
}

/// The files that name `current`, with `next` in its place.
pub(super) fn rewritten(
    root: &Path,
    current: &Version,
    next: &Version,
) -> Result<Vec<(PathBuf, String)>, Failure> {
    let (from, to) = (current.to_string(), next.to_string());
    let mut files = Vec::new();
    for path in git(root, &["ls-files"])?.lines().filter(|path| may_name_it(path)) {
        let text = read(&root.join(path))?;
        let lines: Vec<String> = text
            .split_inclusive('\n')
            .map(|line| rewritten_line(line, &from, &to))
            .collect();
        let new = lines.concat();
        if new != text {
            files.push((path.into(), new));
        }
    }
    Ok(files)
}

fn may_name_it(path: &str) -> bool {
    let end = path.rsplit('.').next().unwrap_or_default();
    TEXTS.contains(&end) && !path.ends_with(LOCKS) && !LEFT_OUT.iter().any(|left| path.starts_with(left))
}

fn rewritten_line(line: &str, from: &str, to: &str) -> String {
    let is_ours = line.contains("headcount") || OWN.iter().any(|begin| line.trim_start().starts_with(begin));
    if !is_ours {
        return line.to_owned();
    }
    let mut new = String::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once(from) {
        new.push_str(before);
        let is_part = before.ends_with(|letter: char| letter.is_ascii_digit() || letter == '.')
            || behind.starts_with(|letter: char| letter.is_ascii_digit());
        new.push_str(if is_part { from } else { to });
        rest = behind;
    }
    new + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_names_headcount_or_is_the_manifests_own_changes() {
        for (line, expected) in [
            ("version = \"0.1.0\"\n", "version = \"0.2.0\"\n"),
            ("  \"version\": \"0.1.0\",\n", "  \"version\": \"0.2.0\",\n"),
            (
                "    \"@headcount/vue\": \"^0.1.0\"\n",
                "    \"@headcount/vue\": \"^0.2.0\"\n",
            ),
            (
                "cd headcount-0.1.0-x86 headcount_0.1.0-1\n",
                "cd headcount-0.2.0-x86 headcount_0.2.0-1\n",
            ),
            ("    \"other\": \"0.1.0\"\n", "    \"other\": \"0.1.0\"\n"),
            (
                "headcount needs x 0.1.01 and 10.1.0 and 2.0.1.0\n",
                "headcount needs x 0.1.01 and 10.1.0 and 2.0.1.0\n",
            ),
        ] {
            assert_eq!(rewritten_line(line, "0.1.0", "0.2.0"), expected);
        }
    }

    #[test]
    fn what_tells_of_earlier_versions_stays() {
        for stays in [
            "CHANGELOG.md",
            "docs/decisions/0001-a.md",
            "package-lock.json",
            "docs/reference/openapi.json",
            "a.rs",
        ] {
            assert!(!may_name_it(stays), "{stays}");
        }
        assert!(may_name_it("packages/client/package.json") && may_name_it("docs/guides/install.md"));
    }
}
