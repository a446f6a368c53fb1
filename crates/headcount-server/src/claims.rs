//! Which sessions admit to stats: one condition on one claim, written as text.
//!
//! ```text
//! user.role == "admin"
//! user.email in ["ada@example.com", 'grace@example.com']
//! ```
//!
//! A path is made of names with dots between them and leads through objects only. A claim that is a list (`roles`)
//! matches where any of its items does. Values are text, whole numbers, `true` and `false`, and equal only their own
//! kind: `"1"` is not `1`, `"Admin"` is not `"admin"`.
//!
//! Deliberately absent: `and`, `or`, `not`, patterns. An app that needs those answers itself ([`forward`](crate::authorize::forward)), or
//! gives a [`closure`](crate::authorize::closure::closure).

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// A condition on the claims of a session. Parsed from text with [`FromStr`]; [`Display`](fmt::Display) writes it back.
/// Default: `user.role == "admin"`.
///
/// ```
/// use headcount_server::claims::ClaimRule;
///
/// let rule: ClaimRule = r#"user.email in ["ada@example.com", "grace@example.com"]"#.parse()?;
/// assert!(rule.admits(&serde_json::json!({ "user": { "email": "ada@example.com" } })));
/// assert!(!rule.admits(&serde_json::json!({ "user": { "email": "eve@example.com" } })));
/// # Ok::<(), headcount_server::claims::ClaimRuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRule {
    /// Names from the outermost object inwards. Never empty.
    path: Vec<String>,
    /// What the claim may equal: text, whole numbers, booleans. Never empty.
    values: Vec<Value>,
}

/// A text that is not a valid rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid rule: expected {expected} at character {column}")]
#[non_exhaustive]
pub struct ClaimRuleError {
    /// The whole text.
    pub text: String,
    /// Where reading stopped: the first character is 1.
    pub column: usize,
    /// What would have been understood there.
    pub expected: &'static str,
}

const A_NAME: &str = "a claim such as user.role";
const AN_OPERATOR: &str = "`==` or `in`";
const A_VALUE: &str = "a value: text in quotes, a whole number, true or false";
const A_CLOSING_QUOTE: &str = "the closing quote";
const THE_END: &str = "the end of the rule";

impl ClaimRule {
    /// Whether a session with these claims fulfils the rule. A claim that is absent, or an object, does not.
    ///
    /// ```
    /// use headcount_server::claims::ClaimRule;
    /// use serde_json::json;
    ///
    /// let rule: ClaimRule = r#"roles == "admin""#.parse()?;
    /// assert!(rule.admits(&json!({ "roles": ["editor", "admin"] })));
    /// assert!(!rule.admits(&json!({ "roles": { "admin": true } })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn admits(&self, claims: &Value) -> bool {
        let claim = self
            .path
            .iter()
            .try_fold(claims, |value, name| value.as_object()?.get(name));
        match claim {
            Some(Value::Array(items)) => items.iter().any(|item| self.values.contains(item)),
            Some(value) => self.values.contains(value),
            None => false,
        }
    }
}

impl Default for ClaimRule {
    fn default() -> Self {
        Self {
            path: vec!["user".to_owned(), "role".to_owned()],
            values: vec![Value::from("admin")],
        }
    }
}

impl fmt::Display for ClaimRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.join("."))?;
        if let [value] = &*self.values {
            f.write_str(" == ")?;
            return write_value(f, value);
        }
        f.write_str(" in [")?;
        for (index, value) in self.values.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { ", " })?;
            write_value(f, value)?;
        }
        f.write_str("]")
    }
}

fn write_value(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value.as_str() {
        Some(text) => write!(f, "\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")),
        None => write!(f, "{value}"),
    }
}

impl FromStr for ClaimRule {
    type Err = ClaimRuleError;

    fn from_str(text: &str) -> Result<Self, ClaimRuleError> {
        let mut reader = Reader { text, at: 0 };
        let path = reader.path()?;
        let values = if reader.takes("==") {
            vec![reader.value()?]
        } else if reader.takes("in") {
            reader.list()?
        } else {
            return Err(reader.error(AN_OPERATOR));
        };
        if reader.rest().is_empty() {
            Ok(Self { path, values })
        } else {
            Err(reader.error(THE_END))
        }
    }
}

/// A text and how far it has been read.
struct Reader<'text> {
    text: &'text str,
    at: usize,
}

impl<'text> Reader<'text> {
    /// What is left, after white space.
    fn rest(&mut self) -> &'text str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn takes(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn error(&self, expected: &'static str) -> ClaimRuleError {
        ClaimRuleError {
            text: self.text.to_owned(),
            column: self.text[..self.at].chars().count() + 1,
            expected,
        }
    }

    /// The longest run of such characters.
    fn run(&mut self, belongs: impl Fn(char) -> bool) -> &'text str {
        let rest = self.rest();
        let run = &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())];
        self.at += run.len();
        run
    }

    fn path(&mut self) -> Result<Vec<String>, ClaimRuleError> {
        let mut path = Vec::new();
        loop {
            let name = self.run(|c| c.is_alphanumeric() || "_-$".contains(c));
            if name.is_empty() {
                return Err(self.error(A_NAME));
            }
            path.push(name.to_owned());
            if !self.text[self.at..].starts_with('.') {
                return Ok(path);
            }
            self.at += 1;
        }
    }

    fn list(&mut self) -> Result<Vec<Value>, ClaimRuleError> {
        if !self.takes("[") {
            return Err(self.error("a list such as [\"a\", \"b\"]"));
        }
        let mut values = vec![self.value()?];
        while self.takes(",") {
            values.push(self.value()?);
        }
        if self.takes("]") {
            Ok(values)
        } else {
            Err(self.error("`,` or `]`"))
        }
    }

    fn value(&mut self) -> Result<Value, ClaimRuleError> {
        if let Some(quote @ ('"' | '\'')) = self.rest().chars().next() {
            self.at += 1;
            return self.quoted(quote).map(Value::from);
        }
        let start = self.at;
        let word = self.run(|c| c.is_alphanumeric() || c == '-');
        let value = match word {
            "true" => Some(Value::from(true)),
            "false" => Some(Value::from(false)),
            _ => word.parse::<i64>().map(Value::from).ok(),
        };
        value.ok_or_else(|| {
            self.at = start;
            self.error(A_VALUE)
        })
    }

    /// The text up to the closing quote. A backslash makes the quote, and itself, an ordinary character.
    fn quoted(&mut self, quote: char) -> Result<String, ClaimRuleError> {
        let mut value = String::new();
        let mut escaped = false;
        for (offset, c) in self.text[self.at..].char_indices() {
            match c {
                _ if escaped && (c == quote || c == '\\') => value.push(c),
                _ if escaped => value.extend(['\\', c]),
                '\\' => {
                    escaped = true;
                    continue;
                }
                _ if c == quote => {
                    self.at += offset + c.len_utf8();
                    return Ok(value);
                }
                _ => value.push(c),
            }
            escaped = false;
        }
        self.at = self.text.len();
        Err(self.error(A_CLOSING_QUOTE))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rule(text: &str) -> ClaimRule {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_admits_the_role_admin() {
        assert_eq!(ClaimRule::default(), rule("user.role == \"admin\""));
        assert_eq!(ClaimRule::default().to_string(), "user.role == \"admin\"");
    }

    #[test]
    fn a_claim_must_equal_a_value_of_the_same_kind() {
        let cases = [
            ("user.role == 'admin'", json!({"user": {"role": "admin"}}), true),
            ("user.role == 'admin'", json!({"user": {"role": "Admin"}}), false),
            (
                "user.role == 'admin'",
                json!({"user": {"role": "administrator"}}),
                false,
            ),
            (
                "user.role == 'admin'",
                json!({"user": {"role": {"admin": true}}}),
                false,
            ),
            ("user.role == 'admin'", json!({"user": null}), false),
            (
                "user.role == 'admin'",
                json!({"user": [{"role": "admin"}]}),
                false,
            ),
            ("user.role == 'admin'", json!("admin"), false),
            (
                "user.roles == 'admin'",
                json!({"user": {"roles": ["editor", "admin"]}}),
                true,
            ),
            (
                "user.roles == 'admin'",
                json!({"user": {"roles": [["admin"]]}}),
                false,
            ),
            ("user.roles == 'admin'", json!({"user": {"roles": []}}), false),
            ("level in [7, 9]", json!({"level": 9}), true),
            ("level in [7, 9]", json!({"level": "9"}), false),
            ("level == -1", json!({"level": -1}), true),
            ("user.admin == true", json!({"user": {"admin": true}}), true),
            ("user.admin == true", json!({"user": {"admin": "true"}}), false),
            ("user.admin == true", json!({"user": {"admin": 1}}), false),
            ("__proto__.role == 'x'", json!({"role": "x"}), false),
            ("user.length == 5", json!({"user": "admin"}), false),
        ];
        for (text, claims, expected) in cases {
            assert_eq!(rule(text).admits(&claims), expected, "{text} on {claims}");
        }
    }

    #[test]
    fn text_may_hold_quotes_and_backslashes() {
        let tricky = rule(r#"a in ["say \"hi\"", 'it\'s', 'C:\dir', "back\\"]"#);
        for text in ["say \"hi\"", "it's", "C:\\dir", "back\\"] {
            assert!(tricky.admits(&json!({ "a": text })), "{text}");
        }
        assert_eq!(rule(&tricky.to_string()), tricky);
    }

    #[test]
    fn an_error_says_where_and_what_was_expected() {
        let cases = [
            ("", 1, A_NAME),
            ("user. == 'a'", 7, A_NAME),
            ("user.role", 10, AN_OPERATOR),
            ("user.role = 'admin'", 11, AN_OPERATOR),
            ("user.role == admin", 14, A_VALUE),
            ("user.role == ", 14, A_VALUE),
            ("level == 1.5", 11, THE_END),
            ("user.email in 'a'", 15, "a list such as [\"a\", \"b\"]"),
            ("user.email in []", 16, A_VALUE),
            ("user.email in ['a' 'b']", 20, "`,` or `]`"),
            ("größe == 'a", 12, A_CLOSING_QUOTE),
            ("a == 'b' or c == 'd'", 10, THE_END),
        ];
        for (text, column, expected) in cases {
            let error = text.parse::<ClaimRule>().unwrap_err();
            assert_eq!((error.column, error.expected), (column, expected), "{text}");
        }
        assert_eq!(
            "user.role = 1".parse::<ClaimRule>().unwrap_err().to_string(),
            "`user.role = 1` is not a valid rule: expected `==` or `in` at character 11"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            path in proptest::collection::vec("[a-z_$-]{1,8}", 1..4),
            texts in proptest::collection::vec(".{0,12}", 1..4),
            number in any::<i64>(),
        ) {
            let mut values: Vec<Value> = texts.into_iter().map(Value::from).collect();
            values.push(Value::from(number));
            let written = ClaimRule { path, values };
            prop_assert_eq!(rule(&written.to_string()), written);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = text.parse::<ClaimRule>();
        }
    }
}
