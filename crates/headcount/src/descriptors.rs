//! How many files this process may open.
//!
//! Each connection is a file descriptor. Systems start a process with a soft limit of 1,024 of them, for the sake of
//! programs that use `select`, and let it raise that up to the hard limit: we do, as Go programs and nginx do.

use rustix::process::{Resource, getrlimit, setrlimit};

/// What macOS allows a process where it says that there is no limit (`OPEN_MAX`).
const ALLOWED: u64 = 10_240;

/// Raises the limit as far as it goes. The server then reads how far that is.
pub(crate) fn raise() {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_err() && before.is_some_and(|before| before < ALLOWED) {
        limit.current = Some(ALLOWED);
        // Where that is not allowed the limit stays as it was, which the server reads as well.
        let _stays = setrlimit(Resource::Nofile, limit);
    }
}
