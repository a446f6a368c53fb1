//! Clients as blunt as the tests need them: one blocking socket each, with a bound on every wait.
//!
//! [`Tab`] is an open stream of either transport, [`ask`] is one HTTP request. Deliberately absent: reconnecting, and any
//! understanding of what the messages mean.

mod http;
mod sse;
mod tab;

use std::thread;
use std::time::Duration;

use headcount_server::clock;

pub(crate) use http::{Answer, Ask, ask, connect, exchange, read_to_end};
pub(crate) use tab::{BOTH, Tab, Transport, Visit};

/// How long anything may take. A machine that is busy with other things is slow, not wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Looks until `look` finds something. Panics with what was looked for when the patience ends.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = clock::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock::now() < end, "never happened: {what}");
        thread::park_timeout(Duration::from_millis(3));
    }
}
