//! The last commands of a log, so that two states of it can be compared.

use std::collections::VecDeque;

/// Commands that are remembered.
pub const REMEMBERED: usize = 128;

/// The last commands of either kind: their numbers, and when they were given, milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage(VecDeque<(u32, u64)>);

impl Lineage {
    /// These commands, oldest first. Of more than [`REMEMBERED`], the newest.
    pub fn new(commands: impl IntoIterator<Item = (u32, u64)>) -> Self {
        let mut lineage = Self::default();
        for (id, given_ms) in commands {
            lineage.note(id, given_ms);
        }
        lineage
    }

    /// The commands, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.iter().copied()
    }

    /// Notes a command. One that comes again is no news.
    pub(super) fn note(&mut self, id: u32, given_ms: u64) {
        if self.0.back().is_some_and(|(last, _)| id <= *last) {
            return;
        }
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((id, given_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_commands_are_remembered() {
        let lineage = Lineage::new((1..=1_000).map(|id| (id, id.into())));
        let remembered: Vec<u32> = lineage.iter().map(|(id, _)| id).collect();
        assert!(remembered.into_iter().eq(1_000 - 127..=1_000));
    }
}
