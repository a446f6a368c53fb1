//! The benchmark itself, run small: its numbers are there, and its cross-checks hold.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::process::{Command, Stdio};

use serde_json::Value;

/// A run of some 300 tabs against the baseline.
fn run_small(parts: &[&str]) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount-bench"));
    command
        .args(parts)
        .args(["--only", "baseline", "--connections", "300", "--json"])
        .arg(file.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap()
}

/// What the run found wrong. A machine that does other things meanwhile is not.
fn complaints(report: &Value) -> Vec<&str> {
    let notes = report["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note.as_str().unwrap());
    notes.filter(|note| !note.starts_with("noisy: ")).collect()
}

fn figures(report: &Value, measure: &str) -> Vec<f64> {
    let rows = report["rows"].as_array().unwrap().iter();
    let named = rows.filter(|row| row["measure"].as_str().unwrap().starts_with(measure));
    named.map(|row| row["baseline"].as_f64().unwrap()).collect()
}

#[test]
fn tabs_open_hear_of_a_release_and_close_on_both_transports() {
    let report = run_small(&["idle", "accept", "broadcast"]);
    assert_eq!(complaints(&report), Vec::<&str>::new(), "{report:#}");
    for measure in [
        "user bytes a connection",
        "CPU µs to open",
        "CPU µs a message",
        "ms until the last tab",
    ] {
        let figures = figures(&report, measure);
        assert_eq!(figures.len(), 2, "{measure}: {report:#}");
        assert!(
            figures.iter().all(|figure| *figure > 0.0),
            "{measure}: {figures:?}"
        );
    }
}

#[test]
fn an_invalidation_reaches_the_tabs_on_its_route_and_nobody_else() {
    let report = run_small(&["invalidation"]);
    assert_eq!(complaints(&report), Vec::<&str>::new(), "{report:#}");
    assert_eq!(figures(&report, "CPU ms to invalidate").len(), 2, "{report:#}");
}
