//! The one place that reads the clock.
//!
//! Everything else takes the time as an argument, so that tests can say what time it is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headcount_core::belief::Belief;

/// What this process believes of the time of day. The wall clock is looked at by [`look`] alone.
struct Clock {
    /// What to add to the monotonic clock.
    offset_ms: AtomicI64,
    belief: Mutex<Belief>,
}

static CLOCK: LazyLock<Clock> = LazyLock::new(|| {
    let belief = Belief::new(steady_ms(), wall_ms());
    Clock {
        offset_ms: AtomicI64::new(belief.offset_ms()),
        belief: Mutex::new(belief),
    }
});

impl Clock {
    fn belief(&self) -> MutexGuard<'_, Belief> {
        self.belief.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since the Unix epoch, as JavaScript's `Date.now()`. It goes on like the monotonic clock and follows the wall clock in
/// small steps; a jump of that is believed when it has lasted for ten minutes.
///
/// ```
/// use headcount_server::clock;
///
/// // Later than the beginning of 2020.
/// assert!(clock::unix_ms() > 1_577_836_800_000);
/// ```
pub fn unix_ms() -> u64 {
    steady_ms().saturating_add_signed(offset_ms())
}

/// What was added to [`steady_ms`] to make [`unix_ms`]: it changes where a jump of the wall clock is believed.
pub(crate) fn offset_ms() -> i64 {
    CLOCK.offset_ms.load(Ordering::Relaxed)
}

/// Compares the clocks. Called once a second.
pub(crate) fn look() {
    let mut belief = CLOCK.belief();
    belief.look(steady_ms(), wall_ms());
    CLOCK.offset_ms.store(belief.offset_ms(), Ordering::Relaxed);
}

/// Whether the time of day is sure enough to forget something permanently by it.
pub(crate) fn is_settled() -> bool {
    CLOCK.belief().is_settled(steady_ms())
}

/// The wall clock, right or wrong.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall_ms = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    wall_ms.saturating_add_signed(shifted_ms())
}

/// How far tests have set the wall clock.
#[cfg(debug_assertions)]
static SHIFT_MS: AtomicI64 = AtomicI64::new(0);

#[cfg(debug_assertions)]
pub(crate) fn shift_wall(shift_ms: i64) {
    SHIFT_MS.store(shift_ms, Ordering::Relaxed);
}

fn shifted_ms() -> i64 {
    #[cfg(debug_assertions)]
    return SHIFT_MS.load(Ordering::Relaxed);
    #[cfg(not(debug_assertions))]
    return 0;
}

/// The monotonic clock, for measuring and for deadlines.
///
/// ```
/// use headcount_server::clock;
///
/// let began = clock::now();
/// assert!(clock::now() >= began);
/// ```
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds of the monotonic clock, counted from a moment of this process. It is never set, so it measures what lasts.
///
/// ```
/// use headcount_server::clock;
///
/// let began_ms = clock::steady_ms();
/// assert!(clock::steady_ms() >= began_ms);
/// ```
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
