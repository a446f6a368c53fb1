//! Where log lines go: to stderr, for people or for a collector.
//!
//! A separate thread writes the lines, and drops those it cannot write: a full disk, or a reader that is gone or does
//! not read, must not delay the server or end a part of it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use serde_json::Value;
use tracing::Level;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

use crate::config::{LogFormat, LogSettings};
use crate::escape;

/// stderr, without anything in a line that could deceive its reader. A line comes in one piece.
struct Plain;

impl Write for Plain {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut stderr = io::stderr().lock();
        let text = String::from_utf8_lossy(line);
        let text = escape::log(&text, io::stderr().is_terminal());
        stderr.write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The same for lines of JSON.
struct PlainJson;

impl Write for PlainJson {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = escape::json(&String::from_utf8_lossy(line));
        io::stderr().lock().write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Lines that wait for their reader; further ones are left out.
const LINES_MAX: usize = 4_096;

/// Messages of libraries: about misbehaving clients, one line per connection, which anyone could cause; and each event and each attempt of the client
/// of NATS, of which headcount says itself what matters.
const QUIET: &str = "h2=error,async_nats=off";

/// The way to the thread that writes, and what it writes.
static LINES: OnceLock<(NonBlocking, LogFormat)> = OnceLock::new();

/// Keeps the log of this process. What waits is written when it is dropped, for a second at most.
#[derive(Debug)]
pub(crate) struct Logs(Option<WorkerGuard>);

impl Drop for Logs {
    fn drop(&mut self) {
        let guard = self.0.take();
        // If the log is blocked, this is said on stdout, which may be gone as well.
        drop(catch_unwind(AssertUnwindSafe(|| drop(guard))));
    }
}

/// Writes `text` among the lines of the log. Whether there is a log.
pub(crate) fn say(text: &[u8]) -> bool {
    let lines = LINES.get().cloned();
    lines.is_some_and(|(mut lines, _)| lines.write_all(text).is_ok())
}

/// Whether the lines of this process's log are JSON.
pub(crate) fn is_json() -> bool {
    matches!(LINES.get(), Some((_, LogFormat::Json)))
}

/// A line of JSON as the log writes it.
pub(crate) fn json_line(level: Level, message: &str, fields: &[(&str, Value)]) -> String {
    let mut timestamp = String::new();
    // Writing into a String cannot fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let text = |text: &str| Value::from(text).to_string();
    let mut said = format!("\"message\":{}", text(message));
    for (name, value) in fields {
        let _ = write!(said, ",{}:{}", text(name), value);
    }
    format!(
        "{{\"timestamp\":{},\"level\":\"{level}\",\"fields\":{{{said}}},\"target\":\"headcount\"}}\n",
        text(&timestamp)
    )
}

/// Installs the log of this process. A second call changes nothing.
pub(crate) fn install(settings: &LogSettings) -> Logs {
    // What the settings say of the same library comes later, and so wins.
    let filter =
        EnvFilter::try_new(format!("{QUIET},{}", settings.filter)).unwrap_or_else(|_| EnvFilter::new("info"));
    let (lines, guard) = match settings.format {
        LogFormat::Text => aside(Plain),
        LogFormat::Json => aside(PlainJson),
    };
    let _first_wins = LINES.set((lines.clone(), settings.format));
    let log = fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    let installed = match settings.format {
        LogFormat::Text => log.with_target(false).with_writer(lines).try_init(),
        LogFormat::Json => log.json().with_writer(lines).try_init(),
    };
    // Only tests start two servers in one process.
    drop(installed);
    Logs(Some(guard))
}

fn aside(writer: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_MAX)
        .thread_name("log")
        .finish(writer)
}
