//! `headcount nodes`: the servers of the cluster. And the line that other commands end with where some did not answer.

use headcount_core::protocol::nodes::{NodeEntry, NodesAnswer, NodesAsked};

use crate::arguments::ServerArguments;
use crate::client::Client;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::table::{Align, Table, count, counted, plain};
use crate::{date, output};

pub(crate) async fn list(arguments: &ServerArguments, environment: &Environment) -> Result<(), Failure> {
    let client = Client::new(arguments, environment)?;
    let answer = client.get("nodes", &[]).await.map_err(about_cluster)?;
    if arguments.json {
        return output::json(&answer.text);
    }
    output::data(&shown(&answer.read()?))
}

/// What a server without a cluster says, in the words of this command line.
fn about_cluster(failure: Failure) -> Failure {
    match failure {
        Failure::Refused {
            status,
            code,
            message,
        } if message == "`cluster` is off" => Failure::Refused {
            status,
            code,
            message: "this server belongs to no cluster. A server joins one with --cluster, as in \
                      `headcount serve --cluster nats://127.0.0.1:4222`"
                .to_owned(),
        },
        other => other,
    }
}

/// Whether some nodes did not answer.
pub(super) fn is_partial(nodes: Option<&NodesAsked>) -> bool {
    nodes.is_some_and(NodesAsked::is_partial)
}

/// A line that says which nodes did not answer, so that the numbers are without theirs; nothing where all did. An older server does
/// not name them.
pub(super) fn partial(nodes: Option<&NodesAsked>) -> String {
    let Some(nodes) = nodes.filter(|nodes| nodes.is_partial()) else {
        return String::new();
    };
    let missing = match &*nodes.missing {
        [] => "the numbers are without the others".to_owned(),
        named => format!("{} did not", names(named)),
    };
    format!("{} of {} nodes answered: {missing}\n", nodes.answered, nodes.of)
}

/// As [`partial`], with what that means for a command.
pub(super) fn partial_but(nodes: Option<&NodesAsked>, but: &str) -> String {
    match partial(nodes) {
        line if line.is_empty() => line,
        line => format!("{}; {but}\n", line.trim_end()),
    }
}

/// These names as a list: `a`, `a and b`, `a, b and c`.
fn names(nodes: &[String]) -> String {
    let names: Vec<_> = nodes.iter().map(|name| plain(name)).collect();
    match &*names {
        [others @ .., last] if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        one => one.concat(),
    }
}

fn shown(answer: &NodesAnswer) -> String {
    let tabs = answer.nodes.iter().map(|node| node.tabs).sum();
    let nodes = u64::try_from(answer.nodes.len()).unwrap_or(u64::MAX);
    let mut text = format!(
        "{} in the cluster {}, {} open\n\n",
        counted(nodes, "node"),
        plain(&answer.cluster),
        counted(tabs, "tab")
    );
    let mut table = Table::new(&[
        ("NODE", Align::Left),
        ("ID", Align::Left),
        ("TABS", Align::Right),
        ("HEADCOUNT", Align::Left),
        ("BEHIND", Align::Right),
        ("STATE", Align::Left),
    ]);
    for node in &answer.nodes {
        table.row([
            node.name.as_str(),
            &node.id,
            &count(node.tabs),
            &node.software,
            &count(node.lag),
            &state(node),
        ]);
    }
    for node in &answer.missing {
        let since = format!("lost since {}", date::moment(node.lost_at));
        table.row([node.name.as_str(), &node.id, "", "", "", &since]);
    }
    text.push_str(&table.take());
    if !answer.broker_reached {
        text.push_str(
            "the broker is not reached: nodes are missing here that are there, and commands are refused\n",
        );
    }
    text
}

fn state(node: &NodeEntry) -> String {
    let differs = node
        .differs
        .iter()
        .map(|setting| plain(setting))
        .collect::<Vec<_>>();
    let differs = (!differs.is_empty()).then(|| format!("other settings: {}", differs.join(", ")));
    let seconds = node.clock_offset_ms.map(|ahead_ms| ahead_ms / 1_000);
    let states = [
        node.here.then(|| "here".to_owned()),
        node.drains.then(|| "draining".to_owned()),
        seconds.map(|ahead| format!("clock {ahead:+} s")),
        differs,
    ];
    states.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use headcount_core::protocol::nodes::MissingNode;

    use super::*;

    fn node(name: &str, tabs: u64) -> NodeEntry {
        let mut node = NodeEntry::default();
        node.id = "00c0ffee".to_owned();
        node.name = name.to_owned();
        node.software = "0.9.0".to_owned();
        node.tabs = tabs;
        node
    }

    #[test]
    fn nodes_read_as_a_table() {
        let mut here = node("a", 1_041);
        here.here = true;
        let mut other = node("b", 1);
        (other.drains, other.lag) = (true, 12);
        other.clock_offset_ms = Some(-3_600_400);
        other.differs = vec!["admin secret".to_owned(), "paths".to_owned()];
        let mut lost = MissingNode::default();
        (lost.id, lost.name, lost.lost_at) = ("0000beef".to_owned(), "c".to_owned(), 60_000);
        let mut answer = NodesAnswer::default();
        answer.cluster = "shop".to_owned();
        answer.broker_reached = true;
        (answer.nodes, answer.missing) = (vec![here, other], vec![lost]);
        let expected = "\
2 nodes in the cluster shop, 1,042 tabs open

NODE  ID         TABS  HEADCOUNT  BEHIND  STATE
a     00c0ffee  1,041  0.9.0           0  here
b     00c0ffee      1  0.9.0          12  draining, clock -3600 s, other settings: admin secret, paths
c     0000beef                            lost since 1970-01-01 00:01 UTC
";
        assert_eq!(shown(&answer), expected);
        answer.broker_reached = false;
        assert!(
            shown(&answer).ends_with("UTC\nthe broker is not reached: nodes are missing here that are there, and commands are refused\n"),
            "{}",
            shown(&answer)
        );
    }

    #[test]
    fn numbers_say_where_they_are_partial() {
        let line = |answered, of, missing: &[&str]| {
            let missing = missing.iter().map(ToString::to_string).collect();
            let mut asked = NodesAsked::new(answered, missing);
            asked.of = of;
            partial(Some(&asked))
        };
        assert_eq!(partial(None), "");
        assert_eq!(line(3, 3, &[]), "");
        assert_eq!(line(2, 3, &["c"]), "2 of 3 nodes answered: c did not\n");
        assert_eq!(
            line(1, 3, &["b", "c"]),
            "1 of 3 nodes answered: b and c did not\n"
        );
        assert_eq!(
            line(0, 3, &["a", "b", "c"]),
            "0 of 3 nodes answered: a, b and c did not\n"
        );
        assert_eq!(
            line(2, 3, &[]),
            "2 of 3 nodes answered: the numbers are without the others\n",
            "of an older server"
        );
    }
}
