//! The echo server as a program: says where it listens on stdout, and ends when its stdin does.
//!
//! So it ends when its parent ends; there is nothing to clean up, and no signal to send.

use std::io::{self, Read, Write};

use headcount_conformance::Echo;

fn main() -> io::Result<()> {
    let echo = Echo::start()?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "ws://{}", echo.address())?;
    stdout.flush()?;
    io::copy(&mut io::stdin().lock().by_ref(), &mut io::sink())?;
    Ok(())
}
