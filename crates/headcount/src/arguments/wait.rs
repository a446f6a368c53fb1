//! What `headcount wait` takes.

use clap::Args;
use headcount_core::rollout::AtLeast;

use super::numbers::whole;
use super::server::ServerArguments;

/// `headcount wait`.
#[derive(Args, Debug)]
pub(crate) struct WaitArguments {
    /// The release to wait for. One that was not announced yet is waited for, too
    #[arg(long, value_name = "VERSION")]
    pub(crate) release: String,
    /// The share of the open tabs that must run it, as in 95% or 99.5%
    #[arg(long, value_name = "PERCENT", default_value = "95%", value_parser = share)]
    pub(crate) at_least: AtLeast,
    /// Only tabs on this route and below it
    #[arg(long, value_name = "ROUTE")]
    pub(crate) on: Option<String>,
    /// How long to wait, as in 90s, 30m or 12h
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = crate::date::seconds)]
    pub(crate) timeout: u32,
    /// Give up when the share has not passed its highest for so long [default: never]
    #[arg(long, value_name = "DURATION", value_parser = crate::date::seconds)]
    pub(crate) stalled: Option<u32>,
    /// So many tabs must be open; 0 takes a site without open tabs as there
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = |text: &str| whole(text, 0, u64::MAX))]
    pub(crate) min_tabs: u64,
    /// Do not rely on the numbers of a server that started less than so long ago: its tabs are still coming back
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = settle)]
    pub(crate) settle: u32,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// Reads a share: a percentage with up to two places.
fn share(text: &str) -> Result<AtLeast, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    let (whole, places) = number.split_once('.').unwrap_or((number, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let hundredths = (!whole.is_empty() && are_digits(whole) && are_digits(places) && places.len() <= 2)
        .then(|| format!("{whole}{places:0<2}").parse().ok())
        .flatten();
    hundredths
        .and_then(AtLeast::new)
        .ok_or_else(|| "write a percentage from 0 to 100 with at most two places, such as 99.5%".to_owned())
}

fn settle(text: &str) -> Result<u32, String> {
    match text {
        "0" | "0s" => Ok(0),
        text => crate::date::seconds(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_up_to_two_places() {
        for (text, hundredths) in [
            ("95%", 9_500),
            ("95", 9_500),
            ("99.5 %", 9_950),
            ("0.05%", 5),
            ("100%", 10_000),
        ] {
            assert_eq!(share(text).map(AtLeast::hundredths), Ok(hundredths), "{text}");
        }
        for wrong in ["", "%", "101%", "-1", "99.999%", "1e1", ".5", "many"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
