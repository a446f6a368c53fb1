//! Rules on source files that neither the compiler nor clippy can hold.
//!
//! In the core, production code names no clock, file, socket, thread or environment, and serde only in `protocol/`. Nowhere
//! is a file called utils or the like: a name that says nothing collects everything. The code is read as lines of words,
//! not parsed; a comment may say what it likes, and so may tests.

use std::path::Path;

use crate::report::{Failure, Passed};
use crate::tree;

const CORE: &str = "crates/headcount-core/src";
const CORE_PROTOCOL: &str = "crates/headcount-core/src/protocol";
const CODE: [&str; 5] = ["rs", "ts", "mjs", "js", "vue"];
const EMPTY_NAMES: [&str; 8] = [
    "common", "helper", "helpers", "misc", "shared", "types", "util", "utils",
];
/// Modules of std that touch the world. An address as a value is `core::net::IpAddr`.
const WORLDLY: [&str; 5] = ["env", "fs", "net", "process", "thread"];
const CLOCKS: [&str; 2] = ["Instant::now", "SystemTime::now"];
const SERDE: [&str; 4] = ["serde", "serde_json", "Serialize", "Deserialize"];

/// Judges every source file of the repository.
pub(crate) fn rules() -> Result<Passed, Failure> {
    let mut findings = Vec::new();
    let mut judged = 0;
    for path in tree::files()?.iter().filter(|path| is_code(path)) {
        judged += 1;
        findings.extend(name(path));
        if path.starts_with(CORE) && !is_test(path) {
            findings.extend(core(path, &tree::text(path)?));
        }
    }
    Failure::unless_empty(
        &findings,
        "see the header of xtask/src/source.rs for what each rule is for",
    )?;
    Ok(Passed::Noting(format!("{judged} files")))
}

fn is_code(path: &Path) -> bool {
    path.extension()
        .and_then(|end| end.to_str())
        .is_some_and(|end| CODE.contains(&end))
}

fn is_test(path: &Path) -> bool {
    path.components()
        .any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs" | "fuzz")))
}

fn name(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let folder = path
        .parent()
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    let is_empty = |name: &str| EMPTY_NAMES.contains(&name);
    (is_empty(stem) || folder.is_some_and(is_empty))
        .then(|| format!("{}: name it after what is in it", path.display()))
}

fn core(path: &Path, source: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut in_std_list = false;
    for (number, line) in production(source) {
        in_std_list |= line.trim_start().starts_with("use std::{");
        let mut find =
            |what: &str| findings.push(format!("{}:{number}: the core names {what}", path.display()));
        for clock in CLOCKS.iter().filter(|clock| line.contains(**clock)) {
            find(clock);
        }
        for module in WORLDLY
            .iter()
            .filter(|module| names_module(line, module, in_std_list))
        {
            find(&format!("std::{module}"));
        }
        if !path.starts_with(CORE_PROTOCOL) && words(line).any(|word| SERDE.contains(&word)) {
            find("serde outside protocol/");
        }
        in_std_list &= !line.contains(';');
    }
    findings
}

/// `std::fs` in full, or `fs` in a `use std::{…}` list.
fn names_module(line: &str, module: &str, in_std_list: bool) -> bool {
    let mut before = "";
    words(line).any(|word| {
        let found = word == module && (in_std_list || before == "std");
        before = word;
        found
    })
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
}

/// The numbered lines of a file without comments, up to its module of tests, which stands last.
fn production(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut before = "";
    let code = (1..).zip(source.lines()).take_while(move |(_, line)| {
        let begins_tests = before == "#[cfg(test)]" && line.starts_with("mod ") && line.ends_with('{');
        before = line;
        !begins_tests
    });
    code.map(|(number, line)| (number, line.split_once("//").map_or(line, |(code, _)| code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(source: &str) -> Vec<String> {
        core(Path::new("crates/headcount-core/src/route.rs"), source)
    }

    #[test]
    fn the_core_touches_nothing() {
        assert_eq!(judge("let now = Instant::now();").len(), 1);
        assert_eq!(judge("use std::fs::File;").len(), 1);
        assert_eq!(judge("let path = ::std::env::temp_dir();").len(), 1);
        assert_eq!(
            judge("use std::{\n    collections::HashMap,\n    net::TcpStream,\n};\nlet net = 1;").len(),
            1
        );
        assert_eq!(
            judge("use std::thread;"),
            ["crates/headcount-core/src/route.rs:1: the core names std::thread"]
        );
    }

    #[test]
    fn what_only_sounds_like_it_is_fine() {
        for fine in [
            "use core::net::IpAddr;",
            "use std::{fmt, sync::Arc};",
            "let fs = self.net.io;",
            "// unlike std::fs, this",
            "//! No `serde` here.",
            "use std::time::Duration;",
        ] {
            assert!(judge(fine).is_empty(), "{fine}");
        }
    }

    #[test]
    fn serde_lives_in_one_room() {
        let derive = "#[derive(Clone, Serialize)]";
        assert_eq!(judge(derive).len(), 1);
        assert!(core(Path::new("crates/headcount-core/src/protocol/admin.rs"), derive).is_empty());
    }

    #[test]
    fn tests_may_do_what_they_like() {
        assert!(judge("fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n").is_empty());
        assert_eq!(judge("#[cfg(test)]\nmod model;\nuse std::fs;\n").len(), 1);
        assert!(is_test(Path::new("crates/headcount-core/src/registry/tests.rs")));
    }

    #[test]
    fn a_name_says_what_is_in_the_file() {
        assert!(name(Path::new("crates/headcount/src/utils.rs")).is_some());
        assert!(name(Path::new("packages/client/src/shared/clock.ts")).is_some());
        assert!(name(Path::new("crates/headcount/src/output.rs")).is_none());
    }
}
