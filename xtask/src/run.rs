//! Running other programs, always from the root of the repository.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::report::Failure;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// `program` with `arguments`, in the root.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// Runs it with this terminal; anything but exit code 0 is a failure with `next` as advice.
pub(crate) fn succeed(command: &mut Command, next: &str) -> Result<(), Failure> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(
            format!("{} ended with {status}", line(command)),
            next,
        )),
        Err(error) => Err(not_started(command, &error)),
    }
}

/// Runs it and returns its stdout; its stderr stays on this terminal.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| not_started(command, &error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Failure::new(
            format!("{} ended with {}", line(command), output.status),
            "see its message above",
        ))
    }
}

/// Runs it without this terminal; whether it ended with exit code 0, and what it said.
pub(crate) fn captured(command: &mut Command) -> Result<(bool, String), Failure> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| not_started(command, &error))?;
    let said = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

/// Whether `program` with `arguments` (a request for its version, say) can be run at all.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    let mut probe = command(program, arguments);
    probe
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Becomes that program: its signals, its terminal and its exit code are the caller's own. Returns only if it cannot.
pub(crate) fn replace(command: &mut Command) -> Failure {
    let error = command.exec();
    not_started(command, &error)
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy().into_owned();
    Failure::new(
        format!("cannot run {program}: {error}"),
        format!("install {program}, or put it on the PATH"),
    )
}

fn line(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .collect();
    words
        .iter()
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
