//! What is measured, in the order in which it is read, and the targets that were set from measured prototypes.

use crate::figure::count;

/// One line of the table. `row` names the number in the results; the targets are per transport, SSE and WebSocket, in the unit
/// of the line, and empty where none was set.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) row: String,
    pub(crate) label: String,
    pub(crate) targets: [&'static str; 2],
}

/// What the floor is measured for as well: CPU of events that each need the kernel. The floor holds nothing but sockets, so
/// its memory says nothing; it makes no message for an admin; and how long a broadcast takes is a matter of the loaders' cores.
const ABOVE_THE_FLOOR: [&str; 6] = [
    "accept-us",
    "close-us",
    "update-50-us",
    "update-500-us",
    "update-5000-us",
    "broadcast-us",
];

impl Line {
    /// Whether the floor has a number in this line.
    pub(crate) fn has_floor(&self) -> bool {
        ABOVE_THE_FLOOR.contains(&self.row.as_str())
    }
}

pub(crate) fn line(row: impl Into<String>, label: impl Into<String>, targets: [&'static str; 2]) -> Line {
    Line {
        row: row.into(),
        label: label.into(),
        targets,
    }
}

/// What is measured on each transport, in the order in which it is read.
pub(crate) fn per_transport(stages: [usize; 4]) -> Vec<Line> {
    let [_, _, most, all] = stages.map(count);
    let mut lines = unwatched(&all);
    for stage in stages {
        let label = format!(
            "CPU µs a route update, 50/s, one admin (by deltas where there are any), {} open",
            count(stage)
        );
        lines.push(line(format!("grown-{stage}-us"), label, ["≤ 60", "≤ 60"]));
    }
    for stage in stages {
        let label = format!("bytes to the admin an update, {} open", count(stage));
        lines.push(line(format!("grown-{stage}-bytes"), label, ["≤ 120", "≤ 120"]));
    }
    lines.extend(watched(&most, &all));
    lines
}

fn unwatched(all: &str) -> Vec<Line> {
    vec![
        line(
            "rest-bytes",
            format!("user bytes a connection at rest, {all} open (PSS)"),
            ["≤ 160", "≤ 160"],
        ),
        line("rest-anonymous-bytes", "… of it anonymous", ["", ""]),
        line(
            "rest-nuxt-bytes",
            format!(
                "user bytes a connection at rest behind a Nuxt app (--authorize-bridge, 2 KB of cookies), {all} open"
            ),
            ["≤ 160", "≤ 160"],
        ),
        line("rest-nuxt-anonymous-bytes", "… of it anonymous", ["", ""]),
        line(
            "worked-bytes",
            "user bytes a connection after the updates and broadcasts below",
            ["", ""],
        ),
        line("accept-us", "CPU µs to open one", ["≤ 9", "≤ 9"]),
        line("close-us", "CPU µs to close one", ["≤ 6", "≤ 6"]),
        line("cycle-us", "CPU µs, opened and closed", ["", ""]),
        line(
            "update-50-us",
            "CPU µs a route update, 50/s, nobody watching",
            ["≤ 80", "≤ 30"],
        ),
        line("update-500-us", "… 500/s", ["≤ 25", "≤ 15"]),
        line("update-5000-us", "… 5,000/s", ["≤ 7", "≤ 5"]),
        line(
            "broadcast-us",
            "CPU µs a message of a release to all",
            ["≤ 4.5", "≤ 4.5"],
        ),
        line("broadcast-last-ms", "ms until the last tab has it", ["", ""]),
    ]
}

fn watched(most: &str, all: &str) -> Vec<Line> {
    vec![
        line(
            "watched-500-us",
            format!("CPU µs a route update, 500/s, one admin, {all} open"),
            ["", ""],
        ),
        line("watched-5000-us", "… 5,000/s", ["", ""]),
        line(
            "complete-us",
            "CPU µs a route update, 50/s, one admin with complete stats",
            ["", ""],
        ),
        line("complete-bytes", "bytes to that admin an update", ["", ""]),
        line(
            "opening-cpu-s",
            format!("CPU s to open {most} while one admin watches"),
            ["≤ 0.16", "≤ 0.16"],
        ),
        line("opening-mb", "MB to the admin meanwhile", ["≤ 1.5", "≤ 1.5"]),
        line(
            "lone-median-ms",
            "ms from a lone change to the admin, median",
            ["≤ 0.5", "≤ 0.5"],
        ),
        line("lone-p99-ms", "… 99th percentile", ["", ""]),
        line(
            "invalidation-cpu-ms",
            format!("CPU ms to invalidate 1 % of {most}"),
            ["≤ 0.7", "≤ 0.7"],
        ),
        line(
            "invalidation-last-ms",
            "ms until the last of them has it",
            ["", ""],
        ),
    ]
}

/// What is measured in process.
pub(crate) fn in_process() -> Vec<Line> {
    vec![
        line(
            "prefix-us",
            "µs for a prefix query, 10,000 of 1,000,000 entries match",
            ["", ""],
        ),
        line("entry-bytes", "bytes an entry", ["", ""]),
    ]
}
