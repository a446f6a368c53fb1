//! Whether every part that the server cannot do without still runs.
//!
//! Shards, the hub, the commander, the hooks' thread and the history's sampler run for as long as the server does. One
//! that ends unexpectedly (it panicked, or the system refused it something) leaves a server that accepts connections
//! and answers nothing. So the first such end is reported everywhere: `serve` returns, `/healthz` says so, and the
//! other parts end as well, which ends every wait for them.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::watch;

/// What every part of one server shares. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Vitals(watch::Sender<Option<PartEnded>>);

/// A part of the server has ended before its time. The log says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartEnded(pub(crate) String);

impl fmt::Display for PartEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} has ended unexpectedly", self.0)
    }
}

impl Default for Vitals {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Vitals {
    /// What has ended, if anything has.
    pub(crate) fn ended(&self) -> Option<PartEnded> {
        self.0.borrow().clone()
    }

    /// Waits until something has ended.
    pub(crate) async fn until_ended(&self) -> PartEnded {
        let mut news = self.0.subscribe();
        loop {
            if let Some(part) = news.borrow_and_update().clone() {
                return part;
            }
            if news.changed().await.is_err() {
                // Not while `self` is there.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Says that this part has ended before its time.
    pub(crate) fn report(&self, part: &str, why: &dyn fmt::Display) {
        // A failure of the log must not hide the end.
        let log = || tracing::error!("{part} has ended unexpectedly: {why}");
        let _panicked = catch_unwind(AssertUnwindSafe(log));
        self.0.send_if_modified(|ended| {
            let is_first = ended.is_none();
            ended.get_or_insert_with(|| PartEnded(part.to_owned()));
            is_first
        });
    }

    /// Runs a part on this thread. An error or a panic is its end before its time.
    pub(crate) fn run<E: fmt::Display>(&self, part: &str, run: impl FnOnce() -> Result<(), E>) {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.report(part, &error),
            Err(panic) => self.report(part, &said(&*panic)),
        }
    }

    /// Runs a part as a task. It is dropped as soon as any part has ended before its time.
    pub(crate) fn spawn(&self, part: &'static str, run: impl Future<Output = ()> + Send + 'static) {
        let vitals = self.clone();
        let guarded = {
            let vitals = self.clone();
            async move {
                tokio::select! {
                    () = run => {}
                    _ = vitals.until_ended() => {}
                }
            }
        };
        tokio::spawn(async move {
            if let Err(error) = tokio::spawn(guarded).await
                && let Ok(panic) = error.try_into_panic()
            {
                vitals.report(part, &said(&*panic));
            }
        });
    }
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_end_before_its_time_is_told_and_ends_the_tasks() {
        let vitals = Vitals::default();
        vitals.run("one that is done", || Ok::<_, String>(()));
        vitals.spawn("another", async {});
        assert_eq!(vitals.ended(), None);
        let (waits, gone) = tokio::sync::oneshot::channel::<()>();
        vitals.spawn("one that waits", async move {
            std::future::pending::<()>().await;
            drop(waits);
        });
        vitals.spawn("the hub", async { panic!("ordered") });
        let ended = vitals.until_ended().await;
        assert_eq!(ended.to_string(), "the hub has ended unexpectedly");
        vitals.run("shard 0", || Err("later"));
        assert_eq!(vitals.ended(), Some(ended));
        gone.await.unwrap_err();
    }
}
