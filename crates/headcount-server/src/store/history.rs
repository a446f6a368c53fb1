//! The history on disk: one sample of the counts for each minute, by its time.
//!
//! Not as precious as commands: a sample that cannot be read is left out, and a process that is killed loses the minute it
//! has not written yet. A sample is committed like everything else all the same, because once a minute that costs nothing.

use headcount_core::history::{Minute, Sample};
use headcount_core::protocol::history::SampleEntry;
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

use super::{Store, StoreError};

/// JSON as `GET history` has it, by the time it was taken at.
pub(super) const SAMPLES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("history");

impl Store {
    /// Every sample that was kept, oldest first, each with `versions_max` versions at the most.
    pub(crate) fn samples(&self, versions_max: u32) -> Result<Vec<Sample>, StoreError> {
        let Some(database) = &self.0 else {
            return Ok(Vec::new());
        };
        let read = database.begin_read()?;
        let mut samples = Vec::new();
        for entry in read.open_table(SAMPLES)?.iter()? {
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

    /// Keeps a sample, and forgets those that are too old, or from a clock that was set back since. Blocks for as long as the
    /// disk takes.
    pub(crate) fn keep(&self, minute: &Minute) -> Result<(), StoreError> {
        let Some(database) = &self.0 else { return Ok(()) };
        let sample = SampleEntry::from(minute.sample.as_ref());
        let write = database.begin_write()?;
        {
            let mut samples = write.open_table(SAMPLES)?;
            samples.retain_in(..minute.oldest_ms, |_, _| false)?;
            samples.retain_in(sample.at.., |_, _| false)?;
            samples.insert(sample.at, serde_json::to_vec(&sample)?.as_slice())?;
        }
        write.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn minute(at_ms: u64, oldest_ms: u64) -> Minute {
        Minute {
            sample: Arc::new(sample(at_ms)),
            oldest_ms,
        }
    }

    fn sample(at_ms: u64) -> Sample {
        Sample::new(at_ms, [("v1".into(), 3), ("v2".into(), at_ms)], 16)
    }

    #[test]
    fn samples_are_there_again_in_order_without_those_that_were_to_be_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        {
            let store = Store::open(directory.path()).unwrap();
            for at_ms in [300, 100, 200, 900, 800] {
                store.keep(&minute(at_ms, 150)).unwrap();
            }
        }
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.samples(16).unwrap(), [sample(200), sample(800)]);
        store.keep(&minute(850, 200)).unwrap();
        assert_eq!(
            store.samples(16).unwrap(),
            [sample(200), sample(800), sample(850)]
        );
    }

    #[test]
    fn a_sample_that_cannot_be_read_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.keep(&minute(5, 0)).unwrap();
        let write = store.0.as_ref().unwrap().begin_write().unwrap();
        write
            .open_table(SAMPLES)
            .unwrap()
            .insert(4, b"{}".as_slice())
            .unwrap();
        write.commit().unwrap();
        assert_eq!(store.samples(16).unwrap(), [sample(5)]);
    }
}
