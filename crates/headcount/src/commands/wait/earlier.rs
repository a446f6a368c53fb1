//! How tabs left for earlier releases, as the history of the server has it. A server without history has none.

use headcount_core::protocol::admin::{ReleaseEntry, ReleasesAnswer};
use headcount_core::protocol::adoption::AdoptionAnswer;
use headcount_core::protocol::history::{HistoryAnswer, SampleEntry};
use headcount_core::rollout::Curve;

use crate::client::Client;

/// Samples are asked for at this step, milliseconds.
const STEP_MS: &str = "60000";
/// The earlier releases that are looked at, the newest of them.
const RELEASES_MAX: usize = 20;

/// One for each earlier release of which enough is known.
pub(super) async fn curves(client: &Client, now: &AdoptionAnswer) -> Vec<Curve> {
    let asked = async {
        let releases: ReleasesAnswer = client.get("releases", &[]).await.ok()?.read().ok()?;
        let history = client.get("history", &[("step", STEP_MS)]).await.ok()?;
        Some((releases, history.read().ok()?))
    };
    match asked.await {
        Some((releases, history)) => of(&releases, &history, now.announced_at.unwrap_or_default()),
        None => Vec::new(),
    }
}

/// Those of releases that were announced before `announced_ms`.
fn of(releases: &ReleasesAnswer, history: &HistoryAnswer, announced_ms: u64) -> Vec<Curve> {
    let entries = releases.releases.as_slice();
    let pairs = entries.windows(2).rev().filter_map(|pair| match pair {
        [release, next] if release.announced_at < announced_ms => Some((release, next)),
        _ => None,
    });
    let curve = |(release, next): (&ReleaseEntry, &ReleaseEntry)| {
        let lived = release.announced_at..next.announced_at;
        let samples = history.samples.iter().filter(|sample| lived.contains(&sample.at));
        let counts = samples.map(|sample: &SampleEntry| {
            let on = sample.versions.get(release.version.as_str());
            (sample.at, on.copied().unwrap_or_default(), sample.total)
        });
        Curve::new(release.announced_at, counts)
    };
    pairs.take(RELEASES_MAX).filter_map(curve).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn each_earlier_release_has_its_curve() {
        let release = |id: u64| json!({"id": id, "version": format!("v{id}"), "announcedAt": id * 600_000});
        let releases = json!({"current": "v3", "releases": [release(1), release(2), release(3)]});
        let releases = serde_json::from_value(releases).unwrap();
        let sample =
            |minute: u64| json!({"at": minute * 60_000, "total": 100, "versions": {"v1": 40, "v2": 60}});
        let samples: Vec<Value> = (10..35).map(sample).collect();
        let history = serde_json::from_value(json!({"startedAt": 0, "samples": samples})).unwrap();
        assert_eq!(of(&releases, &history, 1_800_000).len(), 2);
        assert_eq!(of(&releases, &history, 1_200_000).len(), 1);
        assert_eq!(of(&releases, &HistoryAnswer::default(), 1_800_000), []);
    }
}
