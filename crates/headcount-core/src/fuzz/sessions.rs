//! The allowance of a client: however it sends, no more is acted on than a burst and what time gives back.

use super::{Input, cases};
use crate::limits::Limits;
use crate::session::{Session, Step};

const MESSAGES: &[&str] = &[
    "ping",
    "{\"type\":\"route-update\",\"route\":\"/a\"}",
    "{\"type\":\"subscribe-stats\"}",
    "{\"type\":\"unsubscribe-stats\"}",
    "{\"type\":\"visibility\",\"state\":\"hidden\"}",
    "{\"type\":\"ack\",\"id\":1,\"outcome\":\"held\"}",
    "{\"type\":\"later\"}",
    "shopping",
];

fn is_acted_on(step: &Step<'_>) -> bool {
    !matches!(
        step,
        Step::NavigateLater(_)
            | Step::IgnoreUnknown
            | Step::IgnoreMalformed
            | Step::IgnoreFlood
            | Step::CloseFlood
    )
}

#[test]
fn no_flood_is_acted_on() {
    bolero::check!(name = "sessions")
        .with_iterations(2_000)
        .with_generator(cases(512))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let limits = Limits {
                messages_burst: u16::from(input.byte()) + 1,
                messages_per_second: u16::from(input.byte()) + 1,
                ..Limits::default()
            };
            // Any time of a machine's life, and where the clock of the session wraps.
            let start = u64::from(input.u32()) * 4_096;
            let mut session = Session::new(start, &limits);
            let (mut now, mut acted) = (start, 0);
            while !input.is_empty() {
                now += u64::from(input.byte()) * input.pick(&[0, 0, 1, 30]);
                let step = session.receive(input.pick(MESSAGES), now, &limits);
                acted += u64::from(is_acted_on(&step));
                let given_back = (now - start) * u64::from(limits.messages_per_second) / 1_000 + 1;
                assert!(
                    acted <= u64::from(limits.messages_burst) + given_back,
                    "{acted} at {now}"
                );
            }
        });
}
