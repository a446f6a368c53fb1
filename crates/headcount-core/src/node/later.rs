//! Questions about an entry of the log that this node has not read yet.

use std::collections::VecDeque;

use super::Action;
use crate::cluster::NodeQuestion;
use crate::command_log::LogIndex;
use crate::connection::NodeId;

/// Questions that wait. A further one ends that which has waited longest: its asker gets no answer.
const WAITING_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Later(VecDeque<Waiting>);

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
        if index <= read {
            return Some(asked);
        }
        if self.0.len() >= WAITING_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Waiting {
            index,
            until_ms,
            asked,
        });
        None
    }

    /// The questions that can be answered now.
    pub(super) fn read(&mut self, read: LogIndex) -> Vec<Action> {
        let (ready, waiting) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|waiting| waiting.index <= read);
        self.0 = waiting;
        let ready: VecDeque<Waiting> = ready;
        ready.into_iter().map(|waiting| waiting.asked).collect()
    }

    /// Drops questions whose askers wait no longer.
    pub(super) fn look(&mut self, now_ms: u64) {
        self.0.retain(|waiting| now_ms < waiting.until_ms);
    }

    /// Drops the questions of a node that is gone.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.0
            .retain(|waiting| !matches!(waiting.asked, Action::Asked { from, .. } if from == node));
    }

    pub(super) fn next_ms(&self) -> Option<u64> {
        self.0.iter().map(|waiting| waiting.until_ms).min()
    }
}
