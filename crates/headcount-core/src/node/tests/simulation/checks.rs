//! What must hold when the faults have ended.

use std::collections::{BTreeMap, BTreeSet};

use super::server::Server;
use super::tabs::Tab;
use super::world::World;
use crate::cluster::{Hits, NodeQuestion};
use crate::command_log::{Entry, LogIndex};
use crate::connection::{IdCipher, Located, NodeId};
use crate::epoch::Epoch;
use crate::invalidation::Audience;
use crate::node::{Node, Whom};
use crate::registry::RuleOutcomes;
use crate::stats::Sum;

/// What there is: tabs, hidden ones, and both counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Truth {
    total: u64,
    visible: u64,
    versions: BTreeMap<String, u64>,
    routes: BTreeMap<String, u64>,
}

impl Truth {
    fn of_tabs(tabs: &[Tab]) -> Self {
        let mut truth = Self::default();
        for tab in tabs.iter().filter(|tab| tab.is_open()) {
            truth.total += 1;
            truth.visible += u64::from(!tab.hidden);
            *truth.versions.entry(tab.version.clone()).or_default() += 1;
            *truth.routes.entry(tab.route.to_owned()).or_default() += 1;
        }
        truth
    }

    fn of_sum(sum: &Sum) -> Self {
        let owned = |counts: &crate::stats::Counts| {
            let counts = counts.iter();
            counts.map(|(name, count)| (name.to_string(), *count)).collect()
        };
        Self {
            total: sum.total(),
            visible: sum.visible(),
            versions: owned(sum.versions()),
            routes: owned(sum.routes()),
        }
    }
}

impl World {
    /// Why it is not yet as it must be in the end.
    pub(super) fn unsettled(&self) -> Result<(), String> {
        let truth = Truth::of_tabs(&self.tabs);
        let held: u64 = self.servers.iter().map(Server::tabs).sum();
        if held != truth.total {
            return Err(format!("{held} connections of {} tabs", truth.total));
        }
        for (number, server) in self.servers.iter().enumerate() {
            let members = server.node.members();
            let here = server.node.id();
            let knows = |other: &Server| other.node.id() == here || members.knows(other.node.id());
            if members.len() + 1 != self.servers.len() || !self.servers.iter().all(knows) {
                return Err(format!("server {number} knows {members:?}"));
            }
            if server.read != self.log.len() {
                return Err(format!(
                    "server {number} has read {} of {}",
                    server.read,
                    self.log.len()
                ));
            }
            if server.ended != self.servers[0].ended {
                return Err(format!(
                    "server {number} has ended {:?}, and server 0 {:?}",
                    server.ended, self.servers[0].ended
                ));
            }
            if !server.watched {
                continue;
            }
            let feed = Truth::of_sum(server.node.feed().sum());
            if feed != truth {
                return Err(format!("server {number} shows {feed:?}, and there is {truth:?}"));
            }
            if let Some(node) = server.node.lacking().next() {
                return Err(format!("server {number} lacks node {node}"));
            }
        }
        self.unsettled_bridges()
    }

    /// All have the same rules, and what was acknowledged is among what they read.
    pub(super) fn check_log(&self) {
        let mut stood = self
            .servers
            .iter()
            .map(|server| server.standing.checkpoint(Epoch::default()));
        let first = stood.next().unwrap();
        assert!(
            stood.all(|other| other == first),
            "the servers have different rules"
        );
        let numbers = self.log.iter().filter_map(|entry| match entry {
            Entry::Release { release, .. } => Some(release.id),
            Entry::Rule { rule, .. } => Some(rule.id),
            _ => None,
        });
        let numbers: Vec<u32> = numbers.collect();
        assert!(numbers.iter().copied().eq(1..=first.head), "{numbers:?}");
        let numbers: BTreeSet<u32> = numbers.into_iter().collect();
        assert!(self.acknowledged.iter().all(|id| numbers.contains(id)));
    }

    /// Each open tab was told exactly the rules that it had to be told, each told tab is in the outcomes, and they balance.
    pub(super) fn check_told(&self) {
        let mut shards = self.servers.iter().flat_map(|server| &server.shards);
        for (_, rule) in self.standing.rules() {
            let outcomes = shards.clone().map(|(registry, _)| registry.outcomes(&[0; 64]));
            let outcomes: RuleOutcomes = outcomes.sum();
            let outcomes = outcomes.of(rule.id);
            let open = || self.tabs.iter().filter(|tab| tab.is_open());
            let told = open().filter(|tab| tab.was_told(rule)).count() as u64;
            assert_eq!(outcomes.here, told, "rule {}: {outcomes:?}", rule.id);
            assert!(
                outcomes.told >= outcomes.here + outcomes.reloaded,
                "rule {}",
                rule.id
            );
            let concerned = |tab: &&Tab| rule.concerns(tab.route, &tab.version, &self.standing.releases);
            for tab in open().filter(concerned).filter(|tab| rule.is_open_to(tab.hash)) {
                let connection = tab.connection.unwrap();
                let registry = &self.servers[connection.server].shards[usize::from(connection.key.shard)].0;
                let since = registry.since(connection.key.slot).unwrap();
                assert!(
                    tab.was_told(rule) || !rule.concerns_page_load(since),
                    "tab {} was left out of rule {}",
                    tab.hash,
                    rule.id
                );
            }
        }
        assert!(shards.all(|(registry, _)| registry.standing().head == self.standing.head));
    }

    /// The rows of each feed are those of open connections, with ids that lead to them.
    pub(super) fn check_rows(&self) {
        let cipher = |node| IdCipher::new([5; 16], node);
        for server in self.servers.iter().filter(|server| server.watched) {
            let here = cipher(server.node.id());
            let sum = server.node.feed().sum();
            let rows: Vec<_> = sum.rows().collect();
            assert!(rows.len() <= 6 * self.servers.len(), "{} rows", rows.len());
            assert!(rows.len() as u64 >= sum.total().min(6));
            for row in rows {
                let id = row.place().id(&here);
                let holding = |node: NodeId| self.servers.iter().find(move |server| server.node.id() == node);
                let (node, key) = match here.locate(id.as_str()) {
                    Located::Here(key) => (server.node.id(), key),
                    Located::At(node, key) => (node, key),
                    Located::Unknown => panic!("a row with an id that leads nowhere"),
                };
                let registry = &holding(node).unwrap().shards[usize::from(key.shard)].0;
                assert!(registry.find(key).is_some(), "{row:?} is not open");
            }
        }
    }

    /// All nodes answer, and their answers add up.
    pub(super) fn check_answers(&mut self) {
        let truth = Truth::of_tabs(&self.tabs);
        let all = self.servers.len();
        for server in 0..all {
            let answers = self.ask_all(server, NodeQuestion::Counts);
            assert_eq!((answers.answered(), answers.of()), (all, all));
            assert_eq!(Truth::of_sum(&answers.counts()), truth);
        }
        let server = self.chance.index(all);
        let id = self.servers[server].standing.head + 1;
        let entry = self.rule(server, id, Audience::All);
        let Entry::Rule { rule, .. } = &entry else { return };
        let concerned = |tab: &&Tab| tab.is_open() && rule.concerns_route(tab.route);
        let concerned: Vec<&Tab> = self.tabs.iter().filter(concerned).collect();
        let routes: BTreeSet<&str> = concerned.iter().map(|tab| tab.route).collect();
        let expected = (concerned.len() as u64, routes.len() as u64, 0);
        self.append(entry);
        let index = LogIndex(self.log.len() as u64);
        let answers = self.ask_all(server, NodeQuestion::Hits { index });
        assert_eq!((answers.answered(), answers.of()), (all, all));
        assert_eq!(Hits::over(answers.hits()), expected);
    }

    fn ask_all(&mut self, server: usize, question: NodeQuestion) -> crate::cluster::NodeAnswers {
        let asking = &mut self.servers[server];
        let clock = asking.clock(self.now_ms);
        let request = asking.node.ask(Whom::All, question, 1_000, clock);
        self.act(server);
        self.run_until(self.now_ms + 200);
        let answers = self.servers[server].answers.remove(&request);
        answers.expect("all answer in time")
    }

    /// A message for any tab gets to it from any server, once.
    pub(super) fn check_relays(&mut self) {
        let before = self.received();
        let mut sent = 0;
        for tab in 0..self.tabs.len() {
            let Some(connection) = self.tabs[tab].connection else {
                continue;
            };
            let server = self.chance.index(self.servers.len());
            if server != connection.server {
                let node = self.servers[connection.server].node.id();
                self.pass_on(server, node, connection.key);
                sent += 1;
            }
        }
        self.run_until(self.now_ms + 100);
        assert_eq!(self.received() - before, sent);
    }

    fn received(&self) -> usize {
        self.tabs.iter().map(Tab::received).sum()
    }

    /// While nobody watches, nothing is sent but heartbeats, and nothing is kept.
    pub(super) fn check_quiet(&mut self) {
        for server in 0..self.servers.len() {
            self.watch(server, false);
            if self.servers[server].bridge.is_some() {
                self.toggle_bridge(server);
            }
        }
        self.run_until(self.now_ms + 3_000);
        self.said = 0;
        for tab in 0..self.tabs.len() {
            self.navigate(tab);
        }
        self.run_until(self.now_ms + 11_000);
        assert_eq!(self.said, 0, "messages that nobody needs");
        for server in &self.servers {
            server.node.check_at_rest();
            assert_eq!(server.reader.held(), (0, 0));
            assert_eq!(server.reader.counts().invalid, 0);
        }
    }
}

impl Node {
    /// It keeps nothing that waits for something.
    fn check_at_rest(&self) {
        assert!(self.actions.is_empty());
        let waiting = [
            self.asks.next_ms(),
            self.later.next_ms(),
            self.moves.next_ms(),
            self.wants.next_ms(),
            self.bridges.next_ms(),
            self.signed_out.untold.next_ms(),
        ];
        assert_eq!(waiting, [None; 6], "something waits without end");
        assert_eq!(self.feed().sum().total(), 0);
        assert_eq!(self.feed().sum().sampled(), 0);
    }
}
