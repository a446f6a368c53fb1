//! The release that the configuration names: announced if it is news. A restart with an old one must not roll the site back: that is a
//! command.

use headcount_core::command_log::CommandLog;
use headcount_core::invalidation::Standing;

use super::Commander;
use super::configured::Configured;
use crate::error::CommandError;
use crate::store::Transaction;

impl<Log: CommandLog> Commander<Log> {
    pub(super) async fn configure(&mut self, version: String) -> Result<Configured, CommandError> {
        let was_configured = self.configured.as_ref() == Some(&version);
        let is_known =
            |standing: &Standing| standing.releases.entries().any(|entry| *entry.version == version);
        let mut is_new = false;
        if !was_configured && !is_known(&self.standing) {
            // Another server may be first: then it is no news when it is decided again.
            match self.announce_unless(&version, is_known).await {
                Ok(announced) => is_new = announced,
                Err(CommandError::Version(error)) => return Err(error.into()),
                Err(error) => match &mut self.membership {
                    Some(membership) => {
                        membership.to_configure = Some(version);
                        return Ok(Configured::Later);
                    }
                    None => return Err(error),
                },
            }
        }
        let is_current = self.standing.releases.already_current(&version).is_some();
        if !was_configured {
            self.configured = Some(version.clone());
            // Where the disk does not hear of it, the next start finds it among the releases.
            self.store.note(Transaction {
                head: self.standing.head,
                configured: Some(version),
                ..Transaction::default()
            });
        }
        Ok(match (is_new, is_current) {
            (true, _) => Configured::Announced,
            (false, true) => Configured::Current,
            (false, false) => Configured::Known,
        })
    }
}
