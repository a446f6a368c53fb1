//! The browser tests: all of them in Chromium, and those of the client in Firefox and in `WebKit` too.
//!
//! The tests that failed are told by a reporter of ours, and repeated here, each alone.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use crate::report::{Failure, Passed, say};
use crate::run;

/// A browser, as `ENGINE` of the browser tests names it.
type Engine = &'static str;
const CHROMIUM: Engine = "chromium";
const OTHERS: [Engine; 2] = ["firefox", "webkit"];
/// What the names of the client's tests begin with.
const CLIENT: &str = "client";
/// Files at once in each browser: the tests mostly wait. Node would run one fewer than there are cores.
const AT_ONCE: &str = "--test-concurrency=2";
const ALONE: &str = "run it alone, in e2e/: ENGINE=<engine> node --test --test-name-pattern='<name>' <file>";

/// A browser test that failed.
#[derive(Debug, PartialEq)]
struct Failed {
    file: String,
    name: String,
}

impl Failed {
    fn text(&self, engine: Engine) -> String {
        format!("{}: {}, in {engine}", self.file, self.name)
    }
}

/// Runs the browser tests. Of those that failed, each is run once more: a real browser beside compilers on two cores misses a
/// deadline now and then. What fails twice is broken; what passes then is added to `repeated`.
pub(crate) fn in_chromium(repeated: &mut Vec<String>) -> Result<Passed, Failure> {
    match node(CHROMIUM, &["--test", AT_ONCE]) {
        Ok(()) => Ok(Passed::Whole),
        Err(failure) => once_more(CHROMIUM, failure, repeated).map(Passed::Noting),
    }
}

/// Runs the client's tests in the other browsers, both at the same time, and says how many ran and which were left out there.
pub(crate) fn in_others(repeated: &mut Vec<String>) -> Result<Passed, Failure> {
    let files = client_tests()?;
    let arguments: Vec<&str> = ["--test", AT_ONCE]
        .into_iter()
        .chain(files.iter().map(String::as_str))
        .collect();
    let outcomes = thread::scope(|scope| {
        let runs = OTHERS.map(|engine| {
            (
                engine,
                scope.spawn(|| run::captured(&mut command(engine, &arguments))),
            )
        });
        runs.map(|(engine, run)| (engine, run.join()))
    });
    let mut notes = Vec::new();
    for (engine, outcome) in outcomes {
        let (is_well, said) =
            outcome.map_err(|_| Failure::new(format!("the run in {engine} broke off"), ALONE))??;
        say(&said);
        notes.push(format!("{engine} {}", summary(&list_of(engine))));
        if !is_well {
            let failure = Failure::new(format!("the tests in {engine} failed"), ALONE);
            notes.push(once_more(engine, failure, repeated)?);
        }
    }
    Ok(Passed::Noting(notes.join("; ")))
}

/// Repeats what the last run in this browser told as failed.
fn once_more(engine: Engine, failure: Failure, repeated: &mut Vec<String>) -> Result<String, Failure> {
    let failed = read(&list_of(engine));
    if failed.is_empty() {
        return Err(failure);
    }
    let mut broken = Vec::new();
    for test in &failed {
        say(&format!("\n   once more: {}\n", test.text(engine)));
        match again(engine, test) {
            Ok(()) => repeated.push(test.text(engine)),
            Err(_) => broken.push(test.text(engine)),
        }
    }
    Failure::unless_empty(&broken, ALONE)?;
    Ok(format!("{} were repeated", failed.len()))
}

/// Repeats one test; all of its file where the test does not go by its name.
fn again(engine: Engine, test: &Failed) -> Result<(), Failure> {
    if test.name != test.file {
        // Newer versions of Node put the names of the suites before it.
        let pattern = format!("--test-name-pattern=/{}$/", escaped(&test.name));
        node(engine, &["--test", &pattern, &test.file])?;
        if passed_some(&list_of(engine)) {
            return Ok(());
        }
    }
    node(engine, &["--test", &test.file])
}

fn node(engine: Engine, arguments: &[&str]) -> Result<(), Failure> {
    run::succeed(&mut command(engine, arguments), ALONE)
}

fn command(engine: Engine, arguments: &[&str]) -> Command {
    let destination = format!("--test-reporter-destination={}", list(engine).display());
    // Options stand before files.
    let reporters = [
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-reporter=./failed-tests.mjs",
        &destination,
    ];
    let mut command = run::command("node", &[&reporters[..], arguments].concat());
    command.current_dir(run::root().join("e2e")).env("ENGINE", engine);
    command
}

/// Where the reporter writes.
fn list(engine: Engine) -> PathBuf {
    run::root().join(format!("target/browser-tests-{engine}.txt"))
}

fn list_of(engine: Engine) -> String {
    fs::read_to_string(list(engine)).unwrap_or_default()
}

/// The files of the client's tests, by name.
fn client_tests() -> Result<Vec<String>, Failure> {
    let folder = run::root().join("e2e");
    let entries = fs::read_dir(&folder)
        .map_err(|error| Failure::new(format!("{}: {error}", folder.display()), "clone it again"))?;
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with(CLIENT) && name.ends_with(".test.mjs"))
        .collect();
    names.sort();
    Ok(names)
}

/// How many tests a list of the reporter counts, and which were left out.
fn summary(list: &str) -> String {
    let passed = list
        .lines()
        .find_map(|line| line.strip_prefix("# ")?.strip_suffix(" passed"))
        .unwrap_or("0");
    let left_out: Vec<&str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("# left out: "))
        .collect();
    if left_out.is_empty() {
        return format!("passed {passed}");
    }
    format!(
        "passed {passed}, without {}: {}",
        left_out.len(),
        left_out.join(" | ")
    )
}

/// The lines of `e2e/failed-tests.mjs`.
fn read(list: &str) -> Vec<Failed> {
    let lines = list.lines().filter_map(|line| {
        let (file, name) = line.split_once('\t')?;
        Some(Failed {
            file: file.to_owned(),
            name: name.to_owned(),
        })
    });
    lines.collect()
}

/// Whether any test ran and passed. A pattern that matches no test fails.
fn passed_some(list: &str) -> bool {
    let mut passed = list
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.strip_suffix(" passed"));
    passed.next_back().is_some_and(|count| count != "0")
}

/// A name as a pattern that matches just that.
fn escaped(name: &str) -> String {
    let mut pattern = String::new();
    for letter in name.chars() {
        if r"\^$.*+?()[]{}|/".contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_browser_test_is_found_again_by_its_file_and_its_own_name() {
        let failed = read("board.test.mjs\tpaging (1/2)\n# 3 passed\n");
        let expected = Failed {
            file: "board.test.mjs".to_owned(),
            name: "paging (1/2)".to_owned(),
        };
        assert_eq!(failed, [expected]);
        assert_eq!(
            [passed_some("# 0 passed\n"), passed_some("# 3 passed\n")],
            [false, true]
        );
        assert_eq!(escaped("paging (1/2)"), r"paging \(1\/2\)");
    }

    #[test]
    fn what_was_left_out_in_a_browser_is_said_by_name() {
        assert_eq!(summary("# 3 passed\n"), "passed 3");
        assert_eq!(
            summary("# left out: offline\na.test.mjs\tb\n# left out: a form\n# 3 passed\n"),
            "passed 3, without 2: offline | a form"
        );
    }
}
