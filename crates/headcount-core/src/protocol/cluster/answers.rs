//! Answers of nodes as they are written.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::UnreadableMessage;
use super::counts::{WireChanges, WireRow, add_up, count};
use super::sign_outs::WireSignOuts;
use crate::cluster::{Hits, NodeAnswer};
use crate::connection::NodeId;
use crate::history::Sample;
use crate::protocol::history::SampleEntry;
use crate::questions::Answer;
use crate::registry::{ConnectionsPage, Outcomes, Reach, RuleOutcomes, Tallied, Tally};

/// The greatest number of page loads that is believed. Unlike connections, they are counted since a server began.
const LOADS_MAX: u64 = 1 << 48;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum WireAnswer {
    Table(TableAnswer),
    Counts(WireChanges),
    Hits {
        tabs: u64,
        unknown: u64,
        routes: Vec<Arc<str>>,
        #[serde(default)]
        more_routes: u64,
    },
    History(Vec<SampleEntry>),
    Authorized(bool),
    Taken(u64),
    SignedOut,
    SignOuts {
        number: u64,
        ended: WireSignOuts,
    },
    Unable,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum TableAnswer {
    Pulse,
    VersionCounts(Vec<(Arc<str>, u64)>),
    OutcomesOfRules(Vec<(u32, WireOutcomes)>),
    ReachOf {
        tabs: u64,
        unknown: u64,
        routes: Vec<Arc<str>>,
    },
    ConnectionsFrom {
        rows: Vec<WireRow>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<u32>,
    },
    TallyFrom {
        /// Route, version, tabs, and how many of them are outdated.
        counts: Vec<(Arc<str>, Arc<str>, u32, u32)>,
        /// How many of the tabs of each are hidden. Empty where the node does not say.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        hidden: Vec<u32>,
        current: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<u32>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub(super) struct WireOutcomes {
    matched: u64,
    told: u64,
    reloaded: u64,
    here: u64,
    held: u64,
    waiting: u64,
    prompted: u64,
    stuck: u64,
    current: u64,
    unknown: u64,
    #[serde(skip_serializing_if = "is_none")]
    leaving: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_none(number: &u64) -> bool {
    *number == 0
}

impl From<&NodeAnswer> for WireAnswer {
    fn from(answer: &NodeAnswer) -> Self {
        match answer {
            NodeAnswer::Table(answer) => Self::Table(answer.into()),
            NodeAnswer::Counts(changes) => Self::Counts(changes.into()),
            NodeAnswer::Hits(hits) => Self::Hits {
                tabs: hits.tabs,
                unknown: hits.unknown,
                routes: hits.routes.clone(),
                more_routes: hits.more_routes,
            },
            NodeAnswer::History(samples) => Self::History(samples.iter().map(SampleEntry::from).collect()),
            NodeAnswer::Authorized(admitted) => Self::Authorized(*admitted),
            NodeAnswer::Taken(taken) => Self::Taken(*taken),
            NodeAnswer::SignedOut => Self::SignedOut,
            NodeAnswer::SignOuts { number, ended } => Self::SignOuts {
                number: *number,
                ended: ended.into(),
            },
            NodeAnswer::Unable => Self::Unable,
        }
    }
}

impl WireAnswer {
    pub(super) fn into_answer(self, from: NodeId) -> Result<NodeAnswer, UnreadableMessage> {
        Ok(match self {
            Self::Table(answer) => NodeAnswer::Table(answer.into_answer(from)?),
            Self::Counts(changes) => NodeAnswer::Counts(changes.into_changes(from)?),
            Self::Hits {
                tabs,
                unknown,
                routes,
                more_routes,
            } => NodeAnswer::Hits(Hits {
                tabs: count(tabs)?,
                unknown: count(unknown)?,
                routes,
                more_routes: count(more_routes)?,
            }),
            Self::History(samples) => {
                NodeAnswer::History(samples.into_iter().map(sample).collect::<Result<_, _>>()?)
            }
            Self::Authorized(admitted) => NodeAnswer::Authorized(admitted),
            Self::Taken(taken) => NodeAnswer::Taken(count(taken)?),
            Self::SignedOut => NodeAnswer::SignedOut,
            Self::SignOuts { number, ended } => NodeAnswer::SignOuts {
                number,
                ended: ended.into_sign_outs()?,
            },
            Self::Unable => NodeAnswer::Unable,
        })
    }
}

fn sample(entry: SampleEntry) -> Result<Sample, UnreadableMessage> {
    let versions: Vec<(Arc<str>, u64)> = entry.versions.into_iter().collect();
    add_up(&versions)?;
    Ok(Sample::new(entry.at, versions, u32::MAX))
}

impl From<&Answer> for TableAnswer {
    fn from(answer: &Answer) -> Self {
        match answer {
            Answer::Pulse(()) => Self::Pulse,
            Answer::VersionCounts(counts) => Self::VersionCounts(counts.clone()),
            Answer::OutcomesOfRules(RuleOutcomes(rules)) => {
                let rules = rules.iter().map(|(id, outcomes)| (*id, (*outcomes).into()));
                Self::OutcomesOfRules(rules.collect())
            }
            Answer::ReachOf(reach) => Self::ReachOf {
                tabs: reach.tabs,
                unknown: reach.unknown,
                routes: reach.routes.clone(),
            },
            Answer::ConnectionsFrom(page) => Self::ConnectionsFrom {
                rows: page.rows.iter().map(WireRow::from).collect(),
                next: page.next,
            },
            Answer::TallyFrom(tally) => {
                let wire = |one: &Tallied| {
                    let (route, version) = (Arc::clone(&one.route), Arc::clone(&one.version));
                    (route, version, one.tabs, one.outdated)
                };
                Self::TallyFrom {
                    counts: tally.counts.iter().map(wire).collect(),
                    hidden: all_hidden(&tally.counts),
                    current: Arc::clone(&tally.current),
                    next: tally.next,
                }
            }
        }
    }
}

impl TableAnswer {
    fn into_answer(self, from: NodeId) -> Result<Answer, UnreadableMessage> {
        Ok(match self {
            Self::Pulse => Answer::Pulse(()),
            Self::VersionCounts(counts) => {
                add_up(&counts)?;
                Answer::VersionCounts(counts)
            }
            Self::OutcomesOfRules(rules) => {
                let rules = rules
                    .into_iter()
                    .map(|(id, outcomes)| Ok((id, outcomes.into_outcomes()?)));
                Answer::OutcomesOfRules(RuleOutcomes(rules.collect::<Result<_, UnreadableMessage>>()?))
            }
            Self::ReachOf {
                tabs,
                unknown,
                routes,
            } => Answer::ReachOf(Reach {
                tabs: count(tabs)?,
                unknown: count(unknown)?,
                routes,
            }),
            Self::ConnectionsFrom { rows, next } => Answer::ConnectionsFrom(ConnectionsPage {
                rows: rows.into_iter().map(|row| row.into_row(from)).collect(),
                next,
            }),
            Self::TallyFrom {
                counts,
                hidden,
                current,
                next,
            } => Answer::TallyFrom(Tally {
                counts: all_tallied(counts, &hidden)?,
                current,
                next,
            }),
        })
    }
}

/// How many of the tabs of each are hidden; empty where that is not known of all.
fn all_hidden(counts: &[Tallied]) -> Vec<u32> {
    let hidden: Option<Vec<u32>> = counts.iter().map(|one| one.hidden).collect();
    hidden.unwrap_or_default()
}

fn all_tallied(
    counts: Vec<(Arc<str>, Arc<str>, u32, u32)>,
    hidden: &[u32],
) -> Result<Vec<Tallied>, UnreadableMessage> {
    if !hidden.is_empty() && hidden.len() != counts.len() {
        return Err(UnreadableMessage::Refused(
            "another number of hidden tabs than of counts",
        ));
    }
    let hidden = hidden.iter().copied().map(Some).chain(std::iter::repeat(None));
    counts
        .into_iter()
        .zip(hidden)
        .map(|(one, hidden)| tallied(one, hidden))
        .collect()
}

fn tallied(
    (route, version, tabs, outdated): (Arc<str>, Arc<str>, u32, u32),
    hidden: Option<u32>,
) -> Result<Tallied, UnreadableMessage> {
    if outdated > tabs {
        return Err(UnreadableMessage::Refused("more outdated tabs than tabs"));
    }
    if hidden.is_some_and(|hidden| hidden > tabs) {
        return Err(UnreadableMessage::Refused("more hidden tabs than tabs"));
    }
    Ok(Tallied {
        route,
        version,
        tabs,
        outdated,
        hidden,
    })
}

impl From<Outcomes> for WireOutcomes {
    fn from(outcomes: Outcomes) -> Self {
        Self {
            matched: outcomes.matched,
            told: outcomes.told,
            reloaded: outcomes.reloaded,
            here: outcomes.here,
            held: outcomes.held,
            waiting: outcomes.waiting,
            prompted: outcomes.prompted,
            stuck: outcomes.stuck,
            current: outcomes.current,
            unknown: outcomes.unknown,
            leaving: outcomes.leaving,
        }
    }
}

impl WireOutcomes {
    fn into_outcomes(self) -> Result<Outcomes, UnreadableMessage> {
        let loads = |loads: u64| {
            if loads > LOADS_MAX {
                return Err(UnreadableMessage::Refused("more page loads than there can be"));
            }
            Ok(loads)
        };
        Ok(Outcomes {
            matched: loads(self.matched)?,
            told: loads(self.told)?,
            reloaded: loads(self.reloaded)?,
            here: loads(self.here)?,
            held: loads(self.held)?,
            waiting: loads(self.waiting)?,
            prompted: loads(self.prompted)?,
            stuck: loads(self.stuck)?,
            current: loads(self.current)?,
            unknown: loads(self.unknown)?,
            leaving: loads(self.leaving)?,
        })
    }
}
