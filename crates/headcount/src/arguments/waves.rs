//! How the tabs of an invalidation are told one after the other, and what stops that.

use clap::Args;
use headcount_core::protocol::admin::{Percent, SpreadRequest, StopIfBody, StopIfRequest};

use super::numbers::whole;

const PERCENT: &str = "write a percentage from 0 to 100, such as 12.5%";

/// When to tell how many of the tabs.
#[derive(Args, Debug, Default)]
pub(crate) struct WavesArguments {
    /// Tell the tabs evenly over this time, as in 30s, 10m or 2h; can be paused, and stops by itself
    #[arg(long, value_name = "DURATION", groups = ["pace", "opening"], value_parser = milliseconds, help_heading = "In waves")]
    pub(crate) over: Option<u32>,
    /// Tell about so many tabs in a second, as in 50/s; can be paused, and stops by itself
    #[arg(long, value_name = "RATE", groups = ["pace", "opening"], value_parser = rate, help_heading = "In waves")]
    pub(crate) rate: Option<u32>,
    /// Tell so many percent of the tabs in each wave, counted from the first, as in 1%,10%,50%,100%; needs --every
    #[arg(long, value_name = "PERCENT", groups = ["pace", "opening"], requires = "every", value_delimiter = ',', value_parser = percent, help_heading = "In waves")]
    pub(crate) waves: Vec<Percent>,
    /// The time between two waves, as in 90s or 5m
    #[arg(long, value_name = "DURATION", requires = "waves", conflicts_with_all = ["over", "rate", "spread"], value_parser = milliseconds, help_heading = "In waves")]
    pub(crate) every: Option<u32>,
    /// Stop beyond these shares of the tabs that were told, or `never` [default: stuck>1%,held>20%,gone>5%]
    #[arg(long, value_name = "LIMITS", requires = "opening", value_parser = stop_if, help_heading = "In waves")]
    pub(crate) stop_if: Option<StopIfRequest>,
    /// Do not stop before so many tabs were told [default: 20]
    #[arg(long, value_name = "N", requires = "opening", value_parser = |text: &str| whole(text, 1, u32::MAX), help_heading = "In waves")]
    pub(crate) stop_after: Option<u32>,
}

impl WavesArguments {
    /// What the server is asked for. `None`: nothing of it.
    pub(crate) fn request(&self) -> Option<SpreadRequest> {
        if self.over.is_none() && self.rate.is_none() && self.waves.is_empty() {
            return None;
        }
        Some(SpreadRequest {
            over_ms: self.over,
            per_second: self.rate,
            waves: (!self.waves.is_empty()).then(|| self.waves.clone()),
            every_ms: self.every,
            stop_if: self.stop_if(),
        })
    }

    fn stop_if(&self) -> StopIfRequest {
        match (self.stop_if.clone().unwrap_or_default(), self.stop_after) {
            (StopIfRequest::Limits(limits), Some(after)) => StopIfRequest::Limits(StopIfBody {
                after: Some(after),
                ..limits
            }),
            (StopIfRequest::Default, Some(after)) => {
                let share = |percent| Percent::new(percent);
                StopIfRequest::Limits(StopIfBody {
                    stuck: share(1.0),
                    held: share(20.0),
                    gone: share(5.0),
                    after: Some(after),
                })
            }
            (stop_if, _) => stop_if,
        }
    }
}

fn milliseconds(text: &str) -> Result<u32, String> {
    let seconds = crate::date::seconds(text)?;
    seconds
        .checked_mul(1_000)
        .ok_or_else(|| "write at most 49d".to_owned())
}

fn rate(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    whole(number, 1, u32::MAX).map_err(|_| "write a number of tabs in a second, such as 50/s".to_owned())
}

fn percent(text: &str) -> Result<Percent, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    let percent = number.parse().ok().and_then(Percent::new);
    percent.ok_or_else(|| PERCENT.to_owned())
}

fn stop_if(text: &str) -> Result<StopIfRequest, String> {
    if text == "never" {
        return Ok(StopIfRequest::Never);
    }
    let mut limits = StopIfBody::default();
    for limit in text.split(',') {
        let (name, share) = limit
            .split_once('>')
            .ok_or("write limits such as stuck>1%,held>20%,gone>5%, or never")?;
        let limit = match name.trim() {
            "stuck" => &mut limits.stuck,
            "held" => &mut limits.held,
            "gone" => &mut limits.gone,
            other => return Err(format!("`{other}` is not measured: use stuck, held or gone")),
        };
        if limit.replace(percent(share)?).is_some() {
            return Err(format!("`{}` is there twice", name.trim()));
        }
    }
    Ok(StopIfRequest::Limits(limits))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn typed(words: &[&str]) -> Result<Option<SpreadRequest>, String> {
        let words = [&["headcount", "invalidate", "/checkout"], words].concat();
        match Arguments::try_parse_from(words) {
            Ok(Arguments {
                command: Command::Invalidate(arguments),
            }) => Ok(arguments.waves.request()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn every_way_to_tell_tabs_reaches_the_request() {
        assert_eq!(typed(&[]), Ok(None));
        assert_eq!(typed(&["--spread", "5m"]), Ok(None));
        let asked = |words: &[&str]| serde_json::to_value(typed(words).unwrap().unwrap()).unwrap();
        assert_eq!(asked(&["--over", "10m"]), serde_json::json!({"overMs": 600_000}));
        for rate in ["50/s", "50"] {
            assert_eq!(asked(&["--rate", rate]), serde_json::json!({"perSecond": 50}));
        }
        let waves = ["--waves", "1%,10%,12.5%,100", "--every", "5m"];
        let expected = serde_json::json!({"waves": [1, 10, 12.5, 100], "everyMs": 300_000});
        assert_eq!(asked(&waves), expected);
        let stop = [
            "--over",
            "10m",
            "--stop-if",
            "stuck>0.5%, gone>3%",
            "--stop-after",
            "100",
        ];
        let expected =
            serde_json::json!({"overMs": 600_000, "stopIf": {"stuck": 0.5, "gone": 3, "after": 100}});
        assert_eq!(asked(&stop), expected);
        let after = asked(&["--over", "10m", "--stop-after", "5"]);
        assert_eq!(
            after["stopIf"],
            serde_json::json!({"stuck": 1, "held": 20, "gone": 5, "after": 5})
        );
        assert_eq!(asked(&["--over", "10m", "--stop-if", "never"])["stopIf"], "never");
    }

    #[test]
    fn what_does_not_go_together_is_said_in_words() {
        for (words, said) in [
            (&["--over", "10m", "--rate", "5"][..], "cannot be used with"),
            (&["--over", "10m", "--spread", "5m"], "cannot be used with"),
            (&["--waves", "1%,100%"], "--every"),
            (&["--every", "5m"], "--waves"),
            (&["--over", "10m", "--every", "5m"], "cannot be used with"),
            (&["--stop-if", "never"], "--over"),
            (&["--waves", "1%,101%", "--every", "5m"], PERCENT),
            (&["--waves", "1%,,100%", "--every", "5m"], PERCENT),
            (&["--over", "0"], "at least one second"),
            (&["--over", "50d"], "write at most 49d"),
            (&["--rate", "0"], "such as 50/s"),
            (&["--over", "1m", "--stop-if", "stuck=1"], "stuck>1%"),
            (
                &["--over", "1m", "--stop-if", "lost>1%"],
                "`lost` is not measured",
            ),
            (&["--over", "1m", "--stop-if", "held>1%,held>2%"], "twice"),
            (&["--over", "1m", "--stop-after", "0"], "write 1 or more"),
        ] {
            let error = typed(words).unwrap_err();
            assert!(error.contains(said), "{words:?}: {error}");
        }
    }
}
