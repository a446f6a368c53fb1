//! Entries of the log of commands, as servers that share one write them.
//!
//! An entry is a JSON object with the `revision` of its writer and its `kind`. Servers of two revisions share a log while they are upgraded:
//!
//! - Fields that a reader does not know are ignored. What it read may have held more ([`Decoded::Later`]), so from then on it writes no checkpoint,
//!   which would be without that.
//! - A kind that a reader does not know ([`Decoded::Unknown`]) stops it, if the revision is a later one: what stands after that entry is not known to
//!   it, so it reads nothing that follows, and appends nothing. A later version therefore gives a new kind only to what cannot be ignored.
//!
//! ```json
//! {"revision":1,"kind":"release","release":{"id":7,"version":"v3","announcedAt":1760000000000},"releasesMax":100}
//! {"revision":1,"kind":"rule","rule":{"id":8,"match":{"segment":"/shop"},…},"rulesMax":64}
//! {"revision":1,"kind":"end","ids":[8]}
//! {"revision":1,"kind":"move-times","after":7,"deltaMs":-3600000}
//! {"revision":1,"kind":"checkpoint","epoch":"0123456789ab","head":8,"releases":[…],"rules":[{"position":0,"rule":{…}}],"lineage":[[7,1760000000000],[8,…]]}
//! ```
//!
//! `lineage` are the numbers of the last commands and when they were given. It may be missing.
//!
//! Releases and rules are those of the admin API ([`ReleaseEntry`], [`RuleEntry`]). The limits of a reader do not matter: an entry stands on
//! every server or on none.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::admin::{ReleaseEntry, RuleEntry};
use crate::command_log::{Checkpoint, Entry, Lineage};
use crate::epoch::Epoch;
use crate::invalidation::{POSITIONS, Rule};
use crate::limits::Limits;
use crate::pattern::PatternError;

/// The revision of the entries that this version writes.
pub const REVISION: u32 = 1;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Decoded {
    /// An entry.
    Entry(Entry),
    /// An entry that a later revision wrote, as far as this one knows its fields.
    Later(Entry),
    /// An entry of a kind, or of a form, that only newer versions know.
    Unknown {
        /// The revision of its writer.
        revision: u32,
        /// Its kind.
        kind: String,
    },
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// They are not JSON of the documented form.
    #[error("not an entry of the log of commands")]
    Json(#[from] serde_json::Error),
    /// The pattern of a rule cannot be used.
    #[error("an entry with a pattern that cannot be used")]
    Pattern(#[from] PatternError),
    /// The epoch is not 12 hexadecimal digits.
    #[error("the epoch of a checkpoint is not 12 hexadecimal digits")]
    Epoch,
    /// A rule has a position that there is not, or that of another rule.
    #[error("a checkpoint with a rule at position {position}, which is taken or not there")]
    Position {
        /// The position.
        position: usize,
    },
}

/// What every entry has.
#[derive(Deserialize)]
struct Head {
    revision: u32,
    kind: String,
}

#[derive(Serialize)]
struct Written {
    revision: u32,
    #[serde(flatten)]
    body: Body,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
enum Body {
    Release {
        release: ReleaseEntry,
        releases_max: u32,
    },
    Rule {
        rule: Box<RuleEntry>,
        rules_max: u32,
    },
    End {
        ids: Vec<u32>,
    },
    MoveTimes {
        after: u32,
        delta_ms: i64,
    },
    Checkpoint {
        epoch: String,
        head: u32,
        releases: Vec<ReleaseEntry>,
        rules: Vec<Held>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lineage: Vec<(u32, u64)>,
    },
}

/// The kinds of [`Body`].
const KINDS: [&str; 5] = ["release", "rule", "end", "move-times", "checkpoint"];

/// A rule and where it stands.
#[derive(Serialize, Deserialize)]
struct Held {
    position: usize,
    rule: RuleEntry,
}

/// An entry as bytes. [`decode`] makes the same entry of them.
///
/// ```
/// use headcount_core::command_log::Entry;
/// use headcount_core::protocol::log::{Decoded, decode, encode};
///
/// let entry = Entry::End { ids: vec![8] };
/// let bytes = encode(&entry)?;
/// assert_eq!(bytes, br#"{"revision":1,"kind":"end","ids":[8]}"#);
/// assert_eq!(decode(&bytes)?, Decoded::Entry(entry));
/// # Ok::<_, headcount_core::protocol::log::LogError>(())
/// ```
pub fn encode(entry: &Entry) -> Result<Vec<u8>, LogError> {
    Ok(serde_json::to_vec(&Written {
        revision: REVISION,
        body: entry.into(),
    })?)
}

/// The entry that these bytes are.
pub fn decode(bytes: &[u8]) -> Result<Decoded, LogError> {
    let Head { revision, kind } = serde_json::from_slice(bytes)?;
    if !KINDS.contains(&&*kind) {
        return Ok(Decoded::Unknown { revision, kind });
    }
    let body: Result<Body, LogError> = serde_json::from_slice(bytes).map_err(LogError::from);
    match (body.and_then(Body::into_entry), revision > REVISION) {
        (Ok(entry), false) => Ok(Decoded::Entry(entry)),
        (Ok(entry), true) => Ok(Decoded::Later(entry)),
        (Err(error), false) => Err(error),
        // It has become another entry than this version knows.
        (Err(_), true) => Ok(Decoded::Unknown { revision, kind }),
    }
}

impl From<&Entry> for Body {
    fn from(entry: &Entry) -> Self {
        match entry {
            Entry::Release {
                release,
                releases_max,
            } => Self::Release {
                release: release.into(),
                releases_max: *releases_max,
            },
            Entry::Rule { rule, rules_max } => Self::Rule {
                rule: Box::new(rule.into()),
                rules_max: *rules_max,
            },
            Entry::End { ids } => Self::End { ids: ids.clone() },
            Entry::MoveTimes { after, delta_ms } => Self::MoveTimes {
                after: *after,
                delta_ms: *delta_ms,
            },
            Entry::Checkpoint(checkpoint) => Self::of_checkpoint(checkpoint),
        }
    }
}

impl Body {
    fn of_checkpoint(checkpoint: &Checkpoint) -> Self {
        let held = |(position, rule): &(usize, Arc<Rule>)| Held {
            position: *position,
            rule: (&**rule).into(),
        };
        Self::Checkpoint {
            epoch: checkpoint.epoch.to_string(),
            head: checkpoint.head,
            releases: checkpoint.releases.iter().map(Into::into).collect(),
            rules: checkpoint.rules.iter().map(held).collect(),
            lineage: checkpoint.lineage.iter().collect(),
        }
    }

    fn into_entry(self) -> Result<Entry, LogError> {
        Ok(match self {
            Self::Release {
                release,
                releases_max,
            } => Entry::Release {
                release: release.into(),
                releases_max,
            },
            Self::Rule { rule, rules_max } => Entry::Rule {
                rule: rule.into_rule(&limits())?,
                rules_max,
            },
            Self::End { ids } => Entry::End { ids },
            Self::MoveTimes { after, delta_ms } => Entry::MoveTimes { after, delta_ms },
            Self::Checkpoint {
                epoch,
                head,
                releases,
                rules,
                lineage,
            } => Entry::Checkpoint(Box::new(Checkpoint {
                epoch: Epoch::parse(&epoch).ok_or(LogError::Epoch)?,
                head,
                releases: releases.into_iter().map(Into::into).collect(),
                rules: held(rules)?,
                lineage: Lineage::new(lineage),
            })),
        })
    }
}

/// The rules of a checkpoint, by position.
fn held(rules: Vec<Held>) -> Result<Vec<(usize, Arc<Rule>)>, LogError> {
    let mut taken = [false; POSITIONS];
    let mut held = Vec::with_capacity(rules.len().min(POSITIONS));
    for Held { position, rule } in rules {
        match taken.get_mut(position) {
            Some(taken) if !*taken => *taken = true,
            _ => return Err(LogError::Position { position }),
        }
        held.push((position, Arc::new(rule.into_rule(&limits())?)));
    }
    held.sort_unstable_by_key(|(position, _)| *position);
    Ok(held)
}

/// The server that decided the entry had limits. The reader's do not matter.
pub(super) fn limits() -> Limits {
    Limits {
        pattern_bytes_max: u32::MAX,
        ..Limits::default()
    }
}
