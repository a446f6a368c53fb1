//! Asks again about admissions whose time is over, and about those whose session has ended.

use std::time::{Duration, Instant};

use headcount_core::connection::ConnectionKey;

use super::{Admission, Given, Subscribers};
use crate::authorize::Decision;
use crate::clock;
use crate::metrics::Count;
use crate::shard::{self, AuthorizeJob, Mail};

/// How often admissions are looked at for their end.
const LOOK: Duration = Duration::from_millis(250);

impl Subscribers {
    /// Asks again about admissions whose time is over.
    pub(in crate::hub) fn look(&mut self, now: Instant) {
        if self.admitted.is_empty() || now < self.next_look {
            return;
        }
        self.next_look = now + LOOK;
        let is_over = |admission: &Admission| admission.until <= now && admission.asked.is_none();
        let over: Vec<_> = self
            .admitted
            .values()
            .filter(|admission| is_over(admission))
            .map(|admission| (admission.job.clone(), admission.by))
            .collect();
        for (job, by) in over {
            self.renew(job, by);
        }
    }

    fn renew(&mut self, job: AuthorizeJob, by: usize) {
        let (key, request) = (job.key, shard::question(&job, &self.site));
        let ended = self.note_admitted(&job);
        match self.site.authorizers.at_once(&request) {
            Some(Decision::Admitted { until_ms, by }) => {
                let given = Given {
                    by,
                    until_ms,
                    ended,
                    renews: true,
                };
                self.admit(job, given);
            }
            Some(Decision::Refused) => self.refuse(key, Count::SubscribeRefused),
            Some(Decision::Unavailable) => self.let_stand(job, true),
            None => {
                if self.site.authorizers.is_instant(by, &request) {
                    // The one that admitted says no. Others are asked, but nothing is shown on their account yet.
                    self.suspend(key);
                }
                self.put(job, true, Some(by), true);
            }
        }
    }

    /// Asks again about every admission.
    pub(in crate::hub) fn recheck(&mut self) {
        let now = clock::now();
        for admission in self.admitted.values_mut() {
            admission.until = now;
        }
        self.next_look = now;
    }

    /// Asks again, at once, about admissions by cookies that were ended since. Until the answer they get no stats.
    pub(in crate::hub) fn recheck_ended(&mut self) {
        let ended = self.site.authorizers.ended();
        let touched: Vec<_> = self
            .admitted
            .values()
            .filter(|admission| ended.count_in(&admission.job.credentials) > admission.ended)
            .map(|admission| (admission.job.clone(), admission.by))
            .collect();
        for (job, by) in touched {
            self.suspend(job.key);
            self.renew(job, by);
        }
    }

    fn suspend(&mut self, key: ConnectionKey) {
        let Some(admission) = self.admitted.get_mut(&key) else {
            return;
        };
        if !std::mem::replace(&mut admission.is_suspended, true) {
            self.forget_form(key);
            self.tell(key, Mail::Suspend { key });
        }
    }
}
