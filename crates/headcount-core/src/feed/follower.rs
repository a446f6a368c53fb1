//! One subscriber: how far it was told, and what it is told next.
//!
//! A reader begins with a whole message, and then gets one message a tick. A reader that missed one, because it read
//! too slowly, gets nothing until the next whole message: nothing queues up, and a delta is never sent to a reader
//! without the state before it.

use bytes::Bytes;

use super::Tick;
use crate::connection::IdCipher;
use crate::protocol::stats::{DeltaMessage, StatsMessage};
use crate::stats::{Form, Row};

/// One subscriber.
#[derive(Clone, Debug)]
pub struct Follower {
    form: Form,
    /// The state it was told last; `None` while it needs a whole message.
    at: Option<u64>,
    /// Its own row as it was told last, where the list does not hold it.
    own: Option<Row>,
}

/// A message: a part that is shared with others, and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The part that is shared.
    pub beginning: Bytes,
    /// What follows it.
    pub end: String,
}

impl Follower {
    /// One that has been told nothing yet.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            at: None,
            own: None,
        }
    }

    /// The form it gets stats in.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether it needs a whole message before anything else.
    pub fn needs_whole(&self) -> bool {
        self.at.is_none()
    }

    /// It missed a message.
    pub fn miss(&mut self) {
        self.at = None;
        self.own = None;
    }

    /// Whether it is told this tick.
    pub fn hears(&self, tick: &Tick) -> bool {
        match (self.form, self.at) {
            (_, None) => false,
            (Form::Whole, Some(_)) => tick.whole.is_some(),
            (Form::Deltas | Form::Counts, Some(_)) => tick.delta(self.form).is_some(),
        }
    }

    /// The whole message that it begins with; `None` where it is in another form than it wants by now. `reader` is its own
    /// row.
    pub fn begin(&mut self, message: &StatsMessage, reader: &Row, cipher: &IdCipher) -> Option<Text> {
        if message.form() != self.form {
            return None;
        }
        self.at = Some(message.seq());
        let apart = self.form == Form::Deltas && !message.lists(reader.place());
        self.own = apart.then(|| reader.clone());
        Some(Text {
            beginning: message.beginning().clone(),
            end: message.end_for(reader, cipher),
        })
    }

    /// What it is told of a tick; `None` where that is nothing.
    pub fn go_on(&mut self, tick: &Tick, reader: &Row, cipher: &IdCipher) -> Option<Text> {
        let at = self.at?;
        if self.form == Form::Whole {
            return self.begin(tick.whole.as_deref()?, reader, cipher);
        }
        let delta = tick.delta(self.form)?;
        if at + 1 != delta.seq() {
            // It missed one: the deltas from here on mean nothing to it.
            self.miss();
            return None;
        }
        self.at = Some(delta.seq());
        let own = self.own_news(delta, reader);
        Some(Text {
            beginning: delta.beginning().clone(),
            end: DeltaMessage::end(own),
        })
    }

    /// Its own row, where the list does not hold it and it was told another.
    fn own_news<'a>(&mut self, delta: &DeltaMessage, reader: &'a Row) -> Option<&'a Row> {
        let told = match delta.lists(reader.place()) {
            Some(true) => {
                self.own = None;
                return None;
            }
            // It left the list just now, which is where it was told its row.
            Some(false) => None,
            None => Some(self.own.as_ref()?),
        };
        if self.form == Form::Counts || told == Some(reader) {
            return None;
        }
        self.own = Some(reader.clone());
        Some(reader)
    }
}
