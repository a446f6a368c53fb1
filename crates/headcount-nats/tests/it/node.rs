//! A server, as far as the log is concerned: it decides by what stands, appends, and lets stand what it reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headcount_core::command_log::{AppendError, Checkpoint, CommandLog, Entry, LogIndex};
use headcount_core::epoch::Epoch;
use headcount_core::invalidation::{Audience, Mode, Rule, Standing};
use headcount_core::limits::Limits;
use headcount_core::pattern::RoutePattern;
use headcount_core::release::Release;
use headcount_nats::{NatsBroker, NatsLog, NatsOptions, Seal};

use crate::broker::in_time;

/// The epoch of a log that nobody lost.
pub(crate) const EPOCH: u64 = 7;

/// The time of the next command: no two are given at the same one.
static NOW_MS: AtomicU64 = AtomicU64::new(1_000);

/// The seal of all servers that are not said to have another.
pub(crate) fn ours() -> Seal {
    Seal::new([7; 32], "test")
}

pub(crate) struct Node {
    pub(crate) log: NatsLog,
    pub(crate) index: LogIndex,
    pub(crate) standing: Standing,
    /// What was read, in order.
    pub(crate) read: Vec<(u64, Entry)>,
}

impl Node {
    /// Has read what there is.
    pub(crate) async fn start(options: &NatsOptions) -> Self {
        let begin = Checkpoint {
            epoch: Epoch::new(EPOCH),
            ..Checkpoint::default()
        };
        Self::start_with(options, begin).await
    }

    /// With this copy of what stood.
    pub(crate) async fn start_with(options: &NatsOptions, begin: Checkpoint) -> Self {
        let broker = NatsBroker::connect(options).await.unwrap();
        let log = NatsLog::open(&broker, ours(), &begin).await.unwrap();
        let mut node = Self {
            log,
            index: LogIndex::default(),
            standing: Standing::default(),
            read: Vec::new(),
        };
        node.read_next().await;
        node
    }

    pub(crate) async fn read_next(&mut self) {
        let next = in_time("an entry", self.log.next()).await;
        let (index, entry) = next.unwrap();
        self.standing.apply(&entry);
        self.index = index;
        self.read.push((index.0, entry));
    }

    /// Reads until this holds.
    pub(crate) async fn read_until(&mut self, holds: impl Fn(&Standing) -> bool) {
        while !holds(&self.standing) {
            self.read_next().await;
        }
    }

    /// Gives a command: a rule, or each fifth time a release, or the end of a rule.
    pub(crate) async fn command(&mut self) -> Result<Entry, AppendError> {
        loop {
            let entry = decide(&self.standing);
            match self.log.append(&entry, self.index).await {
                Ok(index) => {
                    while self.index < index {
                        self.read_next().await;
                    }
                    return Ok(entry);
                }
                Err(AppendError::Behind) => self.read_next().await,
                Err(error) => return Err(error),
            }
        }
    }

    /// The numbers of the commands that were read, in order.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.read.iter().filter_map(|(_, entry)| number(entry)).collect()
    }

    pub(crate) fn all(&self) -> Checkpoint {
        self.standing.checkpoint(self.standing.epoch.unwrap())
    }
}

pub(crate) fn number(entry: &Entry) -> Option<u32> {
    match entry {
        Entry::Release { release, .. } => Some(release.id),
        Entry::Rule { rule, .. } => Some(rule.id),
        Entry::End { .. }
        | Entry::MoveTimes { .. }
        | Entry::Wave { .. }
        | Entry::Halt { .. }
        | Entry::Resume { .. }
        | Entry::Checkpoint(_) => None,
    }
}

fn decide(standing: &Standing) -> Entry {
    let id = standing.head + 1;
    let now_ms = NOW_MS.fetch_add(1, Ordering::Relaxed);
    if id.is_multiple_of(5) {
        let release = Release {
            id,
            version: Arc::from(format!("v{id}")),
            announced_ms: now_ms,
        };
        return Entry::Release {
            release,
            releases_max: 3,
        };
    }
    let route = format!("/{}", id % 23);
    let rule = Rule {
        id,
        pattern: RoutePattern::exact(&route, &Limits::default()).unwrap(),
        versions: None,
        audience: Audience::All,
        mode: Mode::Force,
        release: standing.releases.current(),
        created_ms: now_ms,
        expires_ms: now_ms + 1_000,
        spread_ms: 0,
        waves: None,
        continues: None,
    };
    Entry::Rule { rule, rules_max: 16 }
}
