//! From a decision to what stands: append, read, and tell every shard.

use std::sync::Arc;

use headcount_core::command_log::{AppendError, Change, CommandLog, Entry, LogIndex};
use headcount_core::invalidation::Standing;
use headcount_core::protocol::server;
use headcount_core::registry::Reach;
use headcount_core::release::Release;

use super::Commander;
use crate::answers::{self, Hits};
use crate::error::CommandError;
use crate::shard::{Mail, NewStanding};

/// How often an entry is decided again because others were first. Each time, one of them got through.
const TRIES: usize = 64;

/// What became of an entry.
#[derive(Debug, Default)]
pub(super) struct Stood {
    /// The number of the rule, if it was one.
    pub(super) id: Option<u32>,
    pub(super) change: Change,
    /// Where the log has it.
    pub(super) index: LogIndex,
    /// How far the rule reaches here.
    pub(super) hits: Hits,
}

impl<Log: CommandLog> Commander<Log> {
    /// Appends the entry that `decide` makes of what stands, and lets it stand. Nothing has changed where it could not be stored, or where
    /// `decide` finds that there is nothing to do.
    pub(super) async fn append(
        &mut self,
        decide: impl Fn(&Standing) -> Result<Option<Entry>, CommandError>,
    ) -> Result<Option<Stood>, CommandError> {
        for _ in 0..TRIES {
            let Some(entry) = decide(&self.standing)? else {
                return Ok(None);
            };
            match self.log.append(&entry, self.index).await {
                Ok(index) => return self.read_to(index).await.map(Some),
                Err(AppendError::Behind) => drop(self.read_next().await?),
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommandError::Overloaded)
    }

    /// Lets an entry stand that any server would come to by itself. Where the log does not take it, the next look decides again.
    pub(super) async fn note(&mut self, entry: Entry) {
        let noted = match self.log.note(&entry, self.index).await {
            Ok(index) => self.read_to(index).await.map(drop),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = noted {
            tracing::debug!(%error, ?entry, "an entry was not noted");
        }
    }

    /// Reads up to this entry. What became of it.
    async fn read_to(&mut self, index: LogIndex) -> Result<Stood, CommandError> {
        loop {
            let stood = self.read_next().await?;
            if self.index >= index {
                return Ok(stood);
            }
        }
    }

    async fn read_next(&mut self) -> Result<Stood, CommandError> {
        let (index, entry) = self.log.next().await.ok_or(CommandError::Stopped)?;
        Ok(self.read(index, entry).await)
    }

    /// Lets an entry stand.
    pub(super) async fn read(&mut self, index: LogIndex, entry: Entry) -> Stood {
        self.index = index;
        let epoch = self.standing.epoch;
        let change = self.standing.apply(&entry);
        self.on_read(epoch, &change);
        let (id, broadcast) = match &entry {
            Entry::Release { release, .. } => (None, Some(self.released(release))),
            Entry::Rule { rule, .. } => (Some(rule.id), None),
            Entry::End { .. } | Entry::MoveTimes { .. } => (None, None),
            // It may hold announcements that this server has not read. Tabs are told of the last one.
            Entry::Checkpoint(_) => {
                let newest = change.announced.last();
                (None, newest.map(|release| self.released(release)))
            }
        };
        let reach = self.tell_shards(broadcast, change.position).await;
        if let Entry::Checkpoint(_) = entry {
            // Rules that others gave while this server could not read them: its tabs are told now.
            for rule in &change.began {
                let position = self.standing.position(rule.id);
                self.tell_shards(None, position).await;
            }
        }
        let hits = Hits::over(std::iter::once(&reach).cloned(), None);
        self.tell_nodes(change.position.map(|_| reach)).await;
        Stood {
            id,
            change,
            index,
            hits,
        }
    }

    /// What tabs are told of a release.
    fn released(&self, release: &Release) -> String {
        let epoch = self.standing.epoch.unwrap_or_default();
        server::released(&release.version, release.id, epoch)
    }

    /// Lets every shard go over to what stands now. How far the rule at `position` reaches.
    pub(super) async fn tell_shards(&mut self, broadcast: Option<String>, position: Option<usize>) -> Reach {
        let standing = Arc::new(self.obeyed());
        self.site.set_standing(Arc::clone(&standing));
        let command = |reply| {
            Mail::Standing(Box::new(NewStanding {
                standing: Arc::clone(&standing),
                broadcast: broadcast.clone(),
                position,
                reply,
            }))
        };
        let patience = answers::patience(self.site.config.limits.answer_ms);
        let told = answers::tell_all(&self.everywhere.shards, command, patience).await;
        match told.of_running() {
            Ok(reaches) => reaches.values().sum(),
            Err(error) => {
                // It stands: the shard goes over to it when it comes to that.
                tracing::warn!(error = %CommandError::from(error), "a shard did not say in time how many tabs a command reaches");
                Reach {
                    unknown: position.map_or(0, |_| self.site.census.open().into()),
                    ..Reach::default()
                }
            }
        }
    }
}
