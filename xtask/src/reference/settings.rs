//! `configuration.md`: every setting with its key, its variable, its flag, its default and what it does.

#![expect(
    clippy::format_push_string,
    reason = "a page of a few kilobytes is made once; `write!` to a text has an error that cannot happen"
)]

use std::collections::HashMap;

use super::comments::{default_apart, fields};
use super::page::{cell, head, source, unread};
use crate::report::Failure;

const TABLE: &str = "crates/headcount/src/config/table.rs";
const FLAGS: &str = "crates/headcount/src/config/flags.rs";
const ARGUMENTS: &str = "crates/headcount/src/arguments.rs";
const CONFIG: &str = "crates/headcount-server/src/config.rs";
const CLUSTER: &str = "crates/headcount-server/src/cluster/options.rs";
const LOG: &str = "crates/headcount/src/config/settings.rs";

/// A row of the page.
struct Setting {
    key: String,
    form: String,
    flag: Option<String>,
    help: String,
    default: Option<String>,
}

pub(super) fn page() -> Result<String, Failure> {
    let mut page = head(
        "Configuration",
        "the settings in `crates/headcount/src/config/` and the help of their flags",
    );
    page.push_str(INTRODUCTION);
    let mut table = None;
    for setting in all()? {
        let (section, key) = setting.key.split_once('.').unwrap_or(("", &setting.key));
        if table.as_deref() != Some(section) {
            let heading = if section.is_empty() {
                "Settings".to_owned()
            } else {
                format!("`[{section}]`")
            };
            page.push_str(&format!("\n## {heading}\n\n{COLUMNS}"));
            table = Some(section.to_owned());
        }
        page.push_str(&row(&setting, key));
    }
    page.push_str("\n## `[limits]`\n\nEach limit is a key here, `HEADCOUNT_LIMITS_` and its name in capitals, and `--limit <name>=<value>`. [Limits](limits.md) lists them.\n");
    Ok(page)
}

const INTRODUCTION: &str = "\
A setting is a key of the TOML file that `--config` or `HEADCOUNT_CONFIG` names, a variable, or a flag. Flags win over variables, variables over the file. A list \
has commas between its items in a variable, and its flag is given several times. Secrets have no flag. An unknown key, an unknown variable that begins with \
`HEADCOUNT_`, or a value that is wrong keeps the server from starting; it names them all.
";

/// Three columns: with more, the text would be squeezed out of the page.
const COLUMNS: &str = "| key, flag, variable | type, default | what it does |\n|---|---|---|\n";

fn row(setting: &Setting, key: &str) -> String {
    let flag = setting
        .flag
        .as_ref()
        .map(|flag| format!("<br>`{flag}`"))
        .unwrap_or_default();
    let unit = match super::limits::unit(key) {
        "milliseconds" => ", milliseconds",
        _ => "",
    };
    let default = match (&setting.default, setting.form.as_str()) {
        (Some(default), _) => cell(&quoted(default)),
        (None, "true or false") => "`false`".to_owned(),
        (None, "list") => "empty".to_owned(),
        (None, _) => "not set".to_owned(),
    };
    format!(
        "| `{key}`{flag}<br>`{}` | {}{unit}: {default} | {} |\n",
        variable(&setting.key),
        setting.form,
        cell(&setting.help)
    )
}

/// A value stands as code; a sentence stays one.
fn quoted(default: &str) -> String {
    if default.contains('`') || default.split(' ').count() > 3 {
        default.to_owned()
    } else {
        format!("`{default}`")
    }
}

/// As the program names it; its own tests compare the page with it.
fn variable(key: &str) -> String {
    let key = key.strip_prefix("sealed_").unwrap_or(key);
    format!("HEADCOUNT_{}", key.replace('.', "_").to_uppercase())
}

/// Every setting but the limits, in the order of the table.
fn all() -> Result<Vec<Setting>, Failure> {
    let rows = rows(&source(TABLE)?);
    let flags = flags(&source(FLAGS)?);
    let help: HashMap<String, String> = fields(ARGUMENTS, &source(ARGUMENTS)?, "ServeArguments")?
        .into_iter()
        .collect();
    let comments = comments()?;
    let described = |(key, form): (String, String)| {
        let flag = flags.get(&key).cloned();
        let from_flag = flag
            .as_ref()
            .and_then(|flag| help.get(&flag.trim_start_matches("--").replace('-', "_")));
        let from_comment = comments.get(&key).map(|comment| default_apart(comment));
        let (help, default) = match (from_flag, from_comment) {
            (Some(help), _) => of_help(help),
            (None, Some(comment)) => comment,
            (None, None) => return Err(unread(CONFIG, &format!("comment for `{key}`"))),
        };
        let default = default.filter(|default| !matches!(default.as_str(), "none" | "false"));
        Ok(Setting {
            key,
            form,
            flag,
            help: sentence(&help),
            default,
        })
    };
    let settings: Vec<Setting> = rows.into_iter().map(described).collect::<Result<_, _>>()?;
    if settings.is_empty() {
        Err(unread(TABLE, "table of settings"))
    } else {
        Ok(settings)
    }
}

/// `row("key", Form::Text, …` of the table.
fn rows(text: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let (key, rest) = line.trim().strip_prefix("row(\"")?.split_once("\", Form::")?;
        let form = match rest.split(',').next()? {
            "Switch" => "true or false",
            "Number" => "whole number",
            "List" => "list",
            _ => "text",
        };
        Some((key.to_owned(), form.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// Which flag sets which key: two texts that stand together, the second beginning with `--`.
fn flags(text: &str) -> HashMap<String, String> {
    let texts: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
    let pairs = texts
        .windows(2)
        .filter(|pair| pair[1].starts_with("--") && !pair[0].starts_with("--"));
    pairs
        .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
        .collect()
}

/// The comments on the structs that settings end up in, by key.
fn comments() -> Result<HashMap<String, String>, Failure> {
    let config = source(CONFIG)?;
    let mut found: HashMap<String, String> = fields(CONFIG, &config, "Config")?.into_iter().collect();
    for (table, name) in [
        ("sealed_session", "SealedSessionConfig"),
        ("forward_auth", "ForwardAuthConfig"),
    ] {
        let of_table = fields(CONFIG, &config, name)?.into_iter();
        found.extend(of_table.map(|(field, comment)| (format!("{table}.{field}"), comment)));
    }
    let cluster = fields(CLUSTER, &source(CLUSTER)?, "ClusterOptions")?.into_iter();
    found.extend(
        cluster
            .filter(|(field, _)| field == "secret")
            .map(|(_, comment)| ("cluster_secret".to_owned(), comment)),
    );
    let log = fields(LOG, &source(LOG)?, "LogSettings")?.into_iter();
    found.extend(
        log.filter(|(field, _)| field == "filter")
            .map(|(_, comment)| ("log".to_owned(), comment)),
    );
    Ok(found)
}

/// The help of a flag without its `[default: …]`, and that.
fn of_help(help: &str) -> (String, Option<String>) {
    match help.split_once(" [default: ") {
        Some((text, default)) => (text.to_owned(), Some(default.trim_end_matches(']').to_owned())),
        None => (help.to_owned(), None),
    }
}

/// Help texts end without a full stop.
fn sentence(text: &str) -> String {
    let text = text.replace("; repeatable", "");
    if text.ends_with('.') { text } else { text + "." }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_description_and_known_ones_their_defaults() {
        let settings = all().unwrap();
        assert!(settings.len() > 30, "{}", settings.len());
        let one = |key: &str| settings.iter().find(|setting| setting.key == key).unwrap();
        assert_eq!(one("listen").default.as_deref(), Some("127.0.0.1:4477"));
        assert_eq!(one("listen").flag.as_deref(), Some("--listen"));
        assert_eq!(one("trusted_proxies").flag.as_deref(), Some("--trusted-proxy"));
        assert_eq!(one("forward_auth.cache_ms").default.as_deref(), Some("5,000"));
        assert_eq!(variable("sealed_session.cookie"), "HEADCOUNT_SESSION_COOKIE");
    }
}
