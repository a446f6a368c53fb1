//! Documents name only files and tests that exist.
//!
//! Looked at are the Markdown files in the root, in `docs/` and in `protocol/`: what stands between backticks and looks like a
//! path of this repository, and the targets of links. Fenced blocks are left alone: they show other people's machines. A short
//! form such as `registry/mod.rs` is fine as long as some file ends with it. A name of four words or more with `_` between them is
//! a test, a limit or a metric, and must stand in some source file: a claim whose test was renamed is a claim that nothing holds.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::report::{Failure, Passed};
use crate::{run, tree};

/// What marks a word as a path even if it does not begin with one of our folders.
const ENDINGS: [&str; 4] = [".rs", ".md", ".mjs", ".ts"];

/// Where a name that a document gives may stand.
const SOURCES: [&str; 6] = ["rs", "ts", "mjs", "vue", "json", "toml"];

/// Judges every document.
pub(crate) fn rules() -> Result<Passed, Failure> {
    let files = tree::files()?;
    let mut findings = Vec::new();
    let mut judged = 0;
    let known = words(&files)?;
    for document in files.iter().filter(|path| is_document(path)) {
        let text = tree::text(document)?;
        for (number, named) in named_paths(&text, &files) {
            judged += 1;
            if !exists(&named, document, &files) {
                findings.push(format!("{}:{number}: there is no {named}", document.display()));
            }
        }
        for (number, named) in named_words(&text) {
            judged += 1;
            if !known.contains(named) {
                findings.push(format!("{}:{number}: no source has {named}", document.display()));
            }
        }
    }
    Failure::unless_empty(
        &findings,
        "name the file or the test as it is called now, or take the words out",
    )?;
    Ok(Passed::Noting(format!("{judged} names")))
}

fn is_document(path: &Path) -> bool {
    let is_markdown = path.extension().is_some_and(|end| end == "md");
    is_markdown
        && (path.components().count() == 1 || path.starts_with("docs") || path.starts_with("protocol"))
}

/// The paths that a document names, with the numbers of their lines.
fn named_paths(text: &str, files: &[PathBuf]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_fence = false;
    for (number, line) in (1..).zip(text.lines()) {
        in_fence ^= line.trim_start().starts_with("```");
        if in_fence {
            continue;
        }
        let spans = line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|span| looks_like_path(span, files));
        found.extend(
            spans
                .chain(link_targets(line))
                .map(|path| (number, bare(path).to_owned())),
        );
    }
    found
}

/// Every word of every source file that is long enough to be looked for.
fn words(files: &[PathBuf]) -> Result<HashSet<String>, Failure> {
    let mut words = HashSet::new();
    for path in files {
        let end = path.extension().and_then(|end| end.to_str());
        if end.is_some_and(|end| SOURCES.contains(&end)) {
            let text = tree::text(path)?;
            let all = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            words.extend(all.filter(|word| is_name(word)).map(str::to_owned));
        }
    }
    Ok(words)
}

/// The long names that a document gives, with the numbers of their lines.
fn named_words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    (1..).zip(text.lines()).flat_map(move |(number, line)| {
        in_fence ^= line.trim_start().starts_with("```");
        let code = if in_fence { "" } else { line };
        let spans = code.split('`').skip(1).step_by(2);
        spans.filter(|span| is_name(span)).map(move |span| (number, span))
    })
}

/// Four words or more, in small letters.
fn is_name(word: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    word.bytes().all(small) && word.split('_').filter(|part| !part.is_empty()).count() >= 4
}

/// Whether a span of code is meant as a path of this repository rather than as a URL, a media type or a pattern.
fn looks_like_path(span: &str, files: &[PathBuf]) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/:#".contains(letter);
    if span.starts_with(['/', '.', '-']) || span.contains("::") || !span.chars().all(is_plain) {
        return false;
    }
    let begins_with_folder = span.split_once('/').is_some_and(|(first, _)| {
        files
            .iter()
            .any(|file| file.components().count() > 1 && file.starts_with(first))
    });
    begins_with_folder || ENDINGS.iter().any(|ending| bare(span).ends_with(ending))
}

/// The targets of `[text](target)` in a line that lie in this repository.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    let targets = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|target| !target.is_empty() && !target.starts_with('#') && !target.contains(':'))
}

/// Without the line or the heading that it points at.
fn bare(path: &str) -> &str {
    path.split([':', '#'])
        .next()
        .unwrap_or(path)
        .trim_end_matches('/')
}

fn exists(named: &str, document: &Path, files: &[PathBuf]) -> bool {
    let beside = document.parent().unwrap_or(Path::new("")).join(named);
    let is_short_for =
        |file: &PathBuf| file.ends_with(named) || file.parent().is_some_and(|folder| folder.ends_with(named));
    run::root().join(named).exists() || run::root().join(beside).exists() || files.iter().any(is_short_for)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_must_stand_in_a_source() {
        let text = "`a_test_that_is_gone`, `tick_ms`\n```\n`a_test_in_a_fence`\n```\n`one_two_three_four`";
        let named: Vec<_> = named_words(text).collect();
        assert_eq!(named, [(1, "a_test_that_is_gone"), (5, "one_two_three_four")]);
        let known = words(&["xtask/src/documents.rs".into()]).unwrap();
        assert!(known.contains("a_long_name_must_stand_in_a_source"));
    }

    fn files() -> Vec<PathBuf> {
        [
            "README.md",
            "crates/core/src/registry/mod.rs",
            "crates/core/src/route.rs",
            "docs/a.md",
        ]
        .map(PathBuf::from)
        .into()
    }

    fn named(text: &str) -> Vec<String> {
        named_paths(text, &files())
            .into_iter()
            .map(|(_, path)| path)
            .collect()
    }

    #[test]
    fn paths_between_backticks() {
        assert_eq!(
            named("see `crates/core/src/route.rs`"),
            ["crates/core/src/route.rs"]
        );
        assert_eq!(
            named("`crates/core/` and `gone.rs:12`"),
            ["crates/core", "gone.rs"]
        );
        assert_eq!(
            named("[a](docs/a.md#top) [b](https://example.org) [c](#here)"),
            ["docs/a.md"]
        );
    }

    #[test]
    fn what_is_no_path() {
        for text in [
            "`text/event-stream`",
            "`/api/admin/stats`",
            "`std::fs`",
            "`crates/*`",
            "`cargo test`",
            "`./headcount-data`",
            "`headcount.toml`",
        ] {
            assert!(named(text).is_empty(), "{text}");
        }
        assert!(named("```\n`crates/gone.rs`\n```").is_empty());
    }

    #[test]
    fn short_forms_are_understood() {
        let readme = Path::new("README.md");
        assert!(exists("registry/mod.rs", readme, &files()));
        assert!(exists("core/src/registry", readme, &files()));
        assert!(!exists("registry/gone.rs", readme, &files()));
        assert!(!exists("istry/mod.rs", readme, &files()));
    }
}
