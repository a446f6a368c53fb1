//! What is known while a release is waited for, in words and as JSON.

use headcount_core::protocol::adoption::AdoptionAnswer;
use headcount_core::rollout::{End, Estimate, Goal, Hold};
use serde_json::{Map, Value, json};

use crate::commands::nodes::partial;
use crate::table::{count, counted, plain};

/// What is known at one time.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) release: String,
    /// When, milliseconds since the Unix epoch.
    pub(super) at: u64,
    pub(super) hold: Hold,
    /// The last answer; it stays while the server is away.
    pub(super) answer: Option<AdoptionAnswer>,
    pub(super) per_minute: Option<f64>,
    pub(super) estimate: Option<Estimate>,
}

/// The exit code of an end; `None` of the one that was wanted.
pub(super) fn ended(end: End) -> Option<u8> {
    match end {
        End::Reached => None,
        End::TimedOut => Some(5),
        End::Stalled => Some(6),
        End::GoneBack => Some(7),
        End::Partial => Some(8),
    }
}

fn name_of_end(end: End) -> &'static str {
    match end {
        End::Reached => "reached",
        End::TimedOut => "timed-out",
        End::Stalled => "stalled",
        End::GoneBack => "gone-back",
        End::Partial => "partial",
    }
}

fn name_of_hold(hold: Hold) -> &'static str {
    match hold {
        Hold::Behind => "behind",
        Hold::NotAnnounced => "not-announced",
        Hold::Settling => "settling",
        Hold::FewTabs => "few-tabs",
        Hold::Partial => "partial",
        Hold::Away => "away",
        Hold::Going => "going",
    }
}

impl Progress {
    /// Nothing yet.
    pub(super) fn new(release: &str) -> Self {
        Self {
            release: release.to_owned(),
            at: 0,
            hold: Hold::Away,
            answer: None,
            per_minute: None,
            estimate: None,
        }
    }

    /// The line that shows it.
    pub(super) fn line(&self) -> String {
        let Some(answer) = &self.answer else {
            return "the server does not answer yet".to_owned();
        };
        let counts = self.counts(answer);
        match self.reason(answer) {
            None => format!("{counts}{}, {}", self.rate(), self.expected()),
            Some(reason) => format!("{reason}; {counts}"),
        }
    }

    /// Why it waits, where it is not only for tabs that are behind.
    fn reason(&self, answer: &AdoptionAnswer) -> Option<String> {
        let (release, current) = (plain(&self.release), plain(&answer.current));
        Some(match self.hold {
            Hold::Behind => return None,
            Hold::NotAnnounced => format!("{release} is not announced, {current} is current"),
            Hold::Settling => "the server has just started, and its tabs come back".to_owned(),
            Hold::FewTabs => "too few tabs are open".to_owned(),
            Hold::Partial => partial(answer.nodes.as_ref()).trim_end().to_owned(),
            Hold::Away => "the server does not answer any more".to_owned(),
            Hold::Going => format!("{current} is current"),
        })
    }

    /// `v3 has 87.3 % of 1,041 tabs, 132 behind, 100 of them hidden`.
    fn counts(&self, answer: &AdoptionAnswer) -> String {
        let release = plain(&self.release);
        if answer.total == 0 {
            return format!("{release} has no tab, as none is open");
        }
        let hidden = match answer.behind_hidden {
            Some(hidden) if answer.behind > 0 => format!(", {} of them hidden", count(hidden)),
            _ => String::new(),
        };
        let unknown = match answer.unknown {
            0 => String::new(),
            tabs => format!(", {} on unknown routes", count(tabs)),
        };
        format!(
            "{release} has {} of {}, {} behind{hidden}{unknown}",
            share(answer.share),
            counted(answer.total, "tab"),
            count(answer.behind)
        )
    }

    fn rate(&self) -> String {
        match self.per_minute {
            Some(fewer) if fewer >= 0.05 => format!(", {fewer:.1} fewer a minute"),
            Some(fewer) if fewer <= -0.05 => format!(", {:.1} more a minute", -fewer),
            Some(_) => ", as many as before".to_owned(),
            None => String::new(),
        }
    }

    fn expected(&self) -> String {
        let Some(estimate) = self.estimate else {
            return "cannot say yet when".to_owned();
        };
        let low = time(estimate.low_ms);
        match (estimate.median_ms, estimate.high_ms) {
            (Some(median), Some(high)) => format!("about {} more ({low} to {})", time(median), time(high)),
            (Some(median), None) => format!("about {} more ({low} or longer)", time(median)),
            (None, _) => format!("longer than {low} more"),
        }
    }

    /// How it ended, and what can be done.
    pub(super) fn end_text(&self, end: End, goal: &Goal) -> String {
        let counts = match &self.answer {
            Some(answer) => self.counts(answer),
            None => format!("{} was not counted", plain(&self.release)),
        };
        let wanted = hundredths(goal.at_least.hundredths());
        match end {
            End::Reached => format!("reached: {counts}"),
            End::TimedOut => {
                let reason = self.answer.as_ref().and_then(|answer| self.reason(answer));
                let reason = reason.map(|reason| format!("; {reason}")).unwrap_or_default();
                let after = time(goal.timeout_ms);
                format!(
                    "timed out after {after}: {counts}; {wanted} were wanted{reason}\n  `headcount invalidate /` refreshes tabs that are behind."
                )
            }
            End::Stalled => {
                let long = time(goal.stalled_ms.unwrap_or_default());
                format!(
                    "stalled: the share has not passed its highest for {long}: {counts}; {wanted} were wanted\n  `headcount invalidate /` \
                     refreshes tabs that are behind, and `headcount invalidations` shows why some are not refreshed."
                )
            }
            End::GoneBack => {
                let current = self
                    .answer
                    .as_ref()
                    .map_or("another release", |answer| &answer.current);
                format!(
                    "gone back: {} is the current release, and {counts}",
                    plain(current)
                )
            }
            End::Partial => {
                let nodes = self.answer.as_ref().and_then(|answer| answer.nodes.as_ref());
                format!(
                    "partial: {}; of the others {counts}\n  `headcount nodes` lists the nodes.",
                    partial(nodes).trim_end()
                )
            }
        }
    }

    /// The object of `--json`, without its line end.
    pub(super) fn json(&self, end: Option<(End, &str)>) -> Value {
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| drop(object.insert(name.to_owned(), value));
        put(
            "event",
            json!(end.map_or("progress", |(end, _)| name_of_end(end))),
        );
        put("at", json!(self.at));
        put("release", json!(self.release));
        match end {
            Some((End::Reached, _)) => {}
            Some((_, text)) => put("text", json!(text)),
            None => put("hold", json!(name_of_hold(self.hold))),
        }
        if let Some(answer) = &self.answer {
            put("current", json!(answer.current));
            put("tabs", json!(answer.total));
            put("on", json!(answer.on));
            put("behind", json!(answer.behind));
            put("unknown", json!(answer.unknown));
            for (name, number) in [
                ("behindHidden", answer.behind_hidden.map(|tabs| json!(tabs))),
                ("share", answer.share.map(|share| json!(share))),
            ] {
                if let Some(number) = number {
                    put(name, number);
                }
            }
            if let Some(nodes) = &answer.nodes {
                put("nodes", json!(nodes));
            }
        }
        if let Some(fewer) = self.per_minute {
            put("perMinute", json!(fewer));
        }
        if let Some(estimate) = self.estimate {
            let mut times = json!({"low": estimate.low_ms / 1_000, "releases": estimate.releases, "hasPace": estimate.has_pace});
            for (name, ms) in [("median", estimate.median_ms), ("high", estimate.high_ms)] {
                if let Some(ms) = ms {
                    times[name] = json!(ms / 1_000);
                }
            }
            put("estimate", times);
        }
        Value::Object(object)
    }

    /// Whether it says the same as another time, but for the time.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let counts = |of: &Self| {
            of.answer.as_ref().map(|answer| {
                (
                    answer.current.clone(),
                    answer.total,
                    answer.on,
                    answer.behind_hidden,
                    answer.unknown,
                    answer.nodes.clone(),
                )
            })
        };
        self.hold == other.hold && counts(self) == counts(other)
    }
}

/// A share of 0 to 1 in percent.
fn share(share: Option<f64>) -> String {
    format!("{:.1} %", share.unwrap_or_default() * 100.0)
}

fn hundredths(share: u32) -> String {
    match share % 100 {
        0 => format!("{} %", share / 100),
        places => format!("{}.{places:02} %", share / 100),
    }
}

/// A time as people say it.
fn time(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", (seconds + 30) / 60),
        6_000..=129_599 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(hold: Hold) -> Progress {
        Progress {
            hold,
            answer: serde_json::from_value(json!({
                "at": 0, "release": "v3", "current": "v3", "total": 1_041, "on": 909, "behind": 132, "behindHidden": 100,
                "share": 0.8731, "uptimeMs": 0,
            }))
            .unwrap(),
            per_minute: Some(11.96),
            estimate: Some(Estimate {
                low_ms: 480_000,
                median_ms: Some(840_000),
                high_ms: Some(7_200_000),
                releases: 2,
                has_pace: true,
            }),
            ..Progress::new("v3")
        }
    }

    #[test]
    fn a_line_has_share_tabs_rate_and_range() {
        assert_eq!(
            progress(Hold::Behind).line(),
            "v3 has 87.3 % of 1,041 tabs, 132 behind, 100 of them hidden, 12.0 fewer a minute, about 14 min more (8 min to 2 h)"
        );
        let mut little = progress(Hold::Behind);
        (little.estimate, little.per_minute) = (None, None);
        assert!(
            little.line().ends_with("hidden, cannot say yet when"),
            "{}",
            little.line()
        );
        let away = progress(Hold::Away).line();
        assert!(
            away.starts_with("the server does not answer any more; v3 has 87.3 %"),
            "{away}"
        );
    }

    #[test]
    fn json_has_the_names_of_the_help() {
        let object = progress(Hold::Behind).json(None);
        assert_eq!(
            (&object["event"], &object["hold"]),
            (&json!("progress"), &json!("behind"))
        );
        assert_eq!(
            object["estimate"],
            json!({"low": 480, "median": 840, "high": 7_200, "releases": 2, "hasPace": true})
        );
        let end = progress(Hold::Behind).json(Some((End::Stalled, "why")));
        assert_eq!(
            (&end["event"], &end["text"], end.get("hold")),
            (&json!("stalled"), &json!("why"), None)
        );
    }

    #[test]
    fn what_deceives_is_escaped() {
        let mut hostile = progress(Hold::Going);
        hostile.answer.as_mut().unwrap().current = "v\u{1b}[2J".to_owned();
        assert!(!hostile.line().contains('\u{1b}'));
    }
}
