//! The results as one Markdown table, and as JSON.
//!
//! headcount stands between others: the plain axum server and nginx with nchan, of which it is so many times less, and the floor, of which
//! it is so many times more. A server that does nothing with what it is sent is 1× the floor.

use std::fmt::Write as _;

use serde::Serialize;

use crate::client::command::Transport;
use crate::figure::figure;
use crate::measure::results::Results;
use crate::rows::{Line, in_process, per_transport};
use crate::server::Subject;

/// The columns of [`Entry::numbers`], and their alignment.
pub(crate) const COLUMNS: &str =
    "plain axum | nginx + nchan | headcount | times less than axum | than nchan | floor | × floor";
pub(crate) const ALIGNMENT: &str = "--:|--:|--:|--:|--:|--:|--:";

/// One line on one transport.
#[derive(Serialize)]
pub(crate) struct Entry {
    measure: String,
    transport: Option<String>,
    baseline: Option<f64>,
    nchan: Option<f64>,
    headcount: Option<f64>,
    /// The headcount of another revision, where one was measured.
    before: Option<f64>,
    /// How many times that one headcount is.
    of_before: Option<f64>,
    /// How many times less headcount is than the baseline.
    ratio: Option<f64>,
    /// How many times less headcount is than nginx with nchan.
    ratio_of_nchan: Option<f64>,
    floor: Option<f64>,
    /// How many times more headcount is than the floor.
    above_floor: Option<f64>,
    target: Option<&'static str>,
}

impl Entry {
    /// `None` where no server has a number.
    pub(crate) fn new(
        results: &Results,
        line: &Line,
        transport: Option<Transport>,
        target: &'static str,
    ) -> Option<Self> {
        let of = |subject| results.get(subject, transport, &line.row);
        let (baseline, headcount) = (of(Subject::Baseline), of(Subject::Headcount));
        let floor = of(Subject::Floor).filter(|_| line.has_floor());
        let (nchan, before) = (of(Subject::Nchan), of(Subject::Before));
        baseline.or(nchan).or(headcount).or(floor).or(before)?;
        Some(Self {
            measure: line.label.clone(),
            transport: transport.map(|transport| transport.to_string()),
            baseline,
            nchan,
            headcount,
            before,
            of_before: times(headcount, before),
            ratio: times(baseline, headcount),
            ratio_of_nchan: times(nchan, headcount),
            floor,
            above_floor: times(headcount, floor),
            target: Some(target).filter(|target| !target.is_empty()),
        })
    }

    /// What is measured, and over which transport.
    pub(crate) fn about(&self) -> (&str, Option<&str>) {
        (&self.measure, self.transport.as_deref())
    }

    /// The cells for the numbers, as [`COLUMNS`] names them.
    pub(crate) fn numbers(&self) -> String {
        [
            number(self.baseline),
            number(self.nchan),
            number(self.headcount),
            ratio(self.ratio),
            ratio(self.ratio_of_nchan),
            number(self.floor),
            ratio(self.above_floor),
        ]
        .join(" | ")
    }

    /// The cells for another revision: its number, and how many times that one headcount is.
    fn compared(&self) -> String {
        format!("{} | {}", number(self.before), ratio(self.of_before))
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), figure)
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |times| format!("{}×", figure(times)))
}

/// How many times `less` is in `more`.
fn times(more: Option<f64>, less: Option<f64>) -> Option<f64> {
    more.zip(less)
        .filter(|(_, less)| *less > 0.0)
        .map(|(more, less)| more / less)
}

fn entries(results: &Results, stages: [usize; 4]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (transport, index) in Transport::ALL.into_iter().zip(0..) {
        for line in per_transport(stages) {
            let target: &'static str = line.targets[index];
            entries.extend(Entry::new(results, &line, Some(transport), target));
        }
    }
    for line in in_process() {
        entries.extend(Entry::new(results, &line, None, ""));
    }
    entries
}

/// The table, with the machine above it and the notes below.
pub(crate) fn markdown(results: &Results, stages: [usize; 4], machine: &str) -> String {
    let mut text = format!("{machine}\n");
    let mut section = None;
    let entries = entries(results, stages);
    let compares = entries.iter().any(|entry| entry.before.is_some());
    let (heading_end, rule_end) = if compares {
        (" before | × before |", "--:|--:|")
    } else {
        ("", "")
    };
    for entry in entries {
        let (measure, transport) = entry.about();
        let heading = transport.unwrap_or("In process").to_owned();
        if section.as_ref() != Some(&heading) {
            let _infallible = write!(
                text,
                "\n| {heading} | {COLUMNS} | target |{heading_end}\n|---|{ALIGNMENT}|--:|{rule_end}\n"
            );
            section = Some(heading);
        }
        let target = entry.target.unwrap_or_default();
        let _infallible = write!(text, "| {measure} | {} | {target} |", entry.numbers());
        if compares {
            let _infallible = write!(text, " {} |", entry.compared());
        }
        text.push('\n');
    }
    for note in &results.notes {
        let _infallible = write!(text, "\n- {note}");
    }
    text
}

/// The same for programs.
pub(crate) fn json(results: &Results, stages: [usize; 4], machine: &str) -> String {
    let report = serde_json::json!({
        "machine": machine,
        "rows": entries(results, stages),
        "notes": results.notes,
    });
    format!("{report:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(row: &str) -> Results {
        let mut results = Results::default();
        for (subject, value) in [
            (Subject::Baseline, 90.0),
            (Subject::Nchan, 18.0),
            (Subject::Headcount, 9.0),
            (Subject::Floor, 6.0),
        ] {
            results.set(subject, Some(Transport::WebSocket), row, value);
        }
        results
    }

    #[test]
    fn a_line_shows_the_servers_and_their_ratios() {
        let table = markdown(&results("accept-us"), [1, 5, 10, 15], "a machine");
        assert!(
            table.contains("| WebSocket | plain axum | nginx + nchan | headcount | times less than axum | than nchan | floor | × floor | target |"),
            "{table}"
        );
        assert!(
            table
                .contains("| CPU µs to open one | 90.0 | 18.0 | 9.00 | 10.0× | 2.00× | 6.00 | 1.50× | ≤ 9 |"),
            "{table}"
        );
    }

    #[test]
    fn another_revision_stands_beside_this_one() {
        let mut results = results("accept-us");
        results.set(Subject::Before, Some(Transport::WebSocket), "accept-us", 12.0);
        let table = markdown(&results, [1, 5, 10, 15], "a machine");
        assert!(table.contains("| target | before | × before |"), "{table}");
        assert!(table.contains("| ≤ 9 | 12.0 | 0.750× |"), "{table}");
    }

    #[test]
    fn a_server_that_is_alone_in_a_line_has_it() {
        let mut results = Results::default();
        results.set(Subject::Nchan, Some(Transport::Sse), "accept-us", 18.0);
        let stages = [1, 5, 10, 15];
        let table = markdown(&results, stages, "a machine");
        let line = "| CPU µs to open one | – | 18.0 | – | – | – | – | – | ≤ 9 |";
        assert!(table.contains(line), "{table}");
        let report = json(&results, stages, "a machine");
        assert!(report.contains(r#""nchan": 18.0"#), "{report}");
    }

    #[test]
    fn what_the_floor_says_nothing_about_has_none() {
        let table = markdown(&results("rest-bytes"), [1, 5, 10, 15], "a machine");
        assert!(
            table.contains("| 90.0 | 18.0 | 9.00 | 10.0× | 2.00× | – | – | ≤ 160 |"),
            "{table}"
        );
    }
}
