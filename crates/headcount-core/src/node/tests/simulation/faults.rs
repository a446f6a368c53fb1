//! What happens by chance: to tabs, to servers, and what admins do.

use std::sync::Arc;

use super::server::Server;
use super::tabs::{ROUTES, Tab};
use super::world::World;
use crate::cluster::{EndedCookie, EndedTicket, NodeQuestion, SignOuts};
use crate::command_log::Entry;
use crate::invalidation::waves::{Schedule, Share, Waves};
use crate::invalidation::{Audience, Mode, Rule};
use crate::limits::Limits;
use crate::node::Whom;
use crate::pattern::RoutePattern;
use crate::release::Release;

/// Rules that stand at once: few, so that they displace each other.
const RULES_MAX: u32 = 4;

impl World {
    /// Something happens.
    pub(super) fn happen(&mut self) {
        match self.chance.below(100) {
            0..18 => self.open_tab(),
            18..24 => self.close_tab(),
            24..44 => self.with_tab(Self::navigate),
            44..50 => self.with_tab(|world, tab| {
                let hidden = world.chance.percent(50);
                world.set_hidden(tab, hidden);
            }),
            50..64 => self.with_tab(Self::reconnect),
            64..65 => self.with_tab(Self::connect_twice),
            65 => drop(self.open_copies(0)),
            66..72 => self.with_tab(Self::send_to_tab),
            72..80 => self.command(),
            80..86 => {
                let server = self.running();
                let watched = self.chance.percent(60);
                self.with_server(server, |world, server| world.watch(server, watched));
            }
            86..88 => {
                let server = self.running();
                self.with_server(server, Self::ask);
            }
            88..90 => {
                let server = self.running();
                self.with_server(server, World::toggle_bridge);
            }
            90..93 => {
                let server = self.running();
                self.with_server(server, Self::sign_out);
            }
            _ => self.fail(),
        }
    }

    fn with_tab(&mut self, act: impl FnOnce(&mut Self, usize)) {
        if !self.tabs.is_empty() {
            let tab = self.chance.index(self.tabs.len());
            act(self, tab);
        }
    }

    fn with_server(&mut self, server: Option<usize>, act: impl FnOnce(&mut Self, usize)) {
        if let Some(server) = server {
            act(self, server);
        }
    }

    fn running(&mut self) -> Option<usize> {
        let server = self.chance.index(self.servers.len());
        self.servers[server].runs(self.now_ms).then_some(server)
    }

    pub(super) fn open_tab(&mut self) {
        let hash = 1_000 + self.tabs.len() as u64;
        let (version, route) = (self.newest_version(), self.chance.pick(&ROUTES));
        self.tabs.push(Tab::new(hash, version, route, self.now_ms));
    }

    fn close_tab(&mut self) {
        self.with_tab(|world, tab| {
            let noticed = world.chance.percent(70);
            world.disconnect(tab, noticed);
            world.tabs[tab].connects_ms = None;
        });
    }

    /// A tab loses its connection and opens another: at any server, and mostly before the old one notices.
    pub(super) fn reconnect(&mut self, tab: usize) {
        if self.tabs[tab].connection.is_some() {
            let noticed = self.chance.percent(40);
            self.disconnect(tab, noticed);
            self.tabs[tab].connects_ms = Some(self.now_ms + 50 + self.chance.below(500));
        }
    }

    fn send_to_tab(&mut self, tab: usize) {
        let connection = self.tabs[tab].connection;
        if let (Some(connection), Some(server)) = (connection, self.running())
            && server != connection.server
        {
            let node = self.servers[connection.server].node.id();
            self.pass_on(server, node, connection.key);
        }
    }

    fn ask(&mut self, server: usize) {
        let asking = &mut self.servers[server];
        let clock = asking.clock(self.now_ms);
        asking.node.ask(Whom::All, NodeQuestion::Counts, 1_000, clock);
        self.act(server);
    }

    /// A ticket or a few cookies are ended at any server, some of them more than once.
    fn sign_out(&mut self, server: usize) {
        let mut ended = SignOuts::default();
        if self.chance.percent(40) {
            let number = 1_000 + self.chance.below(50);
            let expires_ms = number;
            ended.tickets.push(EndedTicket { expires_ms, number });
        } else {
            let first = self.chance.below(100);
            let cookie = |hash| EndedCookie {
                hash,
                ended_ms: 0,
                admitted: false,
            };
            ended
                .cookies
                .extend((first..=first + self.chance.below(5)).map(cookie));
            ended.cookies[0].admitted = self.chance.percent(50);
        }
        self.note(format_args!("server {server} is told of {ended:?}"));
        let told = &mut self.servers[server];
        told.note_ended(&ended);
        let clocks = (self.now_ms + self.chance.below(1_000), told.clock(self.now_ms));
        told.node.sign_out(ended, 1_000, clocks);
        self.act(server);
    }

    /// An admin gives a command to any server. One that does not reach the log refuses it.
    fn command(&mut self) {
        let Some(server) = self.running().filter(|server| !self.servers[*server].cut) else {
            return;
        };
        if self.servers[server].read < self.log.len() {
            // It lost the race: it reads on and decides again.
            self.read_log(server);
        }
        let id = self.servers[server].standing.head + 1;
        let entry = match self.chance.below(10) {
            0..4 => self.release(id),
            4..7 => {
                let audience = self.chance.pick(&[Audience::All, Audience::Outdated]);
                self.rule(server, id, audience)
            }
            _ => match self.turn(server, id) {
                Some(entry @ Entry::Rule { .. }) => entry,
                Some(entry) => {
                    self.note(format_args!("server {server} appends {entry:?}"));
                    return self.append(entry);
                }
                None => return,
            },
        };
        self.note(format_args!("server {server} appends {id}: {entry:?}"));
        self.append(entry);
        if self.chance.percent(90) {
            self.acknowledged.push(id);
        }
    }

    /// One of the rules that stand is changed, ends, opens further, is halted or goes on.
    fn turn(&mut self, server: usize, id: u32) -> Option<Entry> {
        let rules: Vec<_> = self.servers[server].standing.rules().collect();
        let rule = Arc::clone(rules.get(self.chance.index(rules.len().max(1)))?.1);
        let at_ms = self.now_ms;
        let number = rule.id;
        Some(match self.chance.below(10) {
            0..2 => Entry::End { ids: vec![number] },
            2..4 => {
                let asks = (Audience::All, self.chance.pick(&[rule.mode, Mode::Force]));
                Entry::Rule {
                    rule: rule.changed(id, asks, 0),
                    rules_max: RULES_MAX,
                }
            }
            4 => Entry::Halt {
                rule: number,
                why: None,
            },
            5 => Entry::Resume {
                rule: number,
                at_ms,
                accepted: None,
            },
            _ => Entry::Wave {
                rule: number,
                open: self.share(),
                at_ms,
            },
        })
    }

    /// A share of the tabs, and often all of them.
    fn share(&mut self) -> Share {
        let parts = self.chance.below(13_000).min(Share::ALL.parts().into());
        u16::try_from(parts).ok().and_then(Share::new).unwrap()
    }

    fn release(&mut self, id: u32) -> Entry {
        let releases = self
            .log
            .iter()
            .filter(|entry| matches!(entry, Entry::Release { .. }));
        let version = format!("v{}", releases.count() + 1).into();
        let release = Release {
            id,
            version,
            announced_ms: 0,
        };
        Entry::Release {
            release,
            releases_max: 100,
        }
    }

    pub(super) fn rule(&mut self, server: usize, id: u32, audience: Audience) -> Entry {
        let prefix = self.chance.pick(&ROUTES);
        let waves = self.chance.percent(50).then(|| {
            let schedule = Schedule::even(60_000, 60).unwrap();
            Box::new(Waves {
                open: self.share(),
                ..Waves::new(schedule, None, self.now_ms)
            })
        });
        let rule = Rule {
            id,
            pattern: RoutePattern::prefix(prefix, &Limits::default()).unwrap(),
            versions: None,
            audience,
            mode: self.chance.pick(&[Mode::Force, Mode::Force, Mode::Prompt]),
            release: self.servers[server].standing.releases.current(),
            created_ms: 0,
            expires_ms: u64::MAX,
            spread_ms: 0,
            waves,
            continues: None,
        };
        Entry::Rule {
            rule,
            rules_max: RULES_MAX,
        }
    }

    /// Something goes wrong with a server.
    fn fail(&mut self) {
        let server = self.chance.index(self.servers.len());
        let roll = self.chance.below(7);
        self.note(format_args!("server {server} has fault {roll}"));
        match roll {
            0 => self.end(server),
            1 => {
                if self.servers[server].runs(self.now_ms) {
                    self.servers[server].node.goodbye();
                    self.act(server);
                    self.end(server);
                }
            }
            2 => self.restart(server),
            3 => {
                let stopped_ms = self.chance.pick(&[300, 2_000, 5_000, 10_000]);
                self.servers[server].stopped_until_ms = self.now_ms + stopped_ms;
            }
            4 => self.servers[server].cut = true,
            5 => self.join(server),
            _ => {
                let other = self.chance.index(self.servers.len());
                if !self.bus.deaf.remove(&(server, other)) {
                    self.bus.deaf.insert((server, other));
                }
            }
        }
    }

    /// A server reaches the broker again.
    pub(super) fn join(&mut self, server: usize) {
        if std::mem::replace(&mut self.servers[server].cut, false) {
            self.read_soon(server);
        }
    }

    /// A server ends, and its tabs go elsewhere.
    fn end(&mut self, server: usize) {
        self.servers[server].up = false;
        for tab in &mut self.tabs {
            if tab
                .connection
                .is_some_and(|connection| connection.server == server)
            {
                tab.connection = None;
                tab.connects_ms = Some(self.now_ms + 50 + self.chance.below(500));
            }
        }
    }

    /// A server that has ended starts again, as another node, with the log that it has a copy of.
    pub(super) fn restart(&mut self, server: usize) {
        if self.servers[server].up {
            return;
        }
        let new: Server = self.new_server();
        self.servers[server] = new;
        self.read_log(server);
        if self.chance.percent(30) {
            self.watch(server, true);
        }
    }

    /// Nothing goes wrong any more.
    pub(super) fn end_faults(&mut self) {
        self.note(format_args!("the faults end"));
        self.bus.weather = super::bus::Weather::Calm;
        self.bus.deaf.clear();
        for server in 0..self.servers.len() {
            self.servers[server].stopped_until_ms = 0;
            self.join(server);
            self.restart(server);
        }
    }
}
