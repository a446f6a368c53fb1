//! Where log lines go: to stderr, for people or for a collector.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

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

/// Installs the log of this process. A second call changes nothing.
pub(crate) fn install(settings: &LogSettings) {
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = fmt()
        .with_env_filter(filter)
        .with_writer(|| Plain)
        .with_ansi(io::stderr().is_terminal());
    let installed = match settings.format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().with_writer(|| PlainJson).try_init(),
    };
    // Only tests start two servers in one process.
    drop(installed);
}
