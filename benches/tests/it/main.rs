//! The benchmark itself, run small: its numbers are there, and its cross-checks hold.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::process::{Command, Stdio};

use serde_json::Value;

/// A run of some 300 tabs against one of the servers in this package.
fn run_small(server: &str, parts: &[&str]) -> Value {
    run_small_with(server, parts, &[])
}

fn run_small_with(server: &str, parts: &[&str], options: &[&str]) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount-bench"));
    command
        .args(parts)
        .args(options)
        .args(["--only", server, "--connections", "300", "--json"])
        .arg(file.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap()
}

/// The problems that the run found, except a machine that is busy with other work.
fn complaints(report: &Value) -> Vec<&str> {
    let notes = report["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note.as_str().unwrap());
    notes.filter(|note| !note.starts_with("noisy: ")).collect()
}

fn figures(report: &Value, server: &str, measure: &str) -> Vec<f64> {
    let rows = report["rows"].as_array().unwrap().iter();
    let named = rows.filter(|row| row["measure"].as_str().unwrap().starts_with(measure));
    named.map(|row| row[server].as_f64().unwrap()).collect()
}

#[test]
fn tabs_rest_with_many_cookies_or_few_hear_of_a_release_and_close_on_both_transports() {
    let report = run_small("baseline", &["idle", "accept", "broadcast"]);
    assert_eq!(complaints(&report), Vec::<&str>::new(), "{report:#}");
    for measure in [
        "user bytes a connection at rest, 300 open",
        "user bytes a connection at rest behind a Nuxt app",
        "CPU µs to open",
        "CPU µs a message",
        "ms until the last tab",
    ] {
        let figures = figures(&report, "baseline", measure);
        assert_eq!(figures.len(), 2, "{measure}: {report:#}");
        assert!(
            figures.iter().all(|figure| *figure > 0.0),
            "{measure}: {figures:?}"
        );
    }
}

#[test]
fn an_invalidation_reaches_the_tabs_on_its_route_and_nobody_else() {
    let report = run_small("baseline", &["invalidation"]);
    assert_eq!(complaints(&report), Vec::<&str>::new(), "{report:#}");
    assert_eq!(
        figures(&report, "baseline", "CPU ms to invalidate").len(),
        2,
        "{report:#}"
    );
}

#[test]
fn the_floor_answers_every_tab_and_has_figures_of_what_the_kernel_does_alone() {
    let report = run_small("floor", &["idle", "accept", "updates", "broadcast"]);
    assert_eq!(complaints(&report), Vec::<&str>::new(), "{report:#}");
    let measured: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["measure"].as_str().unwrap())
        .collect();
    let on_each_transport = [
        "CPU µs to open one",
        "CPU µs to close one",
        "CPU µs a route update, 50/s, nobody watching",
        "… 500/s",
        "… 5,000/s",
        "CPU µs a message of a release to all",
    ];
    assert_eq!(measured, on_each_transport.repeat(2));
    for measure in on_each_transport {
        let figures = figures(&report, "floor", measure);
        assert!(
            figures.iter().all(|figure| *figure > 0.0),
            "{measure}: {figures:?}"
        );
    }
}

/// What nginx with nchan has figures of.
const OF_NCHAN: [&str; 11] = [
    "user bytes a connection at rest, 300 open (PSS)",
    "… of it anonymous",
    "user bytes a connection after the updates and broadcasts below",
    "CPU µs to open one",
    "CPU µs to close one",
    "CPU µs, opened and closed",
    "CPU µs a route update, 50/s, nobody watching",
    "… 500/s",
    "… 5,000/s",
    "CPU µs a message of a release to all",
    "ms until the last tab has it",
];

#[test]
fn nginx_with_nchan_passes_a_release_on_to_every_tab_where_it_is_installed() {
    let report = run_small("nchan", &["idle", "accept", "updates", "broadcast"]);
    let complaints = complaints(&report);
    if complaints.iter().any(|note| note.contains("is not installed")) {
        return;
    }
    assert_eq!(complaints, Vec::<&str>::new(), "{report:#}");
    for measure in OF_NCHAN {
        let figures = figures(&report, "nchan", measure);
        assert_eq!(figures.len(), 2, "{measure}: {report:#}");
        assert!(
            figures.iter().all(|figure| *figure > 0.0),
            "{measure}: {figures:?}"
        );
    }
    assert_eq!(report["rows"].as_array().unwrap().len(), OF_NCHAN.len() * 2);
}

#[test]
fn a_run_without_nginx_says_what_to_install() {
    let options = ["--nginx", "/nonexistent/nginx"];
    let report = run_small_with("floor,nchan", &["broadcast"], &options);
    let complaints = complaints(&report);
    assert_eq!(complaints.len(), 1, "{report:#}");
    assert!(
        complaints[0].contains("apt-get install nginx libnginx-mod-nchan"),
        "{complaints:?}"
    );
    assert_eq!(figures(&report, "floor", "CPU µs a message").len(), 2);
}

#[test]
fn a_watched_node_of_a_simulated_cluster_gets_the_counts_of_all_and_an_unwatched_one_heartbeats() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_headcount-bench"));
    command
        .args(["cluster", "simulated", "--quick", "--json"])
        .arg(file.path());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(file.path()).unwrap()).unwrap();
    let numbers = |measure: &str| -> Vec<f64> {
        let rows = report["tables"][0]["rows"].as_array().unwrap();
        let row = rows.iter().find(|row| row[0] == measure).unwrap();
        let cells = row[1].as_array().unwrap().iter();
        cells.map(|cell| cell.as_f64().unwrap()).collect()
    };
    assert_eq!(numbers("tabs in its sum"), [1e6, 1e7, 5e7]);
    // In the one second of a quick run each node says a heartbeat, and its counts by version.
    assert_eq!(
        numbers("messages received a second, unwatched"),
        [0.0, 18.0, 98.0]
    );
    // And ten reports.
    assert_eq!(
        numbers("messages received a second, watched"),
        [0.0, 108.0, 588.0]
    );
}
