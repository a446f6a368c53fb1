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

use headcount_core::registry::{Filter, Registry};
use headcount_core::stats::Row;
use tokio::sync::mpsc;

use headcount_core::happening::{Happening, Wants};

/// Rows of one slice of a replay.
pub const SLICE_ROWS: usize = 512;

/// The cursor of a tap that has told everything.
const PAST_ALL: u32 = u32::MAX;

/// A reader, as a shard knows it.
#[derive(Debug)]
pub struct Tap {
    /// What the reader calls this tap. Not given twice.
    pub number: u64,
    /// What it is told. A tap that wants nothing still ends with its shard.
    pub wants: Wants,
    /// Where it is told.
    pub news: mpsc::Sender<TapNews>,
    /// Set when the queue was full: from then on something is missing.
    pub has_lagged: Arc<AtomicBool>,
}

/// Something a shard tells the reader of a tap.
#[derive(Debug)]
pub enum TapNews {
    /// It was open when the cursor came by.
    Open(Row),
    /// It happened just now.
    Happened(Happening),
    /// A slice of the replay ended: ask this shard for the next one, or not if it was the last.
    Slice {
        /// The number of the shard.
        shard: u16,
        /// Whether everything was told.
        is_last: bool,
    },
}

/// A tap in use.
#[derive(Debug)]
pub(super) struct Tapped {
    tap: Tap,
    /// The first slot that the reader was not told of.
    cursor: u32,
}

impl Tapped {
    pub(super) fn new(tap: Tap) -> Self {
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

    pub(super) fn number(&self) -> u64 {
        self.tap.number
    }

    /// Whether its reader is gone.
    pub(super) fn is_gone(&self) -> bool {
        self.tap.news.is_closed()
    }

    /// Tells the next slice of what is open in this shard. Whether the tap goes on.
    pub(super) fn replay<P>(&mut self, shard: u16, registry: &Registry<P>) -> bool {
        let mut is_last = true;
        if self.tap.wants.opens {
            let page = registry.page(self.cursor, SLICE_ROWS, &Filter::default());
            self.cursor = page.next.unwrap_or(PAST_ALL);
            for row in page.rows {
                if let Some(row) = registry.own_row(row.key.slot) {
                    // A reader that takes no more shows below.
                    let _is_told = self.send(TapNews::Open(row));
                }
            }
            is_last = page.next.is_none();
        }
        !self.tap.has_lagged.load(Ordering::Acquire) && self.send(TapNews::Slice { shard, is_last })
    }
}

#[cfg(test)]
mod tests {
    use headcount_core::connection::ConnectionKey;
    use headcount_core::limits::Limits;
    use headcount_core::registry::Opening;

    use super::*;

    /// A tap whose queue has this much room, and its reader.
    fn tapped(room: usize) -> (Tapped, mpsc::Receiver<TapNews>) {
        let (news, reader) = mpsc::channel(room);
        let tapped = Tapped::new(Tap {
            number: 7,
            wants: Wants {
                opens: true,
                moves: true,
                closes: true,
            },
            news,
            has_lagged: Arc::default(),
        });
        (tapped, reader)
    }

    /// A table with so many connections.
    fn table(connections: usize) -> Registry<()> {
        let limits = Limits::default();
        let mut registry = Registry::new(0, true, &limits, Arc::default());
        for _ in 0..connections {
            registry.open(&Opening::default(), ());
        }
        registry
    }

    fn closed(slot: u32) -> Happening {
        Happening::Closed(ConnectionKey {
            shard: 0,
            slot,
            generation: 1,
        })
    }

    #[test]
    fn what_happens_is_told_of_the_slots_that_the_reader_knows() {
        let registry = table(SLICE_ROWS + 1);
        let (mut tapped, mut reader) = tapped(2 * SLICE_ROWS);
        assert!(tapped.replay(3, &registry));
        let known = std::iter::from_fn(|| reader.try_recv().ok()).collect::<Vec<_>>();
        assert_eq!(known.len(), SLICE_ROWS + 1);
        assert!(matches!(
            known.last(),
            Some(TapNews::Slice {
                shard: 3,
                is_last: false
            })
        ));
        let last = u32::try_from(SLICE_ROWS).unwrap();
        assert!(tapped.tell(&closed(last)) && reader.try_recv().is_err());
        assert!(tapped.tell(&closed(last - 1)));
        assert!(matches!(
            reader.try_recv(),
            Ok(TapNews::Happened(Happening::Closed(_)))
        ));
        assert!(tapped.replay(3, &registry));
        assert!(matches!(reader.try_recv(), Ok(TapNews::Open(_))));
        assert!(matches!(
            reader.try_recv(),
            Ok(TapNews::Slice { is_last: true, .. })
        ));
        assert!(tapped.tell(&closed(u32::MAX - 1)) && reader.try_recv().is_ok());
    }

    #[test]
    fn a_reader_whose_queue_is_full_loses_its_tap() {
        let registry = table(2);
        let (mut tapped, _reader) = tapped(2);
        assert!(
            !tapped.replay(0, &registry),
            "there is no room for the end of the slice"
        );
        assert!(tapped.tap.has_lagged.load(Ordering::Acquire));
        let (mut tapped, mut reader) = self::tapped(1);
        assert!(
            !tapped.replay(0, &registry) && reader.try_recv().is_ok(),
            "nor for the second row"
        );
        assert!(reader.try_recv().is_err(), "after a gap nothing follows");
    }
}
