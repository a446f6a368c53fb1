//! Who was admitted to stats, until when, and asking again.
//!
//! An admission ends at a stated time. Then stats to that connection stop until the authorizers have said yes once more,
//! so somebody who lost the right to see stats sees none from that moment on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_core::connection::ConnectionKey;
use headcount_core::protocol::stats::Form;
use tokio::sync::{Semaphore, mpsc};

use super::HubEvent;
use crate::authorize::{AuthorizeRequest, Verdict};
use crate::clock;
use crate::metrics::Count;
use crate::shard::{AuthorizeJob, Command, Shards};
use crate::site::Site;

/// Questions to the authorizers under way at once. Further ones wait.
const ASKED_AT_ONCE: usize = 64;

/// How often admissions are looked at for their end.
const LOOK: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Admission {
    job: AuthorizeJob,
    until_ms: u64,
    /// The form it reads, once its shard has said so.
    form: Option<Form>,
}

/// Who wants the numbers of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanting {
    /// Nobody who is admitted.
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
    asking: usize,
    turns: Arc<Semaphore>,
    next_look: Instant,
}

impl Subscribers {
    pub(super) fn new(site: Arc<Site>, shards: Shards, sender: mpsc::WeakSender<HubEvent>) -> Self {
        Self {
            site,
            shards,
            sender,
            admitted: HashMap::new(),
            reading: [0; 3],
            asking: 0,
            turns: Arc::new(Semaphore::new(ASKED_AT_ONCE)),
            next_look: clock::now(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.admitted.is_empty()
    }

    /// Whether somebody reads stats in this form.
    pub(super) fn reads(&self, form: Form) -> bool {
        self.reading[form as usize] > 0
    }

    /// Whether somebody reads stats in any form.
    pub(super) fn anyone_reads(&self) -> bool {
        Form::ALL.into_iter().any(|form| self.reads(form))
    }

    /// Whether nobody reads stats but these.
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

    /// Asks the authorizers, without waiting for them.
    pub(super) fn ask(&mut self, job: AuthorizeJob) {
        let known = self.admitted.contains_key(&job.key);
        if !known && self.admitted.len() + self.asking >= self.site.config.limits.subscribers_max as usize {
            self.refuse(job.key, Count::SubscribeRefused);
            return;
        }
        let Some(sender) = self.sender.upgrade() else {
            return;
        };
        self.asking += 1;
        let (site, turns) = (Arc::clone(&self.site), Arc::clone(&self.turns));
        tokio::spawn(async move {
            let _turn = turns.acquire_owned().await;
            let request = AuthorizeRequest {
                credentials: Arc::clone(&job.credentials),
                connection_id: site.cipher.id(job.key).to_string(),
                ip: job.ip,
                now_ms: clock::unix_ms(),
            };
            let verdict = site.authorizers.authorize(&request).await;
            let _hub_gone = sender.send(HubEvent::Decided { job, verdict }).await;
        });
    }

    /// Acts on an answer of the authorizers. The shard of one who is admitted will say in which form it wants its stats.
    pub(super) fn decide(&mut self, job: AuthorizeJob, verdict: Verdict) {
        self.asking = self.asking.saturating_sub(1);
        let key = job.key;
        match verdict {
            Verdict::Admitted { until_ms } if until_ms > clock::unix_ms() => {
                self.count(key, Count::SubscribeAdmitted);
                self.forget(key);
                let form = None;
                let credentials = Arc::clone(&job.credentials);
                self.admitted.insert(key, Admission { job, until_ms, form });
                self.tell(key, Command::Admitted { key, credentials });
            }
            Verdict::Admitted { .. } | Verdict::Refused => self.refuse(key, Count::SubscribeRefused),
            Verdict::Unavailable => self.refuse(key, Count::SubscribeUnavailable),
        }
    }

    /// Ends admissions whose time is over, and asks for them anew.
    pub(super) fn look(&mut self, now: Instant) {
        if self.admitted.is_empty() || now < self.next_look {
            return;
        }
        self.next_look = now + LOOK;
        let now_ms = clock::unix_ms();
        let over: Vec<_> = self
            .admitted
            .iter()
            .filter(|(_, admitted)| admitted.until_ms <= now_ms)
            .map(|(key, _)| *key)
            .collect();
        for key in over {
            self.tell(key, Command::Suspend { key });
            if let Some(admission) = self.forget(key) {
                self.ask(admission.job);
            }
        }
    }

    /// Ends every admission at the next look, which is now.
    pub(super) fn recheck(&mut self) {
        for admission in self.admitted.values_mut() {
            admission.until_ms = 0;
        }
        self.next_look = clock::now();
    }

    pub(super) fn forget(&mut self, key: ConnectionKey) -> Option<Admission> {
        let admission = self.admitted.remove(&key)?;
        if let Some(form) = admission.form {
            self.reading[form as usize] -= 1;
        }
        Some(admission)
    }

    fn refuse(&mut self, key: ConnectionKey, count: Count) {
        self.forget(key);
        self.count(key, count);
        self.tell(key, Command::Refused { key });
    }

    fn tell(&self, key: ConnectionKey, command: Command) {
        if let Some(shard) = self.shards.of(key) {
            shard.force(command);
        }
    }

    fn count(&self, key: ConnectionKey, count: Count) {
        if let Some(shard) = self.shards.of(key) {
            shard.meters.one(count);
        }
    }
}
