//! `headcount invalidations` and `headcount lift`: the rules that stand, and the end of one.

use headcount_core::protocol::admin::{
    AudienceBody, InvalidationsAnswer, LiftAnswer, MatchBody, ModeBody, RuleEntry, SpreadState,
};

use crate::arguments::{LiftArguments, ServerArguments};
use crate::client::Client;
use crate::commands::nodes::{partial, partial_but};
use crate::commands::waves::{about_id, line};
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::table::{Align, Table};
use crate::{date, output};

/// Stands for what a newer server says and this program has no words for.
const UNKNOWN: &str = "?";

pub(crate) async fn list(arguments: &ServerArguments, environment: &Environment) -> Result<(), Failure> {
    let answer = Client::new(arguments, environment)?
        .get("invalidations", &[])
        .await?;
    if arguments.json {
        return output::json(&answer.text);
    }
    output::data(&shown(&answer.read()?))
}

pub(crate) async fn lift(arguments: &LiftArguments, environment: &Environment) -> Result<(), Failure> {
    let client = Client::new(&arguments.server, environment)?;
    let answer = client
        .delete(&format!("invalidations/{}", arguments.id))
        .await
        .map_err(|failure| about_id(failure, arguments.id))?;
    if arguments.server.json {
        return output::json(&answer.text);
    }
    let lifted: LiftAnswer = answer.read()?;
    output::data(&format!(
        "invalidation {} no longer stands; tabs that were told keep the command\n{}",
        lifted.id,
        partial_but(lifted.nodes.as_ref(), "it stands there until they know that")
    ))
}

/// The newest first.
fn shown(answer: &InvalidationsAnswer) -> String {
    if answer.invalidations.is_empty() {
        return format!("no invalidation stands\n{}", partial(answer.nodes.as_ref()));
    }
    let texts = ["ID", "MATCH", "WHOM", "ASKS", "SINCE RELEASE", "STANDS UNTIL"];
    let outcomes = |rule: &RuleEntry| rule.outcomes.unwrap_or_default();
    let some_unknown = answer.invalidations.iter().any(|rule| outcomes(rule).unknown > 0);
    let mut numbers = vec![
        "MATCHED", "TOLD", "RELOADED", "HELD", "WAITING", "PROMPTED", "STUCK", "GONE",
    ];
    numbers.extend(some_unknown.then_some("UNKNOWN"));
    let some_open = answer.invalidations.iter().any(|rule| rule.spread.is_some());
    let headings: Vec<_> = texts
        .into_iter()
        .chain(some_open.then_some("OPEN"))
        .map(|heading| (heading, Align::Left))
        .chain(numbers.into_iter().map(|heading| (heading, Align::Right)))
        .collect();
    let mut table = Table::new(&headings);
    for rule in answer.invalidations.iter().rev() {
        let asks = match rule.mode {
            ModeBody::Force => "refresh",
            ModeBody::Prompt => "prompt",
            _ => UNKNOWN,
        };
        let outcomes = outcomes(rule);
        let texts = [
            rule.id.to_string(),
            matched(&rule.matches),
            whom(rule),
            asks.to_owned(),
            rule.release.clone(),
            date::moment(rule.expires_at),
        ];
        let numbers = [
            outcomes.matched,
            outcomes.told,
            outcomes.reloaded,
            outcomes.held,
            outcomes.waiting,
            outcomes.prompted,
            outcomes.stuck,
            outcomes.gone,
        ];
        let numbers = numbers
            .into_iter()
            .chain(some_unknown.then_some(outcomes.unknown));
        let open = some_open.then(|| open(rule));
        let numbers = numbers.map(|number| number.to_string());
        table.row(texts.into_iter().chain(open).chain(numbers));
    }
    let halted = answer.invalidations.iter().rev().filter_map(halted);
    let halted: String = halted.collect();
    format!("{}{halted}{}", table.take(), partial(answer.nodes.as_ref()))
}

/// How far a rule is open, and whether it opens further.
fn open(rule: &RuleEntry) -> String {
    let Some(spread) = &rule.spread else {
        return "100 %".to_owned();
    };
    let state = match spread.state {
        SpreadState::Running => ", running",
        SpreadState::Paused => ", paused",
        SpreadState::Stopped => ", stopped",
        SpreadState::Aborted => ", aborted",
        SpreadState::Complete => "",
    };
    format!("{}{state}", spread.open.0)
}

/// Why a rule opens no further.
fn halted(rule: &RuleEntry) -> Option<String> {
    let spread = rule.spread.as_ref()?;
    let is_halted = matches!(spread.state, SpreadState::Paused | SpreadState::Stopped);
    is_halted.then(|| line(rule, spread))
}

fn matched(matches: &MatchBody) -> String {
    match matches {
        MatchBody::Exact(route) => format!("{route} alone"),
        MatchBody::Prefix(text) => format!("begins with {text}"),
        MatchBody::Segment(route) => format!("{route} and below"),
        MatchBody::Glob(pattern) => format!("glob {pattern}"),
        MatchBody::Regex(pattern) => format!("regex {pattern}"),
        _ => UNKNOWN.to_owned(),
    }
}

fn whom(rule: &RuleEntry) -> String {
    let audience = match rule.audience {
        AudienceBody::Outdated => "outdated",
        AudienceBody::All => "all tabs",
        _ => UNKNOWN,
    };
    match &rule.versions {
        Some(versions) => format!("{audience} on {}", versions.join(", ")),
        None => audience.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_read_as_what_they_do() {
        let rule = json!({
            "id": 17,
            "match": { "segment": "/checkout" },
            "versions": ["v1"],
            "audience": "outdated",
            "mode": "force",
            "release": "v2",
            "createdAt": 0,
            "expiresAt": 86_400_000,
            "outcomes": {
                "matched": 1_041,
                "told": 1_041,
                "reloaded": 1_000,
                "held": 30,
                "waiting": 2,
                "prompted": 3,
                "stuck": 1,
                "current": 0,
                "gone": 7,
            },
        });
        let answer = json!({ "invalidations": [rule] });
        let answer: InvalidationsAnswer = serde_json::from_value(answer).unwrap();
        let expected = "\
ID  MATCH                WHOM            ASKS     SINCE RELEASE  STANDS UNTIL          MATCHED  TOLD  RELOADED  HELD  WAITING  PROMPTED  STUCK  GONE
17  /checkout and below  outdated on v1  refresh  v2             1970-01-02 00:00 UTC     1041  1041      1000    30        2         3      1     7
";
        assert_eq!(shown(&answer), expected);
        let mut unsure = answer;
        for rule in &mut unsure.invalidations {
            rule.outcomes.as_mut().unwrap().unknown = 5;
        }
        assert!(shown(&unsure).lines().next().unwrap().ends_with("GONE  UNKNOWN"));
        assert!(shown(&unsure).ends_with("7        5\n"));
        assert_eq!(shown(&InvalidationsAnswer::default()), "no invalidation stands\n");
    }
}
