//! One client's side of the conversation, sans-IO: a text comes in, a step comes out.
//!
//! The same session runs behind every transport and every door. It holds six bytes: how much its client may still send.
//! Messages over the rate limit are dropped. The last navigation among them is applied when the allowance has
//! recovered, so that the counts become correct.

use std::borrow::Cow;

use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::protocol::client::{ClientMessage, StatsForm, parse};

/// What the owner of a connection must do about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Put the connection on this route (as sent, not yet in its normal form).
    Navigate(Cow<'a, str>),
    /// Too fast: put the connection on this route once [`Session::has_recovered`], unless a later one comes.
    NavigateLater(Cow<'a, str>),
    /// The tab became visible or hidden.
    Visibility {
        /// The tab is hidden.
        hidden: bool,
    },
    /// Ask the authorizers, then send stats in this form.
    Subscribe(StatsForm),
    /// Send no more stats.
    Unsubscribe,
    /// Note what the tab did about the command of this number.
    Acknowledge {
        /// The command's number.
        id: u32,
        /// What the tab did.
        outcome: Outcome,
    },
    /// Send a `pong`.
    Pong,
    /// Nothing: that the client was heard is all it says.
    Alive,
    /// Nothing, but count it: a message of an unknown type.
    IgnoreUnknown,
    /// Nothing, but count it: no message at all.
    IgnoreMalformed,
    /// Nothing, but count it: too fast.
    IgnoreFlood,
    /// Close with 1008: the client went on and on.
    CloseFlood,
}

/// Whether a client may send what it just sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// It may.
    Within,
    /// Not so soon.
    TooFast,
    /// It went on long after it had used up its allowance: its connection must be closed.
    Flood,
}

/// The state of one client's conversation.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Messages the client may send now; below zero: what it sent too much.
    allowance: i16,
    /// When the allowance was last refilled, in units of 2⁻¹⁰ s of the owner's clock: high half, low half. Wraps after 48
    /// days. In halves the session is six bytes and fills no eight.
    refilled: [u16; 2],
}

impl Session {
    /// A new session, at `now_ms` of any monotonic clock.
    pub fn new(now_ms: u64, limits: &Limits) -> Self {
        Self {
            allowance: burst(limits),
            refilled: halves(ticks(now_ms)),
        }
    }

    /// Takes in a message. `now_ms` is of the clock the session was made with.
    pub fn receive<'a>(&mut self, text: &'a str, now_ms: u64, limits: &Limits) -> Step<'a> {
        let within = match self.spend(now_ms, limits) {
            Spent::Within => true,
            Spent::TooFast => false,
            Spent::Flood => return Step::CloseFlood,
        };
        match parse(text) {
            Ok(ClientMessage::RouteUpdate { route }) if within => Step::Navigate(route),
            Ok(ClientMessage::RouteUpdate { route }) => Step::NavigateLater(route),
            Ok(ClientMessage::Unknown) => Step::IgnoreUnknown,
            Err(_) => Step::IgnoreMalformed,
            Ok(_) if !within => Step::IgnoreFlood,
            Ok(ClientMessage::Visibility { hidden }) => Step::Visibility { hidden },
            Ok(ClientMessage::SubscribeStats(form)) => Step::Subscribe(form),
            Ok(ClientMessage::Ack { id, outcome }) => Step::Acknowledge { id, outcome },
            Ok(ClientMessage::UnsubscribeStats) => Step::Unsubscribe,
            Ok(ClientMessage::Ping) => Step::Pong,
            Ok(ClientMessage::Alive) => Step::Alive,
        }
    }

    /// Takes one off the allowance: for a message, and for anything else that a client sends.
    pub fn spend(&mut self, now_ms: u64, limits: &Limits) -> Spent {
        self.refill(now_ms, limits);
        self.allowance = self.allowance.saturating_sub(1);
        if self.allowance >= 0 {
            Spent::Within
        } else if self.allowance <= burst(limits).saturating_mul(-4) {
            Spent::Flood
        } else {
            Spent::TooFast
        }
    }

    /// Whether the client may send again.
    pub fn has_recovered(&mut self, now_ms: u64, limits: &Limits) -> bool {
        self.refill(now_ms, limits);
        self.allowance > 0
    }

    fn refill(&mut self, now_ms: u64, limits: &Limits) {
        let [high, low] = self.refilled;
        let refilled = u32::from(high) << 16 | u32::from(low);
        let elapsed = ticks(now_ms).wrapping_sub(refilled);
        let refill = u64::from(elapsed) * u64::from(limits.messages_per_second) / 1_024;
        if refill == 0 {
            return;
        }
        // Not `now`: that would lose the part of a message that has already come back.
        let used = refill * 1_024 / u64::from(limits.messages_per_second);
        self.refilled = halves(refilled.wrapping_add(u32::try_from(used).unwrap_or(elapsed)));
        let refill = i16::try_from(refill).unwrap_or(i16::MAX);
        self.allowance = self.allowance.saturating_add(refill).min(burst(limits));
    }
}

fn burst(limits: &Limits) -> i16 {
    // At most 8,000, as `Limits::problems` has it; four times that is below zero at the most.
    i16::try_from(limits.messages_burst).unwrap_or(i16::MAX)
}

fn halves(ticks: u32) -> [u16; 2] {
    // Both halves fit by construction.
    [ticks >> 16, ticks & 0xffff].map(|half| u16::try_from(half).unwrap_or_default())
}

fn ticks(now_ms: u64) -> u32 {
    // Wraps on purpose.
    u32::try_from((now_ms * 1_024 / 1_000) & u64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAVIGATION: &str = r#"{"type":"route-update","route":"/a"}"#;

    fn limits() -> Limits {
        Limits {
            messages_burst: 3,
            messages_per_second: 10,
            ..Limits::default()
        }
    }

    #[test]
    fn a_session_is_six_bytes() {
        assert_eq!(size_of::<Session>(), 6);
    }

    #[test]
    fn a_flood_is_slowed_and_then_closed() {
        let limits = limits();
        let mut session = Session::new(0, &limits);
        for _ in 0..3 {
            assert_eq!(
                session.receive(NAVIGATION, 0, &limits),
                Step::Navigate("/a".into())
            );
        }
        for _ in 0..11 {
            assert_eq!(
                session.receive(NAVIGATION, 0, &limits),
                Step::NavigateLater("/a".into())
            );
        }
        assert_eq!(session.receive(NAVIGATION, 0, &limits), Step::CloseFlood);
    }

    #[test]
    fn the_allowance_comes_back_with_time() {
        let limits = limits();
        let mut session = Session::new(0, &limits);
        for _ in 0..5 {
            session.receive(NAVIGATION, 0, &limits);
        }
        assert!(!session.has_recovered(100, &limits));
        assert!(session.has_recovered(400, &limits));
        assert_eq!(
            session.receive(NAVIGATION, 400, &limits),
            Step::Navigate("/a".into())
        );
        for step in 0..50 {
            let at = 1_000_000 + step * 101;
            assert_eq!(
                session.receive(NAVIGATION, at, &limits),
                Step::Navigate("/a".into()),
                "a steady client is never slowed"
            );
        }
    }

    #[test]
    fn an_irregular_client_within_its_rate_is_never_slowed() {
        let limits = limits();
        let mut session = Session::new(0, &limits);
        // Three messages every 310 ms: not quite the ten a second that are allowed.
        for step in 0..200 {
            for at in [0, 150, 151].map(|after| step * 310 + after) {
                assert_eq!(
                    session.receive(NAVIGATION, at, &limits),
                    Step::Navigate("/a".into()),
                    "at {at}"
                );
            }
        }
    }

    #[test]
    fn a_message_of_each_kind_leads_to_its_step() {
        let limits = Limits::default();
        let mut session = Session::new(0, &limits);
        for (text, step) in [
            (
                r#"{"type":"subscribe-stats"}"#,
                Step::Subscribe(StatsForm::default()),
            ),
            (
                r#"{"type":"visibility","state":"hidden"}"#,
                Step::Visibility { hidden: true },
            ),
            (
                r#"{"type":"ack","id":17,"outcome":"held"}"#,
                Step::Acknowledge {
                    id: 17,
                    outcome: Outcome::Held,
                },
            ),
            (r#"{"type":"unsubscribe-stats"}"#, Step::Unsubscribe),
            (
                r#"{"type":"route-update","route":"/shopping"}"#,
                Step::Navigate("/shopping".into()),
            ),
            ("ping", Step::Pong),
            (r#"{"type":"alive"}"#, Step::Alive),
            (r#"{"type":"later"}"#, Step::IgnoreUnknown),
            ("shopping", Step::IgnoreMalformed),
        ] {
            assert_eq!(session.receive(text, 0, &limits), step, "{text}");
        }
    }

    #[test]
    fn vectors() {
        let text = include_str!("../../../protocol/vectors/sessions.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        for case in vectors["cases"].as_array().unwrap() {
            let limits = Limits::default();
            let mut session = Session::new(0, &limits);
            let sent = case["sends"].as_array().unwrap();
            let steps: Vec<String> = sent
                .iter()
                .map(|message| shown(&session.receive(&message.to_string(), 0, &limits)))
                .collect();
            assert_eq!(serde_json::json!(steps), case["steps"], "{}", case["name"]);
        }
    }

    /// The name of a step.
    fn shown(step: &Step<'_>) -> String {
        let name = format!("{step:?}");
        name.split(|letter: char| !letter.is_alphabetic())
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}
