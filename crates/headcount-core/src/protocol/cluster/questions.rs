//! Questions to nodes as they are written.

use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::UnreadableMessage;
use super::sign_outs::WireSignOuts;
use crate::cluster::{NodeQuestion, Tables};
use crate::command_log::LogIndex;
use crate::protocol::admin::RuleEntry;
use crate::protocol::log;
use crate::questions::{
    ConnectionsFrom, OutcomesOfRules, Pulse, Question, ReachOf, TallyFrom, VersionCounts,
};
use crate::registry::Filter;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum WireQuestion {
    Table {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shard: Option<u16>,
        question: TableQuestion,
    },
    Counts,
    Hits {
        index: u64,
    },
    History {
        from_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step_ms: Option<NonZeroU64>,
    },
    Authorize {
        connection: String,
        headers: Vec<(String, String)>,
    },
    Admitted {
        answers: Vec<(u64, bool)>,
    },
    SignOut(WireSignOuts),
    SignOutsSince {
        number: u64,
    },
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub(super) enum TableQuestion {
    Pulse,
    VersionCounts,
    OutcomesOfRules,
    ReachOf {
        rule: Box<RuleEntry>,
    },
    ConnectionsFrom {
        slot: u32,
        max: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        route: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    TallyFrom {
        slot: u32,
    },
}

impl From<&NodeQuestion> for WireQuestion {
    fn from(question: &NodeQuestion) -> Self {
        match question {
            NodeQuestion::Table { tables, question } => Self::Table {
                shard: match tables {
                    Tables::All => None,
                    Tables::Of(shard) => Some(*shard),
                },
                question: question.into(),
            },
            NodeQuestion::Counts => Self::Counts,
            NodeQuestion::Hits { index } => Self::Hits { index: index.0 },
            NodeQuestion::History { from_ms, step_ms } => Self::History {
                from_ms: *from_ms,
                step_ms: *step_ms,
            },
            NodeQuestion::Authorize { connection, headers } => Self::Authorize {
                connection: connection.clone(),
                headers: headers.clone(),
            },
            NodeQuestion::Admitted { answers } => Self::Admitted {
                answers: answers.clone(),
            },
            NodeQuestion::SignOut(ended) => Self::SignOut(ended.into()),
            NodeQuestion::SignOutsSince { number } => Self::SignOutsSince { number: *number },
            NodeQuestion::Unknown => Self::Unknown,
        }
    }
}

impl WireQuestion {
    pub(super) fn into_question(self) -> Result<NodeQuestion, UnreadableMessage> {
        Ok(match self {
            Self::Table { shard, question } => NodeQuestion::Table {
                tables: shard.map_or(Tables::All, Tables::Of),
                question: question.into_question()?,
            },
            Self::Counts => NodeQuestion::Counts,
            Self::Hits { index } => NodeQuestion::Hits {
                index: LogIndex(index),
            },
            Self::History { from_ms, step_ms } => NodeQuestion::History { from_ms, step_ms },
            Self::Authorize { connection, headers } => NodeQuestion::Authorize { connection, headers },
            Self::Admitted { answers } => NodeQuestion::Admitted { answers },
            Self::SignOut(ended) => NodeQuestion::SignOut(ended.into_sign_outs()?),
            Self::SignOutsSince { number } => NodeQuestion::SignOutsSince { number },
            Self::Unknown => NodeQuestion::Unknown,
        })
    }
}

impl From<&Question> for TableQuestion {
    fn from(question: &Question) -> Self {
        match question {
            Question::Pulse(Pulse) => Self::Pulse,
            Question::VersionCounts(VersionCounts) => Self::VersionCounts,
            Question::OutcomesOfRules(OutcomesOfRules) => Self::OutcomesOfRules,
            Question::ReachOf(ReachOf { rule }) => Self::ReachOf {
                rule: Box::new((&**rule).into()),
            },
            Question::ConnectionsFrom(ConnectionsFrom { slot, max, filter }) => Self::ConnectionsFrom {
                slot: *slot,
                max: u32::try_from(*max).unwrap_or(u32::MAX),
                route: filter.route.clone(),
                version: filter.version.clone(),
            },
            Question::TallyFrom(TallyFrom { slot }) => Self::TallyFrom { slot: *slot },
        }
    }
}

impl TableQuestion {
    fn into_question(self) -> Result<Question, UnreadableMessage> {
        Ok(match self {
            Self::Pulse => Pulse.into(),
            Self::VersionCounts => VersionCounts.into(),
            Self::OutcomesOfRules => OutcomesOfRules.into(),
            Self::ReachOf { rule } => {
                let rule = rule.into_rule(&log::limits());
                let rule = rule.map_err(|_| UnreadableMessage::Refused("a pattern that cannot be used"))?;
                ReachOf { rule: Arc::new(rule) }.into()
            }
            Self::ConnectionsFrom {
                slot,
                max,
                route,
                version,
            } => ConnectionsFrom {
                slot,
                max: max as usize,
                filter: Filter { route, version },
            }
            .into(),
            Self::TallyFrom { slot } => TallyFrom { slot }.into(),
        })
    }
}
