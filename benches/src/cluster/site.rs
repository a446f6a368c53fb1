//! Servers with their loaders: one alone, or a cluster with its broker.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command as Process;
use std::time::Duration;

use super::broker::Broker;
use super::plan::Plan;
use crate::client::command::{Answer, Command, Setup, Subscription, Transport};
use crate::failure::Failure;
use crate::loader::{Loader, ask_all};
use crate::progress::say;
use crate::server::{Memory, RELEASE, SECRET, Server};
use crate::{admin, clock};

/// Connections that one loader opens at a time.
const WINDOW: usize = 16;

/// Longest wait for nodes to see each other, and for their counts to be right.
const AGREEMENT: Duration = Duration::from_secs(20);

/// What the secret of the cluster is for does not matter here.
const CLUSTER_SECRET: &str = "a-cluster-for-measurements-only";

pub(super) struct Site {
    /// As many as there are servers. Each has as many tabs at one server as at the others.
    pub(super) loaders: Vec<Loader>,
    /// `None` while one is down.
    servers: Vec<Option<Server>>,
    pub(super) addresses: Vec<SocketAddr>,
    /// After the servers, which are so ended before it.
    pub(super) broker: Option<Broker>,
    headcount: PathBuf,
    drain_ms: u32,
    watchers: u8,
    /// What the reader of the numbers should know.
    pub(super) notes: Vec<String>,
}

/// Tabs that are open, as the loaders know, and as an admin is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) open: u64,
    pub(super) told: u64,
}

impl Site {
    /// One server that belongs to no cluster.
    pub(super) fn alone(plan: &Plan) -> Result<Self, Failure> {
        Self::start(plan, 1, None)
    }

    /// So many servers that share a broker, and know each other.
    pub(super) fn cluster(plan: &Plan, nodes: usize) -> Result<Self, Failure> {
        let broker = Broker::start(&plan.nats_server)?;
        let mut site = Self::start(plan, nodes, Some(broker))?;
        site.await_nodes()?;
        Ok(site)
    }

    fn start(plan: &Plan, nodes: usize, broker: Option<Broker>) -> Result<Self, Failure> {
        let mut site = Self {
            loaders: Vec::new(),
            servers: Vec::new(),
            addresses: Vec::new(),
            broker,
            headcount: plan.headcount().map_err(Failure::to("find this program"))?,
            drain_ms: plan.drain_ms(),
            watchers: 0,
            notes: Vec::new(),
        };
        for number in 0..nodes {
            let server = site.run(number, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            site.addresses.push(server.address);
            site.servers.push(Some(server));
        }
        for number in (0..=u8::MAX).take(nodes) {
            let source = Ipv4Addr::new(127, 0, 2, number * 10 + 1);
            site.loaders.push(Loader::start(&site.addresses, source)?);
        }
        Ok(site)
    }

    fn run(&self, number: usize, listen: SocketAddr) -> Result<Server, Failure> {
        let this = std::env::current_exe().map_err(Failure::to("find this program"))?;
        let mut command = Process::new(this);
        command.arg("guarded").arg(&self.headcount);
        command.args([
            "serve",
            "--release",
            RELEASE,
            "--ephemeral",
            "--authorize",
            "anyone",
        ]);
        command.args(["--listen", &listen.to_string()]);
        command.args(["--limit", &format!("drain_ms={}", self.drain_ms)]);
        command.env("HEADCOUNT_ADMIN_SECRET", SECRET);
        if let Some(broker) = &self.broker {
            command.args([
                "--cluster",
                &broker.url(),
                "--node-name",
                &format!("node-{number}"),
            ]);
            command.env("HEADCOUNT_CLUSTER_SECRET", CLUSTER_SECRET);
        }
        Server::run("headcount", command)
    }

    /// Servers that run.
    pub(super) fn running(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().flatten()
    }

    /// Waits until each server that runs sees all of them.
    pub(super) fn await_nodes(&mut self) -> Result<(), Failure> {
        let addresses: Vec<_> = self.running().map(|server| server.address).collect();
        let end = clock::now() + AGREEMENT;
        for address in &addresses {
            while admin::nodes(*address)?.nodes.len() != addresses.len() {
                if clock::now() > end {
                    self.note("the nodes do not see each other");
                    return Ok(());
                }
                clock::pause(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// Opens tabs until each loader holds so many. A loader that runs out of time goes on as long as it gets further.
    pub(super) fn open_up_to(&mut self, each: usize) -> Result<(), Failure> {
        loop {
            let before = self.opened();
            self.open_more(each)?;
            let missing = (each * self.loaders.len()).saturating_sub(self.opened());
            if missing == 0 {
                return Ok(());
            }
            if self.opened() == before {
                self.note(&format!("{missing} tabs could not be opened"));
                return Ok(());
            }
        }
    }

    fn open_more(&mut self, each: usize) -> Result<(), Failure> {
        let answers = ask_all(&mut self.loaders, |_, loader| Command::Open {
            transport: Transport::WebSocket,
            setup: Setup::Tabs,
            count: each.saturating_sub(loader.open),
            window: WINDOW,
        })?;
        for (loader, answer) in self.loaders.iter_mut().zip(answers) {
            let Answer::Opened { opened, .. } = answer else {
                return Err(unexpected(&answer));
            };
            loader.open += opened;
        }
        Ok(())
    }

    /// Closes all tabs.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        for loader in &mut self.loaders {
            loader.open = 0;
        }
        ask_all(&mut self.loaders, |_, _| Command::Close).map(drop)
    }

    /// Tabs that the loaders opened.
    pub(super) fn opened(&self) -> usize {
        self.loaders.iter().map(|loader| loader.open).sum()
    }

    /// A loader whose first tab, at the first of these servers, watches stats, and whose second is at the second.
    pub(super) fn watch(&mut self, servers: [usize; 2]) -> Result<Loader, Failure> {
        self.watchers = self.watchers.wrapping_add(1);
        let source = Ipv4Addr::new(127, 0, 3, self.watchers);
        let mut watcher = Loader::start(&servers.map(|server| self.addresses[server]), source)?;
        let answer = watcher.ask(&Command::Open {
            transport: Transport::WebSocket,
            setup: Setup::Tabs,
            count: 2,
            window: 1,
        })?;
        if !matches!(answer, Answer::Opened { opened: 2, .. }) {
            return Err(unexpected(&answer));
        }
        watcher.open = 2;
        watcher.ask(&Command::Subscribe(Subscription::Deltas))?;
        Ok(watcher)
    }

    /// Memory and CPU time of each server that runs.
    pub(super) fn memory(&self) -> Result<Vec<Memory>, Failure> {
        self.running().map(Server::memory).collect()
    }

    pub(super) fn cpu(&self) -> Result<Vec<Duration>, Failure> {
        self.running().map(Server::cpu).collect()
    }

    /// Checks that every server says the same as the loaders, these watchers included.
    pub(super) fn agree(&mut self, when: &str, watchers: &mut [Loader]) -> Result<(), Failure> {
        let mut expected = 0;
        for loader in self.loaders.iter_mut().chain(watchers) {
            expected += look(&loader.ask(&Command::Look)?)?.0;
        }
        let end = clock::now() + AGREEMENT;
        let addresses: Vec<_> = self.running().map(|server| server.address).collect();
        for address in addresses {
            loop {
                let total = admin::stats(address)?.total;
                if total == expected {
                    break;
                }
                if clock::now() > end {
                    self.note(&format!(
                        "{when}: {address} counts {total} tabs, the loaders {expected}"
                    ));
                    break;
                }
                clock::pause(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// What is open now, this watcher's tabs included, and what the watcher is told.
    pub(super) fn seen(&mut self, watcher: &mut Loader) -> Result<Seen, Failure> {
        let (mut open, told) = look(&watcher.ask(&Command::Look)?)?;
        for answer in ask_all(&mut self.loaders, |_, _| Command::Look)? {
            open += look(&answer)?.0;
        }
        let told = told.unwrap_or_default();
        Ok(Seen { open, told })
    }

    /// Tabs come back to the servers but this one.
    pub(super) fn return_but(&mut self, without: Option<usize>) -> Result<(), Failure> {
        let there = self.addresses.iter().enumerate();
        let at: Vec<_> = there
            .filter(|(number, _)| Some(*number) != without)
            .map(|(_, address)| *address)
            .collect();
        ask_all(&mut self.loaders, |_, _| Command::Return { at: at.clone() }).map(drop)
    }

    /// Ends a server at once.
    pub(super) fn kill(&mut self, number: usize) {
        self.servers[number] = None;
    }

    pub(super) fn ask_to_stop(&self, number: usize) -> Result<(), Failure> {
        self.servers[number].as_ref().map_or(Ok(()), Server::ask_to_stop)
    }

    pub(super) fn has_ended(&mut self, number: usize) -> bool {
        self.servers[number].as_mut().is_none_or(Server::has_ended)
    }

    /// Starts a server that has ended, where it was.
    pub(super) fn restart(&mut self, number: usize) -> Result<(), Failure> {
        self.servers[number] = None;
        self.servers[number] = Some(self.run(number, self.addresses[number])?);
        Ok(())
    }

    pub(super) fn note(&mut self, what: &str) {
        let note = format!("{} servers: {what}", self.addresses.len());
        say(&format!("  note: {note}"));
        self.notes.push(note);
    }
}

fn look(answer: &Answer) -> Result<(u64, Option<u64>), Failure> {
    match answer {
        Answer::Seen { open, total } => Ok((*open as u64, *total)),
        other => Err(unexpected(other)),
    }
}

pub(super) fn unexpected(answer: &Answer) -> Failure {
    Failure::Refused {
        who: "a loader".to_owned(),
        answer: format!("{answer:?}"),
    }
}
