//! What becomes of a wrong secret: it is counted, logged, and answered late.
//!
//! Every wrong secret goes through here: bearer, body, sign-in, bridge. Each address may show a few, after which the answers
//! to it come one a second; all addresses together get only so many such answers a second. A right secret is always answered
//! at once, from any address. Refusing unheard would be stronger and would let every stranger lock the owner out: behind a
//! proxy that does not tell addresses apart, and in any office, the two have the same one. So a guesser that does not wait for
//! its answers still costs us a comparison for each request; what makes a secret safe is its length, of which the server warns.
//!
//! Invariants: never more addresses than `guess_addresses_max`, nor more answers held back than `guesses_held_max`. The log
//! gets a line each ten seconds at most, never with the guess, and with the address only where addresses may be shown.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use headcount_core::limits::Limits;
use tokio::sync::Semaphore;

use crate::clock;

/// After the first few, an address gets one answer in this time.
const EACH: Duration = Duration::from_secs(1);

/// Least time between two lines of the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Least time between two clearances of the table.
const CLEAR_EVERY: Duration = Duration::from_secs(1);

/// Wrong secrets and their answers.
#[derive(Debug)]
pub(crate) struct Guesses {
    limits: Limits,
    places: Semaphore,
    state: Mutex<State>,
}

/// As many answers are held back as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

#[derive(Debug)]
struct State {
    /// Until when the wrong secrets of an address count, by its hash.
    addresses: HashMap<u64, Instant>,
    /// The same for all addresses together.
    all: Instant,
    cleared_at: Instant,
    log: Log,
}

#[derive(Debug, Default)]
struct Log {
    said_at: Option<Instant>,
    unsaid: u64,
    last_from: Option<IpAddr>,
    /// A task will say it.
    is_due: bool,
}

impl Guesses {
    pub(crate) fn new(limits: &Limits) -> Self {
        let now = clock::now();
        Self {
            limits: limits.clone(),
            places: Semaphore::new(limits.guesses_held_max as usize),
            state: Mutex::new(State {
                addresses: HashMap::new(),
                all: now,
                cleared_at: now,
                log: Log::default(),
            }),
        }
    }

    /// Takes a wrong secret in and returns when it is time to answer it. `address` is what its sender counts as, hashed; `from`
    /// its address where the log may have that.
    pub(crate) async fn hold(self: &Arc<Self>, address: u64, from: Option<IpAddr>) -> Result<(), TooMany> {
        let now = clock::now();
        self.say(now, from);
        let wait = self.state().wait(address, now, &self.limits);
        if wait.is_zero() {
            return Ok(());
        }
        // Given back also where the client does not wait.
        let _place = self.places.try_acquire().map_err(|_| TooMany)?;
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Says so in the log: at once, or with all others when the last line is old enough.
    fn say(self: &Arc<Self>, now: Instant, from: Option<IpAddr>) {
        let wait = {
            let mut state = self.state();
            let log = &mut state.log;
            log.unsaid += 1;
            log.last_from = from;
            if log.is_due {
                return;
            }
            let next = log.said_at.map_or(now, |said_at| said_at + LOG_EVERY);
            if next <= now {
                log.line(now);
                return;
            }
            log.is_due = true;
            next - now
        };
        let guesses = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            guesses.state().log.line(clock::now());
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long the answer is held back.
    fn wait(&mut self, address: u64, now: Instant, limits: &Limits) -> Duration {
        let longest = Duration::from_millis(limits.guess_hold_ms.into());
        let own = self.place(address, now, limits);
        let own = wait(own, now, EACH, limits.guesses_burst.into(), longest);
        let each = Duration::from_secs(1) / limits.guesses_per_second.max(1).into();
        let all = wait(
            &mut self.all,
            now,
            each,
            limits.guesses_per_second.into(),
            longest,
        );
        own.max(all)
    }

    /// Where an address is counted. Where there is no place for another one, those without a place count as one.
    fn place(&mut self, address: u64, now: Instant, limits: &Limits) -> &mut Instant {
        let max = limits.guess_addresses_max as usize;
        if self.addresses.len() >= max && now >= self.cleared_at + CLEAR_EVERY {
            self.cleared_at = now;
            self.addresses.retain(|_, until| *until > now);
        }
        let is_full = self.addresses.len() >= max && !self.addresses.contains_key(&address);
        self.addresses
            .entry(if is_full { 0 } else { address })
            .or_insert(now)
    }
}

/// Spends one of `burst` places that come back one in each `each`, and says how long to wait for it: `longest` at most.
fn wait(until: &mut Instant, now: Instant, each: Duration, burst: u32, longest: Duration) -> Duration {
    let free_until = now + each * burst;
    *until = ((*until).max(now) + each).min(free_until + longest);
    until.saturating_duration_since(free_until)
}

impl Log {
    fn line(&mut self, now: Instant) {
        let count = std::mem::take(&mut self.unsaid);
        self.said_at = Some(now);
        self.is_due = false;
        if let Some(address) = self.last_from.take() {
            tracing::warn!(
                count,
                "wrong secrets were shown to the admin API, the last one from {address}"
            );
        } else {
            tracing::warn!(count, "wrong secrets were shown to the admin API");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (State, Instant) {
        let now = clock::now();
        let state = State {
            addresses: HashMap::new(),
            all: now,
            cleared_at: now,
            log: Log::default(),
        };
        (state, now)
    }

    fn limits() -> Limits {
        Limits {
            guesses_burst: 3,
            guesses_per_second: 1_000,
            guess_hold_ms: 5_000,
            guess_addresses_max: 4,
            ..Limits::default()
        }
    }

    #[test]
    fn an_address_gets_one_answer_a_second_after_the_first_few() {
        let (mut state, now) = state();
        let limits = limits();
        let waits: Vec<_> = (0..10).map(|_| state.wait(7, now, &limits).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 3, 4, 5, 5, 5]);
        assert!(
            state.wait(8, now, &limits).is_zero(),
            "another address is another"
        );
        // However much there was, it is over in a bounded time.
        let later = now + Duration::from_secs(9);
        assert!(state.wait(7, later, &limits).is_zero());
    }

    #[test]
    fn all_addresses_together_get_so_many_answers_a_second() {
        let (mut state, now) = state();
        let limits = Limits {
            guesses_per_second: 10,
            guess_addresses_max: 1_000,
            ..limits()
        };
        let waits: Vec<_> = (0..30).map(|address| state.wait(address, now, &limits)).collect();
        assert!(waits[..10].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[19], Duration::from_secs(1));
        assert_eq!(waits[29], Duration::from_secs(2));
    }

    #[test]
    fn the_table_has_an_end_and_forgets_what_is_over() {
        let (mut state, now) = state();
        let limits = limits();
        for address in 1..100 {
            state.wait(address, now, &limits);
        }
        assert!(state.addresses.len() <= 5, "{}", state.addresses.len());
        assert!(
            !state.wait(200, now, &limits).is_zero(),
            "those without a place count as one"
        );
        let later = now + Duration::from_mins(1);
        assert!(state.wait(200, later, &limits).is_zero());
        assert_eq!(state.addresses.len(), 1);
    }
}
