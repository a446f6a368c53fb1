//! What a handler may know and do of the connection that its request came by, where that is one of the generic door.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::activity::Activity;
use super::seats::Seats;
use crate::guesses::Guesser;

/// Of the places of a door, one in so many may be taken by answers that are held back.
const HELD: u32 = 4;

/// The connection of one request; an extension of it.
#[derive(Clone)]
pub(crate) struct Line {
    seats: Arc<Seats>,
    activity: Arc<Activity>,
    /// Of this request alone.
    is_unanswered: Arc<AtomicBool>,
}

impl Line {
    pub(super) fn new(seats: &Arc<Seats>, activity: &Arc<Activity>) -> Self {
        Self {
            seats: Arc::clone(seats),
            activity: Arc::clone(activity),
            is_unanswered: Arc::default(),
        }
    }

    /// Gives the request no answer: that ends an HTTP/1.1 connection, and an HTTP/2 stream. `cut` ends the connection in any case.
    pub(crate) fn give_no_answer(&self, cut: bool) {
        self.is_unanswered.store(true, Ordering::Relaxed);
        if cut {
            self.activity.cut();
        }
    }

    pub(super) fn is_unanswered(&self) -> bool {
        self.is_unanswered.load(Ordering::Relaxed)
    }
}

impl Guesser for Line {
    fn places(&self) -> u32 {
        (self.seats.max() / HELD).max(1)
    }

    fn wait_until(&self, now: Instant, until: Instant) -> bool {
        self.activity.hold(now, until)
    }
}

/// The request gets no answer.
#[derive(Debug)]
pub(super) struct Unanswered;

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request gets no answer")
    }
}

impl std::error::Error for Unanswered {}
