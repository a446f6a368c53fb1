//! `protocol.md`: the documents of the protocol with their sections, and the test vectors.

#![expect(
    clippy::format_push_string,
    reason = "a page of a few kilobytes is made once; `write!` to a text has an error that cannot happen"
)]

use std::path::Path;

use super::{head, source, unread};
use crate::report::Failure;
use crate::tree;

const PROTOCOL: &str = "protocol/PROTOCOL.md";

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
