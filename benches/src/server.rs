//! The process under test, and what the kernel says it used.
//!
//! A server runs alone in its process, or in a few of them, so that CPU time and memory are its own. It is ended by its handle when the
//! run is over, and by the kernel when the run itself is ended (`PR_SET_PDEATHSIG`, which survives `exec`).

use std::io::{self, BufRead as _, BufReader};
use std::iter::Sum;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use clap::ValueEnum;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::client::command::Setup;
use crate::clock;
use crate::failure::Failure;
use crate::nchan::{self, Relay};

/// The release that is current when a server starts.
pub(crate) const RELEASE: &str = "v2";

/// Any free port.
const LISTEN: &str = "127.0.0.1:0";

/// The admin secret that headcount is given.
pub(crate) const SECRET: &str = "a-secret-for-measurements-only";

/// Longest wait for a server to listen.
const START: Duration = Duration::from_secs(15);

/// Longest wait for a server that ends its workers. nginx kills those that have not ended after a second.
const STOP: Duration = Duration::from_secs(5);

/// What is measured, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Subject {
    /// The plain axum server in this package.
    Baseline,
    /// nginx with nchan, where that is installed.
    Nchan,
    /// What the kernel alone costs, in this package.
    Floor,
    /// The headcount binary of another revision, where one is given.
    Before,
    /// The headcount binary.
    Headcount,
}

impl Subject {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Nchan => "nginx + nchan",
            Self::Floor => "floor",
            Self::Before => "headcount before",
            Self::Headcount => "headcount",
        }
    }

    /// Whether it knows which tabs are open and where they are.
    pub(crate) fn counts(self) -> bool {
        match self {
            Self::Baseline | Self::Before | Self::Headcount => true,
            Self::Nchan | Self::Floor => false,
        }
    }

    /// Whether it asks an app over a bridge.
    pub(crate) fn has_bridge(self) -> bool {
        matches!(self, Self::Before | Self::Headcount)
    }

    /// How its tabs open, where no more is asked of them.
    pub(crate) fn setup(self) -> Setup {
        match self {
            Self::Nchan => Setup::Relay,
            Self::Baseline | Self::Floor | Self::Before | Self::Headcount => Setup::Plain,
        }
    }

    /// The body of the POST that announces a release. A relay passes it on as it is, so it is the message that headcount sends.
    pub(crate) fn release(self, version: &str) -> String {
        match self {
            Self::Nchan => {
                format!(r#"{{"type":"version","version":"{version}","force":false,"id":2}}"#)
            }
            Self::Baseline | Self::Floor | Self::Before | Self::Headcount => {
                format!(r#"{{"version":"{version}"}}"#)
            }
        }
    }

    fn command(self, binary: &Path, setup: Setup) -> io::Result<Command> {
        let this = std::env::current_exe()?;
        let mut command = Command::new(&this);
        command.arg("guarded");
        match self {
            Self::Baseline => command
                .arg(this)
                .args(["baseline", "--listen", LISTEN, "--release", RELEASE]),
            Self::Nchan => command.arg("--gently").arg(binary),
            Self::Floor => command.arg(this).args(["floor", "--listen", LISTEN]),
            Self::Before | Self::Headcount => command
                .arg(binary)
                .args(["serve", "--listen", LISTEN, "--release", RELEASE, "--ephemeral"])
                .args(match setup {
                    Setup::Plain | Setup::Tabs | Setup::Relay => &["--authorize", "anyone"][..],
                    Setup::Nuxt => &["--authorize-bridge"],
                }),
        };
        command.env("HEADCOUNT_ADMIN_SECRET", SECRET);
        Ok(command)
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    /// Processes that it has started, and that do its work.
    workers: Vec<u32>,
    /// The configuration of nginx, removed when that has ended.
    relay: Option<Relay>,
    name: &'static str,
    pub(crate) address: SocketAddr,
    said: Receiver<String>,
}

/// Memory of a server that is its own, bytes: its share of every page (PSS), and the anonymous part of that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    pub(crate) anonymous: u64,
}

impl Server {
    /// Starts a server and waits until it listens. `binary` is what runs as [`Subject::Headcount`], [`Subject::Before`]
    /// or [`Subject::Nchan`].
    pub(crate) fn start(subject: Subject, binary: &Path, setup: Setup) -> Result<Self, Failure> {
        let mut command = subject
            .command(binary, setup)
            .map_err(Failure::to("find this program"))?;
        if subject != Subject::Nchan {
            return Self::run(subject.name(), command);
        }
        let relay = Relay::configure(binary, &mut command)?;
        let mut server = Self::spawn(subject.name(), command)?;
        server.address = relay.address;
        server.relay = Some(relay);
        server.workers = server.await_workers(nchan::WORKERS)?;
        Ok(server)
    }

    /// Runs a command that becomes a server, and waits until it says where it listens.
    pub(crate) fn run(name: &'static str, mut command: Command) -> Result<Self, Failure> {
        command.stdin(Stdio::null());
        let mut server = Self::spawn(name, command)?;
        server.address = server.await_address()?;
        Ok(server)
    }

    fn spawn(name: &'static str, mut command: Command) -> Result<Self, Failure> {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Failure::to(format!("start {name}")))?;
        let said = child
            .stderr
            .take()
            .map(listen_to)
            .ok_or_else(|| ended(name, String::new()))?;
        Ok(Self {
            child,
            workers: Vec::new(),
            relay: None,
            name,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            said,
        })
    }

    fn await_address(&self) -> Result<SocketAddr, Failure> {
        let mut last_words = String::new();
        while let Ok(line) = self.said.recv_timeout(START) {
            if let Some((_, address)) = line.split_once("listening on http://") {
                let address = address
                    .split(|c: char| c.is_whitespace() || c == '/')
                    .next()
                    .unwrap_or_default();
                let malformed = |_| ended(self.name, line.clone());
                return address.parse().map_err(malformed);
            }
            last_words = line;
        }
        Err(ended(self.name, last_words))
    }

    fn await_workers(&self, count: usize) -> Result<Vec<u32>, Failure> {
        let mut workers = Vec::new();
        let mut last_words = String::new();
        while workers.len() < count {
            let Ok(line) = self.said.recv_timeout(START) else {
                return Err(ended(self.name, last_words));
            };
            workers.extend(nchan::started_worker(&line));
            last_words = line;
        }
        Ok(workers)
    }

    /// The process that was started, and its workers.
    fn processes(&self) -> impl Iterator<Item = u32> {
        std::iter::once(self.child.id()).chain(self.workers.iter().copied())
    }

    /// CPU time used since the start, by all its processes.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let used: Option<Duration> = self.processes().map(clock::cpu_of).sum();
        used.ok_or_else(|| {
            let last = self.said.try_iter().last().unwrap_or_default();
            ended(self.name, last)
        })
    }

    /// Asks it to stop, as an operator does.
    pub(crate) fn ask_to_stop(&self) -> Result<(), Failure> {
        let pid = i32::try_from(self.child.id()).unwrap_or_default();
        let asked = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGTERM);
        asked.map_err(|error| Failure::to(format!("stop {}", self.name))(error.into()))
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Memory held now, by all its processes. What they share counts once.
    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        self.processes()
            .map(|process| memory_of(Path::new(&format!("/proc/{process}/smaps_rollup"))))
            .sum()
    }

    /// Waits until it has ended, within a bound.
    fn await_end(&mut self) {
        let end = clock::now() + STOP;
        while !self.has_ended() && clock::now() < end {
            clock::pause(Duration::from_millis(20));
        }
    }
}

impl Sum for Memory {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            total: sum.total + part.total,
            anonymous: sum.anonymous + part.anonymous,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Workers would outlive a process that is killed.
        if self.relay.is_some() && self.ask_to_stop().is_ok() {
            self.await_end();
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Memory of a process by its `smaps_rollup`.
pub(crate) fn memory_of(rollup: &Path) -> Result<Memory, Failure> {
    let text = std::fs::read_to_string(rollup).map_err(Failure::to(format!("read {}", rollup.display())))?;
    let bytes = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default();
        line.trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .unwrap_or_default()
            * 1_024
    };
    Ok(Memory {
        total: bytes("Pss:"),
        anonymous: bytes("Pss_Anon:"),
    })
}

/// Runs `program` in place of this process. The kernel sends it `ending` when the caller's parent ends.
pub(crate) fn become_guarded(program: &Path, arguments: &[String], ending: Signal) -> io::Error {
    if let Err(error) = nix::sys::prctl::set_pdeathsig(ending) {
        return error.into();
    }
    Command::new(program).args(arguments).exec()
}

fn ended(name: &str, last_words: String) -> Failure {
    Failure::Ended {
        who: name.to_owned(),
        last_words,
    }
}

/// Reads what a server says for as long as it lives, so that it never waits for a reader. Lines that find no room are dropped.
fn listen_to(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = sync_channel(64);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            drop(sender.try_send(line));
        }
    });
    receiver
}
