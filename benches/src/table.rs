//! The results as one Markdown table, and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::client::command::Transport;
use crate::figure::figure;
use crate::measure::results::Results;
use crate::rows::{Line, in_process, per_transport};
use crate::server::Subject;

#[derive(Serialize)]
struct Entry {
    measure: String,
    transport: Option<String>,
    baseline: Option<f64>,
    headcount: Option<f64>,
    ratio: Option<f64>,
    target: Option<&'static str>,
}

fn entries(results: &Results, stages: [usize; 4]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |line: &Line, transport: Option<Transport>, target: &'static str| {
        let [baseline, headcount] =
            [Subject::Baseline, Subject::Headcount].map(|subject| results.get(subject, transport, &line.row));
        if baseline.is_none() && headcount.is_none() {
            return;
        }
        entries.push(Entry {
            measure: line.label.clone(),
            transport: transport.map(|transport| transport.to_string()),
            baseline,
            headcount,
            ratio: baseline
                .zip(headcount)
                .filter(|(_, ours)| *ours > 0.0)
                .map(|(theirs, ours)| theirs / ours),
            target: Some(target).filter(|target| !target.is_empty()),
        });
    };
    for (transport, index) in Transport::ALL.into_iter().zip(0..) {
        for line in per_transport(stages) {
            let target: &'static str = line.targets[index];
            add(&line, Some(transport), target);
        }
    }
    for line in in_process() {
        add(&line, None, "");
    }
    entries
}

/// The table, with the machine above it and the notes below.
pub(crate) fn markdown(results: &Results, stages: [usize; 4], machine: &str) -> String {
    let mut text = format!("{machine}\n");
    let mut section = None;
    for entry in entries(results, stages) {
        let heading = entry.transport.as_deref().unwrap_or("In process").to_owned();
        if section.as_ref() != Some(&heading) {
            let _infallible = write!(
                text,
                "\n| {heading} | plain axum | headcount | times less | target |\n|---|--:|--:|--:|--:|\n"
            );
            section = Some(heading);
        }
        let ratio = entry
            .ratio
            .map_or_else(|| "–".to_owned(), |ratio| format!("{}×", figure(ratio)));
        let [theirs, ours] =
            [entry.baseline, entry.headcount].map(|value| value.map_or_else(|| "–".to_owned(), figure));
        let target = entry.target.unwrap_or_default();
        let _infallible = writeln!(
            text,
            "| {} | {theirs} | {ours} | {ratio} | {target} |",
            entry.measure
        );
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

    #[test]
    fn a_line_shows_both_servers_and_their_ratio() {
        let mut results = Results::default();
        results.set(Subject::Baseline, Some(Transport::WebSocket), "accept-us", 90.0);
        results.set(Subject::Headcount, Some(Transport::WebSocket), "accept-us", 9.0);
        let table = markdown(&results, [1, 5, 10, 15], "a machine");
        assert!(
            table.contains("| WebSocket | plain axum | headcount | times less | target |"),
            "{table}"
        );
        assert!(
            table.contains("| CPU µs to open one | 90.0 | 9.00 | 10.0× | ≤ 9 |"),
            "{table}"
        );
    }
}
