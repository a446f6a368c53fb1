//! `limits.md`: every bound, its unit, its default and what happens beyond it.

use super::comments::{default_apart, fields};
use super::page::{cell, head, source, unread};
use crate::report::Failure;

const SOURCE: &str = "crates/headcount-core/src/limits.rs";

/// A limit as its source has it.
pub(super) struct Limit {
    pub(super) name: String,
    pub(super) effect: String,
    pub(super) default: String,
}

/// Every limit, in the order of the source. Fails where a comment states another default than the code has.
pub(super) fn all() -> Result<Vec<Limit>, Failure> {
    let text = source(SOURCE)?;
    let (_, defaults) = text
        .split_once("impl Default for Limits")
        .ok_or_else(|| unread(SOURCE, "defaults"))?;
    let mut limits = Vec::new();
    let mut findings = Vec::new();
    for (name, comment) in fields(SOURCE, &text, "Limits")? {
        let (effect, said) = default_apart(&comment);
        let default = defaults
            .lines()
            .find_map(|line| line.trim().strip_prefix(&format!("{name}: "))?.strip_suffix(','))
            .ok_or_else(|| unread(SOURCE, &name))?
            .replace('_', ",");
        let said = said.unwrap_or_default();
        if said.split(' ').next() != Some(&default) {
            findings.push(format!(
                "{SOURCE}: the comment of {name} says `{said}`, and its default is {default}"
            ));
        }
        limits.push(Limit {
            name,
            effect,
            default,
        });
    }
    Failure::unless_empty(&findings, "mend the comment, or the default")?;
    Ok(limits)
}

pub(super) fn page() -> Result<String, Failure> {
    let mut page = head("Limits", "`crates/headcount-core/src/limits.rs`");
    page.push_str(
        "Everything that can grow has a limit. Set one with `--limit tick_ms=200`, with `HEADCOUNT_LIMITS_TICK_MS=200`, or with `tick_ms = 200` \
         under `[limits]` in the configuration file. A server whose limits contradict each other does not start, and says all that is wrong.\n\n\
         | limit | default | what it bounds |\n|---|---|---|\n",
    );
    for limit in all()? {
        let row = format!(
            "| `{}` | {}{} | {} |\n",
            limit.name,
            limit.default,
            unit_behind(&limit.name),
            cell(&limit.effect)
        );
        page.push_str(&row);
    }
    Ok(page)
}

/// The unit, as it stands behind a number.
fn unit_behind(name: &str) -> String {
    match unit(name) {
        "count" => String::new(),
        unit => format!(" {unit}"),
    }
}

/// The unit that a name ends with.
pub(super) fn unit(name: &str) -> &'static str {
    let endings = [
        ("bytes_per_second", "bytes a second"),
        ("per_second", "a second"),
        ("_ms", "milliseconds"),
        ("_seconds", "seconds"),
        ("bytes_max", "bytes"),
    ];
    let found = endings.iter().find(|(ending, _)| name.ends_with(ending));
    found.map_or("count", |(_, unit)| unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_says_what_it_does_and_the_default_it_has() {
        let limits = all().unwrap();
        assert!(limits.len() > 50, "{}", limits.len());
        for limit in &limits {
            assert!(limit.effect.len() > 10, "{}: {}", limit.name, limit.effect);
        }
        let tick = limits.iter().find(|limit| limit.name == "tick_ms").unwrap();
        assert_eq!((unit("tick_ms"), tick.default.as_str()), ("milliseconds", "100"));
        assert_eq!(unit_behind("messages_per_second"), " a second");
        assert_eq!(unit_behind("connections_max"), "");
    }
}
