//! What the run says while it runs, and where its results go: talk to stderr, data to stdout.

use std::io::{self, Write as _};

/// Says where the run is.
pub(crate) fn say(text: &str) {
    // A closed stderr does not stop the measurement.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Prints data.
pub(crate) fn print(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}
