//! Tests that failed once and passed when they were repeated: which those were, for the end of a run.
//!
//! nextest repeats a test by itself and reports it in a `JUnit` file. Browser tests are repeated in `browser.rs`.

use std::fs;

use crate::report::say;
use crate::run;

/// Where nextest writes it, as `.config/nextest.toml` says.
const NEXTEST: &str = "target/nextest/default/junit.xml";

/// Forgets what an earlier run left.
pub(crate) fn forget() {
    let _not_there = fs::remove_file(run::root().join(NEXTEST));
}

/// The Rust tests that only passed when they were repeated.
pub(crate) fn of_nextest() -> Vec<String> {
    fs::read_to_string(run::root().join(NEXTEST)).map_or_else(|_| Vec::new(), |report| flaky(&report))
}

/// Lists the repeated tests at the end of a run. A test that needs a repeat has a race that is not understood yet.
pub(crate) fn summary(repeated: &[String]) {
    if repeated.is_empty() {
        return;
    }
    say("\n── needed a repetition\n");
    for test in repeated {
        say(&format!("   {test}\n"));
    }
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
}
