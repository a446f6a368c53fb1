//! How many files this process may open.
//!
//! Each connection is a file descriptor. Systems start a process with a soft limit of 1,024 of them, for the sake of
//! programs that use `select`, and let it raise that up to the hard limit: we do, as Go programs and nginx do.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit as far as it goes. The server then reads how far that is.
pub(crate) fn raise() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is not allowed the limit stays as it was, which the server reads as well.
    let _stays = setrlimit(Resource::Nofile, limit);
}
