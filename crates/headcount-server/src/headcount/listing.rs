//! The list of open connections, page by page: every shard of this server, or of one node after the other.

use headcount_core::cluster::{Absent, NodeAnswer, NodeQuestion, Tables};
use headcount_core::connection::NodeId;
use headcount_core::node::Whom;
use headcount_core::protocol::admin::ConnectionsAnswer;
use headcount_core::protocol::nodes::NodesAsked;
use headcount_core::protocol::stats::row_answer;
use headcount_core::questions::{Answer, ConnectionsFrom};
use headcount_core::registry::{ConnectionsPage, Filter};

use super::Headcount;
use crate::answers::ask_one;
use crate::error::CommandError;
use crate::nodes::{Nodes, Said};

/// Pages of shards' tables read for one page of a list.
const PAGE_READS_MAX: usize = 32;

/// Where a page begins: a slot of a shard of a node. As text `shard.slot`, or `node.shard.slot` in a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    node: Option<NodeId>,
    shard: u16,
    slot: u32,
}

impl Cursor {
    /// `None` for a text that was never given out. None at all begins at the beginning.
    pub(super) fn read(text: Option<&str>) -> Option<Self> {
        let Some(text) = text else {
            return Some(Self::default());
        };
        let (before, slot) = text.rsplit_once('.')?;
        let (node, shard) = match before.split_once('.') {
            None => (None, before),
            Some((node, shard)) => (Some(NodeId(u32::from_str_radix(node, 16).ok()?)), shard),
        };
        Some(Self {
            node,
            // A shard beyond all of them has no connections.
            shard: u16::try_from(shard.parse::<usize>().ok()?).unwrap_or(u16::MAX),
            slot: slot.parse().ok()?,
        })
    }

    fn write(self) -> String {
        let Self { node, shard, slot } = self;
        match node {
            None => format!("{shard}.{slot}"),
            Some(node) => format!("{node}.{shard}.{slot}"),
        }
    }
}

/// What is read of one table.
enum Read {
    Page(ConnectionsPage),
    /// There is no such table: the node has no more.
    End,
    /// The node did not answer.
    Missing(NodesAsked),
}

/// A page of at most `limit` connections.
pub(super) async fn list(
    headcount: &Headcount,
    from: Cursor,
    limit: usize,
    filter: Filter,
) -> Result<ConnectionsAnswer, CommandError> {
    let mut listing = Listing::begin(headcount, from).await?;
    let mut answer = ConnectionsAnswer::default();
    for _ in 0..PAGE_READS_MAX {
        let Some(at) = listing.at else { break };
        let question = ConnectionsFrom {
            slot: at.slot,
            max: limit - answer.connections.len(),
            filter: filter.clone(),
        };
        match listing.read(at, question).await? {
            Read::Page(page) => {
                let rows = page.rows.iter();
                answer
                    .connections
                    .extend(rows.map(|row| row_answer(row, &headcount.site().cipher)));
                listing.go_on(at, page.next);
            }
            Read::End => listing.next_node(at),
            Read::Missing(said) => {
                listing.miss(said);
                listing.next_node(at);
            }
        }
        if answer.connections.len() >= limit {
            break;
        }
    }
    answer.next = listing.at.map(Cursor::write);
    answer.nodes = listing.asked();
    Ok(answer)
}

/// How far a list has come.
struct Listing<'a> {
    headcount: &'a Headcount,
    /// The nodes, in the order in which they are listed; `None` without a cluster.
    nodes: Option<(&'a Nodes, Vec<NodeId>)>,
    /// How many of those that may hold connections have answered.
    asked: NodesAsked,
    /// `None`: at the end.
    at: Option<Cursor>,
}

impl<'a> Listing<'a> {
    async fn begin(headcount: &'a Headcount, from: Cursor) -> Result<Self, CommandError> {
        let Some(others) = headcount.others() else {
            return Ok(Self {
                headcount,
                nodes: None,
                asked: NodesAsked::default(),
                at: Some(Cursor { node: None, ..from }),
            });
        };
        // A node that answers this is there, and the numbers say who is not.
        let pulse = NodeQuestion::Table {
            tables: Tables::All,
            question: headcount_core::questions::Pulse.into(),
        };
        let Said { answers, nodes } = others
            .ask(Whom::All, pulse, headcount.everywhere().within_ms)
            .await?;
        let mut ids: Vec<NodeId> = answers.answered.iter().map(|(node, _)| *node).collect();
        ids.sort_unstable();
        // The node where the page before ended may have gone: then the next one goes on.
        let first = ids.iter().copied().find(|node| Some(*node) >= from.node);
        let at = first.map(|node| {
            if Some(node) == from.node {
                from
            } else {
                Cursor {
                    node: Some(node),
                    ..Cursor::default()
                }
            }
        });
        Ok(Self {
            headcount,
            nodes: Some((others, ids)),
            asked: nodes,
            at,
        })
    }

    async fn read(&self, at: Cursor, question: ConnectionsFrom) -> Result<Read, CommandError> {
        let (Some((nodes, _)), Some(node)) = (&self.nodes, at.node) else {
            let shards = self.headcount.shards();
            if usize::from(at.shard) >= shards.iter().len() {
                return Ok(Read::End);
            }
            let page = ask_one(shards, at.shard.into(), question, self.headcount.patience()).await?;
            return Ok(Read::Page(page));
        };
        let question = NodeQuestion::Table {
            tables: Tables::Of(at.shard),
            question: question.into(),
        };
        let within_ms = self.headcount.everywhere().within_ms;
        let said = nodes.ask(Whom::Node(node), question, within_ms).await?;
        let Said { answers, nodes } = said;
        Ok(match answers.answered.into_iter().next() {
            Some((_, NodeAnswer::Table(Answer::ConnectionsFrom(page)))) => Read::Page(page),
            _ if at.shard > 0 && answers.missing.iter().any(|(_, why)| *why == Absent::Unable) => Read::End,
            _ => Read::Missing(nodes),
        })
    }

    /// After a page: to the slot behind it, or to the next table.
    fn go_on(&mut self, at: Cursor, next: Option<u32>) {
        let next = match next {
            Some(slot) => Cursor { slot, ..at },
            None => Cursor {
                shard: at.shard.saturating_add(1),
                slot: 0,
                ..at
            },
        };
        let is_over = self.nodes.is_none() && usize::from(next.shard) >= self.headcount.shards().iter().len();
        self.at = (!is_over).then_some(next);
    }

    fn next_node(&mut self, at: Cursor) {
        let nodes = self.nodes.iter().flat_map(|(_, ids)| ids);
        let next = nodes.copied().find(|node| Some(*node) > at.node);
        self.at = next.map(|node| Cursor {
            node: Some(node),
            ..Cursor::default()
        });
    }

    /// A node that answered at first does not any more.
    fn miss(&mut self, said: NodesAsked) {
        self.asked.answered -= 1;
        self.asked.missing.extend(said.missing);
        self.asked.missing.sort_unstable();
    }

    fn asked(&self) -> Option<NodesAsked> {
        self.nodes.as_ref().map(|_| self.asked.clone())
    }
}
