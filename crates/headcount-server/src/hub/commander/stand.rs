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
    pub(super) reach: Reach,
}

impl Stood {
    pub(super) fn hits(&self) -> Hits {
        Hits::over(std::iter::once(self.reach.clone()), None)
    }
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
            let read = self.read_next().await?;
            let stood = read.into_iter().find(|stood| stood.index >= index);
            if let Some(stood) = stood {
                return Ok(stood);
            }
        }
    }

    async fn read_next(&mut self) -> Result<Vec<Stood>, CommandError> {
        let (index, entry) = self.log.next().await.ok_or(CommandError::Stopped)?;
        Ok(self.read(index, entry).await)
    }

    /// Lets an entry stand, and with it those that are there already. Tabs are told what stands after the last one: nothing of a rule that
    /// was lifted or replaced while this server could not read.
    pub(super) async fn read(&mut self, index: LogIndex, entry: Entry) -> Vec<Stood> {
        let mut read = vec![self.stand(index, &entry)];
        while let Some((index, entry)) = self.log.ready() {
            read.push(self.stand(index, &entry));
        }
        self.keep_copy();
        self.tell(&mut read).await;
        for stood in &read {
            self.tell_nodes(stood).await;
        }
        read
    }

    /// Lets an entry stand. Nobody is told yet.
    fn stand(&mut self, index: LogIndex, entry: &Entry) -> Stood {
        self.index = index;
        let epoch = self.standing.epoch;
        let change = self.standing.apply(entry);
        self.on_read(epoch, &change);
        let id = match entry {
            Entry::Rule { rule, .. } => Some(rule.id),
            _ => None,
        };
        Stood {
            id,
            change,
            index,
            reach: Reach::default(),
        }
    }

    /// Tells tabs of the last release and of the rules of these entries that stand.
    async fn tell(&mut self, read: &mut [Stood]) {
        let newest = read.iter().flat_map(|stood| &stood.change.announced).last();
        let newest = newest.map(|release| (release.id, self.released(release)));
        let mut is_told = false;
        // A rule that began and opened further, or opened several times, is told once: its tabs are spread from where it was open before.
        let mut rules_told = Vec::new();
        for stood in read {
            let announced = &stood.change.announced;
            if let Some((id, broadcast)) = &newest
                && announced.iter().any(|release| release.id == *id)
            {
                self.tell_shards(Some(broadcast.clone()), None).await;
                is_told = true;
            }
            let mut reaches = Vec::new();
            for rule in &stood.change.began {
                if let Some(position) = self.standing.position(rule.id) {
                    reaches.push(self.tell_shards(None, Some(position)).await);
                    rules_told.push(rule.id);
                    is_told = true;
                }
            }
            stood.reach = reaches.into_iter().sum();
            for rule in &stood.change.opened {
                if let Some(position) = self
                    .standing
                    .position(rule.id)
                    .filter(|_| !rules_told.contains(&rule.id))
                {
                    let _known = self.tell_shards(None, Some(position)).await;
                    rules_told.push(rule.id);
                    is_told = true;
                }
            }
        }
        if !is_told {
            self.tell_shards(None, None).await;
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
