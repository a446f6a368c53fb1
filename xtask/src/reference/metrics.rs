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
/// What only a node of a cluster has.
const CLUSTER: &str = "crates/headcount-server/src/metrics/cluster.rs";
/// What the names in it begin with.
const CLUSTER_PREFIX: &str = "cluster_";

/// A family of counters: its name, its help, and the values of its label.
type Family = (String, String, Vec<String>);

pub(super) fn page() -> Result<String, Failure> {
    let text = source(SOURCE)?;
    let counters = counters(&text)?;
    let scrape = source(SCRAPE)?;
    let cluster = source(CLUSTER)?;
    let mut page = head("Metrics", "`crates/headcount-shard/src/meters.rs`");
    page.push_str("`GET /metrics` answers in the OpenMetrics text format. Counters begin at zero when the server starts.\n\n## Counters\n\n| metric | what it counts | `kind` |\n|---|---|---|\n");
    page.extend(counters.into_iter().map(counter_row));
    page.push_str(&format!(
        "| `headcount_bots_total` | {} | the label is `pattern` |\n\n## Gauges\n\n| metric | what it shows |\n|---|---|\n",
        cell(&bots(&scrape)?)
    ));
    page.extend(gauges(SCRAPE, &scrape)?.into_iter().map(gauge_row));
    page.push_str("\n## In a cluster\n\nA node has these besides. They are what this node knows, as of the last second.\n\n| counter | what it counts | `kind` |\n|---|---|---|\n");
    page.extend(cluster_counters(&cluster)?.into_iter().map(counter_row));
    page.push_str("\n| gauge | what it shows |\n|---|---|\n");
    page.extend(gauges(CLUSTER, &cluster)?.into_iter().map(gauge_row));
    Ok(page)
}

fn counter_row((name, help, kinds): Family) -> String {
    let kinds: Vec<String> = kinds.iter().map(|kind| format!("`{kind}`")).collect();
    format!(
        "| `headcount_{name}_total` | {} | {} |\n",
        cell(&help),
        kinds.join(", ")
    )
}

fn gauge_row((name, help): (String, String)) -> String {
    format!("| `headcount_{name}` | {} |\n", cell(&help))
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
fn gauges(path: &str, text: &str) -> Result<Vec<(String, String)>, Failure> {
    let literals = literals(list(path, text, "fn named(&self)")?);
    Ok(literals
        .chunks_exact(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect())
}

/// The list of counters of a cluster: a name, a help, and the values of the label, of which a family of one counter has an empty one.
fn cluster_counters(text: &str) -> Result<Vec<Family>, Failure> {
    let literals = literals(list(CLUSTER, text, "fn counted(&self)")?);
    let families = literals.chunk_by(|_, next| !next.starts_with(CLUSTER_PREFIX));
    let family = |family: &[String]| match family {
        [name, help, kinds @ ..] => {
            let kinds = kinds.iter().filter(|kind| !kind.is_empty()).cloned();
            Ok((name.clone(), help.clone(), kinds.collect()))
        }
        _ => Err(unread(CLUSTER, "list of counters")),
    };
    families.map(family).collect()
}

/// The list that this function returns.
fn list<'a>(path: &str, text: &'a str, function: &str) -> Result<&'a str, Failure> {
    text.split_once(function)
        .and_then(|(_, rest)| rest.split_once("\n        ]\n"))
        .map(|(list, _)| list)
        .ok_or_else(|| unread(path, function))
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
            gauges(SCRAPE, &scrape)
                .unwrap()
                .iter()
                .any(|(name, help)| name == "ready" && !help.is_empty())
        );
        assert!(!bots(&scrape).unwrap().is_empty());
        let cluster = cluster_counters(&source(CLUSTER).unwrap()).unwrap();
        let shape = |name: &str| {
            let family = cluster.iter().find(|(family, ..)| family == name);
            family.map(|(_, help, kinds)| (help.is_empty(), kinds.len()))
        };
        assert_eq!(shape("cluster_sent"), Some((false, 0)));
        assert_eq!(shape("cluster_relays"), Some((false, 4)));
    }
}
