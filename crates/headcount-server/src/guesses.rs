//! What becomes of a wrong secret: it is counted, logged, and answered late.
//!
//! Every wrong secret goes through here: bearer, body, sign-in, bridge. Each address may send a few; then its answers
//! come one a second. All addresses together get only a limited number of such answers a second. Few answers are held
//! back at once, so that they take no connection that the owner needs. A guess beyond that gets no answer: its
//! connection is closed. So is a connection with a second guess while the first one waits. A right secret is always
//! answered at once, from any address. Refusing an address without a check would be stronger, but would let anyone lock
//! the owner out: behind a proxy that does not forward addresses, and in any office, both have the same address. So a
//! guess costs the guesser a connection, and the server a comparison. A secret is safe because of its length; the
//! server warns about short ones.
//!
//! Invariants: never more addresses than `guess_addresses_max`, nor more answers held back than `guesses_held_max`, than
//! `guesses_held_per_address_max` for one address, or than the door has places for. The log gets a line each ten seconds at
//! most, never with the guess, and with the address only where addresses may be shown.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use headcount_core::limits::Limits;

use crate::clock;

/// After the first few, an address gets one answer in this time.
const EACH: Duration = Duration::from_secs(1);

/// Least time between two lines of the log.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Least time between two clearances of the table.
const CLEAR_EVERY: Duration = Duration::from_secs(1);

/// The connection that a wrong secret came by, where that is ours.
pub(crate) trait Guesser: Sync {
    /// How many answers may be held back without taking what others need.
    fn places(&self) -> u32;

    /// Whether no answer on this connection waits; then one does until `until`, also where the client takes its request back.
    fn wait_until(&self, now: Instant, until: Instant) -> bool;
}

/// Wrong secrets and their answers.
#[derive(Debug)]
pub(crate) struct Guesses {
    limits: Limits,
    state: Mutex<State>,
}

/// The wrong secret gets no answer: as many are held back as may be, or one on this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

#[derive(Debug)]
struct State {
    /// What each address has shown, by its hash.
    addresses: HashMap<u64, Shown>,
    /// Answers held back.
    held: u32,
    /// The same for all addresses together.
    all: Instant,
    cleared_at: Instant,
    log: Log,
}

/// The wrong secrets of one address.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// Until when they count.
    until: Instant,
    /// How many of their answers are held back.
    held: u32,
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
            state: Mutex::new(State {
                addresses: HashMap::new(),
                held: 0,
                all: now,
                cleared_at: now,
                log: Log::default(),
            }),
        }
    }

    /// Takes a wrong secret in and returns when it is time to answer it. `address` is what its sender counts as, hashed; `from`
    /// its address where the log may have that; `line` the connection, where that is ours.
    pub(crate) async fn hold(
        self: &Arc<Self>,
        address: u64,
        from: Option<IpAddr>,
        line: Option<&impl Guesser>,
    ) -> Result<(), TooMany> {
        let now = clock::now();
        self.say(now, from);
        let (wait, key) = self.state().wait(address, now, &self.limits);
        if wait.is_zero() {
            return Ok(());
        }
        if line.is_some_and(|line| !line.wait_until(now, now + wait)) {
            return Err(TooMany);
        }
        let max = self
            .limits
            .guesses_held_max
            .min(line.map_or(u32::MAX, Guesser::places));
        // Given back also where the client does not wait.
        let _place = self.place(key, max)?;
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn place(self: &Arc<Self>, key: u64, max: u32) -> Result<HeldBack, TooMany> {
        let mut state = self.state();
        if state.held >= max || !state.hold(key, self.limits.guesses_held_per_address_max) {
            return Err(TooMany);
        }
        let guesses = Arc::clone(self);
        Ok(HeldBack { guesses, key })
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

/// An answer that is held back until this is dropped.
struct HeldBack {
    guesses: Arc<Guesses>,
    key: u64,
}

impl Drop for HeldBack {
    fn drop(&mut self) {
        let mut state = self.guesses.state();
        state.held = state.held.saturating_sub(1);
        if let Some(shown) = state.addresses.get_mut(&self.key) {
            shown.held = shown.held.saturating_sub(1);
        }
    }
}

impl State {
    /// Whether one more answer to this address may be held back; then it is.
    fn hold(&mut self, key: u64, max: u32) -> bool {
        let Some(shown) = self.addresses.get_mut(&key).filter(|shown| shown.held < max) else {
            return false;
        };
        shown.held += 1;
        self.held += 1;
        true
    }

    /// How long the answer is held back, and where its address is counted.
    fn wait(&mut self, address: u64, now: Instant, limits: &Limits) -> (Duration, u64) {
        let longest = Duration::from_millis(limits.guess_hold_ms.into());
        let (key, own) = self.shown(address, now, limits);
        let own = wait(&mut own.until, now, EACH, limits.guesses_burst.into(), longest);
        let each = Duration::from_secs(1) / u32::from(limits.guesses_per_second.max(1));
        let all = wait(
            &mut self.all,
            now,
            each,
            limits.guesses_per_second.into(),
            longest,
        );
        (own.max(all), key)
    }

    /// The entry of an address. If there is no room for another entry, all further addresses share one.
    fn shown(&mut self, address: u64, now: Instant, limits: &Limits) -> (u64, &mut Shown) {
        let max = limits.guess_addresses_max as usize;
        if self.addresses.len() >= max && now >= self.cleared_at + CLEAR_EVERY {
            self.cleared_at = now;
            self.addresses
                .retain(|_, shown| shown.until > now || shown.held > 0);
        }
        let is_full = self.addresses.len() >= max && !self.addresses.contains_key(&address);
        let key = if is_full { 0 } else { address };
        let new = Shown { until: now, held: 0 };
        (key, self.addresses.entry(key).or_insert(new))
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
                "wrong secrets were sent to the admin API, the last one from {address}"
            );
        } else {
            tracing::warn!(count, "wrong secrets were sent to the admin API");
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
            held: 0,
            all: now,
            cleared_at: now,
            log: Log::default(),
        };
        (state, now)
    }

    impl State {
        fn waits(&mut self, address: u64, now: Instant, limits: &Limits) -> Duration {
            self.wait(address, now, limits).0
        }
    }

    fn limits() -> Limits {
        Limits::default().with(|limits| {
            limits.guesses_burst = 3;
            limits.guesses_per_second = 1_000;
            limits.guess_hold_ms = 5_000;
            limits.guess_addresses_max = 4;
        })
    }

    #[test]
    fn an_address_gets_one_answer_a_second_after_the_first_few() {
        let (mut state, now) = state();
        let limits = limits();
        let waits: Vec<_> = (0..10).map(|_| state.waits(7, now, &limits).as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2, 3, 4, 5, 5, 5]);
        assert!(
            state.waits(8, now, &limits).is_zero(),
            "another address is another"
        );
        // However much there was, it is over in a bounded time.
        let later = now + Duration::from_secs(9);
        assert!(state.waits(7, later, &limits).is_zero());
    }

    #[test]
    fn all_addresses_together_get_so_many_answers_a_second() {
        let (mut state, now) = state();
        let limits = limits().with(|limits| {
            limits.guesses_per_second = 10;
            limits.guess_addresses_max = 1_000;
        });
        let waits: Vec<_> = (0..30)
            .map(|address| state.waits(address, now, &limits))
            .collect();
        assert!(waits[..10].iter().all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits[19], Duration::from_secs(1));
        assert_eq!(waits[29], Duration::from_secs(2));
    }

    #[test]
    fn the_table_has_an_end_and_forgets_what_is_over() {
        let (mut state, now) = state();
        let limits = limits();
        for address in 1..100 {
            state.waits(address, now, &limits);
        }
        assert!(state.addresses.len() <= 5, "{}", state.addresses.len());
        assert!(
            !state.waits(200, now, &limits).is_zero(),
            "those without a place count as one"
        );
        let later = now + Duration::from_mins(1);
        assert!(state.waits(200, later, &limits).is_zero());
        assert_eq!(state.addresses.len(), 1);
    }
}
