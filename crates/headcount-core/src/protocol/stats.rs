//! Stats as subscribers get them: whole, or whole once and then by what changed.
//!
//! [`Feed`] holds the numbers and makes messages of them: each at most once a tick and form, however many read it. A tick names
//! everything that changed since the one before, in numbers of its own moment, so it is right after every whole message that
//! was made in between. States are numbered for each form by itself: what a form does not show takes no number of it.
//!
//! - `whole`: the `stats` message. `delta`: the `stats-delta` message. `follower`: what one subscriber is told next.

mod delta;
mod follower;
mod row;
#[cfg(test)]
mod tests;
mod whole;

use std::sync::Arc;

use super::admin::{ConnectionRow, StatsAnswer};
use super::client::StatsForm;
use crate::connection::IdCipher;
use crate::stats::list::List;
use crate::stats::news::News;
use crate::stats::{Changes, Counts, Row, Sum};

pub use crate::stats::news::Form;
pub use delta::DeltaMessage;
pub use follower::{Follower, Text};
pub use whole::StatsMessage;

impl From<StatsForm> for Form {
    fn from(asked: StatsForm) -> Self {
        match asked {
            StatsForm { delta: false, .. } => Self::Whole,
            StatsForm {
                connections: true, ..
            } => Self::Deltas,
            StatsForm {
                connections: false, ..
            } => Self::Counts,
        }
    }
}

/// The numbers, and what subscribers are told of them.
#[derive(Debug)]
pub struct Feed {
    sum: Sum,
    list: List,
    news: News,
    /// The state of each form that was told last.
    seqs: [u64; 3],
    /// Whole messages of this moment, once made.
    made: [Option<Arc<StatsMessage>>; 3],
}

/// What subscribers of each form are told at a tick; `None`: nothing.
#[derive(Debug, Default)]
pub struct Tick {
    /// To those who want each message whole.
    pub whole: Option<Arc<StatsMessage>>,
    /// To those who want what changed.
    pub deltas: Option<DeltaMessage>,
    /// To those who want that without connections.
    pub counts: Option<DeltaMessage>,
}

impl Tick {
    /// Whether nobody is told anything.
    pub fn is_empty(&self) -> bool {
        self.whole.is_none() && self.deltas.is_none() && self.counts.is_none()
    }

    fn delta(&self, form: Form) -> Option<&DeltaMessage> {
        match form {
            Form::Whole => None,
            Form::Deltas => self.deltas.as_ref(),
            Form::Counts => self.counts.as_ref(),
        }
    }
}

impl Feed {
    /// Over this many sources, all empty. Subscribers are listed at most `connections_max` connections.
    pub fn new(sources: usize, connections_max: u32) -> Self {
        Self {
            sum: Sum::new(sources),
            list: List::new(connections_max),
            news: News::default(),
            seqs: [1; 3],
            made: [None, None, None],
        }
    }

    /// The numbers.
    pub fn sum(&self) -> &Sum {
        &self.sum
    }

    /// Takes in a report of a source. Whether it changed anything.
    pub fn apply(&mut self, source: usize, changes: Changes) -> bool {
        let changed = self.sum.apply(source, changes);
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
        Arc::clone(
            made.get_or_insert_with(|| Arc::new(StatsMessage::new(form, seq, &self.sum, &self.list, cipher))),
        )
    }

    /// Tells what changed since the last tick, to the forms that somebody reads. A subscriber of a form is told every tick that
    /// was made after its snapshot, or needs another snapshot.
    pub fn tick(&mut self, is_read: impl Fn(Form) -> bool, cipher: &IdCipher) -> Tick {
        let news = std::mem::take(&mut self.news);
        let told = |form| is_read(form) && news.concerns(form);
        Tick {
            whole: told(Form::Whole).then(|| self.snapshot(Form::Whole, cipher)),
            deltas: told(Form::Deltas).then(|| self.delta(Form::Deltas, &news, cipher)),
            counts: told(Form::Counts).then(|| self.delta(Form::Counts, &news, cipher)),
        }
    }

    fn delta(&mut self, form: Form, news: &News, cipher: &IdCipher) -> DeltaMessage {
        let seq = &mut self.seqs[form as usize];
        *seq += 1;
        // A snapshot says which state it is.
        self.made[form as usize] = None;
        DeltaMessage::new(form, *seq, (&self.sum, &self.list), news, cipher)
    }

    /// Tells nobody what changed up to now: nobody reads, or everybody who does begins with a snapshot of this moment.
    pub fn forget_news(&mut self) {
        self.news = News::default();
    }

    /// Gives back the memory of messages that nobody will read.
    pub fn forget_messages(&mut self) {
        self.made = [None, None, None];
    }
}

/// The same numbers for the admin API, which has no reader of its own.
pub fn answer(sum: &Sum, connections_max: u32, cipher: &IdCipher) -> StatsAnswer {
    let connections: Vec<_> = sum
        .rows()
        .take(connections_max as usize)
        .map(|row| row_answer(row, cipher))
        .collect();
    let owned = |counts: &Counts| {
        counts
            .iter()
            .map(|(name, count)| (name.to_string(), *count))
            .collect()
    };
    StatsAnswer {
        total: sum.total(),
        visible: sum.visible(),
        versions: owned(sum.versions()),
        routes: owned(sum.routes()),
        connections_truncated: sum.total() > connections.len() as u64,
        connections,
    }
}

/// A row for the admin API.
pub fn row_answer(row: &Row, cipher: &IdCipher) -> ConnectionRow {
    ConnectionRow {
        id: cipher.id(row.key).to_string(),
        version: row.version.to_string(),
        route: row.route.as_deref().map(str::to_owned),
        ip: row.ip.map(|ip| ip.to_string()),
        hidden: row.hidden,
    }
}
