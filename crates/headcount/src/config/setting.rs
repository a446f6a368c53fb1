//! One setting: its key, the form of its value, and its place in the configuration.

use super::draft::Draft;

/// The form of a value in the TOML file. Flags and variables are text in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `"text"`
    Text,
    /// `true` or `false`
    Switch,
    /// `1000`
    Number,
    /// `["text", "text"]`; separated by commas in a variable
    List,
}

/// A setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// Its key in the file; a dot stands before a key in a table.
    pub(super) key: &'static str,
    /// The form of its value in the file.
    pub(super) form: Form,
    /// Parses the value (one text, or the items of a list) and stores it. The error says what is wrong.
    pub(super) apply: fn(&mut Draft, &[String]) -> Result<(), String>,
}

impl Setting {
    /// Its variable: the key in capitals behind `HEADCOUNT_`. `sealed_session` is `SESSION` there, as apps know it.
    pub(super) fn variable(&self) -> String {
        let key = self.key.strip_prefix("sealed_").unwrap_or(self.key);
        format!("HEADCOUNT_{}", key.replace('.', "_").to_uppercase())
    }
}
