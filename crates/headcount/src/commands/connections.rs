//! `headcount connections`: the open tabs one by one, page after page of the server's answers.
//!
//! Pages are printed as they come, so a million tabs cost no memory here and `| head` ends the asking early.

use headcount_core::protocol::admin::ConnectionsAnswer;
use headcount_core::protocol::nodes::NodesAsked;

use crate::arguments::ConnectionsArguments;
use crate::client::{Answer, Client};
use crate::commands::check_route;
use crate::commands::nodes::partial;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::output;
use crate::table::{Align, Table};

/// The route of tabs whose own has no room on the server.
const OTHER: &str = "(other)";
/// Connections asked for at once. The server may give fewer.
const PAGE: u32 = 1_000;

pub(crate) async fn run(arguments: &ConnectionsArguments, environment: &Environment) -> Result<(), Failure> {
    let client = Client::new(&arguments.server, environment)?;
    if let Some(route) = &arguments.route
        && route != OTHER
    {
        check_route(route)?;
    }
    let mut listing = Listing::new(arguments.route.is_some() || arguments.version.is_some());
    let mut left = if arguments.all { u32::MAX } else { arguments.limit };
    let mut cursor: Option<String> = None;
    let mut nodes = None;
    loop {
        let answer = page(&client, arguments, left.min(PAGE), cursor.as_deref()).await?;
        let mut connections: ConnectionsAnswer = answer.read()?;
        // A server that gives more than it was asked for is taken at our word, not at its own.
        connections
            .connections
            .truncate(usize::try_from(left).unwrap_or(usize::MAX));
        nodes = fewest(nodes, connections.nodes.clone());
        left = left.saturating_sub(u32::try_from(connections.connections.len()).unwrap_or(u32::MAX));
        if arguments.server.json {
            output::json(&answer.text)?;
        } else {
            output::data(&listing.shown(&connections, left == 0))?;
        }
        match connections.next {
            Some(next) if left > 0 && cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => break,
        }
    }
    match partial(nodes.as_ref()) {
        line if line.is_empty() || arguments.server.json => Ok(()),
        line => output::data(&line),
    }
}

/// Of two pages, what the one says that misses more nodes.
fn fewest(one: Option<NodesAsked>, other: Option<NodesAsked>) -> Option<NodesAsked> {
    one.into_iter()
        .chain(other)
        .max_by_key(|nodes| nodes.of.saturating_sub(nodes.answered))
}

async fn page(
    client: &Client,
    arguments: &ConnectionsArguments,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Answer, Failure> {
    let limit = limit.to_string();
    let query = [
        ("limit", Some(limit.as_str())),
        ("route", arguments.route.as_deref()),
        ("version", arguments.version.as_deref()),
        ("cursor", cursor),
    ];
    let query: Vec<(&str, &str)> = query
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    client.get("connections", &query).await
}

/// A table that grows by pages.
#[derive(Debug)]
struct Listing {
    table: Table,
    pages: u32,
    is_filtered: bool,
}

impl Listing {
    fn new(is_filtered: bool) -> Self {
        let headings = [
            ("ROUTE", Align::Left),
            ("VERSION", Align::Left),
            ("IP", Align::Left),
            ("ID", Align::Left),
        ];
        Self {
            table: Table::new(&headings),
            pages: 0,
            is_filtered,
        }
    }

    /// The next page; `last` where no more will be asked for.
    fn shown(&mut self, answer: &ConnectionsAnswer, last: bool) -> String {
        self.pages += 1;
        if self.pages == 1 && answer.connections.is_empty() {
            let which = if self.is_filtered { " that match" } else { "" };
            return format!("no tabs open{which}\n");
        }
        for connection in &answer.connections {
            let route = connection.route.as_deref().unwrap_or("-");
            let ip = connection.ip.as_deref().unwrap_or("-");
            self.table.row([route, &connection.version, ip, &connection.id]);
        }
        let mut text = self.table.take();
        if last && answer.next.is_some() {
            text.push_str("and more; --all lists every one\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(next: Option<&str>) -> ConnectionsAnswer {
        let row = json!({ "id": "abc", "version": "v1", "route": "/checkout" });
        serde_json::from_value(json!({ "connections": [row], "next": next })).unwrap()
    }

    #[test]
    fn pages_share_one_heading() {
        let mut listing = Listing::new(true);
        assert_eq!(
            listing.shown(&answer(Some("1")), false),
            "ROUTE      VERSION  IP  ID\n/checkout  v1       -   abc\n"
        );
        assert_eq!(
            listing.shown(&answer(Some("2")), true),
            "/checkout  v1       -   abc\nand more; --all lists every one\n"
        );
    }

    #[test]
    fn an_empty_listing_says_so() {
        let empty = |is_filtered| Listing::new(is_filtered).shown(&ConnectionsAnswer::default(), false);
        assert_eq!(empty(true), "no tabs open that match\n");
        assert_eq!(empty(false), "no tabs open\n");
    }
}
