//! A server under test with its loaders, and how CPU time is taken.
//!
//! CPU of a piece of work is what the process used from before it until it has come to rest again, less what it uses at rest
//! in the same time (keepalives). Answers of the server and of the loaders are compared after each piece: a server that
//! loses an update would otherwise look fast.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::plan::Plan;
use super::results::{Results, number};
use crate::admin::Bridge;
use crate::client::command::{Answer, Command, Setup, Subscription, Transport};
use crate::failure::Failure;
use crate::loader::{Loader, ask_all};
use crate::server::{Server, Subject};
use crate::{admin, clock};

/// Loader processes beside the admin's. Each may hold some 19,000 sockets under a limit of 20,000 files.
const LOADERS: u8 = 2;

/// Connections that one loader opens at a time.
const WINDOW: usize = 32;

/// A server is at rest when it uses less than [`REST_CPU`] in this time.
const REST_WINDOW: Duration = Duration::from_millis(40);
const REST_CPU: Duration = Duration::from_millis(1);

/// Longest wait for rest.
const REST_DEADLINE: Duration = Duration::from_mins(1);

/// Longest wait for the server's counts to agree with the loaders'.
const AGREEMENT: Duration = Duration::from_secs(5);

pub(super) struct Stand<'a> {
    pub(super) plan: &'a Plan,
    pub(super) results: &'a mut Results,
    pub(super) subject: Subject,
    pub(super) transport: Transport,
    setup: Setup,
    pub(super) loaders: Vec<Loader>,
    /// The loader whose first connection subscribes to stats, and whose second makes single changes.
    pub(super) watcher: Loader,
    /// The app's, where the server asks one.
    _bridge: Option<Bridge>,
    /// After the loaders, which are so ended before it.
    pub(super) server: Server,
    /// Share of a core that the server uses at rest.
    pub(super) rest: f64,
}

/// CPU seconds, and seconds on the wall, of a piece of work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    pub(super) cpu_s: f64,
}

impl<'a> Stand<'a> {
    pub(super) fn start(
        plan: &'a Plan,
        results: &'a mut Results,
        subject: Subject,
        transport: Transport,
        setup: Setup,
    ) -> Result<Self, Failure> {
        let server = Server::start(subject, plan.binary(subject), setup)?;
        let asks = setup == Setup::Nuxt && subject.has_bridge();
        let bridge = asks.then(|| Bridge::open(server.address)).transpose()?;
        let loader = |number: u8| Loader::start(&[server.address], Ipv4Addr::new(127, 0, 1, number));
        let loaders = (1..=LOADERS).map(loader).collect::<Result<_, _>>()?;
        let watcher = loader(100)?;
        Ok(Self {
            plan,
            results,
            subject,
            transport,
            setup,
            server,
            loaders,
            watcher,
            _bridge: bridge,
            rest: 0.0,
        })
    }

    /// Connections the loaders hold, the watcher's not counted.
    pub(super) fn opened(&self) -> usize {
        self.loaders.iter().map(|loader| loader.open).sum()
    }

    /// Opens connections until the loaders hold `total`.
    pub(super) fn open_up_to(&mut self, total: usize) -> Result<(), Failure> {
        let (transport, setup) = (self.transport, self.setup);
        let loaders = self.loaders.len();
        let share = |index: usize| total / loaders + usize::from(index < total % loaders);
        let answers = ask_all(&mut self.loaders, |index, loader| Command::Open {
            transport,
            setup,
            count: share(index).saturating_sub(loader.open),
            window: WINDOW,
        })?;
        let mut failed_in_all = 0;
        for (loader, answer) in self.loaders.iter_mut().zip(answers) {
            let Answer::Opened { opened, failed } = answer else {
                return Err(unexpected(&answer));
            };
            loader.open += opened;
            failed_in_all += failed;
        }
        if failed_in_all > 0 {
            self.note(&format!("{failed_in_all} connections could not be opened"));
        }
        if self.opened() < total {
            self.note(&format!(
                "only {} of {total} connections opened in time",
                self.opened()
            ));
        }
        Ok(())
    }

    /// Closes every connection of the loaders.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        for loader in &mut self.loaders {
            loader.open = 0;
        }
        ask_all(&mut self.loaders, |_, _| Command::Close).map(drop)
    }

    /// Subscribes the watcher to stats.
    pub(super) fn watch(&mut self, subscription: Subscription) -> Result<(), Failure> {
        let open = Command::Open {
            transport: self.transport,
            setup: self.setup,
            count: 2,
            window: 2,
        };
        self.watcher.ask(&open)?;
        self.watcher.open = 2;
        self.watcher.ask(&Command::Subscribe(subscription)).map(drop)
    }

    /// Ends the watcher's connections.
    pub(super) fn unwatch(&mut self) -> Result<(), Failure> {
        self.watcher.open = 0;
        self.watcher.ask(&Command::Close).map(drop)
    }

    /// Bytes the watcher received during `work`, and what the work cost.
    pub(super) fn watched(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(Spent, f64), Failure> {
        self.watcher.ask(&Command::Mark)?;
        let spent = self.spent(work)?;
        match self.watcher.ask(&Command::Watched)? {
            Answer::Watched { bytes, .. } => Ok((spent, number(bytes))),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes so many moves in all, at so many a second, spread over the loaders.
    pub(super) fn update(&mut self, count: usize, per_second: u32) -> Result<(), Failure> {
        let answers = ask_all(&mut self.loaders, |_, _| Command::Update {
            count: count / usize::from(LOADERS),
            per_second: per_second / u32::from(LOADERS),
        })?;
        for answer in answers {
            if let Answer::Updated { refused: 1.., .. } = answer {
                self.note(&format!("updates were refused: {answer:?}"));
            }
        }
        Ok(())
    }

    /// What `work` costs the server.
    pub(super) fn spent(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<Spent, Failure> {
        self.settle()?;
        let (cpu, start) = (self.server.cpu()?, clock::now());
        work(self)?;
        self.settle()?;
        let wall = clock::since(start);
        let cpu = self.server.cpu()?.saturating_sub(cpu);
        Ok(Spent {
            cpu_s: (cpu.as_secs_f64() - self.rest * wall.as_secs_f64()).max(0.0),
        })
    }

    /// Waits until the server is at rest.
    pub(super) fn settle(&mut self) -> Result<(), Failure> {
        let end = clock::now() + REST_DEADLINE;
        while clock::now() < end {
            let before = self.server.cpu()?;
            clock::pause(REST_WINDOW);
            if self.server.cpu()?.saturating_sub(before) < REST_CPU {
                return Ok(());
            }
        }
        self.note("the server did not come to rest; its CPU figures are too low");
        Ok(())
    }

    /// Checks that the server knows every tab and its page, if it is one that counts.
    pub(super) fn agree(&mut self, when: &str) -> Result<(), Failure> {
        if !self.subject.counts() {
            return Ok(());
        }
        let expected = self.expected()?;
        let end = clock::now() + AGREEMENT;
        loop {
            let counts = admin::stats(self.server.address)?;
            if counts.routes == expected && counts.total == expected.values().sum::<u64>() {
                return Ok(());
            }
            if clock::now() > end {
                let total: u64 = expected.values().sum();
                self.note(&format!(
                    "{when}: the server counts {} tabs, the loaders {total}, or other pages",
                    counts.total
                ));
                return Ok(());
            }
            clock::pause(REST_WINDOW);
        }
    }

    fn expected(&mut self) -> Result<BTreeMap<String, u64>, Failure> {
        let mut expected = BTreeMap::new();
        let mut answers = ask_all(&mut self.loaders, |_, _| Command::Routes)?;
        answers.push(self.watcher.ask(&Command::Routes)?);
        let mut lost_in_all = 0;
        for answer in answers {
            let Answer::Routes { routes, lost } = answer else {
                return Err(unexpected(&answer));
            };
            lost_in_all += lost;
            for (route, tabs) in routes {
                *expected.entry(route).or_default() += tabs;
            }
        }
        if lost_in_all > 0 {
            self.note(&format!("the server ended {lost_in_all} connections"));
        }
        Ok(expected)
    }

    /// Keeps a number of this server on this transport.
    pub(super) fn set(&mut self, row: &str, value: f64) {
        self.results.set(self.subject, Some(self.transport), row, value);
    }

    /// Keeps the median of repeats.
    pub(super) fn median(&mut self, row: &str, values: Vec<f64>) {
        self.results
            .median(self.subject, Some(self.transport), row, values);
    }

    /// Keeps the least of repeats: for work whose noise can only add to it.
    pub(super) fn least(&mut self, row: &str, values: &[f64]) {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        self.set(row, least);
    }

    pub(super) fn note(&mut self, what: &str) {
        let note = format!("{}, {}: {what}", self.subject.name(), self.transport);
        crate::progress::say(&format!("  note: {note}"));
        self.results.notes.push(note);
    }
}

pub(super) fn unexpected(answer: &Answer) -> Failure {
    Failure::Refused {
        who: "a loader".to_owned(),
        answer: format!("{answer:?}"),
    }
}
