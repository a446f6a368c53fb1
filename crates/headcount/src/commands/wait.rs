//! `headcount wait`: waits until enough tabs run a release.
//!
//! The server is asked again and again; whether it is over is decided by [`Gate`], which has no clock. A server that is away is asked again
//! with growing pauses, and what was known is kept.
//!
//! - `progress`: what is known at one time, as a line and as JSON.
//! - `earlier`: how tabs left for earlier releases.
//! - `screen`: what is printed when.

mod earlier;
mod progress;
mod screen;

use std::time::Duration;

use headcount_core::backoff;
use headcount_core::protocol::adoption::AdoptionAnswer;
use headcount_core::protocol::nodes::NodesAsked;
use headcount_core::rollout::{End, Forecast, Gate, GateState, Goal, Hold, Observation};
use headcount_core::version;
use headcount_server::clock;

use crate::arguments::WaitArguments;
use crate::client::Client;
use crate::commands::check_route;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::signals;
use progress::{Progress, ended};
use screen::Screen;

/// The time between two questions.
const EVERY_MS: u32 = 2_000;
/// The longest pause while the server is away.
const AWAY_MS_MAX: u32 = 8_000;
/// How long one answer is waited for.
const ANSWER_MS: u64 = 10_000;
/// Bytes of a version: the most that a server can be set to.
const VERSION_BYTES_MAX: usize = 1_024;

pub(crate) async fn run(arguments: &WaitArguments, environment: &Environment) -> Result<(), Failure> {
    if let Some(route) = &arguments.on {
        check_route(route)?;
    }
    version::check_release(&arguments.release, VERSION_BYTES_MAX)
        .map_err(|error| Failure::Usage(format!("--release: {error}")))?;
    let client = Client::new(&arguments.server, environment)?;
    let mut screen = Screen::new(arguments.server.json);
    let ended = tokio::select! {
        number = signals::stopped() => Err(Failure::Interrupted(number?)),
        ended = wait(arguments, &client, &mut screen) => ended,
    };
    screen.close()?;
    ended
}

async fn wait(arguments: &WaitArguments, client: &Client, screen: &mut Screen) -> Result<(), Failure> {
    let mut watch = Watch::new(arguments);
    loop {
        let state = watch.look(client).await?;
        watch.progress.at = clock::unix_ms();
        match state {
            GateState::Wait(hold) => {
                watch.progress.hold = hold;
                screen.show(&watch.progress, clock::steady_ms())?;
            }
            GateState::End(end) => return watch.end(end, screen),
        }
        let left_ms = watch.gate.ends_ms().saturating_sub(clock::steady_ms());
        tokio::time::sleep(Duration::from_millis(u64::from(watch.pause_ms()).min(left_ms))).await;
    }
}

/// One wait, and what it knows.
struct Watch<'a> {
    arguments: &'a WaitArguments,
    gate: Gate,
    /// `None` before the history was asked for.
    forecast: Option<Forecast>,
    progress: Progress,
    /// Questions without an answer since the last one that had one.
    unanswered: u32,
    has_answered: bool,
    /// Why the last question had none.
    failure: Option<Failure>,
}

impl<'a> Watch<'a> {
    fn new(arguments: &'a WaitArguments) -> Self {
        let goal = Goal {
            release: arguments.release.as_str().into(),
            at_least: arguments.at_least,
            tabs_min: arguments.min_tabs,
            timeout_ms: u64::from(arguments.timeout) * 1_000,
            stalled_ms: arguments.stalled.map(|seconds| u64::from(seconds) * 1_000),
            settle_ms: u64::from(arguments.settle) * 1_000,
        };
        Self {
            arguments,
            gate: Gate::new(goal, clock::steady_ms()),
            forecast: None,
            progress: Progress::new(&arguments.release),
            unanswered: 0,
            has_answered: false,
            failure: None,
        }
    }

    /// Asks once.
    async fn look(&mut self, client: &Client) -> Result<GateState, Failure> {
        let answer = match self.ask(client).await {
            Ok(answer) => answer,
            Err(failure) if self.is_passing(&failure) => {
                self.unanswered += 1;
                self.failure = Some(failure);
                return Ok(self.gate.away(clock::steady_ms()));
            }
            Err(failure) => return Err(failure),
        };
        let was_away = std::mem::take(&mut self.unanswered) > 0;
        self.has_answered = true;
        if self.forecast.is_none() && answer.announced_at.is_some() {
            let earlier = earlier::curves(client, &answer).await;
            self.forecast = Some(Forecast::new(earlier));
        }
        let (now_ms, seen) = (clock::steady_ms(), seen(&answer));
        let state = self.gate.see(now_ms, &seen);
        self.foresee(
            now_ms,
            &seen,
            &answer,
            was_away || state != GateState::Wait(Hold::Behind),
        );
        self.progress.answer = Some(answer);
        Ok(state)
    }

    /// What may be expected, after this answer. Nothing of one that no forecast may be made of.
    fn foresee(&mut self, now_ms: u64, seen: &Observation, answer: &AdoptionAnswer, is_broken: bool) {
        self.progress.estimate = None;
        let Some(forecast) = &mut self.forecast else {
            return;
        };
        if is_broken {
            forecast.interrupt();
        } else {
            forecast.take(now_ms, seen, answer.behind_hidden);
            let age_ms = answer.at.saturating_sub(answer.announced_at.unwrap_or(answer.at));
            self.progress.estimate = forecast.estimate(seen, age_ms, self.arguments.at_least);
        }
        self.progress.per_minute = forecast.per_minute();
    }

    async fn ask(&self, client: &Client) -> Result<AdoptionAnswer, Failure> {
        let mut query = vec![("release", self.arguments.release.as_str())];
        if let Some(route) = &self.arguments.on {
            query.push(("route", route));
        }
        let left_ms = self.gate.ends_ms().saturating_sub(clock::steady_ms());
        let patience = Duration::from_millis(ANSWER_MS.min(left_ms.max(1_000)));
        let asking = tokio::time::timeout(patience, client.get("adoption", &query));
        match asking.await {
            Ok(answer) => answer?.read(),
            Err(_) => Err(client.unanswered(patience)),
        }
    }

    /// Whether a question that failed so may be answered later: the server restarts, or a proxy before it says so.
    fn is_passing(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Unreachable { .. } => true,
            Failure::Refused { status, .. } | Failure::Foreign { status, .. } => {
                status.starts_with('5') || status.starts_with("429")
            }
            Failure::Strange { .. } => self.has_answered,
            _ => false,
        }
    }

    fn pause_ms(&self) -> u32 {
        match self.unanswered {
            0 => EVERY_MS,
            many => 250 + backoff::delay_ms(many, 250, AWAY_MS_MAX, chance()),
        }
    }

    fn end(&mut self, end: End, screen: &mut Screen) -> Result<(), Failure> {
        // Of a server that never answered there is nothing to say but why.
        if let (End::TimedOut, false, Some(failure)) = (end, self.has_answered, self.failure.take()) {
            return Err(failure);
        }
        let text = self.progress.end_text(end, self.gate.goal());
        screen.end(&self.progress, end, &text)?;
        match ended(end) {
            None => Ok(()),
            Some(code) => Err(Failure::Gate { code, text }),
        }
    }
}

fn seen(answer: &AdoptionAnswer) -> Observation {
    Observation {
        current: answer.current.as_str().into(),
        is_announced: answer.announced_at.is_some(),
        total: answer.total,
        on: answer.on,
        unknown: answer.unknown,
        is_whole: !answer.nodes.as_ref().is_some_and(NodesAsked::is_partial),
        uptime_ms: answer.uptime_ms,
    }
}

/// A number from 0 to 1, so that many scripts do not ask a server at once that comes back.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}
