//! What stands as the commander begins: what stood when the process ended last, or what the cluster knows.

use std::sync::Arc;

use headcount_core::command_log::{Checkpoint, Entry, Lineage, LogIndex};
use headcount_core::invalidation::{Rule, Standing};
use headcount_core::limits::Limits;

use super::membership::Membership;
use crate::clock;
use crate::site::Site;
use crate::store::{Positions, Stored};

/// What stands as the commander begins, and what is kept for later.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) standing: Standing,
    /// The entry of the log after which it stands.
    pub(crate) index: LogIndex,
    /// The release that the configuration named at the last start.
    pub(super) configured: Option<String>,
    /// Rules that have lapsed by the time of day, which may be wrong: they are forgotten when that is sure.
    pub(super) lapsed: Vec<Rule>,
    /// For a server that shares the log with others.
    pub(super) membership: Option<Membership>,
}

impl Beginning {
    /// What stood when the process ended last, for a server alone.
    pub(crate) fn alone(stored: Stored, site: &Site) -> Self {
        let Limits {
            releases_max,
            rules_max,
            ..
        } = site.config.limits;
        let mut standing = Standing::default();
        let now_ms = clock::unix_ms();
        let (lapsed, rules): (Vec<Rule>, Vec<Rule>) = stored
            .rules
            .into_iter()
            .partition(|rule| rule.expires_ms <= now_ms);
        let releases = stored.releases.into_iter().map(|release| {
            let id = release.id;
            let entry = Entry::Release {
                release,
                releases_max,
            };
            (id, entry)
        });
        let rules = rules
            .into_iter()
            .map(|rule| (rule.id, Entry::Rule { rule, rules_max }));
        let mut commands: Vec<(u32, Entry)> = releases.chain(rules).collect();
        // As they were given: one whose number is not larger than those before it has no effect.
        commands.sort_by_key(|(id, _)| *id);
        for (_, entry) in &commands {
            standing.apply(entry);
        }
        standing.head = stored.head;
        standing.epoch = Some(stored.epoch);
        Self {
            standing,
            index: LogIndex::default(),
            configured: stored.configured,
            lapsed,
            membership: None,
        }
    }

    /// What stands in this cluster, as far as it was `read`; else what was stored.
    #[cfg_attr(
        not(feature = "cluster"),
        allow(dead_code, reason = "there is no cluster then")
    )]
    pub(crate) fn shared(
        cluster: String,
        mut standing: Standing,
        configured: Option<String>,
        read: Option<(LogIndex, Entry)>,
    ) -> Self {
        let mut index = LogIndex::default();
        if let Some((read, entry)) = read {
            index = read;
            standing.apply(&entry);
        }
        Self {
            index,
            configured,
            lapsed: Vec::new(),
            membership: Some(Membership::new(cluster, &standing)),
            standing,
        }
    }

    /// What tabs obey of it.
    pub(crate) fn obeyed(&self) -> Standing {
        match &self.membership {
            Some(membership) => membership.obeyed(&self.standing),
            None => self.standing.clone(),
        }
    }
}

/// What a server of a cluster has stored, as a checkpoint. A server that has no command yet has no epoch either: it takes that of the cluster.
#[cfg_attr(
    not(feature = "cluster"),
    allow(dead_code, reason = "there is no cluster then")
)]
pub(crate) fn stored_checkpoint(stored: &mut Stored) -> (Standing, Checkpoint) {
    let has_epoch = stored.positions.is_some() || stored.head > 0;
    let rules = std::mem::take(&mut stored.rules);
    let checkpoint = Checkpoint {
        epoch: stored.epoch,
        head: stored.head,
        releases: std::mem::take(&mut stored.releases),
        rules: placed(rules, stored.positions.as_ref()),
        lineage: Lineage::default(),
    };
    let mut standing = Standing::default();
    standing.apply(&Entry::Checkpoint(Box::new(checkpoint.clone())));
    standing.epoch = has_epoch.then_some(stored.epoch);
    (standing, checkpoint)
}

/// The rules where they stood, by position; those of a server alone one after the other.
fn placed(rules: Vec<Rule>, positions: Option<&Positions>) -> Vec<(usize, Arc<Rule>)> {
    let mut placed: Vec<(usize, Arc<Rule>)> = rules
        .into_iter()
        .enumerate()
        .filter_map(|(order, rule)| {
            let position = match positions {
                Some(positions) => positions.iter().find(|(id, _)| *id == rule.id)?.1,
                None => order,
            };
            Some((position, Arc::new(rule)))
        })
        .collect();
    placed.sort_unstable_by_key(|(position, _)| *position);
    placed.truncate(headcount_core::invalidation::POSITIONS);
    placed
}
