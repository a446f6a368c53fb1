//! `headcount pause`, `resume`, `abort` and `change`: what becomes of an invalidation that stands. And how one in waves is told in words.

use headcount_core::protocol::admin::{
    AudienceBody, ChangeAnswer, ChangeRequest, ModeBody, RuleEntry, SpreadEntry, SpreadState, StateBody,
    StopIfBody,
};

use crate::arguments::{ChangeArguments, LiftArguments, ServerArguments};
use crate::client::Client;
use crate::commands::nodes::partial_but;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::table::counted;
use crate::{date, output};

pub(crate) async fn turn(
    arguments: &LiftArguments,
    state: StateBody,
    environment: &Environment,
) -> Result<(), Failure> {
    let request = ChangeRequest {
        state: Some(state),
        ..ChangeRequest::default()
    };
    ask(&arguments.server, arguments.id, &request, environment).await
}

pub(crate) async fn change(arguments: &ChangeArguments, environment: &Environment) -> Result<(), Failure> {
    let request = ChangeRequest {
        mode: arguments.force.then_some(ModeBody::Force),
        audience: arguments.all_tabs.then_some(AudienceBody::All),
        ..ChangeRequest::default()
    };
    ask(&arguments.server, arguments.id, &request, environment).await
}

async fn ask(
    server: &ServerArguments,
    id: u32,
    request: &ChangeRequest,
    environment: &Environment,
) -> Result<(), Failure> {
    let answer = Client::new(server, environment)?
        .patch(&format!("invalidations/{id}"), request)
        .await
        .map_err(|failure| about_id(failure, id))?;
    if server.json {
        return output::json(&answer.text);
    }
    output::data(&shown(id, &answer.read()?))
}

/// What the server says of a number that no rule has, in the words of this command line.
pub(crate) fn about_id(failure: Failure, id: u32) -> Failure {
    match failure {
        Failure::Refused { status, code, .. } if code == "no-such-rule" => Failure::Refused {
            status,
            code,
            message: format!(
                "no invalidation has the number {id}: it has ended, or never existed. `headcount invalidations` lists those \
                 that stand"
            ),
        },
        other => other,
    }
}

/// What happened to the invalidation that had this number.
fn shown(id: u32, answer: &ChangeAnswer) -> String {
    let rule = &answer.invalidation;
    let what = match &rule.spread {
        _ if rule.id != id => format!(
            "invalidation {} goes on from invalidation {id}; lift it with `headcount lift {}`\n",
            rule.id, rule.id
        ),
        Some(spread) => line(rule, spread),
        None => format!("invalidation {id} is so already\n"),
    };
    let nodes = partial_but(
        answer.nodes.as_ref(),
        "it is as before there until they know that",
    );
    format!("{what}{nodes}")
}

/// How far an invalidation in waves is open, and what can be done about it.
pub(crate) fn line(rule: &RuleEntry, spread: &SpreadEntry) -> String {
    let (id, open) = (rule.id, spread.open.0);
    let told = counted(rule.outcomes.map_or(0, |outcomes| outcomes.told), "tab");
    match spread.state {
        SpreadState::Running => {
            let next = spread.next_at.map(date::moment);
            let next = next
                .map(|at| format!(" and opens further at {at}"))
                .unwrap_or_default();
            format!(
                "invalidation {id} is open to {open} of the tabs{next}; pause it with `headcount pause {id}`\n"
            )
        }
        SpreadState::Paused => format!(
            "invalidation {id} is paused, open to {open} of the tabs; `headcount resume {id}` lets it go on\n"
        ),
        SpreadState::Stopped => {
            let why = spread.why.as_ref().map_or("", |why| &why.text);
            format!(
                "invalidation {id} stopped by itself, open to {open} of the tabs: {why}; `headcount resume {id}` lets it go on, and \
                 `headcount abort {id}` ends it\n"
            )
        }
        SpreadState::Complete => format!("invalidation {id} is open to all tabs\n"),
        SpreadState::Aborted => format!(
            "invalidation {id} was aborted, open to {open} of the tabs; {told} told, and no more are\n",
            told = if told == "1 tab" {
                "1 tab was".to_owned()
            } else {
                format!("{told} were")
            },
        ),
    }
}

/// How the tabs are told, after `tells 3 tabs to refresh`.
pub(crate) fn pace(spread: &SpreadEntry) -> String {
    match (&spread.waves, spread.over_ms) {
        (Some(waves), _) => {
            let shares: Vec<String> = waves.iter().map(|wave| wave.0.to_string()).collect();
            let every = date::seconds_of(spread.every_ms.unwrap_or_default());
            format!(", in waves of {} every {every}", shares.join(", "))
        }
        (None, Some(over_ms)) => format!(", over {}", date::seconds_of(over_ms)),
        (None, None) => String::new(),
    }
}

/// What stops it.
pub(crate) fn stops(stop_if: Option<&StopIfBody>) -> String {
    let Some(limits) = stop_if else {
        return "it does not stop by itself".to_owned();
    };
    let shares = [
        ("stuck", limits.stuck),
        ("held", limits.held),
        ("gone", limits.gone),
    ];
    let shares: Vec<String> = shares
        .into_iter()
        .filter_map(|(name, share)| Some(format!("{} {name}", share?.0)))
        .collect();
    format!(
        "it stops by itself beyond {} of those told, once {} were",
        shares.join(", "),
        limits.after.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use headcount_core::protocol::admin::{FindingEntry, MeasureBody, OutcomesEntry, Percent};

    use super::*;

    fn spread(state: SpreadState) -> SpreadEntry {
        let percent = |number| Percent::new(number).unwrap();
        SpreadEntry {
            over_ms: None,
            steps: None,
            per_second: None,
            waves: Some(vec![percent(1.0), percent(12.5), percent(100.0)]),
            every_ms: Some(300_000),
            stop_if: Some(StopIfBody {
                stuck: Some(percent(1.0)),
                held: None,
                gone: Some(percent(0.5)),
                after: Some(20),
            }),
            open: percent(12.5),
            since: 0,
            state,
            next_at: (state == SpreadState::Running).then_some(60_000),
            why: (state == SpreadState::Stopped).then(|| FindingEntry {
                measure: MeasureBody::Stuck,
                tabs: 3,
                told: 120,
                most: percent(1.0),
                text: "3 of 120 told tabs are stuck".to_owned(),
            }),
            accepted: None,
            turns: 1,
        }
    }

    fn rule(state: SpreadState) -> RuleEntry {
        let outcomes = OutcomesEntry::default();
        let mut rule: RuleEntry = serde_json::from_value(serde_json::json!({
            "id": 17,
            "match": { "segment": "/checkout" },
            "audience": "outdated",
            "mode": "force",
            "release": "v2",
            "createdAt": 0,
            "expiresAt": 86_400_000,
            "spread": spread(state),
            "outcomes": outcomes,
        }))
        .unwrap();
        rule.outcomes.as_mut().unwrap().told = 120;
        rule
    }

    #[test]
    fn each_state_says_what_can_be_done() {
        for (state, said) in [
            (
                SpreadState::Running,
                "invalidation 17 is open to 12.5 % of the tabs and opens further at 1970-01-01 00:01 UTC; pause it with `headcount \
                 pause 17`\n",
            ),
            (
                SpreadState::Paused,
                "invalidation 17 is paused, open to 12.5 % of the tabs; `headcount resume 17` lets it go on\n",
            ),
            (
                SpreadState::Stopped,
                "invalidation 17 stopped by itself, open to 12.5 % of the tabs: 3 of 120 told tabs are stuck; `headcount resume 17` \
                 lets it go on, and `headcount abort 17` ends it\n",
            ),
            (SpreadState::Complete, "invalidation 17 is open to all tabs\n"),
            (
                SpreadState::Aborted,
                "invalidation 17 was aborted, open to 12.5 % of the tabs; 120 tabs were told, and no more are\n",
            ),
        ] {
            let answer = ChangeAnswer {
                invalidation: rule(state),
                nodes: None,
            };
            assert_eq!(shown(17, &answer), said);
        }
        let changed = ChangeAnswer {
            invalidation: rule(SpreadState::Running),
            nodes: None,
        };
        assert_eq!(
            shown(9, &changed),
            "invalidation 17 goes on from invalidation 9; lift it with `headcount lift 17`\n"
        );
    }

    #[test]
    fn pace_and_limits_read_as_they_were_given() {
        let spread = spread(SpreadState::Running);
        assert_eq!(pace(&spread), ", in waves of 1 %, 12.5 %, 100 % every 300 s");
        assert_eq!(
            stops(spread.stop_if.as_ref()),
            "it stops by itself beyond 1 % stuck, 0.5 % gone of those told, once 20 were"
        );
        assert_eq!(stops(None), "it does not stop by itself");
    }
}
