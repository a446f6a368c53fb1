//! `headcount stats`: how many tabs are open, by version and by route.

use std::collections::BTreeMap;

use headcount_core::protocol::admin::StatsAnswer;

use crate::arguments::StatsArguments;
use crate::client::Client;
use crate::commands::nodes::partial;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::output;
use crate::table::{Align, Table, count, counted};

pub(crate) async fn run(arguments: &StatsArguments, environment: &Environment) -> Result<(), Failure> {
    let answer = Client::new(&arguments.server, environment)?
        .get("stats", &[])
        .await?;
    if arguments.server.json {
        return output::json(&answer.text);
    }
    output::data(&shown(&answer.read()?, arguments.top))
}

fn shown(stats: &StatsAnswer, top: usize) -> String {
    if stats.total == 0 {
        return format!("no tabs open\n{}", partial(stats.nodes.as_ref()));
    }
    let mut text = format!(
        "{} open, {} visible\n",
        counted(stats.total, "tab"),
        count(stats.visible)
    );
    for (heading, counts) in [("VERSION", &stats.versions), ("ROUTE", &stats.routes)] {
        if !counts.is_empty() {
            text.push('\n');
            text.push_str(&ranking(heading, counts, stats.total, top));
        }
    }
    text.push_str(&partial(stats.nodes.as_ref()));
    text
}

/// A table of counts, the largest first; equal ones by name.
fn ranking(heading: &str, counts: &BTreeMap<String, u64>, total: u64, top: usize) -> String {
    let mut rows: Vec<(&String, u64)> = counts.iter().map(|(name, &tabs)| (name, tabs)).collect();
    rows.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(right.0)));
    let shown = if top == 0 { rows.len() } else { top.min(rows.len()) };
    let (rows, hidden) = rows.split_at(shown);
    let mut table = Table::new(&[
        (heading, Align::Left),
        ("TABS", Align::Right),
        ("SHARE", Align::Right),
    ]);
    for (name, tabs) in rows {
        table.row([name.as_str(), &count(*tabs), &share(*tabs, total)]);
    }
    let text = table.take();
    if hidden.is_empty() {
        return text;
    }
    let tabs = hidden.iter().map(|(_, tabs)| tabs).sum();
    let rows = count(hidden.len() as u64);
    format!(
        "{text}and {rows} more with {}; --top 0 shows all
",
        counted(tabs, "tab")
    )
}

/// A share of the whole in percent, to one place, rounded to the nearest.
fn share(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole.max(1)));
    let permille = (part * 1_000 + whole / 2) / whole;
    format!("{}.{} %", permille / 10, permille % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(versions: &[(&str, u64)], routes: &[(&str, u64)]) -> StatsAnswer {
        let map = |counts: &[(&str, u64)]| {
            counts
                .iter()
                .map(|&(name, tabs)| (name.to_owned(), tabs))
                .collect()
        };
        let mut answer = StatsAnswer::default();
        answer.total = versions.iter().map(|(_, tabs)| tabs).sum();
        answer.visible = 1;
        answer.versions = map(versions);
        answer.routes = map(routes);
        answer
    }

    #[test]
    fn the_largest_come_first_and_shares_are_of_the_whole() {
        let stats = stats(
            &[("v1", 341), ("v2", 700)],
            &[("/", 1), ("/cart", 1_039), ("/about", 1)],
        );
        let expected = "\
1,041 tabs open, 1 visible

VERSION  TABS   SHARE
v2        700  67.2 %
v1        341  32.8 %

ROUTE    TABS   SHARE
/cart   1,039  99.8 %
/           1   0.1 %
/about      1   0.1 %
";
        assert_eq!(shown(&stats, 20), expected);
    }

    #[test]
    fn a_long_table_says_what_it_leaves_out() {
        let stats = stats(&[("v1", 6)], &[("/a", 3), ("/b", 2), ("/c", 1)]);
        let text = shown(&stats, 1);
        assert!(
            text.ends_with("/a        3  50.0 %\nand 2 more with 3 tabs; --top 0 shows all\n"),
            "{text}"
        );
        assert!(!shown(&stats, 0).contains("more with"));
    }

    #[test]
    fn nobody_and_one_read_well() {
        assert_eq!(shown(&StatsAnswer::default(), 20), "no tabs open\n");
        assert!(shown(&stats(&[("v1", 1)], &[]), 20).starts_with("1 tab open, 1 visible\n"));
    }
}
