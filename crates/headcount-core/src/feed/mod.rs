//! Stats as subscribers get them: whole, or whole once and then by what changed.
//!
//! [`Feed`] holds the counts and makes messages from them: each at most once per tick and form, however many readers it
//! has. A tick has everything that changed since the one before, with the values of its moment, so it is correct after
//! every whole message that was made in between. Each form numbers its states separately: a change that a form does not
//! show takes no number. [`Follower`] is one subscriber: how far it was told, and what it is told next.
//!
//! Deliberately absent: how a message is written, which is [`protocol::stats`](crate::protocol::stats), and whether a
//! reader can take one now.

mod follower;
#[cfg(test)]
mod tests;
mod tick;

use std::borrow::Cow;
use std::sync::Arc;

use crate::connection::IdCipher;
use crate::protocol::nodes::NodesAsked;
use crate::protocol::stats::{DeltaMessage, StatsMessage};
use crate::stats::list::List;
use crate::stats::news::{News, is_shorter_whole};
use crate::stats::{Changed, Form, Incarnation, NotApplied, Report, SourceId, Stamp, Sum};

pub use follower::{Follower, Text};
pub use tick::{Pace, Tick};

/// The numbers, and what subscribers are told of them.
///
/// ```
/// use headcount_core::connection::{IdCipher, NodeId};
/// use headcount_core::feed::Feed;
/// use headcount_core::stats::{Changes, Form, Incarnation, Reporter, SourceId};
///
/// let cipher = IdCipher::new([7; 16], NodeId(1));
/// let (mut feed, mut shard) = (Feed::new(200), Reporter::new(Incarnation(0)));
/// feed.apply(SourceId(0), shard.changes(Changes { total: 3, ..Changes::default() }))?;
/// let first = feed.snapshot(Form::Counts, &cipher);
/// assert!(first.beginning().starts_with(br#"{"type":"stats","seq":1,"total":3"#));
/// feed.forget_news();
/// feed.apply(SourceId(0), shard.changes(Changes { total: 4, ..Changes::default() }))?;
/// let tick = feed.tick(|form| form == Form::Counts, &cipher);
/// let delta = tick.counts.expect("the total changed");
/// assert_eq!(delta.beginning(), r#"{"type":"stats-delta","seq":2,"total":4,"visible":4"#);
/// # Ok::<(), headcount_core::stats::NotApplied>(())
/// ```
#[derive(Debug)]
pub struct Feed {
    sum: Sum,
    list: List,
    news: News,
    /// What forms were not told at earlier ticks.
    held: [News; 3],
    /// The state of each form that was told last.
    seqs: [u64; 3],
    /// How many nodes of a cluster the numbers are of, where some are missing.
    partial: Option<NodesAsked>,
    /// Whole messages of this moment, once made.
    made: [Option<Arc<StatsMessage>>; 3],
}

impl Feed {
    /// Without sources: each comes with its first report. Subscribers are listed at most `connections_max` connections.
    pub fn new(connections_max: u32) -> Self {
        Self {
            sum: Sum::default(),
            list: List::new(connections_max),
            news: News::default(),
            held: Default::default(),
            seqs: [1; 3],
            partial: None,
            made: [None, None, None],
        }
    }

    /// The numbers.
    pub fn sum(&self) -> &Sum {
        &self.sum
    }

    /// Takes in a report of a source. Whether it changed anything.
    ///
    /// # Errors
    ///
    /// Those of [`Sum::apply`]: the report is not applied.
    pub fn apply(&mut self, source: SourceId, report: Report) -> Result<bool, NotApplied> {
        let changed = self.sum.apply(source, report)?;
        Ok(self.follow(changed))
    }

    /// As [`Sum::heartbeat`].
    pub fn heartbeat(&mut self, source: SourceId, last: Stamp) {
        self.sum.heartbeat(source, last);
    }

    /// As [`Sum::lose`]. Whether it changed anything.
    pub fn lose(&mut self, source: SourceId) -> bool {
        let changed = self.sum.lose(source);
        self.follow(changed)
    }

    /// As [`Sum::leave`]. Whether it changed anything.
    pub fn leave(&mut self, source: SourceId, incarnation: Incarnation) -> bool {
        let changed = self.sum.leave(source, incarnation);
        self.follow(changed)
    }

    /// How many nodes of a cluster the numbers are of. `None`: all, or there is no cluster. Whether that is news.
    pub fn set_partial(&mut self, partial: Option<NodesAsked>) -> bool {
        let is_news = self.partial != partial;
        if is_news {
            self.partial = partial;
            self.made = [None, None, None];
            self.news.nodes = true;
        }
        is_news
    }

    /// Notes what subscribers must be told of a step of the sum.
    fn follow(&mut self, changed: Changed) -> bool {
        if changed.is_empty() {
            return false;
        }
        self.made = [None, None, None];
        self.list.follow(&self.sum, &changed.rows, &mut self.news);
        self.news.add(changed);
        true
    }

    /// A whole message of this moment: what a subscriber begins with.
    pub fn snapshot(&mut self, form: Form, cipher: &IdCipher) -> Arc<StatsMessage> {
        let seq = self.seqs[form as usize];
        let made = &mut self.made[form as usize];
        Arc::clone(made.get_or_insert_with(|| {
            Arc::new(StatsMessage::new(
                form,
                seq,
                (&self.sum, &self.list, self.partial.as_ref()),
                cipher,
            ))
        }))
    }

    /// Makes messages with what changed since the last tick, for the forms that have readers. A subscriber of a form
    /// must get every tick that was made after its snapshot, or needs another snapshot.
    pub fn tick(&mut self, is_read: impl Fn(Form) -> bool, cipher: &IdCipher) -> Tick {
        self.tick_paced(
            |form| if is_read(form) { Pace::Now } else { Pace::Unread },
            cipher,
        )
    }

    /// As [`Feed::tick`], but forms with long messages get them less often: changes are held for their next tick.
    pub fn tick_paced(&mut self, pace: impl Fn(Form) -> Pace, cipher: &IdCipher) -> Tick {
        let news = std::mem::take(&mut self.news);
        let mut told = Form::ALL.map(|form| {
            let held = &mut self.held[form as usize];
            match pace(form) {
                Pace::Unread => {
                    *held = News::default();
                    None
                }
                Pace::Later => {
                    held.merge(&news);
                    None
                }
                // Mostly nothing is held, and what changed need not be copied.
                Pace::Now if *held == News::default() => Some(Cow::Borrowed(&news)),
                Pace::Now => {
                    held.merge(&news);
                    Some(Cow::Owned(std::mem::take(held)))
                }
            }
            .filter(|news| news.concerns(form))
        });
        let mut told = |form: Form| told[form as usize].take();
        let mut tick = Tick::default();
        if told(Form::Whole).is_some() {
            let message = self.snapshot(Form::Whole, cipher);
            tick.bytes[Form::Whole as usize] = Some(message.beginning().len());
            tick.whole = Some(message);
        }
        for (form, delta) in [(Form::Deltas, &mut tick.deltas), (Form::Counts, &mut tick.counts)] {
            if let Some(news) = told(form) {
                let (message, bytes) = self.delta_or_gap(form, &news, cipher);
                tick.bytes[form as usize] = Some(bytes);
                *delta = Some(message);
            }
        }
        tick
    }

    /// What changed, and how many bytes a subscriber is sent for it. Where that names much more than a whole message does, such as
    /// routes that came and went, a state is left out: each subscriber finds that it missed one and gets a whole message.
    fn delta_or_gap(&mut self, form: Form, news: &News, cipher: &IdCipher) -> (DeltaMessage, usize) {
        let listed = if form == Form::Counts { 0 } else { self.list.len() };
        let whole = self.sum.versions().len() + self.sum.routes().len() + listed;
        if !is_shorter_whole(news.len(), whole) {
            let delta = self.delta(form, news, cipher);
            let bytes = delta.beginning().len();
            return (delta, bytes);
        }
        self.seqs[form as usize] += 1;
        let gap = self.delta(form, &News::default(), cipher);
        (gap, self.snapshot(form, cipher).beginning().len())
    }

    /// Whether a form was not told everything up to the last tick.
    pub fn holds_news(&self) -> bool {
        Form::ALL
            .iter()
            .any(|form| self.held[*form as usize].concerns(*form))
    }

    fn delta(&mut self, form: Form, news: &News, cipher: &IdCipher) -> DeltaMessage {
        let seq = &mut self.seqs[form as usize];
        *seq += 1;
        // A snapshot says which state it is.
        self.made[form as usize] = None;
        DeltaMessage::new(
            form,
            *seq,
            (&self.sum, &self.list, self.partial.as_ref()),
            news,
            cipher,
        )
    }

    /// Drops the changes up to now: there are no readers, or all of them begin with a snapshot of this moment.
    pub fn forget_news(&mut self) {
        self.news = News::default();
        self.held = Default::default();
    }

    /// Gives back the memory of messages that have no reader.
    pub fn forget_messages(&mut self) {
        self.made = [None, None, None];
    }
}
