//! `metrics.md`: every metric with its labels and its help.

#![expect(
    clippy::format_push_string,
    reason = "a page of a few kilobytes is made once; `write!` to a text has an error that cannot happen"
)]

use super::page::{cell, head, source, unread};
use crate::report::Failure;

const SOURCE: &str = "crates/headcount-shard/src/meters.rs";
/// What is written besides the counters.
const SCRAPE: &str = "crates/headcount-server/src/metrics/scrape.rs";

/// A family of counters: its name, its help, and the values of its label.
type Family = (String, String, Vec<String>);

pub(super) fn page() -> Result<String, Failure> {
    let text = source(SOURCE)?;
    let counters = counters(&text)?;
    let scrape = source(SCRAPE)?;
    let gauges = gauges(&scrape)?;
    let mut page = head("Metrics", "`crates/headcount-shard/src/meters.rs`");
    page.push_str("`GET /metrics` answers in the OpenMetrics text format. Counters begin at zero when the server starts.\n\n## Counters\n\n| metric | what it counts | `kind` |\n|---|---|---|\n");
    for (name, help, kinds) in counters {
        let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
        page.push_str(&format!(
            "| `headcount_{name}_total` | {} | {} |\n",
            cell(&help),
            kinds.join(", ")
        ));
    }
    page.push_str(&format!(
        "| `headcount_bots_total` | {} | the label is `pattern` |\n\n## Gauges\n\n| metric | what it shows |\n|---|---|\n",
        cell(&bots(&scrape)?)
    ));
    for (name, help) in gauges {
        page.push_str(&format!("| `headcount_{name}` | {} |\n", cell(&help)));
    }
    Ok(page)
}

/// The rows of the table `counts!`: `Variant "family" "label" "help",`.
fn counters(text: &str) -> Result<Vec<Family>, Failure> {
    let (_, table) = text
        .split_once("\ncounts! {\n")
        .ok_or_else(|| unread(SOURCE, "table of counts"))?;
    let mut families: Vec<Family> = Vec::new();
    for line in table.lines().take_while(|line| *line != "}") {
        let [family, label, help] = &literals(line)[..] else {
            return Err(unread(SOURCE, line));
        };
        match families.last_mut().filter(|(name, ..)| name == family) {
            Some((.., kinds)) => kinds.push(label.clone()),
            None => families.push((family.clone(), help.clone(), vec![label.clone()])),
        }
    }
    Ok(families)
}

/// The list of gauges: a name, a help and a value each.
fn gauges(text: &str) -> Result<Vec<(String, String)>, Failure> {
    let list = text
        .split_once("fn named(&self)")
        .and_then(|(_, rest)| rest.split_once("\n        ]\n"));
    let (list, _) = list.ok_or_else(|| unread(SCRAPE, "list of gauges"))?;
    let literals = literals(list);
    Ok(literals
        .chunks_exact(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect())
}

fn bots(text: &str) -> Result<String, Failure> {
    let help = text
        .split_once("let help = ")
        .and_then(|(_, rest)| literals(rest.lines().next()?).into_iter().next());
    help.ok_or_else(|| unread(SCRAPE, "help of the bots"))
}

/// The texts in quotes. None of ours has a quote in it.
fn literals(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let text = source(SOURCE).unwrap();
        let kinds: usize = counters(&text)
            .unwrap()
            .iter()
            .map(|(.., kinds)| kinds.len())
            .sum();
        assert!(kinds > 40, "{kinds}");
        let scrape = source(SCRAPE).unwrap();
        assert!(
            gauges(&scrape)
                .unwrap()
                .iter()
                .any(|(name, help)| name == "ready" && !help.is_empty())
        );
        assert!(!bots(&scrape).unwrap().is_empty());
    }
}
