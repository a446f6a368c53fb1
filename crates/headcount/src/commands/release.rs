//! `headcount release` and `headcount releases`: which build is current, and which were.

use headcount_core::protocol::admin::{ReleaseEntry, ReleaseRequest, ReleasesAnswer};

use crate::arguments::{ReleaseArguments, ServerArguments};
use crate::client::Client;
use crate::commands::nodes::partial_but;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::table::{Align, Table, plain};
use crate::{date, output};

pub(crate) async fn announce(arguments: &ReleaseArguments, environment: &Environment) -> Result<(), Failure> {
    let client = Client::new(&arguments.server, environment)?;
    let answer = client
        .post(
            "releases",
            &ReleaseRequest {
                version: arguments.version.clone(),
            },
        )
        .await?;
    if arguments.server.json {
        return output::json(&answer.text);
    }
    let entry: ReleaseEntry = answer.read()?;
    output::data(&format!(
        "{} is the current release, announced {}\nopen tabs are told; `headcount invalidate <route>` refreshes those that are behind\n{}",
        plain(&entry.version),
        date::moment(entry.announced_at),
        partial_but(entry.nodes.as_ref(), "their tabs are told once they know it")
    ))
}

pub(crate) async fn list(arguments: &ServerArguments, environment: &Environment) -> Result<(), Failure> {
    let answer = Client::new(arguments, environment)?.get("releases", &[]).await?;
    if arguments.json {
        return output::json(&answer.text);
    }
    output::data(&shown(&answer.read()?))
}

/// The newest first, the current one marked.
fn shown(answer: &ReleasesAnswer) -> String {
    if answer.releases.is_empty() {
        return format!(
            "no release was announced; the server runs as {}\nannounce one with `headcount release <version>`\n",
            plain(&answer.current)
        );
    }
    let mut table = Table::new(&[
        ("RELEASE", Align::Left),
        ("ANNOUNCED", Align::Left),
        ("", Align::Left),
    ]);
    let newest = answer.releases.iter().rev();
    let current = newest.clone().find(|entry| entry.version == answer.current);
    for entry in newest {
        let mark = if current.is_some_and(|current| current.id == entry.id) {
            "current"
        } else {
            ""
        };
        table.row([entry.version.as_str(), &date::moment(entry.announced_at), mark]);
    }
    table.take()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(releases: &[(u32, &str)]) -> ReleasesAnswer {
        let entry =
            |(id, version): &(u32, &str)| json!({ "id": id, "version": version, "announcedAt": id * 60_000 });
        let mut answer = ReleasesAnswer::default();
        let current = releases.last().map_or("unreleased", |(_, version)| version);
        current.clone_into(&mut answer.current);
        let entries = releases
            .iter()
            .map(|release| serde_json::from_value(entry(release)).unwrap());
        answer.releases = entries.collect();
        answer
    }

    #[test]
    fn the_newest_release_comes_first() {
        let answer = answer(&[(1, "v1"), (2, "v2")]);
        let expected = "\
RELEASE  ANNOUNCED
v2       1970-01-01 00:02 UTC  current
v1       1970-01-01 00:01 UTC
";
        assert_eq!(shown(&answer), expected);
    }

    #[test]
    fn no_release_says_what_to_do() {
        assert!(shown(&answer(&[])).contains("headcount release <version>"));
    }
}
