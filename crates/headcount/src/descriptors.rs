//! How many sockets this process may hold.
//!
//! Each connection is a file descriptor. Systems start a process with a soft limit of 1,024 of them, for the sake of
//! programs that use `select`, and let it raise that up to the hard limit: we do, as Go programs and nginx do.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors that are no connections: logs, the store, listeners, pollers. A generous guess.
const OTHERS: u64 = 64;

/// Raises the limit as far as it goes. The connections there is room for then; `None` where nothing limits them.
pub(crate) fn raise() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let now = if setrlimit(Resource::Nofile, limit).is_ok() {
        limit.maximum
    } else {
        before
    };
    now.map(|descriptors| descriptors.saturating_sub(OTHERS))
}
