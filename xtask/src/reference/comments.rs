//! Documentation comments, read from the source as lines.

#![expect(
    clippy::format_push_string,
    reason = "a page of a few kilobytes is made once; `write!` to a text has an error that cannot happen"
)]

use super::page::unread;
use crate::report::Failure;

/// The fields of a struct with their comments, in order.
pub(super) fn fields(path: &str, source: &str, name: &str) -> Result<Vec<(String, String)>, Failure> {
    let begins = [
        format!("pub struct {name} {{"),
        format!("pub(crate) struct {name} {{"),
    ];
    let mut lines = source
        .lines()
        .skip_while(|line| !begins.iter().any(|begin| line == begin));
    lines.next().ok_or_else(|| unread(path, name))?;
    let mut found = Vec::new();
    let mut comment = String::new();
    for line in lines.map(str::trim).take_while(|line| *line != "}") {
        if let Some(words) = line.strip_prefix("///") {
            comment.push_str(words);
        } else if let Some((field, _)) = field(line) {
            found.push((field.to_owned(), plain(&std::mem::take(&mut comment))));
        }
    }
    Ok(found)
}

fn field(line: &str) -> Option<(&str, &str)> {
    let line = line
        .strip_prefix("pub(crate) ")
        .or_else(|| line.strip_prefix("pub "))?;
    line.split_once(": ")
}

/// Without links that only rustdoc follows: of ``[`name`](path)`` the name stays.
fn plain(comment: &str) -> String {
    let mut text = String::new();
    let mut rest = comment.trim();
    while let Some((before, after)) = rest.split_once("[`") {
        text.push_str(before);
        let Some((name, behind)) = after.split_once("`]") else {
            break;
        };
        text.push_str(&format!("`{name}`"));
        rest = match behind.strip_prefix('(').and_then(|behind| behind.split_once(')')) {
            Some((_, behind)) => behind,
            None => behind,
        };
    }
    text + rest
}

/// A comment without its sentence about the default, and what that says.
pub(super) fn default_apart(comment: &str) -> (String, Option<String>) {
    let Some(start) = comment.rfind("Default ").or_else(|| comment.rfind("Default: ")) else {
        return (comment.to_owned(), None);
    };
    let sentence = &comment[start..];
    let end = sentence.find(". ").map_or(sentence.len(), |end| end + 1);
    let default = sentence[..end]
        .trim_start_matches("Default")
        .trim_start_matches(':')
        .trim()
        .trim_end_matches('.');
    let rest = format!("{} {}", comment[..start].trim(), sentence[end..].trim());
    (rest.trim().to_owned(), Some(default.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stand_with_their_fields() {
        let source = "/// A thing.\npub struct Thing {\n    /// One, by [`Other`](crate::Other) and [`own`].\n    #[serde(default)]\n    pub one: u32,\n    /// Two\n    /// lines.\n    pub two: Option<u8>,\n}\n";
        let found = fields("x.rs", source, "Thing").unwrap();
        assert_eq!(
            found[0],
            ("one".to_owned(), "One, by `Other` and `own`.".to_owned())
        );
        assert_eq!(found[1], ("two".to_owned(), "Two lines.".to_owned()));
        assert!(fields("x.rs", source, "Thin").is_err());
    }

    #[test]
    fn a_default_is_taken_out_of_its_comment() {
        let apart = |text| default_apart(text);
        assert_eq!(
            apart("Bytes. Default 1,024."),
            ("Bytes.".to_owned(), Some("1,024".to_owned()))
        );
        assert_eq!(
            apart("Which. Default: `user.role` equals `admin`."),
            ("Which.".to_owned(), Some("`user.role` equals `admin`".to_owned()))
        );
        assert_eq!(
            apart("Count. Default true. Without it all goes on."),
            (
                "Count. Without it all goes on.".to_owned(),
                Some("true".to_owned())
            )
        );
        assert_eq!(apart("Every bound."), ("Every bound.".to_owned(), None));
    }
}
