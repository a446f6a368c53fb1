//! The history on disk: one sample of the counts for each minute, by its time.
//!
//! It has its own file, so that its failures do not affect the commands. It is less valuable than those: a sample that
//! cannot be read is left out, and a process that is killed loses the minute it has not written yet. Minutes that the
//! disk refused are kept in memory, and written later.

use std::collections::VecDeque;

use headcount_core::history::{Minutes, Sample};
use headcount_core::protocol::history::SampleEntry;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::error::StoreError;
use super::worker::Book;

/// JSON as `GET history` has it, by the time it was taken at.
const SAMPLES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("history");

/// Minutes that wait for a disk that takes none: a day. The oldest is forgotten for the next.
const WAITING_MAX: usize = 1_440;

/// What the disk did not take yet, oldest first.
#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<Minutes>);

impl Book for Waiting {
    type Entry = Minutes;

    fn write(&mut self, database: &Database, entry: Option<&Minutes>, _: bool) -> Result<(), StoreError> {
        let write = database.begin_write()?;
        {
            let mut samples = write.open_table(SAMPLES)?;
            for minutes in self.0.iter().chain(entry) {
                samples.retain_in(..minutes.oldest_ms, |_, _| false)?;
                if let Some(from_ms) = minutes.forget_from_ms {
                    samples.retain_in(from_ms.., |_, _| false)?;
                }
                for sample in &minutes.samples {
                    let sample = SampleEntry::from(sample.as_ref());
                    samples.insert(sample.at, serde_json::to_vec(&sample)?.as_slice())?;
                }
            }
        }
        write.commit()?;
        self.0.clear();
        Ok(())
    }

    fn accept(&mut self, entry: Minutes, is_stored: bool) {
        if is_stored {
            return;
        }
        if self.0.len() >= WAITING_MAX {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }
}

/// Every sample in this file, oldest first, each with `versions_max` versions at the most.
pub(super) fn samples(database: &Database, versions_max: u32) -> Result<Vec<Sample>, StoreError> {
    let read = database.begin_read()?;
    let table = match read.open_table(SAMPLES) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    let mut samples = Vec::new();
    for entry in table.iter()? {
        let (at, value) = entry?;
        match serde_json::from_slice::<SampleEntry>(value.value()) {
            Ok(entry) => samples.push(Sample::new(at.value(), entry.versions, versions_max)),
            Err(error) => {
                tracing::warn!(at = at.value(), %error, "a sample of the history cannot be read and is left out");
            }
        }
    }
    Ok(samples)
}

/// Moves the samples that `from` holds, as an earlier version wrote them, unless `to` has them already.
pub(super) fn migrate(from: &Database, to: &Database) -> Result<(), StoreError> {
    let read = from.begin_read()?;
    let old = match read.open_table(SAMPLES) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
        old => old?,
    };
    let write = to.begin_write()?;
    {
        let mut samples = write.open_table(SAMPLES)?;
        for entry in old.iter()? {
            let (at, value) = entry?;
            if samples.get(at.value())?.is_none() {
                samples.insert(at.value(), value.value())?;
            }
        }
    }
    write.commit()?;
    drop((old, read));
    // Only now: where the power fails in between, this is done again.
    let write = from.begin_write()?;
    write.delete_table(SAMPLES)?;
    write.commit()?;
    Ok(())
}
