//! Log lines that come once a minute at most.

use std::time::Duration;

use tokio::time::Instant;

const PAUSE: Duration = Duration::from_mins(1);

/// Lets something be said once a minute, and counts how often it was not.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    said: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// If it may be said now: how often it was not said since the last time.
    pub(crate) fn due(&mut self) -> Option<u64> {
        let now = Instant::now();
        if self.said.is_some_and(|said| now - said < PAUSE) {
            self.unsaid += 1;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_said_often_is_said_once_a_minute_with_the_number() {
        let mut seldom = Seldom::default();
        assert_eq!([seldom.due(), seldom.due(), seldom.due()], [Some(0), None, None]);
        tokio::time::advance(PAUSE).await;
        assert_eq!([seldom.due(), seldom.due()], [Some(2), None]);
    }
}
