//! Questions about an entry of the log that this node has not read yet.

use std::collections::VecDeque;

use super::Action;
use crate::cluster::NodeQuestion;
use crate::command_log::LogIndex;
use crate::connection::NodeId;

/// Questions that wait. A further one ends that which has waited longest: its asker gets no answer.
const WAITING_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Later {
    waiting: VecDeque<Waiting>,
    /// Whether no further entry will be read.
    is_over: bool,
}

#[derive(Debug)]
struct Waiting {
    index: LogIndex,
    until_ms: u64,
    asked: Action,
}

impl Later {
    /// The question, if it can be answered now. Otherwise it waits.
    pub(super) fn put(&mut self, asked: Action, read: LogIndex, now_ms: u64) -> Option<Action> {
        let Action::Asked {
            within_ms,
            question: NodeQuestion::Hits { index },
            ..
        } = &asked
        else {
            return Some(asked);
        };
        let (index, until_ms) = (*index, now_ms + u64::from(*within_ms));
        if index <= read || self.is_over {
            return Some(asked);
        }
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting {
            index,
            until_ms,
            asked,
        });
        None
    }

    /// The questions that can be answered now.
    pub(super) fn read(&mut self, read: LogIndex) -> Vec<Action> {
        let (ready, waiting) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| waiting.index <= read);
        self.waiting = waiting;
        let ready: VecDeque<Waiting> = ready;
        ready.into_iter().map(|waiting| waiting.asked).collect()
    }

    /// No further entry will be read: all questions, which cannot be answered.
    pub(super) fn end(&mut self) -> Vec<Action> {
        self.is_over = true;
        self.read(LogIndex(u64::MAX))
    }

    /// Drops questions whose askers wait no longer.
    pub(super) fn look(&mut self, now_ms: u64) {
        self.waiting.retain(|waiting| now_ms < waiting.until_ms);
    }

    /// Drops the questions of a node that is gone.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.waiting
            .retain(|waiting| !matches!(waiting.asked, Action::Asked { from, .. } if from == node));
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        self.waiting.iter().map(|waiting| waiting.until_ms).min()
    }
}
