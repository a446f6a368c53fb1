//! `cargo xtask fuzz [target] [--seconds N]`: the fuzz targets of the crates, for as long as you like.
//!
//! A target is a file in a crate's `src/fuzz/` with `name = "<file>"` in it, so there is no list to keep. Each runs under
//! libFuzzer, which bolero brings as source: the crate is built with the compiler's coverage counters, on stable Rust, and a
//! C++ compiler builds libFuzzer. Without a C++ compiler the target runs with random bytes instead, and the result says so.
//! libFuzzer keeps its corpus in `target/fuzz/<target>/corpus`, and the next run continues from there. An input that fails
//! is written to `__fuzz__/<target>/crashes/` beside the target, where `cargo test` finds it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::report::{Failure, Passed, step};
use crate::{run, tree};

const SECONDS: u64 = 60;
/// An input that takes this long fails, seconds. Less would also be reached on a machine that is busy.
const INPUT_SECONDS: u64 = 30;
/// Memory a target may use, MiB.
const MEMORY_MB: u64 = 1_024;
const NEXT: &str =
    "fix it, and commit the input that failed: `git status` shows it, and `cargo test` repeats it";
const USAGE: &str = "cargo xtask fuzz [target] [--seconds N]";

/// The counters that libFuzzer reads, as cargo-bolero sets them. One codegen unit, or the linker drops some.
const FLAGS: &str = "--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// One file in `src/fuzz/` of a crate.
#[derive(Debug, PartialEq)]
struct Target {
    name: String,
    /// `crates/<package>`; the package is called like its folder.
    package: PathBuf,
}

/// Runs one target, or all of them one after the other.
pub(crate) fn fuzz(arguments: &[String]) -> Result<(), Failure> {
    let (wanted, seconds) = read(arguments)?;
    let mut targets = targets(&tree::files()?)?;
    let names: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
    if let Some(wanted) = wanted {
        targets.retain(|target| target.name == wanted);
    }
    if targets.is_empty() {
        return Err(Failure::new(
            "there is no such target",
            format!("take one of {}", names.join(", ")),
        ));
    }
    for target in targets {
        step(&format!("fuzz {} for {seconds} s", target.name), || {
            target.run(seconds)
        })?;
    }
    Ok(())
}

fn read(arguments: &[String]) -> Result<(Option<String>, u64), Failure> {
    let (mut target, mut seconds) = (None, SECONDS);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let usage = || Failure::new(format!("`{argument}` is not understood"), USAGE);
        if argument == "--seconds" {
            let number = rest.next().and_then(|text| text.parse().ok());
            seconds = number.filter(|seconds| *seconds > 0).ok_or_else(usage)?;
        } else if target.is_none() && !argument.starts_with('-') {
            target = Some(argument.clone());
        } else {
            return Err(usage());
        }
    }
    Ok((target, seconds))
}

/// Every target among these files.
fn targets(files: &[PathBuf]) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for path in files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
    {
        let Some((package, name)) = place(path) else {
            continue;
        };
        if tree::text(path)?.contains(&format!("name = \"{name}\"")) {
            targets.push(Target { name, package });
        }
    }
    Ok(targets)
}

/// The package and the target of a path below a `src/fuzz/`.
fn place(path: &Path) -> Option<(PathBuf, String)> {
    let folder = path.parent()?;
    let package = folder.ancestors().nth(2)?;
    let is_there = package.join("src/fuzz") == folder && package.starts_with("crates");
    let name = path.file_stem()?.to_str()?;
    is_there.then(|| (package.to_owned(), name.to_owned()))
}

impl Target {
    fn run(&self, seconds: u64) -> Result<Passed, Failure> {
        if run::works("c++", &["--version"]) {
            return self.run_guided(seconds);
        }
        self.run_random(seconds)?;
        let reason = "no C++ compiler (install g++ or clang), so no libFuzzer: the bytes were random";
        Ok(Passed::WithoutPart(reason.to_owned()))
    }

    /// libFuzzer, with its output in a log.
    fn run_guided(&self, seconds: u64) -> Result<Passed, Failure> {
        let executable = self.build()?;
        let (corpus, log) = (self.folder().join("corpus"), self.folder().join("log"));
        let crashes = self
            .package
            .join("src/fuzz/__fuzz__")
            .join(&self.name)
            .join("crashes");
        for folder in [&corpus, &crashes] {
            fs::create_dir_all(run::root().join(folder)).map_err(|error| unwritable(folder, &error))?;
        }
        let output = fs::File::create(run::root().join(&log)).map_err(|error| unwritable(&log, &error))?;
        let options = format!(
            "{} {crashes} -artifact_prefix={crashes}/ -max_total_time={seconds} -timeout={INPUT_SECONDS} -report_slow_units={INPUT_SECONDS} \
             -rss_limit_mb={MEMORY_MB} -max_len=4096 -print_final_stats=1",
            corpus.display(),
            crashes = crashes.display(),
        );
        let filter = format!("fuzz::{}::", self.name);
        let mut command = run::command(&executable, &[&filter, "--nocapture", "--test-threads", "1"]);
        command
            .env("BOLERO_LIBFUZZER_ARGS", options)
            .stdout(Stdio::null())
            .stderr(output);
        let ran = run::succeed(&mut command, NEXT);
        // Only what failed stays there.
        let _not_empty = fs::remove_dir(run::root().join(&crashes));
        let log = String::from_utf8_lossy(&fs::read(run::root().join(&log)).unwrap_or_default()).into_owned();
        ran.map_err(|failure| Failure::new(format!("{}\n{}", last_lines(&log), failure.what), failure.next))?;
        Ok(Passed::Noting(summary(&log)))
    }

    /// Builds the tests of the package with the counters, and says where they are.
    fn build(&self) -> Result<String, Failure> {
        let compiler = run::output(&mut run::command("rustc", &["-vV"]))?;
        let host = compiler.lines().find_map(|line| line.strip_prefix("host: "));
        // With a target named, build scripts and macros go without the counters.
        let mut command = self.cargo_test();
        command
            .args([
                "--no-run",
                "--message-format=json",
                "--profile=fuzz",
                "--target-dir=target/fuzz/build",
            ])
            .args(["--target", host.unwrap_or_default()])
            .env("RUSTFLAGS", FLAGS);
        let messages = run::output(&mut command)?;
        let executable = messages
            .split("\"executable\":\"")
            .last()
            .and_then(|rest| rest.split('"').next());
        let is_there = |path: &&str| Path::new(path).is_file();
        executable.filter(is_there).map(str::to_owned).ok_or_else(|| {
            Failure::new(
                "cargo did not say what it built",
                "run `cargo test --no-run` and see",
            )
        })
    }

    fn run_random(&self, seconds: u64) -> Result<(), Failure> {
        let mut command = self.cargo_test();
        command
            .args(["--", &format!("fuzz::{}::", self.name)])
            .env("BOLERO_RANDOM_ITERATIONS", u64::MAX.to_string())
            .env(
                "BOLERO_RANDOM_TEST_TIME_MS",
                seconds.saturating_mul(1_000).to_string(),
            );
        run::succeed(
            &mut command,
            "repeat it with the seed that the message names, and fix it",
        )
    }

    fn cargo_test(&self) -> std::process::Command {
        let is_library = run::root().join(&self.package).join("src/lib.rs").is_file();
        let kind = if is_library { "--lib" } else { "--bins" };
        let mut command = run::command("cargo", &["test", "--quiet", kind, "--manifest-path"]);
        command.arg(self.package.join("Cargo.toml"));
        command
    }

    fn folder(&self) -> PathBuf {
        Path::new("target/fuzz").join(&self.name)
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!("cannot write {}: {error}", path.display()),
        "look at its permissions",
    )
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// How much was tried, from libFuzzer's last lines.
fn summary(log: &str) -> String {
    let inputs = log
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let reached = log
        .lines()
        .rev()
        .find_map(|line| line.split_once("cov: ")?.1.split(' ').next());
    format!(
        "{} inputs, {} branches reached, nothing found",
        inputs.map_or("?", str::trim),
        reached.unwrap_or("?")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Result<(Option<String>, u64), Failure> {
        read(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn arguments_are_a_target_and_a_time() {
        assert_eq!(arguments(&[]), Ok((None, SECONDS)));
        assert_eq!(
            arguments(&["frames", "--seconds", "9"]),
            Ok((Some("frames".to_owned()), 9))
        );
        for wrong in [
            &["--seconds"][..],
            &["--seconds", "0"],
            &["--second", "9"],
            &["a", "b"],
        ] {
            assert!(arguments(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_target_is_a_file_that_names_itself() {
        let found = targets(&tree::files().unwrap()).unwrap();
        assert!(found.contains(&Target {
            name: "frames".to_owned(),
            package: "crates/headcount-core".into()
        }));
        assert!(
            !found
                .iter()
                .any(|target| ["mod", "input"].contains(&target.name.as_str()))
        );
        assert_eq!(place(Path::new("crates/headcount-core/src/route.rs")), None);
    }

    #[test]
    fn the_summary_is_read_off_the_log() {
        let log = "#1\tINITED cov: 7 ft: 8\n#9\tDONE   cov: 12 ft: 30\nstat::number_of_executed_units: 9\n";
        assert_eq!(summary(log), "9 inputs, 12 branches reached, nothing found");
    }
}
