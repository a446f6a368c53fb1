use std::sync::Arc;

mod waves;

use redb::{ReadableDatabase, TableDefinition};

use headcount_core::command_log::Entry;
use headcount_core::epoch::Epoch;
use headcount_core::invalidation::{Audience, Mode, Rule, Standing};
use headcount_core::pattern::RoutePattern;
use headcount_core::protocol::admin::ReleaseEntry;
use headcount_core::release::Release;

use super::high_water::HighWater;
use super::private::COMMANDS_FILE;
use super::private::HISTORY_FILE;
use super::*;
use crate::faults::{Disk, Faults};
use headcount_core::history::Sample;
use headcount_core::limits::Limits;
use redb::Database;
use std::path::Path;

fn limits() -> Limits {
    Limits::default().with(|limits| {
        // A busy machine is slow, not hanging.
        limits.store_ms = 2_000;
    })
}

async fn open_with(directory: &Path, faults: &Faults) -> Result<(Store, Stored), StoreError> {
    Store::open(directory, &limits(), true, faults, None).await
}

async fn open(directory: &Path) -> (Store, Stored) {
    open_with(directory, &Faults::default()).await.unwrap()
}

fn release(id: u32, version: &str) -> Transaction {
    let release = Release {
        id,
        version: version.into(),
        announced_ms: 5,
    };
    Transaction {
        head: id,
        releases: vec![ReleaseEntry::from(&release)],
        ..Transaction::default()
    }
}

fn versions(stored: &Stored) -> Vec<(u32, &str)> {
    stored
        .releases
        .iter()
        .map(|release| (release.id, &*release.version))
        .collect()
}

fn minute(at_ms: u64, oldest_ms: u64) -> Minutes {
    Minutes {
        samples: vec![Arc::new(sample(at_ms))],
        forget_from_ms: Some(at_ms),
        oldest_ms,
    }
}

fn sample(at_ms: u64) -> Sample {
    Sample::new(at_ms, [("v1".into(), 3), ("v2".into(), at_ms)], 16)
}

/// Waits for what the store's threads do.
async fn until(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting)
        .await
        .expect(what);
}

#[tokio::test]
async fn what_was_committed_is_there_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    store.commit(release(1, "v1")).await.unwrap();
    let second = Transaction {
        forget_releases: vec![1],
        configured: Some("v2".to_owned()),
        ..release(7, "v2")
    };
    store.commit(second).await.unwrap();
    drop(store);
    let (_store, stored) = open(directory.path()).await;
    assert_eq!((stored.head, stored.configured.as_deref()), (7, Some("v2")));
    assert_eq!(versions(&stored), [(7, "v2")]);
}

/// A page that comes back knows by the epoch whether the numbers that it knows are those of this store.
#[tokio::test]
async fn a_store_has_one_epoch_and_the_next_one_another() {
    let directory = tempfile::tempdir().unwrap();
    let epoch_of = async |directory: &Path| {
        let (store, stored) = open(directory).await;
        store.release().await;
        stored.epoch
    };
    let first = epoch_of(directory.path()).await;
    assert_eq!(epoch_of(directory.path()).await, first);
    // One that has none, as an earlier version wrote it, gets one that stays.
    {
        let database = Database::open(directory.path().join(COMMANDS_FILE)).unwrap();
        let write = database.begin_write().unwrap();
        let facts: TableDefinition<'_, &str, &str> = TableDefinition::new("facts");
        write.delete_table(facts).unwrap();
        write.commit().unwrap();
    }
    let second = epoch_of(directory.path()).await;
    assert_ne!(second, first);
    assert_eq!(epoch_of(directory.path()).await, second);
    std::fs::remove_file(directory.path().join(COMMANDS_FILE)).unwrap();
    assert_ne!(epoch_of(directory.path()).await, second);
    assert_ne!(
        Store::in_memory().unwrap().1.epoch,
        Store::in_memory().unwrap().1.epoch
    );
}

#[tokio::test]
async fn a_write_that_failed_leaves_nothing_and_the_next_one_works() {
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let (store, _) = open_with(directory.path(), &faults).await.unwrap();
    store.commit(release(1, "v1")).await.unwrap();
    faults.commands_disk(Disk::Full);
    for _ in 0..3 {
        let error = store.commit(release(2, "refused")).await.unwrap_err();
        assert_eq!(error.reason(), "no space is left on the disk", "{error:?}");
        assert_eq!(
            store.condition(),
            Condition::Fails("no space is left on the disk")
        );
    }
    faults.commands_disk(Disk::Well);
    // Without a command, too, it is tried again and found well.
    until("the store works again", || store.condition() == Condition::Works).await;
    faults.commands_disk(Disk::Full);
    store.commit(release(2, "refused")).await.unwrap_err();
    faults.commands_disk(Disk::Well);
    store.commit(release(2, "v2")).await.unwrap();
    drop(store);
    let (_store, stored) = open(directory.path()).await;
    assert_eq!(versions(&stored), [(1, "v1"), (2, "v2")]);
}

#[tokio::test]
async fn a_command_that_the_disk_kept_waiting_is_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let (store, _) = open_with(directory.path(), &faults).await.unwrap();
    store.commit(release(1, "v1")).await.unwrap();
    faults.commands_disk(Disk::Hanging);
    let error = store.commit(release(2, "late")).await.unwrap_err();
    assert!(matches!(error, StoreError::Hanging), "{error:?}");
    assert_eq!(store.condition(), Condition::Fails("the disk does not answer"));
    let error = store.commit(release(2, "later")).await.unwrap_err();
    assert!(matches!(error, StoreError::Hanging), "at once: {error:?}");
    // What happens anyhow is written when the disk answers.
    store.note(Transaction {
        head: 1,
        configured: Some("v0".to_owned()),
        ..Transaction::default()
    });
    faults.commands_disk(Disk::Well);
    until("the disk answers", || store.condition() == Condition::Works).await;
    store.release().await;
    let (_store, stored) = open(directory.path()).await;
    assert_eq!(versions(&stored), [(1, "v1")]);
    assert_eq!(stored.configured.as_deref(), Some("v0"));
}

#[tokio::test]
async fn the_history_fails_alone_and_catches_up() {
    let directory = tempfile::tempdir().unwrap();
    let faults = Faults::default();
    let (store, _) = open_with(directory.path(), &faults).await.unwrap();
    faults.history_disk(Disk::Full);
    for at_ms in [100, 200, 300] {
        store.keep(minute(at_ms, 0));
    }
    until("the history fails", || {
        store.history_condition() != Condition::Works
    })
    .await;
    assert_eq!(store.condition(), Condition::Works);
    store.commit(release(1, "v1")).await.unwrap();
    faults.history_disk(Disk::Well);
    until("the history works", || {
        store.history_condition() == Condition::Works
    })
    .await;
    store.release().await;
    let (_store, stored) = open(directory.path()).await;
    assert_eq!(stored.samples, [sample(100), sample(200), sample(300)]);
}

#[tokio::test]
async fn samples_are_there_again_in_order_without_those_that_were_to_be_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    for at_ms in [300, 100, 200, 900, 800] {
        store.keep(minute(at_ms, 150));
    }
    store.release().await;
    let (store, stored) = open(directory.path()).await;
    assert_eq!(stored.samples, [sample(200), sample(800)]);
    store.keep(minute(850, 200));
    store.release().await;
    let (_store, stored) = open(directory.path()).await;
    assert_eq!(stored.samples, [sample(200), sample(800), sample(850)]);
}

#[tokio::test]
async fn samples_of_the_past_are_kept_beside_newer_ones() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    store.keep(minute(900, 0));
    let past = Minutes {
        samples: [300, 400].map(|at_ms| Arc::new(sample(at_ms))).into(),
        forget_from_ms: None,
        oldest_ms: 0,
    };
    store.keep_past(past).await;
    store.release().await;
    let (_store, stored) = open(directory.path()).await;
    assert_eq!(stored.samples, [sample(300), sample(400), sample(900)]);
}

/// One file held everything once.
#[tokio::test]
async fn what_a_single_file_held_is_moved_and_a_sample_that_cannot_be_read_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    store.commit(release(1, "v1")).await.unwrap();
    store.release().await;
    std::fs::remove_file(directory.path().join(HISTORY_FILE)).unwrap();
    let table: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("history");
    {
        let old = Database::open(directory.path().join(COMMANDS_FILE)).unwrap();
        let write = old.begin_write().unwrap();
        {
            let mut samples = write.open_table(table).unwrap();
            let entry = headcount_core::protocol::history::SampleEntry::from(&sample(5));
            samples
                .insert(5, serde_json::to_vec(&entry).unwrap().as_slice())
                .unwrap();
            samples.insert(4, b"{}".as_slice()).unwrap();
        }
        write.commit().unwrap();
    }
    for _ in 0..2 {
        let (store, stored) = open(directory.path()).await;
        assert_eq!(
            (versions(&stored), &*stored.samples),
            (vec![(1, "v1")], &[sample(5)][..])
        );
        store.release().await;
    }
    let old = Database::open(directory.path().join(COMMANDS_FILE)).unwrap();
    assert!(old.begin_read().unwrap().open_table(table).is_err());
}

#[tokio::test]
async fn a_store_that_was_handed_over_can_be_opened_and_takes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    let error = open_with(directory.path(), &Faults::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    store.release().await;
    let (_next, _) = open(directory.path()).await;
    let error = store.commit(release(1, "v1")).await.unwrap_err();
    assert!(matches!(error, StoreError::Released), "{error:?}");
}

/// What is wrong, by what the file holds.
async fn sentence(change: impl FnOnce(&Path)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    store.commit(release(1, "v1")).await.unwrap();
    store.release().await;
    let file = directory.path().join(COMMANDS_FILE);
    change(&file);
    let before = std::fs::read(&file).unwrap_or_default();
    let error = open_with(directory.path(), &Faults::default()).await.unwrap_err();
    let sentence = crate::with_sources(&error);
    let is_database = sentence.contains("has format");
    let is_as_it_was = std::fs::read(&file).unwrap_or_default() == before;
    assert!(is_as_it_was || is_database, "it is not left alone: {sentence}");
    assert!(sentence.contains(COMMANDS_FILE), "{sentence}");
    sentence
}

#[tokio::test]
async fn each_thing_that_can_be_wrong_has_its_sentence() {
    let cut = |length| {
        move |file: &Path| {
            let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
            file.set_len(length).unwrap();
        }
    };
    for length in [0_u64, 5, 100, 4_096, 8_192, 50_000] {
        let said = sentence(cut(length)).await;
        let wanted = if length == 0 {
            "is empty"
        } else {
            "is damaged or cut off"
        };
        assert!(said.contains(wanted), "{length}: {said}");
    }
    let said = sentence(|file| std::fs::write(file, [0; 9_000]).unwrap()).await;
    assert!(said.contains("is empty"), "{said}");
    let said = sentence(|file| std::fs::write(file, "SQLite format 3 and more").unwrap()).await;
    assert!(said.contains("is not a headcount store"), "{said}");
    let said = sentence(|file| {
        let mut bytes = std::fs::read(file).unwrap();
        bytes[64..].iter_mut().for_each(|byte| *byte ^= 0x5A);
        std::fs::write(file, bytes).unwrap();
    })
    .await;
    assert!(said.contains("is damaged"), "{said}");
    let said = sentence(|file| {
        let database = Database::open(file).unwrap();
        let write = database.begin_write().unwrap();
        let facts: TableDefinition<'_, &str, &str> = TableDefinition::new("facts");
        write.open_table(facts).unwrap().insert("format", "99").unwrap();
        write.commit().unwrap();
    })
    .await;
    assert!(said.contains("has format 99"), "{said}");
    let said = sentence(|file| {
        std::fs::remove_file(file).unwrap();
        std::fs::create_dir(file).unwrap();
    })
    .await;
    assert!(said.contains("cannot be opened: "), "{said}");
}

#[tokio::test]
async fn a_history_that_is_damaged_is_set_aside_and_commands_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    store.commit(release(1, "v1")).await.unwrap();
    store.release().await;
    let file = directory.path().join(HISTORY_FILE);
    std::fs::write(&file, b"").unwrap();
    let (store, stored) = open(directory.path()).await;
    assert_eq!(versions(&stored), [(1, "v1")]);
    store.keep(minute(100, 0));
    store.release().await;
    assert!(directory.path().join("history.redb.damaged").exists());
    let (_store, stored) = open(directory.path()).await;
    assert_eq!(stored.samples, [sample(100)]);
}

/// Regression: the store kept its epoch, and gave numbers again that tabs had been told.
#[tokio::test]
async fn a_store_put_back_from_an_older_backup_has_another_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let (file, backup) = (
        directory.path().join(COMMANDS_FILE),
        directory.path().join("backup"),
    );
    let (store, first) = open(directory.path()).await;
    store.commit(release(1, "v1")).await.unwrap();
    store.release().await;
    std::fs::copy(&file, &backup).unwrap();
    let (store, again) = open(directory.path()).await;
    assert_eq!(again.epoch, first.epoch);
    store.commit(release(2, "v2")).await.unwrap();
    store.release().await;

    std::fs::copy(&backup, &file).unwrap();
    let (store, restored) = open(directory.path()).await;
    assert_eq!(versions(&restored), [(1, "v1")]);
    assert_ne!(restored.epoch, first.epoch);
    // From then on it is a store as any other.
    store.commit(release(2, "v3")).await.unwrap();
    store.release().await;
    let (store, after) = open(directory.path()).await;
    assert_eq!((after.epoch, versions(&after).len()), (restored.epoch, 2));
    store.release().await;

    // The same backup put back again: its epoch is known to tabs already.
    std::fs::copy(&backup, &file).unwrap();
    let (store, twice) = open(directory.path()).await;
    assert!(twice.epoch != first.epoch && twice.epoch != restored.epoch);
    store.release().await;
    let (store, after) = open(directory.path()).await;
    assert_eq!(after.epoch, twice.epoch);
    store.release().await;

    // A whole folder that was put back has no mark in it, if that was left out as it should be.
    std::fs::remove_file(HighWater::of(&file).path()).unwrap();
    let (_store, unmarked) = open(directory.path()).await;
    assert_ne!(unmarked.epoch, after.epoch);
}

/// Regression: numbers were given without a mark, so a backup that was put back later went unnoticed.
#[tokio::test]
async fn a_number_that_cannot_be_marked_is_not_given() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(COMMANDS_FILE);
    let mark = HighWater::of(&file).path().to_owned();
    let (store, first) = open(directory.path()).await;
    store.commit(release(1, "v1")).await.unwrap();
    for (number, block) in [(2, "mkdir"), (3, "mkfifo")] {
        std::fs::remove_file(&mark).unwrap();
        assert!(
            std::process::Command::new(block)
                .arg(&mark)
                .status()
                .unwrap()
                .success()
        );
        let error = store.commit(release(number, "v2")).await.unwrap_err().to_string();
        assert!(error.contains("headcount.redb.head"), "{error}");
        assert!(matches!(store.condition(), Condition::Fails(_)));
        let removed = std::fs::remove_file(&mark).or_else(|_| std::fs::remove_dir(&mark));
        removed.unwrap();
        store.commit(release(number, "v2")).await.unwrap();
    }
    store.release().await;
    // One that is behind, as after a crash between the two files, is brought up to date.
    std::fs::write(&mark, format!("{} 1\n", first.epoch)).unwrap();
    let (store, after) = open(directory.path()).await;
    assert_eq!(after.epoch, first.epoch);
    assert_eq!(
        std::fs::read_to_string(&mark).unwrap(),
        format!("{} 0000000003\n", first.epoch)
    );
    store.release().await;
    std::fs::remove_file(&mark).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&mark)
            .status()
            .unwrap()
            .success()
    );
    let (_store, unmarked) = open(directory.path()).await;
    assert_ne!(unmarked.epoch, first.epoch);
}

/// Regression: the start waited for the other end of the pipe, and for nothing else any more.
#[tokio::test]
async fn a_pipe_in_place_of_the_store_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(COMMANDS_FILE);
    let made = std::process::Command::new("mkfifo").arg(&file).status();
    assert!(made.unwrap().success());
    let error = open_with(directory.path(), &Faults::default()).await.unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open_with(&file.path().join("below-a-file"), &Faults::default())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Directory { .. }) && error.to_string().contains("below-a-file"));
}

/// A server that takes over a checkpoint has it on disk as well, and nothing of what stood before.
#[tokio::test]
async fn a_checkpoint_replaces_what_is_stored() {
    let rule = |id: u32, route: &str| Entry::Rule {
        rule: Rule {
            id,
            pattern: RoutePattern::exact(route, &limits()).unwrap(),
            versions: None,
            audience: Audience::All,
            mode: Mode::Force,
            release: "v1".into(),
            created_ms: 1,
            expires_ms: u64::MAX,
            spread_ms: 0,
            waves: None,
            continues: None,
        },
        rules_max: 64,
    };
    let announced = |id: u32, version: &str| Entry::Release {
        release: Release {
            id,
            version: version.into(),
            announced_ms: 5,
        },
        releases_max: 9,
    };
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path()).await;
    let mut theirs = Standing::default();
    for entry in [
        announced(1, "v1"),
        rule(2, "/a"),
        rule(3, "/b"),
        announced(4, "v4"),
    ] {
        theirs.apply(&entry);
    }
    let mut ours = Standing::default();
    let checkpoint = Entry::Checkpoint(Box::new(theirs.checkpoint(Epoch::default())));
    for entry in [announced(1, "v1"), announced(2, "v2"), rule(3, "/c"), checkpoint] {
        let change = ours.apply(&entry);
        store
            .commit(Transaction::of(&entry, &change, ours.head))
            .await
            .unwrap();
    }
    drop(store);
    let (_store, stored) = open(directory.path()).await;
    assert_eq!(stored.head, 4);
    assert_eq!(versions(&stored), [(1, "v1"), (4, "v4")]);
    let rules: Vec<(u32, &str)> = stored
        .rules
        .iter()
        .map(|rule| (rule.id, rule.pattern.source()))
        .collect();
    assert_eq!(rules, [(2, "/a"), (3, "/b")]);
}
