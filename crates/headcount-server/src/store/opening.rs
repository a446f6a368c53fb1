//! Finding the store in a directory, or making one there.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use headcount_core::history::Sample;
use headcount_core::limits::Limits;
use redb::Database;

use super::commands::Commands;
use super::error::StoreError;
use super::file::StoreFile;
use super::health::Health;
use super::history::{self, Waiting};
use super::private::{self, COMMANDS_FILE, HISTORY_FILE};
use super::transaction::Stored;
use super::worker::{Book, Desk};
use super::{Store, new_epoch, random};
use crate::clock;
use crate::faults::Faults;
use crate::metrics::Meters;

/// How long a server that starts waits for the one before it to hand the store over. That takes a moment after the drain began.
const HANDOVER: Duration = Duration::from_secs(2);
const HANDOVER_LOOK: Duration = Duration::from_millis(20);

impl Store {
    /// Opens or makes the store in this directory. `with_history`: whether there is a history to keep. `cluster`: the name of the cluster that
    /// the server belongs to.
    pub(crate) async fn open(
        directory: &Path,
        limits: &Limits,
        with_history: bool,
        faults: &Faults,
        cluster: Option<&str>,
    ) -> Result<(Self, Stored), StoreError> {
        private::directory(directory).map_err(|source| StoreError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        let meters: Arc<Meters> = Arc::default();
        let place = |name: &str| StoreFile {
            path: directory.join(name),
            is_history: name == HISTORY_FILE,
            faults: faults.clone(),
        };
        let health = |is_history| Health::new(is_history, limits.store_ms, Arc::clone(&meters));
        let had_history = place(HISTORY_FILE).path.exists();
        let opened = open_commands(&place(COMMANDS_FILE), had_history, cluster).await?;
        let mut stored = opened.commands.stored(limits);
        let history = if with_history {
            let place = place(HISTORY_FILE);
            let (database, samples) = open_history(&place, &opened.database, limits).await?;
            stored.samples = samples;
            let desk = Desk::open(Waiting::default(), place, database, false, health(true));
            Some(desk.map_err(StoreError::System)?)
        } else {
            None
        };
        let (book, database) = (opened.commands, Some(opened.database));
        let is_behind = opened.is_behind;
        let desk = Desk::open(book, place(COMMANDS_FILE), database, is_behind, health(false));
        let store = Self {
            commands: Some(desk.map_err(StoreError::System)?),
            history,
            patience: Duration::from_millis(limits.store_ms.into()),
            released: AtomicBool::new(false),
            meters,
        };
        Ok((store, stored))
    }
}

struct Opened {
    database: Database,
    commands: Commands,
    /// Whether there is something in memory that is not on disk.
    is_behind: bool,
}

async fn open_commands(
    place: &StoreFile,
    had_history: bool,
    cluster: Option<&str>,
) -> Result<Opened, StoreError> {
    let (epoch, tabs) = (new_epoch()?, new_tabs()?);
    let fill = |database: &Database| Commands::new((epoch, tabs), place).commit(database, None, true);
    let (database, is_new) = patiently(|| place.open(fill)).await?;
    if is_new {
        let file = place.path.display();
        if had_history {
            tracing::warn!("the store `{file}` is gone: this server begins without releases and rules");
        } else {
            tracing::info!("made a new store, `{file}`");
        }
    }
    let (commands, is_whole) = Commands::load(&database, place, (epoch, tabs), cluster)?;
    Ok(Opened {
        database,
        commands,
        is_behind: !is_whole,
    })
}

/// A key for tab ids.
fn new_tabs() -> Result<u128, StoreError> {
    Ok(u128::from(random()?) << 64 | u128::from(random()?))
}

/// The server starts also if the history cannot be opened: it goes on in memory, and on disk as soon as that works.
async fn open_history(
    place: &StoreFile,
    commands: &Database,
    limits: &Limits,
) -> Result<(Option<Database>, Vec<Sample>), StoreError> {
    let fill = |database: &Database| Waiting::default().write(database, None, true);
    let opened = patiently(|| place.open(fill)).await.and_then(|(database, _)| {
        history::migrate(commands, &database)?;
        let samples = history::samples(&database, limits.history_versions_max)?;
        Ok((database, samples))
    });
    match opened {
        Ok((database, samples)) => Ok((Some(database), samples)),
        Err(error @ StoreError::Locked { .. }) => Err(error),
        Err(error) => {
            let error = crate::with_sources(&error);
            tracing::warn!(
                error,
                "the history cannot be read and starts empty; releases and rules are in another file and are not affected"
            );
            Ok((None, Vec::new()))
        }
    }
}

/// Tries again while the server before this one hands over what it holds.
async fn patiently<T>(mut open: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let until: Instant = clock::now() + HANDOVER;
    loop {
        match open() {
            Err(StoreError::Locked { .. }) if clock::now() < until => tokio::time::sleep(HANDOVER_LOOK).await,
            opened => return opened,
        }
    }
}
