//! Reports over a link that may lose, repeat, delay and reorder them.
//!
//! A source numbers its reports. Each has the *absolute* numbers of what changed since the one before, so it can only follow that one.
//! [`Receiver`] decides whether it does. After a gap it accepts two reports: the missing one, or a *whole* one, which has everything and
//! follows any. Until then the state that was applied last stands: a sum may be old, but it never mixes two moments of a source.
//!
//! A receiver that misses a report asks for a whole one. The answer takes no number. It bears that of the last report, and goes to that receiver
//! alone, so it costs the other receivers nothing. It may include later changes: the next report has them again, with the numbers of
//! its moment, so it follows the answer as well as the last report.
//!
//! An *incarnation* is one life of a source, and begins with a whole report. A later one ends those before it.
//!
//! Within one process, reports go through a queue that loses nothing and keeps their order. There, a gap cannot happen.
//!
//! Deliberately absent: time. The owner of the link asks for a whole report while [`Receiver::needs_whole`] is true, asks again when none
//! comes, and decides when a silent source is gone.

use super::Changes;

/// One life of a source: a later one is greater. The incarnation of every shard is 0, because shards live as long as their process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub u64);

/// Which report of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stamp {
    /// The life of the source.
    pub incarnation: Incarnation,
    /// Its number in that life, from 1 and without gaps; 0: before the first. A whole report that a receiver asked for has the number of the
    /// last report before it.
    pub sequence: u64,
}

/// What one source sends to the sums that it is part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Which of its reports it is.
    pub stamp: Stamp,
    /// Whether it has everything. Names and slots that a whole report does not have are gone.
    pub whole: bool,
    /// What changed since the report before, or everything.
    pub changes: Changes,
}

/// The sending side: numbers the reports of a source.
///
/// ```
/// use headcount_core::stats::{Changes, Incarnation, Reporter};
///
/// let mut reporter = Reporter::new(Incarnation(7));
/// let first = reporter.changes(Changes::default());
/// assert!(first.whole, "everything changed since the beginning");
/// let second = reporter.changes(Changes::default());
/// assert_eq!((second.whole, second.stamp.sequence), (false, 2));
/// let asked_for = reporter.whole(Changes::default());
/// assert_eq!((asked_for.whole, asked_for.stamp), (true, second.stamp));
/// ```
#[derive(Clone, Debug)]
pub struct Reporter {
    last: Stamp,
}

impl Reporter {
    /// For a source that begins this life, and has reported nothing.
    pub fn new(incarnation: Incarnation) -> Self {
        Self {
            last: Stamp {
                incarnation,
                sequence: 0,
            },
        }
    }

    /// The last report. Sent from time to time, it shows a receiver that it missed the last report
    /// ([`Receiver::heartbeat`]).
    pub fn stamp(&self) -> Stamp {
        self.last
    }

    /// The next report for all receivers: what changed since the one before. The first is whole: it has what changed since the source was
    /// empty.
    pub fn changes(&mut self, changes: Changes) -> Report {
        let whole = self.last.sequence == 0;
        self.next(whole, changes)
    }

    /// The next report for all receivers: everything, in the place of what changed.
    pub fn everything(&mut self, everything: Changes) -> Report {
        self.next(true, everything)
    }

    /// A whole report for a receiver that asked for one: everything that the source has now. The next report must still have all that changed
    /// since the last one. Before the first report, this is the first.
    pub fn whole(&mut self, everything: Changes) -> Report {
        self.last.sequence = self.last.sequence.max(1);
        Report {
            stamp: self.last,
            whole: true,
            changes: everything,
        }
    }

    fn next(&mut self, whole: bool, changes: Changes) -> Report {
        self.last.sequence += 1;
        Report {
            stamp: self.last,
            whole,
            changes,
        }
    }
}

/// Why a report is not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotApplied {
    /// It was applied, or a later one was.
    #[error("the report was applied before")]
    Repeated,
    /// It is of a life that is over.
    #[error("the report is of an earlier incarnation")]
    Late,
    /// The report before it is missing: the source must be asked for a whole one.
    #[error("a report is missing before this one")]
    Gap,
}

/// The receiving side: how far the reports of one source were followed.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    incarnation: Option<Incarnation>,
    /// The report of that life that was applied last; 0: none.
    applied: u64,
    /// The latest that is known of; `None` where nothing was heard since the source was lost.
    heard: Option<u64>,
    /// Whether there is a state that changes can follow.
    follows: bool,
    /// Whether that life is over.
    ended: bool,
}

impl Receiver {
    /// Whether a report is to be applied now; it then counts as applied.
    ///
    /// # Errors
    ///
    /// The reason why it is not. If a report is missing, [`Receiver::needs_whole`] is true from then on.
    pub fn receive(&mut self, stamp: Stamp, whole: bool) -> Result<(), NotApplied> {
        if !self.turn_to(stamp.incarnation) {
            return Err(NotApplied::Late);
        }
        let restores = whole && !self.follows && stamp.sequence == self.applied;
        if stamp.sequence <= self.applied && !restores {
            return Err(NotApplied::Repeated);
        }
        self.heard = self.heard.max(Some(stamp.sequence));
        // What is not whole is greater here than what was applied, so there is a number below it.
        if whole || self.follows && stamp.sequence - 1 == self.applied {
            self.applied = stamp.sequence;
            self.follows = true;
            Ok(())
        } else {
            Err(NotApplied::Gap)
        }
    }

    /// The source says which report is its last.
    pub fn heartbeat(&mut self, last: Stamp) {
        if self.turn_to(last.incarnation) && last.sequence >= self.applied {
            self.heard = self.heard.max(Some(last.sequence));
        }
    }

    /// The source is silent, and its state is dropped. When it sends something again, it must begin with a whole report.
    pub fn lose(&mut self) {
        self.follows = false;
        self.heard = None;
    }

    /// The source says that this life of it ends. False if that is known, or a later one has begun.
    pub fn end(&mut self, incarnation: Incarnation) -> bool {
        let ends = self.turn_to(incarnation);
        if ends {
            self.lose();
            self.ended = true;
        }
        ends
    }

    /// Whether the source must be asked for a whole report.
    pub fn needs_whole(&self) -> bool {
        self.heard
            .is_some_and(|heard| !self.follows || heard > self.applied)
    }

    /// Whether this life of the source is the latest, and not over. A new one starts with nothing applied.
    fn turn_to(&mut self, incarnation: Incarnation) -> bool {
        if self.incarnation < Some(incarnation) {
            *self = Self {
                incarnation: Some(incarnation),
                heard: Some(0),
                ..Self::default()
            };
        }
        self.incarnation == Some(incarnation) && !self.ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(incarnation: u64, sequence: u64) -> Stamp {
        Stamp {
            incarnation: Incarnation(incarnation),
            sequence,
        }
    }

    #[test]
    fn a_gap_is_mended_by_what_is_missing_or_by_a_whole_report() {
        let mut receiver = Receiver::default();
        let mut receive = |sequence, whole| {
            let received = receiver.receive(stamp(1, sequence), whole);
            (received, receiver.needs_whole())
        };
        assert_eq!(receive(1, true), (Ok(()), false));
        assert_eq!(receive(3, false), (Err(NotApplied::Gap), true));
        assert_eq!(receive(3, false), (Err(NotApplied::Gap), true));
        assert_eq!(receive(2, false), (Ok(()), true));
        assert_eq!(receive(3, false), (Ok(()), false));
        assert_eq!(receive(3, false), (Err(NotApplied::Repeated), false));
        assert_eq!(receive(6, false), (Err(NotApplied::Gap), true));
        assert_eq!(receive(5, true), (Ok(()), true));
        assert_eq!(receive(8, true), (Ok(()), false));
        assert_eq!(receive(7, true), (Err(NotApplied::Repeated), false));
    }

    #[test]
    fn a_life_begins_with_a_whole_report_and_ends_those_before_it() {
        let mut receiver = Receiver::default();
        assert_eq!(receiver.receive(stamp(5, 1), true), Ok(()));
        assert_eq!(receiver.receive(stamp(4, 9), true), Err(NotApplied::Late));
        for sequence in [1, 2] {
            let begins_with_changes = receiver.receive(stamp(6, sequence), false);
            assert_eq!(begins_with_changes, Err(NotApplied::Gap));
            assert!(receiver.needs_whole());
        }
        assert_eq!(receiver.receive(stamp(5, 2), false), Err(NotApplied::Late));
        assert_eq!(receiver.receive(stamp(6, 1), true), Ok(()));
        assert!(receiver.needs_whole(), "the second is missing");
        assert_eq!(receiver.receive(stamp(6, 2), false), Ok(()));
        assert!(!receiver.needs_whole());
    }

    #[test]
    fn a_heartbeat_shows_a_report_that_was_the_last_and_is_missing() {
        let mut receiver = Receiver::default();
        receiver.heartbeat(stamp(1, 0));
        assert!(receiver.needs_whole(), "its state is not known");
        assert_eq!(receiver.receive(stamp(1, 1), true), Ok(()));
        receiver.heartbeat(stamp(1, 1));
        receiver.heartbeat(stamp(0, 9));
        assert!(!receiver.needs_whole());
        receiver.heartbeat(stamp(1, 2));
        assert!(receiver.needs_whole());
    }

    #[test]
    fn a_source_that_is_lost_may_come_back_and_a_life_that_ended_may_not() {
        let mut receiver = Receiver::default();
        assert_eq!(receiver.receive(stamp(1, 1), true), Ok(()));
        receiver.lose();
        assert!(!receiver.needs_whole(), "a lost source is not asked");
        assert_eq!(receiver.receive(stamp(1, 1), false), Err(NotApplied::Repeated));
        assert!(!receiver.needs_whole());
        assert_eq!(receiver.receive(stamp(1, 2), false), Err(NotApplied::Gap));
        assert!(receiver.needs_whole());
        receiver.lose();
        receiver.heartbeat(stamp(1, 1));
        assert!(receiver.needs_whole(), "it is back, and has nothing new");
        assert_eq!(receiver.receive(stamp(1, 0), true), Err(NotApplied::Repeated));
        assert_eq!(
            receiver.receive(stamp(1, 1), true),
            Ok(()),
            "what it was asked for"
        );
        assert_eq!(receiver.receive(stamp(1, 1), true), Err(NotApplied::Repeated));
        assert_eq!(receiver.receive(stamp(1, 2), false), Ok(()));
        assert_eq!(receiver.receive(stamp(1, 3), false), Ok(()));
        assert!(!receiver.end(Incarnation(0)) && receiver.end(Incarnation(1)));
        receiver.heartbeat(stamp(1, 4));
        assert_eq!(receiver.receive(stamp(1, 4), true), Err(NotApplied::Late));
        assert!(!receiver.needs_whole() && !receiver.end(Incarnation(1)));
        assert_eq!(receiver.receive(stamp(2, 1), true), Ok(()));
    }
}
