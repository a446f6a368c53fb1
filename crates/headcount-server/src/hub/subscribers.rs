//! Who was admitted to stats, until when, and asking again.
//!
//! An admission holds for a stated time. Then the authorizer is asked again, while stats go on. If the authorizer that
//! admitted cannot answer, the admission stands for another `limits.admission_grace_ms`; a refusal ends it at once. So
//! an app that does not answer ends no admission, and a subscriber that lost the right gets no stats once that is
//! known. If a session has ended, or an authorizer that answers at once refuses, stats stop before other authorizers
//! are asked.
//!
//! Times are those of the monotonic clock: a wall clock that is set back prolongs nothing.

mod former;
mod renewal;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_core::connection::ConnectionKey;
use headcount_core::limits::Limits;
use headcount_core::stats::Form;
use tokio::sync::mpsc;

use super::asking::{Asker, Asking, Lane};
use super::event::HubEvent;
use crate::authorize::Decision;
use crate::clock;
use crate::metrics::Count;
use crate::shard::{self, AuthorizeJob, Mail, Shards};
use crate::site::Site;
use former::Former;

/// How soon an authorizer that could not answer is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Admission {
    job: AuthorizeJob,
    /// The number of the authorizer that admitted.
    by: usize,
    /// When it is asked for again.
    until: Instant,
    /// How long it stands where the authorizer cannot answer.
    stands_until: Instant,
    /// The question about it that is under way.
    asked: Option<u64>,
    /// Whether there are no stats until it is renewed.
    is_suspended: bool,
    /// How many of the cookies shown were taken back when it was admitted.
    ended: usize,
    /// The form it reads, once its shard has said so.
    form: Option<Form>,
}

/// An admission that an authorizer gives.
#[derive(Clone, Copy, Debug)]
struct Given {
    /// The number of the authorizer.
    by: usize,
    until_ms: u64,
    /// How many of the cookies shown are taken back.
    ended: usize,
    /// Whether it renews one, which its connection need not hear of.
    renews: bool,
}

/// Who wants the numbers of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanting {
    /// Not admitted.
    Nobody,
    /// A subscriber that begins.
    New,
    /// One that fell behind and has caught up.
    CaughtUp,
}

#[derive(Debug)]
pub(super) struct Subscribers {
    site: Arc<Site>,
    shards: Shards,
    sender: mpsc::WeakSender<HubEvent>,
    admitted: HashMap<ConnectionKey, Admission>,
    /// How many read each form.
    reading: [usize; 3],
    asking: Asking,
    /// Numbers of questions.
    numbers: u64,
    former: Former,
    next_look: Instant,
}

impl Subscribers {
    pub(super) fn new(site: Arc<Site>, shards: Shards, sender: mpsc::WeakSender<HubEvent>) -> Self {
        let limits = &site.config.limits;
        let pending_max = limits.subscribers_pending_max as usize;
        Self {
            asking: Asking::new(pending_max, site.authorizers.ignore_connection()),
            former: Former::new(limits.subscribers_max as usize),
            site,
            shards,
            sender,
            admitted: HashMap::new(),
            reading: [0; 3],
            numbers: 0,
            next_look: clock::now(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.admitted.is_empty()
    }

    /// Whether stats have a reader in this form.
    pub(super) fn reads(&self, form: Form) -> bool {
        self.reading[form as usize] > 0
    }

    /// Whether stats have a reader in any form.
    pub(super) fn anyone_reads(&self) -> bool {
        Form::ALL.into_iter().any(|form| self.reads(form))
    }

    /// Whether stats have no readers but these.
    pub(super) fn are_only(&self, readers: &[ConnectionKey]) -> bool {
        let reading = self
            .admitted
            .iter()
            .filter(|(_, admission)| admission.form.is_some());
        reading.map(|(key, _)| key).all(|key| readers.contains(key))
    }

    /// The form that a subscriber reads.
    pub(super) fn form_of(&self, key: ConnectionKey) -> Option<Form> {
        self.admitted.get(&key)?.form
    }

    /// A shard says that a subscriber wants the numbers of this moment, in this form.
    pub(super) fn want(&mut self, key: ConnectionKey, form: Form) -> Wanting {
        let Some(admission) = self.admitted.get_mut(&key) else {
            return Wanting::Nobody;
        };
        let before = admission.form.replace(form);
        self.reading[form as usize] += 1;
        if let Some(before) = before {
            self.reading[before as usize] -= 1;
        }
        if before == Some(form) {
            Wanting::CaughtUp
        } else {
            Wanting::New
        }
    }

    pub(super) fn next_look(&self) -> Option<Instant> {
        (!self.admitted.is_empty()).then_some(self.next_look)
    }

    /// A shard says that an authorizer which answers at once admits a connection. Where a cookie that it shows has ended, that may have been after
    /// the authorizer answered: so it is asked again.
    pub(super) fn admitted_at_once(&mut self, job: AuthorizeJob, until_ms: u64, by: usize) {
        let ended = self.note_admitted(&job);
        let decision = if ended == 0 {
            Some(Decision::Admitted { until_ms, by })
        } else {
            self.site.authorizers.at_once(&shard::question(&job, &self.site))
        };
        match decision {
            Some(Decision::Admitted { until_ms, by }) => {
                let given = Given {
                    by,
                    until_ms,
                    ended,
                    renews: false,
                };
                self.admit(job, given);
            }
            Some(Decision::Refused) => self.refuse(job.key, Count::SubscribeRefused),
            Some(Decision::Unavailable) | None => self.ask(job),
        }
    }

    /// Remembers that what a connection shows admits it, so that it is asked about again when one of these cookies ends. How many have ended before.
    fn note_admitted(&self, job: &AuthorizeJob) -> usize {
        let ended = self.site.authorizers.ended();
        ended.note_admitted(&job.credentials);
        ended.count_in(&job.credentials)
    }

    /// Asks the authorizers that must be waited for whether a connection may subscribe, without waiting for them.
    pub(super) fn ask(&mut self, job: AuthorizeJob) {
        let admission = self.admitted.get(&job.key);
        let before = admission.map(|admission| admission.by);
        let is_former = admission.is_some() || self.former.knows(&job.credentials);
        self.put(job, is_former, before, false);
    }

    fn put(&mut self, job: AuthorizeJob, is_former: bool, before: Option<usize>, renews: bool) {
        self.numbers += 1;
        let number = self.numbers;
        if let Some(admission) = self.admitted.get_mut(&job.key) {
            admission.asked = Some(number);
        }
        let lane = if is_former { Lane::First } else { Lane::Second };
        let ended = self.site.authorizers.ended().count_in(&job.credentials);
        let asker = Asker {
            job,
            number,
            ended,
            renews,
        };
        for displaced in self.asking.put(asker, lane, before) {
            self.answer(displaced, Decision::Unavailable);
        }
        self.ask_next();
    }

    /// Asks as many questions as may be under way.
    fn ask_next(&mut self) {
        while let Some(next) = self.asking.next() {
            let Some(sender) = self.sender.upgrade() else {
                return;
            };
            let site = Arc::clone(&self.site);
            tokio::spawn(async move {
                let request = shard::question(&next.job, &site);
                let before = next.before;
                let asked = tokio::spawn(async move { site.authorizers.ask(&request, before).await });
                // An authorizer that panics counts as undecided, so that its asker does not wait for ever.
                let decision = asked.await.unwrap_or(Decision::Unavailable);
                let number = next.number;
                let _hub_gone = sender.send(HubEvent::Decided { number, decision }).await;
            });
        }
    }

    /// Acts on an answer of the authorizers.
    pub(super) fn decided(&mut self, number: u64, decision: Decision) {
        for asker in self.asking.answered(number) {
            self.answer(asker, decision);
        }
        self.ask_next();
    }

    fn answer(&mut self, asker: Asker, decision: Decision) {
        let Asker {
            job,
            number,
            ended: ended_before,
            renews,
        } = asker;
        if renews
            && self
                .admitted
                .get(&job.key)
                .is_none_or(|admission| admission.asked != Some(number))
        {
            // It has left since, or there is a newer question about it.
            return;
        }
        match decision {
            Decision::Admitted { until_ms, by } => {
                let ended = self.note_admitted(&job);
                if ended > ended_before {
                    // The session ended while the answer was on its way.
                    return self.put(job, true, Some(by), renews);
                }
                let given = Given {
                    by,
                    until_ms,
                    ended,
                    renews,
                };
                self.admit(job, given);
            }
            Decision::Refused => self.refuse(job.key, Count::SubscribeRefused),
            Decision::Unavailable => self.let_stand(job, renews),
        }
    }

    /// Admits a connection, or prolongs its admission. For a new one, its shard will say in which form it wants its stats.
    fn admit(&mut self, job: AuthorizeJob, given: Given) {
        let key = job.key;
        let before = self.admitted.get(&key);
        if before.is_none() && self.admitted.len() >= self.site.config.limits.subscribers_max as usize {
            return self.refuse(key, Count::SubscribeRefused);
        }
        let is_heard = given.renews && before.is_some_and(|admission| !admission.is_suspended);
        let form = before.and_then(|admission| admission.form).filter(|_| is_heard);
        self.count(key, Count::SubscribeAdmitted);
        self.former.note(&job.credentials);
        let (until, grace) = (
            self.until(given.until_ms),
            self.site.config.limits.admission_grace_ms,
        );
        let admission = Admission {
            by: given.by,
            until,
            stands_until: until + Duration::from_millis(grace.into()),
            asked: None,
            is_suspended: false,
            ended: given.ended,
            form,
            job,
        };
        let credentials = Arc::clone(&admission.job.credentials);
        if !is_heard {
            self.forget_form(key);
        }
        self.admitted.insert(key, admission);
        if !is_heard {
            self.tell(key, Mail::Admitted { key, credentials });
        }
    }

    /// The moment of a time of the wall clock, which may jump until then.
    fn until(&self, until_ms: u64) -> Instant {
        let most_ms = u64::from(self.site.config.limits.admission_ms);
        let holds_ms = until_ms.saturating_sub(clock::unix_ms()).min(most_ms);
        clock::now() + Duration::from_millis(holds_ms)
    }

    /// Undecided: a subscriber that was admitted stays admitted for a while, a new one is refused.
    fn let_stand(&mut self, job: AuthorizeJob, renews: bool) {
        let (key, now, again) = (job.key, clock::now(), ask_again(&self.site.config.limits));
        let admission = self.admitted.get_mut(&key);
        let Some(admission) =
            admission.filter(|admission| !admission.is_suspended && now < admission.stands_until)
        else {
            return self.refuse(key, Count::SubscribeUnavailable);
        };
        admission.until = (now + again).min(admission.stands_until);
        admission.asked = None;
        self.count(key, Count::SubscribeStands);
        if !renews {
            let credentials = job.credentials;
            self.tell(key, Mail::Admitted { key, credentials });
        }
    }

    /// A connection wants none of the stats that it asked for up to this turn. What it asked for since then stands.
    pub(super) fn leave(&mut self, key: ConnectionKey, turn: u64) {
        self.asking.remove(key, turn);
        if self
            .admitted
            .get(&key)
            .is_some_and(|admission| admission.job.turn <= turn)
        {
            self.forget_form(key);
            self.admitted.remove(&key);
        }
    }

    fn forget(&mut self, key: ConnectionKey) {
        self.leave(key, u64::MAX);
    }

    /// A subscriber reads nothing until its shard says otherwise.
    fn forget_form(&mut self, key: ConnectionKey) {
        let form = self
            .admitted
            .get_mut(&key)
            .and_then(|admission| admission.form.take());
        if let Some(form) = form {
            self.reading[form as usize] -= 1;
        }
    }

    fn refuse(&mut self, key: ConnectionKey, count: Count) {
        self.forget(key);
        self.count(key, count);
        self.tell(key, Mail::Refused { key });
    }

    fn tell(&self, key: ConnectionKey, mail: Mail) {
        if let Some(shard) = self.shards.of(key) {
            shard.force(mail);
        }
    }

    fn count(&self, key: ConnectionKey, count: Count) {
        if let Some(shard) = self.shards.of(key) {
            shard.meters.one(count);
        }
    }
}

fn ask_again(limits: &Limits) -> Duration {
    Duration::from_millis(limits.admission_ms.into()).min(ASK_AGAIN)
}
