//! `headcount invalidate`: a rule that refreshes the tabs on a route.

use headcount_core::protocol::admin::{
    AudienceBody, InvalidationAnswer, InvalidationRequest, InvalidationsAnswer, MatchBody, ModeBody,
    ReleasesAnswer,
};
use headcount_core::release::UNRELEASED;

use crate::arguments::InvalidateArguments;
use crate::client::Client;
use crate::commands::nodes::{is_partial, partial, partial_but};
use crate::commands::waves::{pace, stops};
use crate::commands::{check_glob, check_route};
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::table::counted;
use crate::{date, output};

/// Why an invalidation reached no tab, and what would reach some.
const ONLY_OUTDATED: &str = "no open tab on an older release is on these routes; --all-tabs also refreshes tabs on the \
                             latest release\n";
const NOBODY_THERE: &str =
    "no open tab is on these routes; `headcount stats` lists the routes that are open\n";
const ELSEWHERE: &str = "no open tab on these versions is on these routes; `headcount connections --version` lists where such tabs are\n";
const ONLY_EXACT: &str =
    "no open tab is on exactly this route; without --exact, routes below it match, too\n";
const NO_WILDCARD: &str = "`*` is an ordinary character here; --glob makes it a wildcard\n";
const NO_RELEASE: &str = "no release was announced yet, so no tab counts as outdated; use --all-tabs, or announce one with \
                          `headcount release <version>`\n";

pub(crate) async fn run(arguments: &InvalidateArguments, environment: &Environment) -> Result<(), Failure> {
    let request = request(arguments)?;
    let client = Client::new(&arguments.server, environment)?;
    let answer = client
        .post("invalidations", &request)
        .await
        .map_err(about_spread)?;
    if arguments.server.json {
        return output::json(&answer.text);
    }
    let answer: InvalidationAnswer = answer.read()?;
    let expires_at = match answer.id {
        Some(id) => expires_at(&client, id).await,
        None => None,
    };
    let mut text = shown(&answer, &request, expires_at);
    // Tabs of a node that did not answer may be there, so no reason is known where one is missing.
    if answer.tabs == 0 && answer.unknown == 0 && !is_partial(answer.nodes.as_ref()) {
        text.push_str(&why_no_tab(&request, &client).await);
    }
    output::data(&text)
}

/// What the server says of `spreadMs`, in the words of this command line.
fn about_spread(failure: Failure) -> Failure {
    match failure {
        Failure::Refused { message, .. } if message.starts_with("`spreadMs`") => Failure::Usage(
            "--spread: at most 1h, and no longer than the invalidation stands: give less, or a longer --expires"
                .to_owned(),
        ),
        Failure::Refused { message, .. } if message.starts_with("`spread`: ") => {
            let said = message.strip_prefix("`spread`: ").unwrap_or_default();
            Failure::Usage(format!("--over, --rate, --waves: {said}"))
        }
        other => other,
    }
}

async fn why_no_tab(request: &InvalidationRequest, client: &Client) -> String {
    if let Some(versions) = &request.versions
        && is_run_nowhere(request, client).await
    {
        return format!(
            "no open tab runs {}; `headcount stats` lists the versions that tabs run\n",
            versions.join(" or ")
        );
    }
    why_no_tab_there(request, client).await.to_owned()
}

/// Whether no tab on any route runs the versions. No, where the server does not say.
async fn is_run_nowhere(request: &InvalidationRequest, client: &Client) -> bool {
    let anywhere = InvalidationRequest {
        matches: MatchBody::Segment("/".to_owned()),
        ..request.clone()
    };
    tabs_there(&anywhere, client).await == Some(0)
}

async fn why_no_tab_there(request: &InvalidationRequest, client: &Client) -> &'static str {
    if let MatchBody::Exact(route) | MatchBody::Prefix(route) | MatchBody::Segment(route) = &request.matches
        && route.contains('*')
    {
        NO_WILDCARD
    } else if request.audience == AudienceBody::Outdated && is_unreleased(client).await {
        NO_RELEASE
    } else if request.audience == AudienceBody::Outdated
        && tabs_there(request, client).await.is_none_or(|tabs| tabs > 0)
    {
        ONLY_OUTDATED
    } else if request.versions.is_some() {
        ELSEWHERE
    } else if matches!(request.matches, MatchBody::Exact(_)) {
        ONLY_EXACT
    } else {
        NOBODY_THERE
    }
}

/// How many tabs are on the routes, on any release. `None` if the server does not answer that.
async fn tabs_there(request: &InvalidationRequest, client: &Client) -> Option<u64> {
    let everybody = InvalidationRequest {
        audience: AudienceBody::All,
        dry_run: true,
        ..request.clone()
    };
    let answer = client.post("invalidations", &everybody).await.ok()?;
    let answer: InvalidationAnswer = answer.read().ok()?;
    Some(answer.tabs + answer.unknown)
}

/// Whether the server knows no release that a tab could be behind. No, where that cannot be had.
async fn is_unreleased(client: &Client) -> bool {
    let releases = async { client.get("releases", &[]).await.ok()?.read().ok() };
    releases
        .await
        .is_some_and(|releases: ReleasesAnswer| releases.current == UNRELEASED)
}

fn request(arguments: &InvalidateArguments) -> Result<InvalidationRequest, Failure> {
    let route = arguments.route.clone();
    let matches = match arguments {
        InvalidateArguments { exact: true, .. } => MatchBody::Exact(route),
        InvalidateArguments { prefix: true, .. } => MatchBody::Prefix(route),
        InvalidateArguments { glob: true, .. } => MatchBody::Glob(route),
        InvalidateArguments { regex: true, .. } => MatchBody::Regex(route),
        _ => MatchBody::Segment(route),
    };
    match &matches {
        MatchBody::Exact(route) | MatchBody::Prefix(route) | MatchBody::Segment(route) => check_route(route)?,
        MatchBody::Glob(glob) => check_glob(glob)?,
        // The server checks what is in a regular expression.
        _ => {}
    }
    Ok(InvalidationRequest {
        matches,
        versions: (!arguments.version.is_empty()).then(|| arguments.version.clone()),
        audience: if arguments.all_tabs {
            AudienceBody::All
        } else {
            AudienceBody::Outdated
        },
        mode: if arguments.prompt {
            ModeBody::Prompt
        } else {
            ModeBody::Force
        },
        expires: arguments.expires,
        spread_ms: arguments.spread,
        spread: arguments.waves.request(),
        dry_run: arguments.dry_run,
    })
}

/// When the rule lapses. Only the list of rules says; where that cannot be had, the message does without.
async fn expires_at(client: &Client, id: u32) -> Option<u64> {
    let rules: InvalidationsAnswer = client.get("invalidations", &[]).await.ok()?.read().ok()?;
    rules
        .invalidations
        .iter()
        .find(|rule| rule.id == id)
        .map(|rule| rule.expires_at)
}

fn shown(answer: &InvalidationAnswer, request: &InvalidationRequest, expires_at: Option<u64>) -> String {
    let tabs = format!(
        "{} on {}",
        counted(answer.tabs, "tab"),
        counted(answer.routes, "route")
    );
    let what = if request.mode == ModeBody::Prompt {
        "to offer a refresh"
    } else {
        "to refresh"
    };
    let Some(id) = answer.id else {
        let over = match (&answer.spread, answer.spread_ms) {
            (Some(spread), _) => pace(spread),
            (None, 0) => String::new(),
            (None, spread_ms) => format!(", over {}", date::seconds_of(spread_ms)),
        };
        return format!(
            "would tell {tabs} {what}{over}; nothing was touched\n{}{}",
            unknown(answer),
            partial(answer.nodes.as_ref())
        );
    };
    let until = expires_at
        .map(|at| format!(" until {}", date::moment(at)))
        .unwrap_or_default();
    let told = match (&answer.spread, answer.spread_ms) {
        (Some(spread), _) => format!("tells {tabs} {what}{}", pace(spread)),
        (None, 0) => format!("told {tabs} {what}"),
        (None, spread_ms) => format!("tells {tabs} {what}, over {}", date::seconds_of(spread_ms)),
    };
    let mut lines = vec![
        told,
        format!("the rule stands{until}; lift it with `headcount lift {id}`"),
    ];
    if let Some(spread) = &answer.spread {
        let stops = stops(spread.stop_if.as_ref());
        lines.push(format!("pause it with `headcount pause {id}`; {stops}"));
    }
    match &*answer.lapsed {
        [] => {}
        [one] => lines.push(format!(
            "invalidation {one} no longer stands: this one replaces it, or too many stood"
        )),
        several => {
            let ids: Vec<String> = several.iter().map(u32::to_string).collect();
            lines.push(format!(
                "invalidations {} no longer stand: this one replaces them, or too many stood",
                ids.join(", ")
            ));
        }
    }
    lines.push(unknown(answer));
    let mut text = lines.join("\n");
    text.push_str(&partial_but(
        answer.nodes.as_ref(),
        "their tabs are told all the same",
    ));
    text
}

/// What the server cannot say about some tabs, and how it could.
fn unknown(answer: &InvalidationAnswer) -> String {
    match answer.unknown {
        0 => String::new(),
        tabs => format!(
            "unknown for {}: the server has no room for their route or version and cannot tell whether they match; raise \
             limits.unnamed_bytes_max\n",
            counted(tabs, "more tab")
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn typed(words: &[&str]) -> Result<InvalidationRequest, Failure> {
        match Arguments::try_parse_from([&["headcount", "invalidate"], words].concat()) {
            Ok(Arguments {
                command: Command::Invalidate(arguments),
            }) => request(&arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_is_the_route_and_below_for_outdated_tabs() {
        let request = typed(&["/checkout"]).unwrap();
        assert_eq!(request.matches, MatchBody::Segment("/checkout".to_owned()));
        assert_eq!(
            (request.audience, request.mode, request.dry_run),
            (AudienceBody::Outdated, ModeBody::Force, false)
        );
        assert_eq!((request.versions, request.expires), (None, None));
    }

    #[test]
    fn every_flag_reaches_the_request() {
        let words = [
            "/a/*",
            "--glob",
            "--dry-run",
            "--all-tabs",
            "--prompt",
            "--expires",
            "30m",
            "--version",
            "v1",
        ];
        let request = typed(&[&words[..], &["--version", "v2"]].concat()).unwrap();
        assert_eq!(request.matches, MatchBody::Glob("/a/*".to_owned()));
        assert_eq!(
            (request.audience, request.mode, request.dry_run),
            (AudienceBody::All, ModeBody::Prompt, true)
        );
        assert_eq!(request.versions, Some(vec!["v1".to_owned(), "v2".to_owned()]));
        assert_eq!(request.expires, Some(1_800));
        assert_eq!(
            typed(&["/a", "--exact"]).unwrap().matches,
            MatchBody::Exact("/a".to_owned())
        );
        assert_eq!(
            typed(&["/a", "--prefix"]).unwrap().matches,
            MatchBody::Prefix("/a".to_owned())
        );
        assert_eq!(
            typed(&["a$", "--regex"]).unwrap().matches,
            MatchBody::Regex("a$".to_owned())
        );
    }

    #[test]
    fn a_route_without_its_slash_is_asked_about() {
        for (route, meant) in [
            ("checkout", "`/checkout`?"),
            ("https://example.com/checkout", "`/checkout`?"),
            ("https://example.com/a/b?from=mail#top", "`/a/b`?"),
            ("https://example.com", "`/`?"),
        ] {
            for words in [&[route][..], &[route, "--exact"], &[route, "--prefix"]] {
                assert!(
                    matches!(typed(words), Err(Failure::Usage(text)) if text.ends_with(meant)),
                    "{words:?}"
                );
            }
        }
        let glob = typed(&["https://example.com/a/*", "--glob"]);
        assert!(matches!(glob, Err(Failure::Usage(text)) if text.ends_with("`/a/*`?")));
        assert!(typed(&["**/a", "--glob"]).is_ok() && typed(&["a", "--regex"]).is_ok());
    }

    #[test]
    fn the_message_says_what_happened() {
        let request = typed(&["/checkout"]).unwrap();
        let mut answer = InvalidationAnswer::default();
        (answer.id, answer.lapsed) = (Some(17), vec![4, 9]);
        (answer.tabs, answer.routes) = (3, 1);
        assert_eq!(
            shown(&answer, &request, Some(0)),
            "told 3 tabs on 1 route to refresh\n\
             the rule stands until 1970-01-01 00:00 UTC; lift it with `headcount lift 17`\n\
             invalidations 4, 9 no longer stand: this one replaces them, or too many stood\n"
        );
        (answer.id, answer.lapsed) = (None, Vec::new());
        answer.dry_run = true;
        assert_eq!(
            shown(&answer, &request, None),
            "would tell 3 tabs on 1 route to refresh; nothing was touched\n"
        );
        (answer.tabs, answer.routes, answer.unknown) = (0, 0, 17);
        assert_eq!(
            shown(&answer, &request, None),
            "would tell 0 tabs on 0 routes to refresh; nothing was touched\n\
             unknown for 17 more tabs: the server has no room for their route or version and cannot tell whether they \
             match; raise limits.unnamed_bytes_max\n"
        );
    }
}
