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
//! {"revision":2,"kind":"wave","rule":8,"open":10,"at":1760000000000}
//! {"revision":2,"kind":"halt","rule":8,"why":{"measure":"stuck","tabs":3,"told":120,"most":1}}
//! {"revision":2,"kind":"resume","rule":8,"at":1760000000000,"accepted":{"told":120,"stuck":3,"held":0,"gone":0}}
//! {"revision":1,"kind":"checkpoint","epoch":"0123456789ab","head":8,"releases":[…],"rules":[{"position":0,"rule":{…}}],"lineage":[[7,1760000000000],[8,…]]}
//! ```
//!
//! An entry has the first revision that knows all of it. A rule in waves, or one that continues another, is of the kind `rule-2`, and a
//! checkpoint with one of the kind `checkpoint-2`, with the fields of `rule` and `checkpoint`: what does not know waves would tell all tabs at
//! once, so it stops there. A halt by hand has no `why`, and a rule that goes on by what was accepted before no `accepted`.
//!
//! `lineage` are the numbers of the last commands and when they were given. It may be missing.
//!
//! Releases and rules are those of the admin API ([`ReleaseEntry`], [`RuleEntry`]). The limits of a reader do not matter: an entry stands on
//! every server or on none.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::admin::{FindingEntry, Percent, ReleaseEntry, RuleEntry, SeenEntry};
use super::convert::RuleEntryError;
use crate::command_log::{Checkpoint, Entry, Lineage};
use crate::epoch::Epoch;
use crate::invalidation::{POSITIONS, Rule};
use crate::limits::Limits;

/// The latest revision that this version knows. It writes an entry of a kind from before waves in revision 1, for those that know no other.
pub const REVISION: u32 = 2;

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
    /// The pattern or the waves of a rule cannot be used.
    #[error("an entry with a rule that cannot be used")]
    Rule(#[from] RuleEntryError),
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
    #[serde(rename = "rule-2")]
    RuleInWaves {
        rule: Box<RuleEntry>,
        rules_max: u32,
    },
    Wave {
        rule: u32,
        open: Percent,
        at: u64,
    },
    Halt {
        rule: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<FindingEntry>,
    },
    Resume {
        rule: u32,
        at: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        accepted: Option<SeenEntry>,
    },
    End {
        ids: Vec<u32>,
    },
    MoveTimes {
        after: u32,
        delta_ms: i64,
    },
    Checkpoint(Whole),
    #[serde(rename = "checkpoint-2")]
    CheckpointInWaves(Whole),
}

/// The kinds of [`Body`].
const KINDS: [&str; 10] = [
    "release",
    "rule",
    "rule-2",
    "wave",
    "halt",
    "resume",
    "end",
    "move-times",
    "checkpoint",
    "checkpoint-2",
];

/// A checkpoint.
#[derive(Serialize, Deserialize)]
struct Whole {
    epoch: String,
    head: u32,
    releases: Vec<ReleaseEntry>,
    rules: Vec<Held>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    lineage: Vec<(u32, u64)>,
}

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
    let body = Body::from(entry);
    Ok(serde_json::to_vec(&Written {
        revision: body.revision(),
        body,
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
            Entry::Rule { rule, rules_max } => {
                let (is_later, rules_max) = (is_later(rule), *rules_max);
                let rule = Box::new(rule.into());
                if is_later {
                    Self::RuleInWaves { rule, rules_max }
                } else {
                    Self::Rule { rule, rules_max }
                }
            }
            Entry::Wave { rule, open, at_ms } => Self::Wave {
                rule: *rule,
                open: Percent(*open),
                at: *at_ms,
            },
            Entry::Halt { rule, why } => Self::Halt {
                rule: *rule,
                why: why.map(|why| FindingEntry {
                    text: String::new(),
                    ..why.into()
                }),
            },
            Entry::Resume {
                rule,
                at_ms,
                accepted,
            } => Self::Resume {
                rule: *rule,
                at: *at_ms,
                accepted: accepted.map(Into::into),
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
        let whole = Whole {
            epoch: checkpoint.epoch.to_string(),
            head: checkpoint.head,
            releases: checkpoint.releases.iter().map(Into::into).collect(),
            rules: checkpoint.rules.iter().map(held).collect(),
            lineage: checkpoint.lineage.iter().collect(),
        };
        if checkpoint.rules.iter().any(|(_, rule)| is_later(rule)) {
            Self::CheckpointInWaves(whole)
        } else {
            Self::Checkpoint(whole)
        }
    }

    /// The first revision that knows it.
    fn revision(&self) -> u32 {
        match self {
            Self::Release { .. }
            | Self::Rule { .. }
            | Self::End { .. }
            | Self::MoveTimes { .. }
            | Self::Checkpoint(_) => 1,
            Self::RuleInWaves { .. }
            | Self::Wave { .. }
            | Self::Halt { .. }
            | Self::Resume { .. }
            | Self::CheckpointInWaves(_) => 2,
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
            Self::Rule { rule, rules_max } | Self::RuleInWaves { rule, rules_max } => Entry::Rule {
                rule: rule.into_rule(&limits())?,
                rules_max,
            },
            Self::Wave { rule, open, at } => Entry::Wave {
                rule,
                open: open.0,
                at_ms: at,
            },
            Self::Halt { rule, why } => Entry::Halt {
                rule,
                why: why.map(Into::into),
            },
            Self::Resume { rule, at, accepted } => Entry::Resume {
                rule,
                at_ms: at,
                accepted: accepted.map(Into::into),
            },
            Self::End { ids } => Entry::End { ids },
            Self::MoveTimes { after, delta_ms } => Entry::MoveTimes { after, delta_ms },
            Self::Checkpoint(whole) | Self::CheckpointInWaves(whole) => {
                Entry::Checkpoint(Box::new(whole.into_checkpoint()?))
            }
        })
    }
}

impl Whole {
    fn into_checkpoint(self) -> Result<Checkpoint, LogError> {
        Ok(Checkpoint {
            epoch: Epoch::parse(&self.epoch).ok_or(LogError::Epoch)?,
            head: self.head,
            releases: self.releases.into_iter().map(Into::into).collect(),
            rules: held(self.rules)?,
            lineage: Lineage::new(self.lineage),
        })
    }
}

/// Whether a rule has what revision 1 does not know.
fn is_later(rule: &Rule) -> bool {
    rule.waves.is_some() || rule.continues.is_some()
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
