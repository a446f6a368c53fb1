//! When a connection of the generic door has been waited for long enough.
//!
//! Each rule ends one kind of wait: for the first request, for a further one, for the client to read an answer. Data
//! outside of requests, such as pings, prolongs none of them.

use std::time::{Duration, Instant};

use headcount_core::limits::Limits;

use super::activity::Seen;
use crate::metrics::Count;

/// Bytes a second that a client must take for an answer under way to count, once everything of it is handed to the socket.
const BYTES_PER_SECOND: u128 = 1_024;

/// How long a connection may be without a request, its first one too, while the door is more than half full.
const CROWDED: Duration = Duration::from_secs(1);

/// How long a client may keep requests waiting for it, while the door is more than half full or the server stops.
const WAITING: Duration = Duration::from_secs(2);

/// Bytes a second that a client must transfer so that a stopping server keeps waiting for its requests.
const STOPPING_BYTES_PER_SECOND: u128 = 16_384;

/// How often a connection is looked at, at the most and at the least.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    head: Duration,
    idle: Duration,
    untouched: Duration,
}

impl Patience {
    pub(super) fn new(limits: &Limits) -> Self {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        Self {
            head: ms(limits.head_ms),
            idle: ms(limits.http_idle_ms),
            untouched: ms(limits.outbox_ms),
        }
    }

    /// How long a client may leave an answer untouched.
    pub(super) fn untouched(&self) -> Duration {
        self.untouched
    }

    /// Time between two looks: the waits are exceeded by less than a quarter.
    pub(super) fn look(&self) -> Duration {
        let shortest = self.head.min(self.idle).min(self.untouched);
        (shortest / 4).clamp(LOOKS.0, LOOKS.1)
    }
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// No request came.
    SlowHead,
    /// No further request came.
    Idle,
    /// The client does not take an answer.
    Stuck,
    /// The client sent more frames than it may.
    Flood,
    /// The client guesses secrets without waiting for the answers.
    Guess,
}

impl End {
    pub(super) fn count(self) -> Count {
        match self {
            Self::SlowHead => Count::HttpSlowHead,
            Self::Idle => Count::HttpIdle,
            Self::Stuck => Count::HttpStuck,
            Self::Flood => Count::HttpFlood,
            Self::Guess => Count::HttpGuess,
        }
    }
}

/// One connection, as it was seen last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    patience: Patience,
    quiet_since: Instant,
    /// Since when all that is under way waits for the client.
    waiting_since: Option<Instant>,
    /// When the server began to stop, and the bytes that had moved by then.
    stopping: Option<(Instant, u64)>,
    looked: Instant,
    seen: Seen,
}

impl Watch {
    pub(super) fn new(patience: Patience, now: Instant) -> Self {
        Self {
            patience,
            quiet_since: now,
            waiting_since: None,
            stopping: None,
            looked: now,
            seen: Seen::default(),
        }
    }

    /// For how long no request was under way.
    pub(super) fn quiet(&self) -> Duration {
        self.looked.saturating_duration_since(self.quiet_since)
    }

    /// The server stops from now on.
    pub(super) fn stop(&mut self, now: Instant, seen: Seen) {
        self.stopping = Some((now, seen.moved()));
    }

    /// Whether a server that stops has waited for this client for long enough.
    pub(super) fn holds_up(&self) -> bool {
        self.stopping.is_some_and(|(since, moved)| {
            let waited = self.looked.saturating_duration_since(since);
            let moved = u128::from(self.seen.moved() - moved) * 1_000;
            let is_slow = moved < waited.as_millis() * STOPPING_BYTES_PER_SECOND;
            self.seen.waits_for_client() && waited >= WAITING && is_slow
        })
    }

    /// Whether all that is under way waits for a client that moves next to nothing, for long enough in a crowd.
    fn is_waited_for(&mut self, now: Instant, seen: Seen) -> bool {
        let moved = u128::from(seen.moved() - self.seen.moved()) * 1_000;
        let since_look_ms = now.saturating_duration_since(self.looked).as_millis();
        let is_slow = moved <= since_look_ms * BYTES_PER_SECOND;
        let waits = seen.waits_for_client() && is_slow;
        let since = waits.then(|| self.waiting_since.unwrap_or(now));
        self.waiting_since = since;
        since.is_some_and(|since| now.saturating_duration_since(since) >= WAITING)
    }

    /// Whether the connection must be closed now. `crowded`: the door is more than half full.
    pub(super) fn look(&mut self, now: Instant, seen: Seen, crowded: bool) -> Option<End> {
        let taken = u128::from(seen.written - self.seen.written) * 1_000;
        let since_look_ms = now.saturating_duration_since(self.looked).as_millis();
        // The answers before this look, as far as the client still takes them at a speed worth the name.
        let takes_answer = self.seen.requests > 0 && taken > since_look_ms * BYTES_PER_SECOND;
        if seen.in_flight > 0 || seen.requests > self.seen.requests || takes_answer {
            self.quiet_since = now;
        }
        let is_waited_for = self.is_waited_for(now, seen);
        (self.seen, self.looked) = (seen, now);
        let Patience {
            head,
            idle,
            untouched,
        } = self.patience;
        let crowd = if crowded { CROWDED } else { Duration::MAX };
        let waited = |since| now.saturating_duration_since(since) >= untouched;
        if seen.untouched_since.is_some_and(waited) || crowded && is_waited_for {
            Some(End::Stuck)
        } else if seen.requests == 0 && self.quiet() >= head.min(crowd) {
            Some(End::SlowHead)
        } else if seen.requests > 0 && self.quiet() >= idle.min(crowd) {
            Some(End::Idle)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn watch() -> (Watch, Instant) {
        let now = crate::clock::now();
        (Watch::new(Patience::new(&Limits::default()), now), now)
    }

    fn requests(requests: u64, in_flight: u32) -> Seen {
        Seen {
            requests,
            in_flight,
            ..Seen::default()
        }
    }

    #[test]
    fn the_first_request_has_the_time_of_a_head() {
        let (mut watch, now) = watch();
        let pinging = |written| Seen {
            written,
            ..Seen::default()
        };
        assert_eq!(watch.look(now + 9 * SECOND, pinging(100_000), false), None);
        assert_eq!(
            watch.look(now + 10 * SECOND, pinging(200_000), false),
            Some(End::SlowHead),
            "answers to pings are no requests"
        );
    }

    #[test]
    fn a_connection_is_idle_while_no_request_is_under_way() {
        let (mut watch, now) = watch();
        assert_eq!(watch.look(now + SECOND, requests(1, 1), false), None);
        assert_eq!(watch.look(now + 9_000 * SECOND, requests(1, 1), true), None);
        assert_eq!(watch.look(now + 9_001 * SECOND, requests(1, 0), false), None);
        assert_eq!(watch.look(now + 9_029 * SECOND, requests(1, 0), false), None);
        assert_eq!(
            watch.look(now + 9_030 * SECOND, requests(1, 0), false),
            Some(End::Idle)
        );
    }

    #[test]
    fn in_a_crowd_the_idle_leave_soon() {
        let (mut watch, now) = watch();
        assert_eq!(watch.look(now, requests(1, 0), true), None);
        assert_eq!(watch.look(now + 2 * SECOND, requests(2, 0), true), None);
        assert_eq!(
            watch.look(now + 3 * SECOND, requests(2, 0), true),
            Some(End::Idle)
        );
    }

    #[test]
    fn a_long_answer_that_is_taken_slowly_is_no_idle_connection() {
        let (mut watch, now) = watch();
        let mut seen = requests(1, 0);
        for seconds in 0..1_000 {
            seen.written += 2_000;
            assert_eq!(watch.look(now + seconds * SECOND, seen, false), None);
        }
        for seconds in 1_000..1_029 {
            seen.written += 20;
            assert_eq!(watch.look(now + seconds * SECOND, seen, false), None);
        }
        assert_eq!(watch.look(now + 1_029 * SECOND, seen, false), Some(End::Idle));
    }

    #[test]
    fn in_a_crowd_and_at_the_end_a_client_that_is_waited_for_is_let_go() {
        let (mut watch, now) = watch();
        let seen = Seen {
            waiting: 2,
            ..requests(2, 2)
        };
        assert_eq!(watch.look(now, seen, true), None);
        assert_eq!(watch.look(now + 9 * SECOND, seen, false), None);
        assert_eq!(watch.look(now + 10 * SECOND, seen, true), Some(End::Stuck));
        // Where one waits for us, all are waited for.
        let seen = Seen { waiting: 1, ..seen };
        assert_eq!(watch.look(now + 11 * SECOND, seen, true), None);
        assert_eq!(watch.look(now + 20 * SECOND, seen, true), None);
        watch.stop(now + 20 * SECOND, seen);
        watch.look(now + 30 * SECOND, seen, false);
        assert!(!watch.holds_up());
        let seen = Seen {
            waiting: 2,
            received: 20_000,
            ..seen
        };
        watch.look(now + 31 * SECOND, seen, false);
        assert!(watch.holds_up(), "some bytes now and then are not enough");
    }

    #[test]
    fn a_client_that_leaves_an_answer_untouched_is_stuck() {
        let (mut watch, now) = watch();
        let seen = Seen {
            untouched_since: Some(now),
            ..requests(3, 2)
        };
        assert_eq!(watch.look(now + 29 * SECOND, seen, false), None);
        assert_eq!(watch.look(now + 30 * SECOND, seen, false), Some(End::Stuck));
    }
}
