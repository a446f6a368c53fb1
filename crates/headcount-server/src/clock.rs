//! The one place that reads the clock.
//!
//! Everything else takes the time as an argument, so that tests can say what time it is.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, as JavaScript's `Date.now()`. Wall-clock time: it may jump.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The monotonic clock, for measuring and for deadlines.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds of the monotonic clock, counted from a moment of this process. It is never set, so it measures what lasts.
pub fn steady_ms() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Lets something be said once a minute at most, by any thread.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    const PAUSE: Duration = Duration::from_mins(1);

    /// Whether it may be said now; then not again for a minute.
    pub(crate) fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= Self::PAUSE);
        if is_due {
            *last = Some(now());
        }
        is_due
    }
}

/// The `date` header of HTTP answers, written anew once a second.
#[derive(Debug, Default)]
pub(crate) struct HttpDate {
    second: u64,
    text: String,
}

impl HttpDate {
    /// The date now (RFC 9110, section 6.6.1).
    pub(crate) fn now(&mut self) -> &str {
        let second = unix_ms() / 1_000;
        if second != self.second {
            self.second = second;
            self.text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
        }
        &self.text
    }
}
