//! `protocol.md`: the documents of the protocol with their sections, and the test vectors. In those documents, the tables of limits.

#![expect(
    clippy::format_push_string,
    reason = "a page of a few kilobytes is made once; `write!` to a text has an error that cannot happen"
)]

use std::path::Path;

use super::limits::{self, Limit};
use super::page::{Generated, cell, head, source, unread};
use crate::report::Failure;
use crate::tree;

const PROTOCOL: &str = "protocol/PROTOCOL.md";
const BRIDGE: &str = "protocol/BRIDGE.md";

/// What begins the table of limits, at the end of a document.
const HEADING: &str = "\n## Limits\n";

pub(super) fn page() -> Result<String, Failure> {
    let mut page = head("Protocol", "`protocol/`");
    page.push_str("What goes over the wire. The files are in the npm package `@headcount/client` too, in its folder `protocol/`.\n");
    let files = tree::files()?;
    for path in files
        .iter()
        .filter(|path| path.parent() == Some(Path::new("protocol")))
    {
        let (path, text) = (path.display().to_string(), tree::text(path)?);
        let title = text
            .lines()
            .find_map(|line| line.strip_prefix("# "))
            .ok_or_else(|| unread(&path, "title"))?;
        page.push_str(&format!("\n## [{title}](../../{path})\n\n"));
        for section in sections(&text) {
            page.push_str(&format!("- [{section}](../../{path}#{})\n", anchor(section)));
        }
    }
    page.push_str("\n## Test vectors\n\nCases as JSON, for every implementation of the protocol.\n\n| file | what it fixes |\n|---|---|\n");
    let protocol = source(PROTOCOL)?;
    for path in files.iter().filter(|path| path.starts_with("protocol/vectors")) {
        let path = path.display().to_string();
        let row = format!("| `{path}` | ");
        let about = protocol
            .lines()
            .find_map(|line| line.strip_prefix(&row)?.strip_suffix(" |"));
        let about = about.ok_or_else(|| unread(PROTOCOL, &format!("row for `{path}`")))?;
        let name = path.rsplit('/').next().unwrap_or(&path);
        page.push_str(&format!("| [{name}](../../{path}) | {about} |\n"));
    }
    Ok(page)
}

/// The documents with their tables of limits. Which limits a table has is written by hand; defaults and texts come from the code.
pub(super) fn documents() -> Result<Vec<Generated>, Failure> {
    let limits = limits::all()?;
    let document = |path: &str| {
        Ok(Generated {
            path: path.to_owned(),
            text: with_limits(path, &source(path)?, &limits)?,
        })
    };
    [PROTOCOL, BRIDGE].into_iter().map(document).collect()
}

/// The text of a document, with each row of its table of limits generated again.
fn with_limits(path: &str, text: &str, limits: &[Limit]) -> Result<String, Failure> {
    let (before, table) = text
        .split_once(HEADING)
        .ok_or_else(|| unread(path, "section `Limits`"))?;
    let mut written = format!("{before}{HEADING}");
    for line in table.split_inclusive('\n') {
        let Some((name, _)) = line.strip_prefix("| `").and_then(|row| row.split_once('`')) else {
            written.push_str(line);
            continue;
        };
        let limit = limits.iter().find(|limit| limit.name == name);
        let limit = limit.ok_or_else(|| unread(path, &format!("limit `{name}`")))?;
        written.push_str(&format!(
            "| `{name}` | {} | {} |\n",
            limit.default,
            cell(&limit.effect)
        ));
    }
    Ok(written)
}

/// The headings of the second level, outside of fences.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let mut in_fence = false;
    text.lines().filter_map(move |line| {
        in_fence ^= line.starts_with("```");
        line.strip_prefix("## ").filter(|_| !in_fence)
    })
}

/// As the sites make it on which these files are read.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_the_code_says() {
        let limits = [Limit {
            name: "tick_ms".to_owned(),
            effect: "Least time.".to_owned(),
            default: "100".to_owned(),
        }];
        let document =
            |row: &str| format!("# Title\n\n## Limits\n\n| limit | default | |\n|---|---|---|\n{row}");
        let stale = document("| `tick_ms` | 90 | Time |\n");
        assert_eq!(
            with_limits("x.md", &stale, &limits).unwrap(),
            document("| `tick_ms` | 100 | Least time. |\n")
        );
        assert!(with_limits("x.md", &document("| `tock_ms` | 1 | |\n"), &limits).is_err());
        assert!(with_limits("x.md", "# Title\n", &limits).is_err());
    }
}
