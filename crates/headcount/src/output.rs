//! The one place that writes to the terminal: data to stdout, messages to stderr. Characters that could deceive the
//! reader are escaped (`escape`), wherever they come from.
//!
//! Everything goes through `write_all`, and its error is handled: `println!` panics if a pipe's reader is gone, and
//! `headcount connections | head` is an ordinary command. Messages that cannot be written are dropped.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde_json::Value;
use tracing::Level;

use crate::escape;
use crate::failure::Failure;
use crate::logs;

/// Writes data: `text` and a line end where it has none.
pub(crate) fn data(text: &str) -> Result<(), Failure> {
    to_stdout(&escape::lines(text))
}

/// Writes data that is JSON.
pub(crate) fn json(text: &str) -> Result<(), Failure> {
    to_stdout(&escape::json(text))
}

/// Whether a person reads the data.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Writes a line of data over the one before, which had so many characters. Nothing but the caret moves: no colours, no codes.
pub(crate) fn again(line: &str, before: usize) -> Result<(), Failure> {
    let line = escape::plain(line);
    let rest = " ".repeat(before.saturating_sub(line.chars().count()));
    let mut stdout = io::stdout().lock();
    judged(write!(stdout, "\r{line}{rest}").and_then(|()| stdout.flush()))
}

/// Writes a script of our own, as it is: nothing in it comes from elsewhere, and shells read its tabs.
pub(crate) fn script(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    judged(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

fn to_stdout(text: &str) -> Result<(), Failure> {
    judged(write_lines(&mut io::stdout().lock(), text))
}

fn judged(written: io::Result<()>) -> Result<(), Failure> {
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Output(error),
    })
}

/// Writes talk: what happens, for a person. In a server it takes the way of the log, which nothing holds up.
pub(crate) fn talk(text: &str) {
    let mut lines = escape::lines(text);
    if !lines.ends_with('\n') {
        lines.push('\n');
    }
    if !logs::say(lines.as_bytes()) {
        drop(write_lines(&mut io::stderr().lock(), &lines));
    }
}

/// Says what a server does: a line as it stands for a person, and a line of JSON with these fields where the log is JSON.
pub(crate) fn notice(text: &str, fields: &[(&str, Value)]) {
    if logs::is_json() {
        logs::say(logs::json_line(Level::INFO, text.trim(), fields).as_bytes());
    } else {
        talk(text);
    }
}

/// As [`notice`], what its operator should know.
pub(crate) fn warning(text: &str, fields: &[(&str, Value)]) {
    if logs::is_json() {
        logs::say(logs::json_line(Level::WARN, text, fields).as_bytes());
    } else {
        talk(&format!("warning: {text}"));
    }
}

/// Says why a command failed. Says nothing if the reader is gone.
pub(crate) fn failure(failure: &Failure) {
    if !matches!(failure, Failure::ReaderGone) {
        let text = if logs::is_json() {
            escape::json(&logs::json_line(Level::ERROR, &failure.to_string(), &[]))
        } else {
            escape::lines(&format!("error: {failure}"))
        };
        // The log has ended by then.
        drop(write_lines(&mut io::stderr().lock(), &text));
    }
}

/// Prints what the argument parser has to say, help to stdout and errors to stderr. Its errors quote what was typed, which may
/// come from elsewhere (`headcount invalidate "$route"`): where that could deceive, the text goes without colours.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let plain = escape::lines(&text);
    if plain == text {
        drop(error.print());
    } else {
        drop(write_lines(&mut io::stderr().lock(), &plain));
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

fn write_lines(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        to.write_all(b"\n")?;
    }
    to.flush()
}
