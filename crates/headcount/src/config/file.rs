//! The TOML file.
//!
//! It is walked as a tree with positions and not deserialised into a struct, because a struct reports its first unknown
//! key and stops, without a line.

use std::fs;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::environment::{SETTINGS_LISTED, twice};
use super::given::Given;
use super::location::Location;
use super::nearest::nearest_or_longer;
use super::setting::{Form, Setting};
use super::table;

const TABLES: [&str; 3] = ["limits", "sealed_session", "forward_auth"];

/// The settings in the file at `path`.
pub(super) fn read(path: &Path, problems: &mut Vec<String>) -> Vec<Given> {
    match fs::read_to_string(path) {
        Ok(text) => parse(path, &text, problems),
        Err(error) => {
            problems.push(format!("{}: cannot be read: {error}", path.display()));
            Vec::new()
        }
    }
}

/// The settings in this text, the content of the file at `path`.
pub(super) fn parse(path: &Path, text: &str, problems: &mut Vec<String>) -> Vec<Given> {
    let mut reader = Reader {
        path,
        text,
        given: Vec::new(),
        problems,
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        reader.problem(&error.span().unwrap_or_default(), error.message());
    }
    // What a parser makes of the rest of a broken file is guesswork.
    if errors.is_empty() {
        reader.table("", table.get_ref());
    }
    let mut given = reader.given;
    twice(&given, problems);
    // Tables come sorted by key; their problems read better from top to bottom.
    given.sort_by_key(|one| match one.place {
        Location::File(_, line) => line,
        Location::Variable(_) | Location::Flag(_) => 0,
    });
    given
}

struct Reader<'file> {
    path: &'file Path,
    text: &'file str,
    given: Vec<Given>,
    problems: &'file mut Vec<String>,
}

impl Reader<'_> {
    fn table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{prefix}{}", name.get_ref());
            let at = name.span();
            match (table::find(&key), value.get_ref()) {
                (Some(setting), value) => self.setting(setting, value, &at),
                (None, DeValue::Table(table)) if prefix.is_empty() && TABLES.contains(&key.as_str()) => {
                    self.table(&format!("{key}."), table);
                }
                (None, _) => self.unknown(&key, &at),
            }
        }
    }

    fn setting(&mut self, setting: &'static Setting, value: &DeValue<'_>, at: &Range<usize>) {
        match texts(setting.form, value) {
            Some(texts) => {
                let place = Location::File(self.path.to_owned(), self.line(at));
                self.given.push(Given {
                    setting,
                    texts,
                    place,
                });
            }
            None => self.problem(
                at,
                &format!(
                    "`{}` is {}: write {}",
                    setting.key,
                    found(value),
                    wanted(setting.form)
                ),
            ),
        }
    }

    fn unknown(&mut self, key: &str, at: &Range<usize>) {
        let known = table::all().map(|setting| setting.key).chain(TABLES);
        let hint = match nearest_or_longer(key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => SETTINGS_LISTED.to_owned(),
        };
        self.problem(at, &format!("unknown key `{key}`; {hint}"));
    }

    fn problem(&mut self, at: &Range<usize>, text: &str) {
        self.problems
            .push(format!("{}:{}: {text}", self.path.display(), self.line(at)));
    }

    /// The line of a byte range, counted from 1.
    fn line(&self, at: &Range<usize>) -> usize {
        1 + self
            .text
            .get(..at.start)
            .unwrap_or(self.text)
            .matches('\n')
            .count()
    }
}

/// The value as texts, where it has the form wanted.
fn texts(form: Form, value: &DeValue<'_>) -> Option<Vec<String>> {
    match (form, value) {
        (Form::Text, DeValue::String(text)) => Some(vec![text.to_string()]),
        (Form::Switch, DeValue::Boolean(on)) => Some(vec![on.to_string()]),
        (Form::Number, DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(vec![number.to_string()])
        }
        (Form::List, DeValue::Array(items)) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

fn wanted(form: Form) -> &'static str {
    match form {
        Form::Text => "text in quotes",
        Form::Switch => "true or false",
        Form::Number => "a whole number",
        Form::List => "a list of texts, as in [\"a\", \"b\"]",
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list of other things",
        DeValue::Table(_) => "a table",
    }
}
