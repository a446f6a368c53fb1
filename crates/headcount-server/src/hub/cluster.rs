//! What the hub does as the owner of a node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount_core::cluster::{Hits, NodeAnswer, NodeQuestion, RequestId, SignOuts, TabBooks, Tables};
use headcount_core::command_log::LogIndex;
use headcount_core::connection::{ConnectionKey, NodeId};
use headcount_core::questions::Question;

use super::{Hub, tables};
use crate::nodes::{self, Due, Heard, NodeEvent};
use crate::{answers, clock};

impl Hub {
    pub(super) fn on_heard(&mut self, heard: Heard) {
        match (heard, self.counts.joined()) {
            (Heard::Notice(notice), Some(joined)) => joined.hear(&notice),
            (Heard::Event(event), Some(_)) => self.on_node_event(event),
            (Heard::Claims(claims), Some(joined)) => joined.claim(claims),
            (_, None) => {}
        }
        self.perform();
    }

    fn on_node_event(&mut self, event: NodeEvent) {
        let tabs = self.site.census.open();
        let Some(joined) = self.counts.joined() else {
            return;
        };
        match event {
            NodeEvent::Ask {
                whom,
                question,
                within_ms,
                reply,
            } => joined.ask(whom, question, within_ms, reply),
            NodeEvent::Answer { to, request, answer } => joined.answer(to, request, answer),
            NodeEvent::Relay {
                node,
                relay,
                within_ms,
                reply,
            } => joined.relay(node, relay, within_ms, reply),
            NodeEvent::SignOut {
                told,
                within_ms,
                reply,
            } => joined.sign_out(told, within_ms, Some(reply)),
            NodeEvent::List(reply) => {
                let _asker_gone = reply.send(joined.nodes(tabs));
            }
            NodeEvent::SayVersions { counts, holds_ms } => {
                joined.node.say_versions(counts, holds_ms, clock::steady_ms());
            }
            NodeEvent::VersionsOfOthers(reply) => {
                let _asker_gone = reply.send(joined.others());
            }
            NodeEvent::Read { index, hits } => self.on_read(index, hits),
            NodeEvent::ReadsNoMore => joined.node.set_reads_no_more(),
            NodeEvent::Drains => joined.node.set_drains(true),
            NodeEvent::Bridge(event) => joined.on_bridge(event),
            NodeEvent::Ends { said } => {
                self.bridges.end_telling();
                joined.end(said);
            }
        }
    }

    /// A tab has opened a connection here.
    pub(super) fn on_came(&mut self, key: ConnectionKey, tab: u64, reloaded: Arc<[u32]>) {
        if let Some(newest) = self.newest.get_mut(usize::from(key.shard)) {
            *newest = key.generation;
        }
        if let Some(joined) = self.counts.joined() {
            joined.node.came(tab, reloaded, clock::steady_ms());
        }
        self.perform();
    }

    /// What these tabs were told here goes to the node where they are now.
    pub(super) fn hand_over(&mut self, to: NodeId, tabs: Vec<TabBooks>) {
        if let Some(joined) = self.counts.joined() {
            joined.node.hand_over(to, tabs);
        }
        self.perform();
    }

    /// Does what is due by the clock.
    pub(super) fn look_at_cluster(&mut self) {
        let tabs = self.site.census.open();
        if let Some(joined) = self.counts.joined() {
            joined.look(tabs, &self.site.keyring);
            self.perform();
        }
    }

    /// When the node must be looked at again.
    pub(super) fn next_look_of_node(&self) -> Option<Instant> {
        let next_ms = self.counts.next_look_ms()?;
        Some(clock::now() + Duration::from_millis(next_ms.saturating_sub(clock::steady_ms())))
    }

    /// Carries out what the node says must be done.
    pub(super) fn perform(&mut self) {
        while let Some(due) = self.counts.next_due() {
            match due {
                Due::Watch(watched) => {
                    self.let_report(watched);
                    // What others are told first has what all shards count.
                    self.waiting.wanted |= watched && self.counts.is_watched_elsewhere();
                }
                Due::Answer {
                    to,
                    request,
                    within_ms,
                    question,
                } => self.on_question((to, request), question, within_ms),
                Due::Relay { to, request, relay } => {
                    let taken = nodes::carry_out(&self.site, &self.shards, relay);
                    if let Some(joined) = self.counts.joined() {
                        joined.relayed(to, request, taken);
                    }
                }
                Due::LetGo { to, tabs } => nodes::let_go(&self.shards, &self.newest, to, tabs),
                Due::TakeOver { tabs } => nodes::take_over(&self.shards, tabs),
                Due::Bridge(action) => {
                    let room = self.site.config.limits.hook_events_max as usize;
                    let behind = self.bridges.act(&self.shards, room, action);
                    if let (Some(bridge), Some(joined)) = (behind, self.counts.joined()) {
                        joined.node.untap(bridge);
                    }
                }
                Due::SignOut(told) => self.end_too(told),
                Due::End => self
                    .site
                    .vitals
                    .report("the node", &"another one has the same id"),
            }
        }
        self.changed |= self.counts.take_changed();
        self.waiting.wanted |= self.counts.is_wanted();
        self.ask_shards();
    }

    /// Ends here what was ended at another node. Where a cookie had admitted a subscriber here, all nodes must know that.
    fn end_too(&mut self, told: SignOuts) {
        let Some(joined) = self.counts.joined() else {
            return;
        };
        let mut cookies = nodes::end_too(&self.site, &joined.tickets, told);
        if cookies.is_empty() {
            return;
        }
        self.subscribers.recheck_ended();
        cookies.retain(|cookie| !cookie.admitted);
        for cookie in &mut cookies {
            cookie.admitted = true;
        }
        if !cookies.is_empty() {
            let told = SignOuts {
                cookies,
                ..SignOuts::default()
            };
            joined.sign_out(told, self.site.config.limits.answer_ms, None);
        }
    }

    /// Answers the nodes that asked for the counts of this moment.
    pub(super) fn answer_nodes(&mut self, nodes: Vec<(NodeId, RequestId)>) {
        let Some(joined) = self.counts.joined().filter(|_| !nodes.is_empty()) else {
            return;
        };
        let counts = joined.node.counts();
        for (to, request) in nodes {
            joined.answer(to, request, NodeAnswer::Counts(counts.clone()));
        }
        self.perform();
    }

    fn on_question(&mut self, (to, request): (NodeId, RequestId), question: NodeQuestion, within_ms: u32) {
        let answer = match question {
            NodeQuestion::Counts => {
                self.waiting.nodes.push((to, request));
                return self.ask_shards();
            }
            NodeQuestion::Table { tables, question } => {
                return self.ask_tables((to, request), tables, question, within_ms);
            }
            NodeQuestion::Hits { index } => {
                let is_read = self.counts.joined().is_some_and(|joined| joined.has_read(index));
                // An entry that is no rule told no tab.
                let hits = || self.hits.get(index).cloned().unwrap_or_default();
                is_read.then(hits).map_or(NodeAnswer::Unable, NodeAnswer::Hits)
            }
            NodeQuestion::Authorize { connection, headers } => {
                return self.ask_app((to, request), connection, headers, within_ms);
            }
            NodeQuestion::Admitted { answers } => NodeAnswer::Taken(self.bridges.answer_here(&answers)),
            NodeQuestion::History { from_ms, step_ms } => {
                let history = self.history.as_ref();
                history.map_or(NodeAnswer::Unable, |history| {
                    NodeAnswer::History(history.piece(from_ms, step_ms))
                })
            }
            NodeQuestion::SignOut(_) | NodeQuestion::SignOutsSince { .. } | NodeQuestion::Unknown => {
                NodeAnswer::Unable
            }
        };
        if let Some(joined) = self.counts.joined() {
            joined.answer(to, request, answer);
        }
    }

    fn ask_tables(
        &self,
        (to, request): (NodeId, RequestId),
        tables: Tables,
        question: Question,
        within_ms: u32,
    ) {
        let Some(asker) = self.nodes.clone() else { return };
        let shards = self.shards.clone();
        tokio::spawn(async move {
            let answer = tables::answer(&shards, tables, question, answers::patience(within_ms)).await;
            asker.tell(NodeEvent::Answer { to, request, answer }).await;
        });
    }

    /// Asks an app over a bridge of this server, for another node.
    fn ask_app(
        &self,
        (to, request): (NodeId, RequestId),
        connection: String,
        headers: Vec<(String, String)>,
        within_ms: u32,
    ) {
        let Some(asker) = self.nodes.clone() else { return };
        let bridges = self.bridges.clone();
        tokio::spawn(async move {
            let within = Duration::from_millis(within_ms.into());
            let answer = bridges.ask_for_another(&connection, &headers, within).await;
            asker.tell(NodeEvent::Answer { to, request, answer }).await;
        });
    }

    fn on_read(&mut self, index: LogIndex, hits: Option<Hits>) {
        if let Some(hits) = hits {
            self.hits.note(index, hits);
        }
        if let Some(joined) = self.counts.joined() {
            joined.node.set_read(index);
        }
    }
}
