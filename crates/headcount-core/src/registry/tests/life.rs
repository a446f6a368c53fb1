//! A registry, the model beside it, and the owner of the rules: every step is taken by all, and what it answers compared.

use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeSet;
use std::sync::Arc;

use super::model::{Model, RELEASES_MAX, Tab, is_hidden_at_first};
use super::op::{Op, Order, PATTERNS, ROUTES, VERSIONS};
use crate::command_log::Entry;
use crate::connection::ConnectionKey;
use crate::intern::OTHER_TEXT;
use crate::invalidation::waves::{Schedule, Share, Waves};
use crate::invalidation::{Audience, Mode, Rule, Standing, positions};
use crate::limits::Limits;
use crate::outcome::Outcome;
use crate::registry::{Filter, Opening, Registry};
use crate::release::Release;
use crate::stats::{Incarnation, Reporter, Sum};

/// Connections at most: everything is compared after every step, so more only take longer.
const CROWD: usize = 40;

pub(super) struct Life {
    pub(super) limits: Limits,
    pub(super) registry: Registry<usize>,
    pub(super) model: Model,
    pub(super) sum: Sum,
    pub(super) reporter: Reporter,
    /// The sum of a receiver that asks for whole reports now and then.
    pub(super) asking: Sum,
    steps: usize,
    /// What the owner of the rules has, which the registry may not have heard of yet.
    owner: Standing,
    announced: Vec<String>,
}

impl Life {
    pub(super) fn new(track_routes: bool, limits: Limits) -> Self {
        let standing = Standing::default();
        Self {
            registry: Registry::new(3, track_routes, &limits, Arc::new(standing.clone())),
            model: Model::new(track_routes, &limits),
            sum: Sum::default(),
            reporter: Reporter::new(Incarnation(0)),
            asking: Sum::default(),
            steps: 0,
            owner: standing,
            announced: Vec::new(),
            limits,
        }
    }

    pub(super) fn step(&mut self, op: &Op) {
        self.steps += 1;
        if self.steps.is_multiple_of(5) {
            self.ask_for_whole();
        }
        match op {
            Op::Open {
                version,
                route,
                hash,
                replace,
            } => {
                let page = self.model.load();
                if let (true, Some(slot)) = (replace, hash.and_then(|hash| self.registry.slot_of_tab(hash))) {
                    let replaced = self.registry.key(slot).unwrap();
                    self.close(self.place(replaced));
                }
                let names = (VERSIONS[*version], ROUTES[*route]);
                self.open(names, page, hash.unwrap_or_default(), None, &[]);
            }
            Op::OpenForged { told } => {
                let page = self.model.load();
                let believed = self
                    .model
                    .rules
                    .values()
                    .filter(|rule| told.iter().any(|id| rule.is_told_by(*id)))
                    .map(|rule| rule.id);
                self.model.pages[page].told = believed.collect();
                self.open(("v1", "/a"), page, 0, Some(u32::MAX), told);
            }
            Op::Return(which) => self.with_tab(*which, Self::reconnect),
            Op::Navigate(which, route) => self.with_tab(*which, |life, at| {
                let slot = life.model.tabs[at].key.slot;
                let moved = life.model.navigate(at, ROUTES[*route]);
                assert_eq!(life.registry.navigate(slot, ROUTES[*route]), Some(moved));
            }),
            Op::Look(which, hidden) => self.with_tab(*which, |life, at| {
                life.model.tabs[at].hidden = *hidden;
                life.registry.set_hidden(life.model.tabs[at].key.slot, *hidden);
            }),
            Op::Close(which) => self.with_tab(*which, Self::close),
            Op::Due(which) => self.with_tab(*which, Self::take_due),
            Op::Hits(position) => self.tell_hits(*position),
            Op::Reload(hash, ids) => self.reload(*hash, ids),
            Op::Acknowledge(which, rule, outcome) => self.with_tab(*which, |life, at| {
                life.acknowledge(at, *rule, *outcome);
            }),
            Op::Report => self.report(),
            Op::Give(_)
            | Op::Lift(_)
            | Op::Expire(_)
            | Op::Announce(_)
            | Op::Wave(..)
            | Op::Halt(_)
            | Op::Resume(_)
            | Op::Change(..) => self.command(op),
            Op::Pass(ms) => {
                self.model.now_ms += ms;
                self.registry.pass(self.model.now_ms);
            }
            Op::Install => self.install(),
            Op::Probe(order) => self.probe(order),
            Op::List(max) => self.list(*max),
        }
    }

    fn with_tab(&mut self, which: usize, act: impl FnOnce(&mut Self, usize)) {
        if !self.model.tabs.is_empty() {
            act(self, which % self.model.tabs.len());
        }
    }

    fn place(&self, key: ConnectionKey) -> usize {
        self.model.tabs.iter().position(|tab| tab.key == key).unwrap()
    }

    fn open(&mut self, names: (&str, &str), page: usize, hash: u64, since: Option<u32>, told: &[u32]) {
        if self.model.tabs.len() >= CROWD {
            self.close(page % CROWD);
        }
        let ip = page.is_multiple_of(3).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let opening = Opening {
            version: names.0,
            route: names.1,
            // A hash that happens to be zero is as good as no hash.
            tab: (hash != 0 || page.is_multiple_of(2)).then_some(hash),
            since,
            told,
            ip,
            hidden: is_hidden_at_first(page),
        };
        let key = self.registry.open(&opening, page);
        assert!(!self.model.closed.contains(&key), "a key is never given twice");
        self.model.open(key, names, page, hash, ip);
    }

    fn close(&mut self, at: usize) {
        let tab = self.model.close(at);
        assert_eq!(self.registry.close(tab.key.slot), Some(tab.page));
        assert_eq!(self.registry.close(tab.key.slot), None);
    }

    /// The connection breaks, and the page comes back with what it was given to remember.
    fn reconnect(&mut self, at: usize) {
        let tab = self.model.tabs[at].clone();
        let since = self.registry.since(tab.key.slot);
        let told: Vec<u32> = self.registry.told(tab.key.slot).collect();
        self.close(at);
        let names = (tab.version.as_deref(), tab.route.as_deref());
        let names = (names.0.unwrap_or(OTHER_TEXT), names.1.unwrap_or("/lost"));
        self.open(names, tab.page, tab.hash, since, &told);
    }

    /// Tells a tab its due rules, as its shard does: each rule counts as told once it was sent.
    fn take_due(&mut self, at: usize) {
        let tab = self.model.tabs[at].clone();
        let slot = tab.key.slot;
        let due = self.registry.due(slot, &mut 0);
        let rules = self.model.rules.iter();
        let expected: BTreeSet<usize> = rules
            .filter(|(_, rule)| self.model.is_due(rule, &tab, self.registry.lot(slot)))
            .map(|(position, _)| *position)
            .collect();
        assert_eq!(positions(due).collect::<BTreeSet<_>>(), expected);
        for position in positions(due) {
            self.tell(at, position);
        }
        assert_eq!(self.registry.due(slot, &mut 0), 0);
    }

    fn tell(&mut self, at: usize, position: usize) {
        let tab = &self.model.tabs[at];
        let id = self.model.rules[&position].id;
        self.registry.note_matched(position);
        self.registry.note_told(tab.key.slot, position);
        self.registry.note_told(tab.key.slot, position);
        assert!(self.model.pages[tab.page].told.insert(id), "told twice");
        let book = self.model.books.get_mut(&id).unwrap();
        // A tab that comes back without having read it is the same tab.
        if book.left.remove(&tab.hash).is_none() {
            book.sent += 1;
        }
    }

    /// Goes by every slot, as a shard does after a command, for one of the rules.
    fn tell_hits(&mut self, position: usize) {
        for at in 0..self.model.tabs.len() {
            let due = self.registry.due(self.model.tabs[at].key.slot, &mut 0) & 1 << position;
            let tab = &self.model.tabs[at];
            let rule = self.model.rules.get(&position);
            let lot = self.registry.lot(tab.key.slot);
            assert_eq!(
                due != 0,
                rule.is_some_and(|rule| self.model.is_due(rule, tab, lot))
            );
            if due != 0 {
                self.tell(at, position);
            }
        }
    }

    fn reload(&mut self, hash: u64, ids: &[u32]) {
        self.registry.note_reloaded((hash != 0).then_some(hash), ids);
        for id in BTreeSet::from_iter(ids) {
            let rule = self.model.rules.values().find(|rule| rule.is_told_by(*id));
            if let Some(id) = rule.map(|rule| rule.id) {
                self.model.reload(hash, id);
            }
        }
    }

    fn acknowledge(&mut self, at: usize, which: usize, outcome: Outcome) {
        let id = u32::try_from(which).unwrap() % (self.model.head + 2);
        let tab = self.model.tabs[at].clone();
        let stands = self.model.rules.values().find(|rule| rule.is_told_by(id));
        let told = &self.model.pages[tab.page].told;
        let counts = stands.map(|rule| rule.id).filter(|id| told.contains(id));
        assert_eq!(
            self.registry.acknowledge(tab.key.slot, id, outcome),
            counts.is_some()
        );
        if let Some(id) = counts {
            self.model.tabs[at].outcomes.insert(id, outcome);
        }
    }

    fn command(&mut self, op: &Op) {
        match op {
            Op::Give(order) => {
                let rule = self.rule(order);
                let rules_max = self.limits.rules_max;
                self.owner.apply(&Entry::Rule { rule, rules_max });
            }
            Op::Lift(which) => {
                if let Some(rule) = self.standing_rule(*which) {
                    let change = self.owner.apply(&Entry::End { ids: vec![rule.id] });
                    assert_eq!(change.ended, [rule]);
                }
            }
            Op::Wave(which, parts) => {
                if let Some(rule) = self.standing_rule(*which) {
                    self.owner.apply(&Entry::Wave {
                        rule: rule.id,
                        open: Share::new(*parts).unwrap(),
                        at_ms: 0,
                    });
                }
            }
            Op::Halt(which) => {
                if let Some(rule) = self.standing_rule(*which) {
                    let (rule, why) = (rule.id, None);
                    self.owner.apply(&Entry::Halt { rule, why });
                }
            }
            Op::Resume(which) => {
                if let Some(rule) = self.standing_rule(*which) {
                    self.owner.apply(&Entry::Resume {
                        rule: rule.id,
                        at_ms: 0,
                        accepted: None,
                    });
                }
            }
            Op::Change(which, everybody, prompt) => {
                if let Some(rule) = self.standing_rule(*which) {
                    let asks = (
                        if *everybody { Audience::All } else { rule.audience },
                        if *prompt { Mode::Prompt } else { Mode::Force },
                    );
                    let rule = rule.changed(self.owner.head + 1, asks, 0);
                    let rules_max = self.limits.rules_max;
                    self.owner.apply(&Entry::Rule { rule, rules_max });
                }
            }
            Op::Expire(now_ms) => {
                let ids = self.owner.lapsed(*now_ms);
                self.owner.apply(&Entry::End { ids });
            }
            Op::Announce(version) => {
                self.announced.push(VERSIONS[*version].to_owned());
                let release = Release {
                    id: self.owner.head + 1,
                    version: VERSIONS[*version].into(),
                    announced_ms: 0,
                };
                let releases_max = u32::try_from(RELEASES_MAX).unwrap();
                self.owner.apply(&Entry::Release {
                    release,
                    releases_max,
                });
            }
            _ => unreachable!(),
        }
    }

    /// A rule that stands by what was given so far.
    fn standing_rule(&self, which: usize) -> Option<Arc<Rule>> {
        let count = self.owner.rules().count().max(1);
        self.owner
            .rules()
            .nth(which % count)
            .map(|(_, rule)| Arc::clone(rule))
    }

    fn rule(&self, order: &Order) -> Rule {
        Rule {
            id: self.owner.head + 1,
            pattern: PATTERNS[order.pattern].clone(),
            versions: order.versions.map(|version| vec![VERSIONS[version].to_owned()]),
            audience: if order.everybody {
                Audience::All
            } else {
                Audience::Outdated
            },
            mode: Mode::Force,
            release: self.owner.releases.current(),
            created_ms: 0,
            expires_ms: order.expires_ms,
            spread_ms: 0,
            waves: order.open.map(|parts| {
                let schedule = Schedule::even(60_000, 60).unwrap();
                Box::new(Waves {
                    open: Share::new(parts).unwrap(),
                    ..Waves::new(schedule, None, 0)
                })
            }),
            continues: None,
        }
    }

    fn install(&mut self) {
        self.registry.set_standing(Arc::new(self.owner.clone()));
        self.model.head = self.owner.head;
        let rules = self.owner.rules();
        let rules = rules
            .map(|(position, rule)| (position, Rule::clone(rule)))
            .collect();
        self.model.install(rules, &self.announced);
    }

    fn probe(&self, order: &Order) {
        let rule = Rule {
            release: self.registry.standing().releases.current(),
            ..self.rule(order)
        };
        let reach = self.registry.reach(&rule);
        let concerned = |tab: &&Tab| self.model.concerns(&rule, tab) == Some(true);
        let naive: Vec<_> = self.model.tabs.iter().filter(concerned).collect();
        assert_eq!(reach.tabs, naive.len() as u64);
        let unknown = |tab: &&Tab| self.model.concerns(&rule, tab).is_none();
        assert_eq!(
            reach.unknown,
            self.model.tabs.iter().filter(unknown).count() as u64
        );
        let routes: BTreeSet<&str> = naive
            .iter()
            .map(|tab| tab.route.as_deref().unwrap_or(OTHER_TEXT))
            .collect();
        assert_eq!(reach.routes.len(), routes.len(), "each route once");
        assert_eq!(
            reach.routes.iter().map(|route| &**route).collect::<BTreeSet<_>>(),
            routes
        );
    }

    fn list(&self, max: usize) {
        for (route, version) in [
            (None, None),
            (Some("/a"), None),
            (None, Some("v1")),
            (Some("//"), Some("v2")),
            (Some(OTHER_TEXT), None),
            (None, Some(OTHER_TEXT)),
        ] {
            let filter = Filter {
                route: route.map(str::to_owned),
                version: version.map(str::to_owned),
            };
            let mut listed = Vec::new();
            let mut next = Some(0);
            while let Some(from) = next {
                let page = self.registry.page(from, max, &filter);
                assert!(page.rows.len() <= max && page.next.is_none_or(|next| next > from));
                listed.extend(page.rows.iter().map(|row| row.key));
                next = page.next;
            }
            listed.sort_unstable();
            let wanted = self.model.tabs.iter().filter(|tab| {
                let shown = self.model.shown(tab);
                route.is_none_or(|route| shown.0 == route) && version.is_none_or(|version| shown.1 == version)
            });
            let mut wanted: Vec<_> = wanted.map(|tab| tab.key).collect();
            wanted.sort_unstable();
            assert_eq!(listed, wanted);
        }
    }
}
