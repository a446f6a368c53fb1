//! Comments and documents avoid phrases that need a second reading.
//!
//! Plain English is a matter of judgement; these few are the worst of what this repository once had, and each has a
//! plain form. Names of tests and texts of programs are not checked: their readers see them in review.

use std::path::Path;

use crate::report::{Failure, Passed};
use crate::tree;

/// A phrase in small letters, and what to write instead.
const PHRASES: [(&str, &str); 15] = [
    ("anew", "\"again\", or a verb such as \"restart\""),
    ("whoever", "name the client, the server or the user"),
    ("what of", "\"the part of\""),
    ("so much as", "\"even\", or nothing"),
    ("by so much", "the name of the value"),
    ("is none of", "\"is not\""),
    ("are none of", "\"are not\""),
    ("that is none", "\"that is not\", or \"invalid\""),
    ("that are none", "\"that are not\", or \"invalid\""),
    ("in turn", "\"one after the other\", or nothing"),
    ("for good", "\"permanently\", or \"never again\""),
    ("of its own", "\"its own\", \"separate\", or \"by itself\""),
    (
        "of their own",
        "\"their own\", \"separate\", or \"by themselves\"",
    ),
    ("of headcount's own", "\"reserved\", or \"headcount's\""),
    ("of one's own", "\"your\", or \"separate\""),
];

/// The languages of sources with comments.
const SOURCES: [&str; 4] = ["rs", "ts", "mjs", "vue"];

/// This file names the phrases.
const LIST: &str = "xtask/src/phrases.rs";

/// Its texts about past releases stay as they are.
const HISTORY: &str = "CHANGELOG.md";

/// Judges every comment and every document.
pub(crate) fn rules() -> Result<Passed, Failure> {
    let mut findings = Vec::new();
    let mut judged = 0;
    for path in tree::files()? {
        let name = path.display().to_string();
        if !is_judged(&path) || name == LIST || name == HISTORY {
            continue;
        }
        judged += 1;
        let is_document = path.extension().is_some_and(|end| end == "md");
        for (number, phrase, instead) in found(&tree::text(&path)?, is_document) {
            findings.push(format!("{name}:{number}: \"{phrase}\": write {instead}"));
        }
    }
    Failure::unless_empty(&findings, "say it in plain words")?;
    Ok(Passed::Noting(format!("{judged} files")))
}

fn is_judged(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| end == "md" || SOURCES.contains(&end))
}

/// The phrases in a document, or in the comments of a source, with the numbers of the lines on which they begin.
fn found(text: &str, is_document: bool) -> Vec<(usize, &'static str, &'static str)> {
    let (mut words, mut in_fence, mut before) = (String::new(), false, Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        in_fence ^= is_document && line.trim_start().starts_with("```");
        let prose = if is_document {
            (!in_fence).then_some(line)
        } else {
            comment(line)
        };
        before.push((words.len(), number));
        match prose {
            Some(prose) => {
                words.push_str(&prose.trim().to_lowercase());
                words.push(' ');
            }
            None => words.push_str(". "),
        }
    }
    let line_of = |at: usize| {
        let behind = before.partition_point(|(start, _)| *start <= at);
        before
            .get(behind.saturating_sub(1))
            .map_or(0, |(_, number)| *number)
    };
    let occurrences = |(phrase, instead): &(&'static str, &'static str)| {
        let (phrase, instead) = (*phrase, *instead);
        let at: Vec<usize> = words
            .match_indices(phrase)
            .map(|(at, _)| at)
            .filter(|at| is_whole(&words, *at, phrase.len()))
            .collect();
        at.into_iter().map(move |at| (at, phrase, instead))
    };
    let mut all: Vec<_> = PHRASES.iter().flat_map(occurrences).collect();
    all.sort_unstable();
    all.into_iter()
        .map(|(at, phrase, instead)| (line_of(at), phrase, instead))
        .collect()
}

/// The text of a line that is a comment.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let marks = ["///", "//!", "//", "/**", "* "];
    marks.iter().find_map(|mark| line.strip_prefix(mark))
}

/// Whether it is not a part of a longer word or name.
fn is_whole(words: &str, at: usize, length: usize) -> bool {
    let is_letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let bytes = words.as_bytes();
    !is_letter(bytes.get(at.wrapping_sub(1))) && !is_letter(bytes.get(at + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, is_document: bool) -> Vec<(usize, &'static str)> {
        let found = found(text, is_document);
        found
            .into_iter()
            .map(|(number, phrase, _)| (number, phrase))
            .collect()
    }

    #[test]
    fn phrases_are_found_in_comments_also_over_the_end_of_a_line() {
        let source = "//! Whoever asks.\nlet whoever = 1;\n    /// The answer is\n    /// none of ours.\n";
        assert_eq!(lines(source, false), [(1, "whoever"), (3, "is none of")]);
        assert_eq!(lines(" * is\n * in turn\n", false), [(2, "in turn")]);
        assert_eq!(
            lines("// captain turned\n// the answer is\nnone of it", false),
            []
        );
    }

    #[test]
    fn phrases_are_found_in_documents_but_not_in_fences() {
        let document = "# Title\n\n```text\nwhoever\n```\n\n`whoever_asks`: whoever asks.\n";
        assert_eq!(lines(document, true), [(7, "whoever")]);
    }
}
