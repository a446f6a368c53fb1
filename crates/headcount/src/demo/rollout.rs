//! The releases of the demo: announces one in regular intervals, and a little later refreshes the tabs that are still
//! at the checkout of an old one. All other tabs move on by themselves, so that the board shows a rollout.

use std::time::Duration;

use headcount_server::{Headcount, Invalidation};
use tokio::time::sleep;

/// From a release to the refresh of the tabs at the checkout: one part of so many of the time between releases.
const REFRESH_AFTER_PART: u32 = 3;

/// Rolls out a release every `period`, for ever.
pub(super) async fn run(headcount: Headcount, period: Duration) {
    let refresh_after = period / REFRESH_AFTER_PART;
    loop {
        sleep(refresh_after * (REFRESH_AFTER_PART - 1)).await;
        let version = following(&headcount.current_release());
        if let Err(error) = headcount.announce(&version).await {
            tracing::warn!(%error, version, "the demo could not announce its release");
        }
        sleep(refresh_after).await;
        // Outdated tabs at the checkout and below.
        if let Err(error) = headcount.invalidate(Invalidation::segment("/checkout")).await {
            tracing::warn!(%error, "the demo could not refresh the checkout");
        }
    }
}

/// The name of the release after `version`: its last number, one higher.
fn following(version: &str) -> String {
    let digits = version.len()
        - version
            .trim_end_matches(|letter: char| letter.is_ascii_digit())
            .len();
    let (name, number) = version.split_at(version.len() - digits);
    match number
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_add(1))
    {
        Some(next) => format!("{name}{next}"),
        None => format!("{version}-2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_counted_on() {
        for (version, next) in [
            ("v2", "v3"),
            ("v9", "v10"),
            ("2026-11", "2026-12"),
            ("blue", "blue-2"),
            ("", "-2"),
        ] {
            assert_eq!(following(version), next);
        }
        assert_eq!(following("v4294967295"), "v4294967295-2");
    }
}
