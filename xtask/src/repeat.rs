//! Tests that failed once and passed when they were repeated: which those were, for the end of a run.
//!
//! nextest repeats a test by itself and says so in a file of `JUnit`. The browser tests that failed are told by a reporter of ours,
//! and repeated here, each alone.

use std::fs;
use std::path::Path;

use crate::report::{Failure, Passed, say};
use crate::run;

/// Where nextest writes it, as `.config/nextest.toml` says.
const NEXTEST: &str = "target/nextest/default/junit.xml";
const FAILED: &str = "target/browser-tests-failed.txt";
const ALONE: &str = "run it alone, in e2e/: node --test --test-name-pattern='<name>'";

/// A browser test that failed.
#[derive(Debug, PartialEq)]
struct Failed {
    file: String,
    name: String,
}

impl Failed {
    fn text(&self) -> String {
        format!("{}: {}", self.file, self.name)
    }
}

/// Forgets what an earlier run left.
pub(crate) fn forget() {
    let _not_there = fs::remove_file(run::root().join(NEXTEST));
}

/// The Rust tests that only passed when they were repeated.
pub(crate) fn of_nextest() -> Vec<String> {
    fs::read_to_string(run::root().join(NEXTEST)).map_or_else(|_| Vec::new(), |report| flaky(&report))
}

/// Runs the browser tests. Of those that failed, each is run once more: a real browser beside compilers on two cores misses a
/// deadline now and then. What fails twice is broken; what passes then is added to `repeated`.
pub(crate) fn browser_tests(repeated: &mut Vec<String>) -> Result<Passed, Failure> {
    let list = run::root().join(FAILED);
    let Err(failure) = node(&["--test"], &list) else {
        return Ok(Passed::Whole);
    };
    let failed = read(&fs::read_to_string(&list).unwrap_or_default());
    if failed.is_empty() {
        return Err(failure);
    }
    let mut broken = Vec::new();
    for test in &failed {
        say(&format!("\n   once more: {}\n", test.text()));
        match again(test, &list) {
            Ok(()) => repeated.push(test.text()),
            Err(_) => broken.push(test.text()),
        }
    }
    Failure::unless_empty(&broken, ALONE)?;
    Ok(Passed::Noting(format!("{} were repeated", failed.len())))
}

/// Repeats one test; all of its file where the test does not go by its name.
fn again(test: &Failed, list: &Path) -> Result<(), Failure> {
    if test.name != test.file {
        // Newer versions of Node put the names of the suites before it.
        let pattern = format!("--test-name-pattern=/{}$/", escaped(&test.name));
        node(&["--test", &pattern, &test.file], list)?;
        if passed_some(&fs::read_to_string(list).unwrap_or_default()) {
            return Ok(());
        }
    }
    node(&["--test", &test.file], list)
}

/// Says at the end of a run what had to be repeated. A test that needs that is a race which is not understood yet.
pub(crate) fn summary(repeated: &[String]) {
    if repeated.is_empty() {
        return;
    }
    say("\n── needed a repetition\n");
    for test in repeated {
        say(&format!("   {test}\n"));
    }
}

fn node(arguments: &[&str], list: &Path) -> Result<(), Failure> {
    let destination = format!("--test-reporter-destination={}", list.display());
    // Options stand before files.
    let reporters = [
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-reporter=./failed-tests.mjs",
        &destination,
    ];
    let mut command = run::command("node", &[&reporters[..], arguments].concat());
    run::succeed(command.current_dir(run::root().join("e2e")), ALONE)
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

/// Whether any test ran and passed. A pattern that matches none is no success.
fn passed_some(list: &str) -> bool {
    let mut passed = list
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.strip_suffix(" passed"));
    passed.next_back().is_some_and(|count| count != "0")
}

/// The names in a `JUnit` file of nextest that have a failure which a repetition did not confirm.
fn flaky(report: &str) -> Vec<String> {
    let cases = report.split("<testcase ").skip(1);
    let flaky = cases.filter(|case| {
        case.split("</testcase>")
            .next()
            .is_some_and(|case| case.contains("<flakyFailure"))
    });
    flaky
        .filter_map(|case| {
            Some(format!(
                "{}: {}",
                attribute(case, "classname")?,
                attribute(case, "name")?
            ))
        })
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let begin = format!(" {name}=\"");
    let tag = tag.split('>').next()?;
    let value = match tag.strip_prefix(begin.trim_start()) {
        Some(value) => value,
        None => tag.split_once(&begin)?.1,
    };
    value.split('"').next()
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
    fn a_test_that_passed_in_the_end_is_named_and_no_other() {
        let report = r#"<testsuite name="a"><testcase name="fine" classname="core" time="1"></testcase>
            <testcase name="once" classname="server::it" time="1"><flakyFailure type="x">…</flakyFailure></testcase>
            <testcase name="twice" classname="core"><failure type="x"/><rerunFailure/></testcase></testsuite>"#;
        assert_eq!(flaky(report), ["server::it: once"]);
    }

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
}
