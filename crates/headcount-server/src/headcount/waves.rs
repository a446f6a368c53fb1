//! What an admin changes of a rule that stands.

use headcount_core::invalidation::{Audience, Mode};
use headcount_core::protocol::admin::ChangeAnswer;

use super::Headcount;
use crate::error::CommandError;
use crate::hub::commander::{Order, Turn};

impl Headcount {
    /// Pauses a rule in waves: it opens no further until [`Headcount::resume`]. Tabs that it is open to are told when they come. On disk when this
    /// returns. A rule that is paused, or has stopped by itself, stays as it is.
    ///
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// let paused = headcount.pause(17).await?.invalidation;
    /// println!("open to {:?}", paused.spread.map(|spread| spread.open));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn pause(&self, id: u32) -> Result<ChangeAnswer, CommandError> {
        self.turn(id, |_| Turn::Pause).await
    }

    /// Lets a rule in waves go on that was paused, or that stopped by itself. What stopped it does not stop it again: only tabs that are told from
    /// now on are measured.
    ///
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// headcount.resume(17).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn resume(&self, id: u32) -> Result<ChangeAnswer, CommandError> {
        self.turn(id, |seen| Turn::Resume { seen }).await
    }

    /// Ends a rule in waves: no further tab is told. Those that were told keep the command. The answer has what became of them by then.
    ///
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// let aborted = headcount.abort(17).await?.invalidation;
    /// println!("{:?} tabs were told", aborted.outcomes.map(|outcomes| outcomes.told));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn abort(&self, id: u32) -> Result<ChangeAnswer, CommandError> {
        self.turn(id, |_| Turn::Abort).await
    }

    /// Lets a rule that asks users force the refresh. It has another number from then on, and tells that also to the tabs that have asked their
    /// users.
    ///
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// let forced = headcount.change_to_force(17).await?.invalidation;
    /// println!("rule {} goes on from rule 17", forced.id);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn change_to_force(&self, id: u32) -> Result<ChangeAnswer, CommandError> {
        self.change(id, (None, Some(Mode::Force))).await
    }

    /// Lets a rule for outdated tabs be for every page that was loaded before it was given. It has another number from then on, and tells nothing
    /// to tabs that were told before.
    ///
    /// ```no_run
    /// # use headcount_server::{CommandError, Headcount};
    /// # async fn run(headcount: &Headcount) -> Result<(), CommandError> {
    /// headcount.change_to_all(17).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn change_to_all(&self, id: u32) -> Result<ChangeAnswer, CommandError> {
        self.change(id, (Some(Audience::All), None)).await
    }

    pub(crate) async fn change(
        &self,
        id: u32,
        asks: (Option<Audience>, Option<Mode>),
    ) -> Result<ChangeAnswer, CommandError> {
        let mut answer = self.order(|reply| Order::Change { id, asks, reply }).await?;
        // The rule is changed, also where nobody says what its tabs did.
        let outcomes = self.outcomes().await.unwrap_or_default().0;
        let rule = &mut answer.invalidation;
        rule.outcomes = Some(outcomes.of(rule.id).into());
        Ok(answer)
    }

    async fn turn(
        &self,
        id: u32,
        turn: impl FnOnce(headcount_core::invalidation::waves::Seen) -> Turn,
    ) -> Result<ChangeAnswer, CommandError> {
        let outcomes = self.outcomes().await?.0.of(id);
        let turn = turn(outcomes.seen());
        let mut answer = self.order(|reply| Order::Turn { id, turn, reply }).await?;
        answer.invalidation.outcomes = Some(outcomes.into());
        Ok(answer)
    }
}
