//! Taps: readers that learn what is open in a shard, and from then on what happens to it.
//!
//! A tap goes over the table with a cursor. The reader knows the slots before the cursor, so their events are sent. It
//! does not know the slots after the cursor, so their events are not sent; when the cursor reaches a slot, its current
//! state is sent. So replay and news are one sequence without gaps, in order for each connection, and no event is held
//! back.
//!
//! The reader asks for each slice of the replay when it has read the one before, so a large table never fills its
//! queue. News does not wait for it: a reader whose queue is full loses its tap, and must begin again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headcount_core::registry::Filter;
use headcount_core::stats::Row;
use tokio::sync::mpsc;

use super::Happening;
use super::reactor::Shard;

/// Rows of one slice of a replay.
pub(crate) const SLICE_ROWS: usize = 512;

/// The cursor of a tap that has told everything.
const PAST_ALL: u32 = u32::MAX;

/// A reader, as a shard knows it.
#[derive(Debug)]
pub(crate) struct Tap {
    /// What the reader calls this tap. Not given twice.
    pub(crate) number: u64,
    /// What it is told. A tap that wants nothing still ends with its shard.
    pub(crate) wants: Wants,
    pub(crate) news: mpsc::Sender<TapNews>,
    /// Set when the queue was full: from then on something is missing.
    pub(crate) has_lagged: Arc<AtomicBool>,
}

/// What the reader of a tap is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// What is open, then each that opens.
    pub(crate) opens: bool,
    /// Navigations.
    pub(crate) moves: bool,
    /// Ends.
    pub(crate) closes: bool,
}

/// Something a shard tells the reader of a tap.
#[derive(Debug)]
pub(crate) enum TapNews {
    /// It was open when the cursor came by.
    Open(Row),
    /// It happened just now.
    Happened(Happening),
    /// A slice of the replay ended: ask this shard for the next one, or not if it was the last.
    Slice { shard: u16, is_last: bool },
}

/// A tap in use.
#[derive(Debug)]
pub(super) struct Tapped {
    tap: Tap,
    /// The first slot that the reader was not told of.
    cursor: u32,
}

impl Wants {
    /// Whether there is nothing to tell.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    fn has(self, happening: &Happening) -> bool {
        match happening {
            Happening::Opened(_) => self.opens,
            Happening::Moved { .. } => self.moves,
            Happening::Closed(_) => self.closes,
        }
    }
}

impl Tapped {
    fn new(tap: Tap) -> Self {
        let cursor = if tap.wants.opens { 0 } else { PAST_ALL };
        Self { tap, cursor }
    }

    /// Tells what happened, if the reader is to know. Whether the tap goes on.
    pub(super) fn tell(&self, happening: &Happening) -> bool {
        if happening.slot() >= self.cursor || !self.tap.wants.has(happening) {
            return true;
        }
        self.send(TapNews::Happened(happening.clone()))
    }

    fn send(&self, news: TapNews) -> bool {
        match self.tap.news.try_send(news) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.tap.has_lagged.store(true, Ordering::Release);
                false
            }
        }
    }
}

impl Shard {
    /// Opens a tap and tells its first slice.
    pub(super) fn tap(&mut self, tap: Tap) {
        let (number, wants) = (tap.number, tap.wants);
        let taps = self.outlets.witness.taps();
        // Readers that are gone are noticed here at the latest, so taps that want nothing do not pile up.
        taps.retain(|tapped| !tapped.tap.news.is_closed());
        taps.push(Tapped::new(tap));
        if wants.opens {
            self.replay(number);
        } else {
            self.end_slice(number, true);
        }
    }

    /// Tells the next slice of what is open.
    pub(super) fn replay(&mut self, number: u64) {
        let Some(tapped) = self
            .outlets
            .witness
            .taps()
            .iter_mut()
            .find(|it| it.tap.number == number)
        else {
            return;
        };
        let page = self.registry.page(tapped.cursor, SLICE_ROWS, &Filter::default());
        tapped.cursor = page.next.unwrap_or(PAST_ALL);
        for row in page.rows {
            if let Some(row) = self.registry.own_row(row.key.slot) {
                // A reader that takes no more shows below.
                let _is_told = tapped.send(TapNews::Open(row));
            }
        }
        self.end_slice(number, page.next.is_none());
    }

    fn end_slice(&mut self, number: u64, is_last: bool) {
        let shard = self.number;
        self.outlets.witness.taps().retain(|tapped| {
            tapped.tap.number != number
                || !tapped.tap.has_lagged.load(Ordering::Acquire)
                    && tapped.send(TapNews::Slice { shard, is_last })
        });
    }
}
