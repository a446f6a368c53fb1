//! A run: servers, tabs, the log and the bus, and time that passes from one event to the next.

use std::fmt;
use std::sync::Arc;

use super::bus::{Bus, Letter, Weather};
use super::chance::Chance;
use super::server::{SHARDS, Server};
use super::tabs::{Connection, ROUTES, Resume, Tab};
use crate::cluster::{Errand, Message, MovedTab, NodeAnswer, NodeQuestion, Relay, TabBooks, To};
use crate::command_log::Entry;
use crate::connection::{ConnectionKey, NodeId};
use crate::happening::Happening;
use crate::invalidation::Standing;
use crate::node::Action;
use crate::registry::Opening;

/// Messages that wait for a server that is stopped.
const INBOX_MAX: usize = 1_024;

/// The longest message of the bus in runs that write messages: short, so that most reports go in parts.
const BYTES_MAX: usize = 700;

#[derive(Debug)]
pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) now_ms: u64,
    pub(super) bus: Bus,
    pub(super) servers: Vec<Server>,
    pub(super) tabs: Vec<Tab>,
    pub(super) log: Vec<Entry>,
    /// What stands by the whole log.
    pub(super) standing: Standing,
    /// Commands that were acknowledged.
    pub(super) acknowledged: Vec<u32>,
    /// Whether messages are written and read.
    writes: bool,
    /// How long a server takes to notice that a socket is dead.
    pub(super) liveness_ms: u64,
    /// Whether tabs reload when they are told to.
    pub(super) reloads: bool,
    nodes: u32,
    /// Bridges that were begun.
    pub(super) bridges: u64,
    /// Messages of the app.
    pub(super) messages: u64,
    /// Messages that are not heartbeats.
    pub(super) said: u64,
    /// Connections of tabs that were let go although the tab used them.
    pub(super) let_go_wrongly: u64,
    trace: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(seed: u64, weather: Weather, traces: bool) -> Self {
        let mut chance = Chance::new(seed);
        let servers = 2 + chance.index(3);
        let mut world = Self {
            writes: chance.percent(25),
            chance,
            now_ms: 0,
            bus: Bus::new(weather),
            servers: Vec::new(),
            tabs: Vec::new(),
            log: Vec::new(),
            standing: Standing::default(),
            acknowledged: Vec::new(),
            liveness_ms: 3_000,
            reloads: true,
            nodes: 0,
            bridges: 0,
            messages: 0,
            said: 0,
            let_go_wrongly: 0,
            trace: traces.then(Vec::new),
        };
        for _ in 0..servers {
            let server = world.new_server();
            world.servers.push(server);
        }
        world
    }

    pub(super) fn new_server(&mut self) -> Server {
        self.nodes += 1;
        let clock_ms = self.chance.below(1 << 40);
        Server::new(NodeId(self.nodes), self.now_ms, clock_ms)
    }

    pub(super) fn note(&mut self, what: fmt::Arguments<'_>) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>6} ms  {what}", self.now_ms));
        }
    }

    pub(super) fn take_trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// Lets time pass.
    pub(super) fn run_until(&mut self, end_ms: u64) {
        loop {
            let servers = self.servers.iter().filter_map(Server::next_ms);
            let tabs = self.tabs.iter().filter_map(|tab| tab.connects_ms);
            let Some(next_ms) = servers.chain(tabs).chain(self.bus.next_ms()).min() else {
                break;
            };
            if next_ms > end_ms {
                break;
            }
            self.now_ms = self.now_ms.max(next_ms);
            self.arrive();
            for server in 0..self.servers.len() {
                if self.servers[server]
                    .next_ms()
                    .is_some_and(|next_ms| next_ms <= self.now_ms)
                {
                    self.wake(server);
                }
            }
            self.move_tabs();
        }
        self.now_ms = end_ms;
    }

    fn arrive(&mut self) {
        while let Some(arrived) = self.bus.arrive(self.now_ms) {
            let server = &mut self.servers[arrived.server];
            if !server.up || server.cut || server.node.id() != arrived.to {
                continue;
            }
            if server.runs(self.now_ms) {
                self.hear(arrived.server, arrived.from, arrived.letter);
            } else if server.inbox.len() < INBOX_MAX {
                server.inbox.push_back((arrived.from, arrived.letter));
            }
        }
    }

    fn hear(&mut self, server: usize, from: NodeId, letter: Letter) {
        let hearing = &mut self.servers[server];
        let clock = hearing.clock(self.now_ms);
        let read = match letter {
            Letter::Message(message) => Some((from, *message)),
            Letter::Written(bytes) => hearing.reader.read(&bytes, clock),
        };
        if let Some((from, message)) = read {
            hearing.node.hear(from, message, clock);
        }
        self.act(server);
    }

    fn wake(&mut self, server: usize) {
        while let Some((from, letter)) = self.servers[server].inbox.pop_front() {
            self.hear(server, from, letter);
        }
        let now_ms = self.now_ms;
        let woken = &mut self.servers[server];
        let clock = woken.clock(now_ms);
        while let Some((_, key)) = woken.dead.pop_front_if(|(noticed_ms, _)| *noticed_ms <= now_ms) {
            woken.close(key);
        }
        if woken.read_due_ms.is_some_and(|read_ms| read_ms <= now_ms) && !woken.cut {
            self.read_log(server);
        }
        let woken = &mut self.servers[server];
        woken.node.set_tabs(woken.tabs());
        woken.reader.look(clock);
        woken.node.look(clock);
        if woken.node.is_watched() && woken.tick_due_ms <= now_ms {
            woken.tick_due_ms = now_ms + 100;
            woken.report();
            woken.node.answer_wants(clock);
        }
        self.act(server);
    }

    /// Reads all that the log has, and tells the tabs.
    pub(super) fn read_log(&mut self, server: usize) {
        self.servers[server].read_due_ms = None;
        while let Some(entry) = self.log.get(self.servers[server].read) {
            self.servers[server].apply(entry);
            self.tell_all(server);
        }
        self.act(server);
    }

    fn tell_all(&mut self, server: usize) {
        for shard in 0..SHARDS.into() {
            for slot in 0..self.servers[server].shards[shard].0.end() {
                self.tell(server, shard, slot);
            }
        }
    }

    /// Tells the tab in a slot what is due. Where its socket is dead, nobody hears it.
    fn tell(&mut self, server: usize, shard: usize, slot: u32) {
        for rule in self.servers[server].take_due(shard, slot) {
            let Some((tab, number)) = self.servers[server].shards[shard].0.peer(slot).copied() else {
                return;
            };
            self.note(format_args!(
                "server {server} tells connection {number} of tab {tab} rule {}",
                rule.id
            ));
            let reloads = self.reloads && self.chance.percent(70);
            // How far it is open by the whole log: no server is ahead of that.
            let whole = self.standing.position(rule.id);
            let whole = whole.and_then(|position| self.standing.rule(position)).cloned();
            let (stands, rule) = (whole.is_some(), whole.unwrap_or(rule));
            let tab = &mut self.tabs[tab];
            if tab
                .connection
                .is_some_and(|connection| connection.number == number)
            {
                tab.hear_rule(&rule, stands, reloads);
            }
        }
    }

    /// An entry comes into the log, and is read soon.
    pub(super) fn append(&mut self, entry: Entry) {
        self.standing.apply(&entry);
        self.log.push(entry);
        for server in 0..self.servers.len() {
            self.read_soon(server);
        }
    }

    pub(super) fn read_soon(&mut self, server: usize) {
        let slow_ms = if self.bus.weather == Weather::Stormy {
            400
        } else {
            10
        };
        let due_ms = self.now_ms + 1 + self.chance.below(slow_ms);
        let known = self.servers[server].read_due_ms;
        self.servers[server].read_due_ms = Some(known.map_or(due_ms, |known| known.min(due_ms)));
    }

    /// Does what a node says.
    pub(super) fn act(&mut self, server: usize) {
        while let Some(action) = self.servers[server].node.next_action() {
            let acting = &mut self.servers[server];
            match action {
                Action::Send { to, message } => self.send(server, to, message),
                Action::Listen(listens) => acting.listens = listens,
                Action::Asked {
                    from,
                    request,
                    question,
                    ..
                } => {
                    acting.report();
                    let answer = match question {
                        NodeQuestion::Counts => NodeAnswer::Counts(acting.node.counts()),
                        NodeQuestion::Hits { index } => NodeAnswer::Hits(acting.hits[&index].clone()),
                        _ => NodeAnswer::Unable,
                    };
                    acting.node.answer(from, request, answer);
                }
                Action::Answered { request, answers } => {
                    acting.answers.insert(request, answers);
                }
                Action::Relay {
                    from, request, relay, ..
                } => {
                    let taken = self.carry_out(server, &relay);
                    self.servers[server].node.relayed(from, request, taken);
                }
                Action::LetGo { to, tabs } => self.let_go(server, to, &tabs),
                Action::TakeOver { tabs } => self.take_over(server, &tabs),
                Action::Bridge(action) => self.on_bridge(server, action),
                Action::Double => panic!("two nodes with one id"),
                action @ (Action::Joined(_) | Action::Left(_) | Action::Lost { .. }) => {
                    self.note(format_args!("server {server}: {action:?}"));
                }
                Action::SignOut(ended) => acting.note_ended(&ended),
                Action::Watched(_) | Action::Relayed { .. } | Action::Telling(_) => {}
            }
        }
    }

    fn send(&mut self, server: usize, to: To, message: Message) {
        let is_heartbeat = matches!(message, Message::Heartbeat { .. });
        self.said += u64::from(!is_heartbeat);
        let from = self.servers[server].node.id();
        let letters = if self.writes {
            let written = self.servers[server].writer.write(&message, BYTES_MAX).unwrap();
            written.into_iter().map(Letter::Written).collect()
        } else {
            vec![Letter::of(message, from)]
        };
        if self.servers[server].cut {
            return;
        }
        for target in 0..self.servers.len() {
            let hearing = &self.servers[target];
            let id = hearing.node.id();
            let hears = match to {
                To::All => true,
                To::Watchers => hearing.listens,
                To::Node(node) => node == id,
            };
            if target != server && hearing.up && !hearing.cut && hears {
                for letter in &letters {
                    self.bus.send(
                        &mut self.chance,
                        self.now_ms,
                        (server, from),
                        (target, id),
                        letter,
                    );
                }
            }
        }
    }

    fn carry_out(&mut self, server: usize, relay: &Relay) -> bool {
        let registry = &self.servers[server].shards[usize::from(relay.connection.shard)].0;
        let peer = registry
            .find(relay.connection)
            .and_then(|slot| registry.peer(slot));
        let (Some((tab, number)), Errand::Send(text)) = (peer, &relay.errand) else {
            return false;
        };
        let tab = &mut self.tabs[*tab];
        if tab
            .connection
            .is_some_and(|connection| connection.number == *number)
        {
            tab.hear_message(text.parse().unwrap());
        }
        true
    }

    /// What tabs were told elsewhere is in the books here.
    fn take_over(&mut self, server: usize, tabs: &[TabBooks]) {
        for TabBooks { tab, told } in tabs {
            let shard = usize::try_from(tab % u64::from(SHARDS)).unwrap();
            self.servers[server].shards[shard].0.take_over(*tab, told);
        }
    }

    fn let_go(&mut self, server: usize, to: NodeId, tabs: &[MovedTab]) {
        for MovedTab {
            tab: hash, reloaded, ..
        } in tabs
        {
            let registries = self.servers[server].shards.iter();
            let held = registries.filter_map(|(registry, _)| registry.key(registry.slot_of_tab(*hash)?));
            for key in held.collect::<Vec<_>>() {
                let Some((tab, number)) = self.servers[server].close(key) else {
                    continue;
                };
                self.note(format_args!(
                    "server {server} lets connection {number} of tab {tab} go"
                ));
                self.let_go_wrongly += u64::from(self.is_replaced(tab, number));
            }
            let shard = usize::try_from(hash % u64::from(SHARDS)).unwrap();
            let letting = &mut self.servers[server];
            let told = letting.shards[shard].0.hand_over(*hash, reloaded);
            if !told.is_empty() {
                letting.node.hand_over(to, vec![TabBooks { tab: *hash, told }]);
            }
        }
    }

    /// Tabs reload and connect.
    fn move_tabs(&mut self) {
        for tab in 0..self.tabs.len() {
            if !self.tabs[tab].reloads_for.is_empty() && self.tabs[tab].connection.is_some() {
                self.disconnect(tab, true);
                let version = self.newest_version();
                let connects_ms = self.now_ms + 50 + self.chance.below(300);
                self.tabs[tab].reload(version, connects_ms);
            }
            if self.tabs[tab]
                .connects_ms
                .is_some_and(|connects_ms| connects_ms <= self.now_ms)
            {
                self.connect(tab);
            }
        }
    }

    /// What a page is served: mostly the newest build.
    pub(super) fn newest_version(&mut self) -> String {
        let released = self
            .log
            .iter()
            .filter(|entry| matches!(entry, Entry::Release { .. }));
        let newest = released.count() as u64;
        format!("v{}", newest.saturating_sub(u64::from(self.chance.percent(20))))
    }

    fn connect(&mut self, tab: usize) {
        let running = (0..self.servers.len()).filter(|server| self.servers[*server].runs(self.now_ms));
        let running: Vec<usize> = running.collect();
        if running.is_empty() {
            self.tabs[tab].connects_ms = Some(self.now_ms + 500);
            return;
        }
        let server = self.chance.pick(&running);
        self.open(tab, server);
    }

    pub(super) fn open(&mut self, tab: usize, server: usize) {
        let connecting = &mut self.tabs[tab];
        connecting.connections += 1;
        let number = connecting.connections;
        let serving = &mut self.servers[server];
        let shard = usize::try_from(connecting.hash % u64::from(SHARDS)).unwrap();
        let registry = &serving.shards[shard].0;
        let held = registry.slot_of_tab(connecting.hash);
        if let Some(key) = held.and_then(|slot| registry.key(slot))
            && let Some((held, number)) = serving.close(key)
        {
            self.is_replaced(held, number);
        }
        let (connecting, serving) = (&mut self.tabs[tab], &mut self.servers[server]);
        let registry = &mut serving.shards[shard].0;
        let resume = connecting.resume.clone();
        let opening = Opening {
            version: &connecting.version,
            route: connecting.route,
            tab: Some(connecting.hash),
            since: resume.as_ref().map(|resume| resume.since),
            told: resume.as_ref().map_or(&[], |resume| &resume.told),
            hidden: connecting.hidden,
            ..Opening::default()
        };
        let key = registry.open(&opening, (tab, number));
        registry.note_reloaded(Some(connecting.hash), &connecting.reloaded_for);
        let loaded_after = connecting.reloaded_for.iter().copied().max();
        let since = opening.since.or(loaded_after).unwrap_or_default();
        registry.note_ahead(key.slot, since, opening.told);
        let row = registry.own_row(key.slot).unwrap();
        serving.happened(key.shard, &Happening::Opened(row));
        let clock = serving.clock(self.now_ms);
        let reloaded: Arc<[u32]> = match resume {
            Some(_) => Arc::default(),
            None => connecting.reloaded_for.iter().copied().collect(),
        };
        serving.node.came(connecting.hash, reloaded, clock);
        connecting.connects_ms = None;
        connecting.connection = Some(Connection { server, key, number });
        let registry = &serving.shards[shard].0;
        connecting.resume = Some(Resume {
            since: registry.since(key.slot).unwrap(),
            told: registry.told(key.slot).collect(),
        });
        self.note(format_args!(
            "tab {tab} opens connection {number} at server {server}"
        ));
        self.tell(server, shard, key.slot);
        self.act(server);
    }

    /// A tab loses its connection, and the server notices that now or later.
    pub(super) fn disconnect(&mut self, tab: usize, noticed: bool) {
        let Some(Connection { server, key, number }) = self.tabs[tab].connection.take() else {
            return;
        };
        let holding = &mut self.servers[server];
        self.tabs[tab].connects_ms = None;
        if noticed && holding.runs(self.now_ms) {
            holding.close(key);
            self.act(server);
        } else {
            holding.dead.push_back((self.now_ms + self.liveness_ms, key));
        }
        self.note(format_args!(
            "tab {tab} loses connection {number}, noticed: {noticed}"
        ));
    }

    pub(super) fn navigate(&mut self, tab: usize) {
        let route = self.chance.pick(&ROUTES);
        self.tabs[tab].route = route;
        let Some(Connection { server, key, .. }) = self.tabs[tab].connection else {
            return;
        };
        if !self.servers[server].runs(self.now_ms) {
            // It loses patience, and connects elsewhere.
            self.disconnect(tab, false);
            self.tabs[tab].connects_ms = Some(self.now_ms + 100);
            return;
        }
        let holding = &mut self.servers[server];
        let registry = &mut holding.shard_of(key).0;
        if registry.navigate(key.slot, route) == Some(true) {
            let route = route.into();
            holding.happened(key.shard, &Happening::Moved { key, route });
        }
        self.tell(server, key.shard.into(), key.slot);
        self.act(server);
    }

    pub(super) fn set_hidden(&mut self, tab: usize, hidden: bool) {
        let tab = &mut self.tabs[tab];
        if let Some(Connection { server, key, .. }) = tab.connection
            && self.servers[server].runs(self.now_ms)
        {
            tab.hidden = hidden;
            self.servers[server].shard_of(key).0.set_hidden(key.slot, hidden);
        }
    }

    pub(super) fn watch(&mut self, server: usize, watched: bool) {
        let watching = &mut self.servers[server];
        let clock = watching.clock(self.now_ms);
        watching.watched = watched;
        watching.node.set_watched(watched, clock);
        self.act(server);
    }

    /// Any server passes a message of the app on to a tab.
    pub(super) fn pass_on(&mut self, server: usize, node: NodeId, connection: ConnectionKey) {
        self.messages += 1;
        let errand = Errand::Send(Arc::from(self.messages.to_string()));
        let relay = Relay { connection, errand };
        let passing = &mut self.servers[server];
        let clock = passing.clock(self.now_ms);
        passing.node.relay(node, relay, 1_000, clock);
        self.act(server);
    }
}
