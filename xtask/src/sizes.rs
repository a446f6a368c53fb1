//! Files and functions do not outgrow their purpose.
//!
//! A file of Rust has at most 400 lines of production code, one of TypeScript or Vue 300, a function of Rust 60. What is longer today stands in
//! `xtask/sizes.txt` with its size. The list only goes down: what grows, what is new, and what shrank without the list following it are
//! findings.

use std::collections::BTreeMap;
use std::path::Path;

use crate::report::{Failure, Passed};
use crate::rust::Source;
use crate::tree;

const LIST: &str = "xtask/sizes.txt";
const RUST_LINES_MAX: usize = 400;
const SCRIPT_LINES_MAX: usize = 300;
const FUNCTION_LINES_MAX: usize = 60;
const SCRIPTS: [&str; 2] = ["ts", "vue"];

/// What is too long, by its name as the list has it, with its lines.
type Sizes = BTreeMap<String, usize>;

/// Holds today's sizes against the list.
pub(crate) fn rules(sources: &[Source]) -> Result<Passed, Failure> {
    let mut sizes = Sizes::new();
    for source in sources {
        add_rust(&mut sizes, source);
    }
    for path in tree::files()?.iter().filter(|path| is_script(path)) {
        let text = tree::text(path)?;
        let lines = text.lines().count();
        if lines > SCRIPT_LINES_MAX && !is_generated(&text) {
            sizes.insert(path.display().to_string(), lines);
        }
    }
    let listed = listed(&tree::text(Path::new(LIST))?)?;
    Failure::unless_empty(
        &differences(&listed, &sizes),
        "split by a word of the domain what became longer; write down in xtask/sizes.txt what became shorter",
    )?;
    Ok(Passed::Noting(format!(
        "{} are longer than they should be",
        sizes.len()
    )))
}

fn add_rust(sizes: &mut Sizes, source: &Source) {
    let path = source.path.display();
    if source.lines > RUST_LINES_MAX {
        sizes.insert(path.to_string(), source.lines);
    }
    for (name, lines) in source.functions() {
        if lines > FUNCTION_LINES_MAX {
            let longest = sizes.entry(format!("{path} {name}")).or_default();
            *longest = lines.max(*longest);
        }
    }
}

fn is_script(path: &Path) -> bool {
    let is_of_a_package =
        path.starts_with("packages") && path.components().any(|part| part.as_os_str() == "src");
    is_of_a_package
        && path
            .extension()
            .and_then(|end| end.to_str())
            .is_some_and(|end| SCRIPTS.contains(&end))
}

fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.contains("enerated by"))
}

/// Lines of the list: a number and a name. Those that begin with `#` are for people.
fn listed(text: &str) -> Result<Sizes, Failure> {
    let mut sizes = Sizes::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let entry = line
            .split_once(' ')
            .and_then(|(lines, name)| Some((name.to_owned(), lines.parse().ok()?)));
        let (name, lines) = entry.ok_or_else(|| {
            Failure::new(
                format!("{LIST}:{number}: no number and name"),
                "write the lines, a space, the path, and for a function a space and its name",
            )
        })?;
        sizes.insert(name, lines);
    }
    Ok(sizes)
}

fn differences(listed: &Sizes, sizes: &Sizes) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, lines) in sizes {
        match listed.get(name) {
            None => findings.push(format!("{name}: {lines} lines are too many")),
            Some(before) if lines > before => {
                findings.push(format!("{name}: grew from {before} to {lines} lines"));
            }
            Some(before) if lines < before => {
                findings.push(format!("{name}: {LIST} says {before} lines, and it has {lines}"));
            }
            Some(_) => {}
        }
    }
    let gone = listed.keys().filter(|name| !sizes.contains_key(*name));
    findings.extend(gone.map(|name| format!("{name}: is short enough, or gone: take it out of {LIST}")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(entries: &[(&str, usize)]) -> Sizes {
        entries
            .iter()
            .map(|&(name, lines)| (name.to_owned(), lines))
            .collect()
    }

    #[test]
    fn the_list_only_goes_down() {
        let listed = sizes(&[("a.rs", 420), ("b.rs f", 70), ("c.rs", 500)]);
        assert!(differences(&listed, &listed).is_empty());
        for (today, said) in [
            (("a.rs", 421), "a.rs: grew from 420 to 421 lines"),
            (
                ("a.rs", 419),
                "a.rs: xtask/sizes.txt says 420 lines, and it has 419",
            ),
            (("d.rs", 401), "d.rs: 401 lines are too many"),
        ] {
            let mut now = listed.clone();
            now.insert(today.0.to_owned(), today.1);
            assert_eq!(differences(&listed, &now), [said]);
        }
        let mut shorter = listed.clone();
        shorter.remove("c.rs");
        assert_eq!(
            differences(&listed, &shorter),
            ["c.rs: is short enough, or gone: take it out of xtask/sizes.txt"]
        );
    }

    #[test]
    fn the_list_is_read_as_it_is_written() {
        assert_eq!(
            listed("# people\n\n420 a.rs\n70 b.rs f\n").unwrap(),
            sizes(&[("a.rs", 420), ("b.rs f", 70)])
        );
        assert!(
            listed("a.rs 420\n")
                .unwrap_err()
                .what
                .starts_with("xtask/sizes.txt:1")
        );
    }

    #[test]
    fn a_function_is_named_with_its_file_and_measured_without_its_documentation() {
        let long = format!("/// Long.\nfn f() {{\n{}}}\n", "    g();\n".repeat(60));
        let mut found = Sizes::new();
        add_rust(&mut found, &Source::new(Path::new("a.rs"), &long).unwrap());
        assert_eq!(found, sizes(&[("a.rs f", 62)]));
    }
}
