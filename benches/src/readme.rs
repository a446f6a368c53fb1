//! The results as in `docs/measured.md`: fewer rows, in words for readers who do not know the code.
//!
//! What is printed goes between the `bench` markers of that page as it is.

use std::fmt::Write as _;

use crate::client::command::Transport;
use crate::figure::count;
use crate::measure::results::Results;
use crate::rows::{Line, line};
use crate::table::{ALIGNMENT, COLUMNS, Entry};

/// The introduction, the table, and where it comes from.
pub(crate) fn markdown(results: &Results, stages: [usize; 4], machine: &str) -> String {
    let mut text = introduction(machine);
    for line in lines(stages) {
        let on_a_wire = Transport::ALL.map(Some);
        for transport in on_a_wire.into_iter().chain([None]) {
            let Some(entry) = Entry::new(results, &line, transport, "") else {
                continue;
            };
            let (measure, transport) = entry.about();
            let over = transport.unwrap_or("–");
            let _infallible = writeln!(text, "| {measure} | {over} | {} |", entry.numbers());
        }
    }
    text.push_str("\n`cargo xtask bench` measures it again, with more rows.");
    text
}

fn introduction(machine: &str) -> String {
    format!(
        "Beside what a competent engineer writes in an afternoon with axum (`Sse`, `ws`, a `DashMap` and channels; \
         `benches/src/baseline/`), and beside nginx with\n\
         nchan, a relay that passes messages on and counts no tabs (`benches/src/nchan.rs`), in one run:\n\
         {machine}. The loaders and the server share these cores, so the times are those of a busy machine: trust\n\
         the ratios. `floor` is what the kernel alone costs there: a server that accepts, reads, writes fixed bytes and closes, and does\n\
         nothing else (`benches/src/floor/`). Kernel memory, 4 to 5 KB a socket, comes on top for everybody. Opening and closing are the\n\
         least of five rounds.\n\
         \n\
         | | over | {COLUMNS} |\n\
         |---|---|{ALIGNMENT}|\n"
    )
}

fn lines([few, _, most, all]: [usize; 4]) -> Vec<Line> {
    let rows = [
        (
            "rest-bytes".to_owned(),
            format!("bytes of memory a tab at rest, {} open", count(all)),
        ),
        (
            "rest-nuxt-bytes".to_owned(),
            "the same behind a Nuxt app: `--authorize-bridge`, 2 KB of cookies".to_owned(),
        ),
        ("accept-us".to_owned(), "CPU µs to open a tab".to_owned()),
        ("close-us".to_owned(), "CPU µs to close one".to_owned()),
        (
            "update-500-us".to_owned(),
            "CPU µs a navigation, 500 a second".to_owned(),
        ),
        (
            "update-5000-us".to_owned(),
            "CPU µs a navigation, 5,000 a second".to_owned(),
        ),
        (
            "broadcast-us".to_owned(),
            "CPU µs a message, a release to all".to_owned(),
        ),
        (
            format!("grown-{few}-us"),
            format!("CPU µs a navigation while one admin watches {} tabs", count(few)),
        ),
        (
            format!("grown-{all}-us"),
            format!("the same with {} tabs", count(all)),
        ),
        (format!("grown-{all}-bytes"), "bytes to that admin".to_owned()),
        (
            "opening-cpu-s".to_owned(),
            format!("CPU s to open {} tabs while one admin watches", count(most)),
        ),
        ("opening-mb".to_owned(), "MB to that admin".to_owned()),
        (
            "lone-median-ms".to_owned(),
            "ms from a change to the admin, median".to_owned(),
        ),
        (
            "invalidation-cpu-ms".to_owned(),
            format!("CPU ms to refresh 1 % of {} tabs", count(most)),
        ),
        (
            "prefix-us".to_owned(),
            "µs to find the 10,000 of 1,000,000 tabs that match a prefix".to_owned(),
        ),
    ];
    rows.map(|(row, label)| line(row, label, ["", ""])).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Subject;

    #[test]
    fn a_row_stands_once_for_each_transport() {
        let mut results = Results::default();
        for transport in Transport::ALL {
            results.set(Subject::Headcount, Some(transport), "close-us", 9.0);
            results.set(Subject::Nchan, Some(transport), "close-us", 12.0);
            results.set(Subject::Floor, Some(transport), "close-us", 6.0);
        }
        results.set(Subject::Headcount, None, "prefix-us", 74.2);
        let text = markdown(&results, [1, 5, 10, 15], "a machine");
        for row in [
            "| CPU µs to close one | SSE | – | 12.0 | 9.00 | – | 1.33× | 6.00 | 1.50× |\n\
             | CPU µs to close one | WebSocket | – | 12.0 | 9.00 | – | 1.33× | 6.00 | 1.50× |\n",
            "tabs that match a prefix | – | – | – | 74.2 | – | – | – | – |\n",
        ] {
            assert!(text.contains(row), "{text}");
        }
    }
}
