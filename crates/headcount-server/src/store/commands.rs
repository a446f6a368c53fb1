//! Releases, rules and numbers on disk.
//!
//! The whole content is in memory as well, some kilobytes. After a failed write it is unknown how much reached the
//! disk, so everything is written again in one step; a command that was refused never comes back.

use std::collections::BTreeMap;

use headcount_core::epoch::Epoch;
use headcount_core::limits::Limits;
use headcount_core::protocol::admin::{ReleaseEntry, RuleEntry};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::error::StoreError;
use super::file::StoreFile;
use super::high_water::{Doubt, HighWater};
use super::transaction::{CopyOf, Positions, Stored, Transaction};
use super::worker::Book;

const RELEASES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("releases");
const RULES: TableDefinition<'_, u32, &[u8]> = TableDefinition::new("rules");
/// Numbers that outlive what they count: a command's number is never given twice, also when its rule was lifted.
const NUMBERS: TableDefinition<'_, &str, u32> = TableDefinition::new("numbers");
const HEAD: &str = "head";
/// Texts about the store itself.
const FACTS: TableDefinition<'_, &str, &str> = TableDefinition::new("facts");
const FORMAT: &str = "format";
const EPOCH: &str = "epoch";
const CONFIGURED: &str = "configured";
/// The key that hashes tab ids, so that each tab keeps its place in a rule in waves: 32 hexadecimal digits.
const TABS: &str = "tabs";
/// The cluster that the content is a copy of, and where its rules stand.
const CLUSTER: &str = "cluster";
const POSITIONS: &str = "positions";

/// The newest format that this version reads. Files from before formats had numbers have none.
const FORMAT_NOW: u32 = 2;
/// The format of a store without a rule in waves. The next one is for those: what knows only this one would tell all their tabs at once.
const FORMAT_PLAIN: u32 = 1;

/// The content that the disk must have.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    high_water: HighWater,
    epoch: Epoch,
    tabs: u128,
    head: u32,
    configured: Option<String>,
    copy: Option<CopyOf>,
    releases: BTreeMap<u32, ReleaseEntry>,
    rules: BTreeMap<u32, RuleEntry>,
}

impl Commands {
    /// What a new store at this place holds.
    pub(super) fn new((epoch, tabs): (Epoch, u128), place: &StoreFile) -> Self {
        Self {
            high_water: HighWater::of(&place.path),
            epoch,
            tabs,
            head: 0,
            configured: None,
            copy: None,
            releases: BTreeMap::new(),
            rules: BTreeMap::new(),
        }
    }

    /// Reads what is on disk. A store from before there were epochs gets this one, and so does one that was put back from a backup that
    /// is older than its numbers. So does the copy of what a cluster knows, for a server that does not belong to it: its numbers are given by
    /// others too. Whether it keeps its own, and nothing must be written.
    pub(super) fn load(
        database: &Database,
        place: &StoreFile,
        (epoch, tabs): (Epoch, u128),
        cluster: Option<&str>,
    ) -> Result<(Self, bool), StoreError> {
        let read = database.begin_read()?;
        let mut commands = Self::new((epoch, tabs), place);
        let (mut has_epoch, mut has_tabs) = (false, false);
        match read.open_table(FACTS) {
            Ok(facts) => {
                let format = facts.get(FORMAT)?.map(|format| format.value().to_owned());
                check_format(format, place)?;
                if let Some(epoch) = facts.get(EPOCH)?.and_then(|epoch| Epoch::parse(epoch.value())) {
                    commands.epoch = epoch;
                    has_epoch = true;
                }
                let known = facts.get(TABS)?;
                let known = known.and_then(|tabs| u128::from_str_radix(tabs.value(), 16).ok());
                (commands.tabs, has_tabs) = (known.unwrap_or(tabs), known.is_some());
                commands.configured = facts.get(CONFIGURED)?.map(|release| release.value().to_owned());
                commands.copy = copy_of(&facts, commands.epoch)?;
            }
            Err(redb::TableError::TableDoesNotExist(_)) => {}
            Err(error) => return Err(error.into()),
        }
        commands.read_tables(&read)?;
        if let Some(copy) = &commands.copy {
            if Some(&*copy.cluster) == cluster {
                return Ok((commands, has_tabs));
            }
            tracing::warn!(
                cluster = copy.cluster,
                "the store is a copy of what a cluster knows. This server does not belong to it, and goes on under a new epoch"
            );
            commands.copy = None;
            commands.epoch = epoch;
            return Ok((commands, false));
        }
        match commands.high_water.doubt(commands.epoch, commands.head) {
            Some(doubt) if has_epoch => {
                tracing::warn!(
                    file = %place.path.display(),
                    head = commands.head,
                    "{}. The store goes on under a new epoch, so that no open tab takes a new command for one that it has \
                     seen. This is expected after a backup was restored",
                    match doubt {
                        Doubt::Older => "the store is older than the last number that it gave out",
                        Doubt::Unmarked => "the file that records the last number of the store is missing",
                        Doubt::OtherEpoch => "the file that records the last number of the store belongs to another store",
                    }
                );
                commands.epoch = epoch;
                has_epoch = false;
            }
            _ if has_epoch => commands.high_water.mark(commands.epoch, commands.head)?,
            _ => {}
        }
        Ok((commands, has_epoch && has_tabs))
    }

    fn read_tables(&mut self, read: &ReadTransaction) -> Result<(), StoreError> {
        self.head = read
            .open_table(NUMBERS)?
            .get(HEAD)?
            .map_or(0, |head| head.value());
        for entry in read.open_table(RELEASES)?.iter()? {
            let (id, value) = entry?;
            self.releases
                .insert(id.value(), serde_json::from_slice(value.value())?);
        }
        for entry in read.open_table(RULES)?.iter()? {
            let (id, value) = entry?;
            self.rules
                .insert(id.value(), serde_json::from_slice(value.value())?);
        }
        Ok(())
    }

    /// The standing rules in it. A rule whose pattern no longer fits the limits stays on disk, with a warning.
    pub(super) fn stored(&self, limits: &Limits) -> Stored {
        let fits = |entry: &RuleEntry| match entry.clone().into_rule(limits) {
            Ok(rule) => Some(rule),
            Err(error) => {
                let id = entry.id;
                tracing::warn!(id, %error, "a stored rule no longer fits the limits and is left out");
                None
            }
        };
        let ids = [
            self.releases.last_key_value().map(|(id, _)| *id),
            self.rules.last_key_value().map(|(id, _)| *id),
        ];
        Stored {
            epoch: self.epoch,
            tabs: Some(self.tabs),
            head: ids.into_iter().flatten().fold(self.head, u32::max),
            configured: self.configured.clone(),
            releases: self.releases.values().cloned().map(Into::into).collect(),
            rules: self.rules.values().filter_map(fits).collect(),
            samples: Vec::new(),
            positions: self.copy.as_ref().map(|copy| copy.positions.clone()),
        }
    }

    fn apply(&mut self, step: Transaction) {
        if let Some(copy) = step.copy {
            self.epoch = copy.epoch;
            self.copy = Some(copy);
            self.head = 0;
            self.releases.clear();
            self.rules.clear();
        }
        self.head = step.head.max(self.head);
        self.configured = step.configured.or(self.configured.take());
        for id in &step.forget_releases {
            self.releases.remove(id);
        }
        for id in &step.forget_rules {
            self.rules.remove(id);
        }
        self.releases
            .extend(step.releases.into_iter().map(|release| (release.id, release)));
        self.rules
            .extend(step.rules.into_iter().map(|rule| (rule.id, rule)));
    }

    /// Writes this step, if any. The flag says to write everything before it as well.
    pub(super) fn commit(
        &self,
        database: &Database,
        entry: Option<&Transaction>,
        anew: bool,
    ) -> Result<(), StoreError> {
        let write = database.begin_write()?;
        match entry {
            Some(step) if !anew && step.copy.is_none() => self.write_step(&write, step)?,
            Some(step) => {
                let mut next = self.clone();
                next.apply(step.clone());
                next.write_all(&write)?;
            }
            None => self.write_all(&write)?,
        }
        Ok(write.commit()?)
    }

    /// Writes what a step changes.
    fn write_step(&self, write: &WriteTransaction, step: &Transaction) -> Result<(), StoreError> {
        write.open_table(NUMBERS)?.insert(HEAD, step.head)?;
        let mut facts = write.open_table(FACTS)?;
        if let Some(release) = &step.configured {
            facts.insert(CONFIGURED, &**release)?;
        }
        let stay = |rule: &&RuleEntry| !step.forget_rules.contains(&rule.id);
        let rules = self.rules.values().filter(stay).chain(&step.rules);
        facts.insert(FORMAT, &*format_of(rules).to_string())?;
        let mut releases = write.open_table(RELEASES)?;
        for id in &step.forget_releases {
            releases.remove(*id)?;
        }
        for release in &step.releases {
            releases.insert(release.id, serde_json::to_vec(release)?.as_slice())?;
        }
        let mut rules = write.open_table(RULES)?;
        for id in &step.forget_rules {
            rules.remove(*id)?;
        }
        for rule in &step.rules {
            rules.insert(rule.id, serde_json::to_vec(rule)?.as_slice())?;
        }
        Ok(())
    }

    /// Writes all of it. What else the tables hold is forgotten.
    fn write_all(&self, write: &WriteTransaction) -> Result<(), StoreError> {
        write.open_table(NUMBERS)?.insert(HEAD, self.head)?;
        let mut facts = write.open_table(FACTS)?;
        facts.insert(FORMAT, &*format_of(self.rules.values()).to_string())?;
        facts.insert(TABS, &*format!("{:032x}", self.tabs))?;
        facts.insert(EPOCH, &*self.epoch.to_string())?;
        if let Some(release) = &self.configured {
            facts.insert(CONFIGURED, &**release)?;
        }
        if let Some(copy) = &self.copy {
            facts.insert(CLUSTER, &*copy.cluster)?;
            facts.insert(POSITIONS, &*serde_json::to_string(&copy.positions)?)?;
        } else {
            facts.remove(CLUSTER)?;
            facts.remove(POSITIONS)?;
        }
        let mut releases = write.open_table(RELEASES)?;
        releases.retain(|_, _| false)?;
        for (id, release) in &self.releases {
            releases.insert(id, serde_json::to_vec(release)?.as_slice())?;
        }
        let mut rules = write.open_table(RULES)?;
        rules.retain(|_, _| false)?;
        for (id, rule) in &self.rules {
            rules.insert(id, serde_json::to_vec(rule)?.as_slice())?;
        }
        Ok(())
    }
}

impl Book for Commands {
    type Entry = Transaction;

    fn write(
        &mut self,
        database: &Database,
        entry: Option<&Transaction>,
        anew: bool,
    ) -> Result<(), StoreError> {
        self.commit(database, entry, anew)?;
        if self.copy.is_some() || entry.is_some_and(|step| step.copy.is_some()) {
            // Its numbers are those of the cluster.
            return Ok(());
        }
        let head = entry.map_or(0, |step| step.head).max(self.head);
        self.high_water.mark(self.epoch, head)
    }

    fn accept(&mut self, entry: Transaction, _: bool) {
        self.apply(entry);
    }
}

/// The cluster that the content is a copy of, if it is one.
fn copy_of(
    facts: &impl ReadableTable<&'static str, &'static str>,
    epoch: Epoch,
) -> Result<Option<CopyOf>, StoreError> {
    let Some(cluster) = facts.get(CLUSTER)? else {
        return Ok(None);
    };
    let positions = facts.get(POSITIONS)?;
    let positions: Option<Positions> = positions
        .map(|positions| serde_json::from_str(positions.value()))
        .transpose()?;
    Ok(Some(CopyOf {
        cluster: cluster.value().to_owned(),
        epoch,
        positions: positions.unwrap_or_default(),
    }))
}

/// The format of a store with these rules.
fn format_of<'a>(mut rules: impl Iterator<Item = &'a RuleEntry>) -> u32 {
    if rules.any(|rule| rule.spread.is_some() || rule.continues.is_some()) {
        FORMAT_NOW
    } else {
        FORMAT_PLAIN
    }
}

fn check_format(format: Option<String>, place: &StoreFile) -> Result<(), StoreError> {
    let is_known = |format: &String| format.parse().is_ok_and(|format: u32| format <= FORMAT_NOW);
    match format.filter(|format| !is_known(format)) {
        Some(format) => Err(StoreError::Newer {
            path: place.path.clone(),
            format,
        }),
        None => Ok(()),
    }
}
