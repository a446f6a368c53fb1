//! The process under test, and what the kernel says it used.
//!
//! A server runs alone in its process, so that CPU time and memory are its own. It is ended by its handle when the run is
//! over, and by the kernel when the run itself is ended (`PR_SET_PDEATHSIG`, which survives `exec`).

use std::io::{self, BufRead as _, BufReader};
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

/// The release that is current when a server starts.
pub(crate) const RELEASE: &str = "v2";

/// Any free port.
const LISTEN: &str = "127.0.0.1:0";

/// The admin secret that headcount is given.
pub(crate) const SECRET: &str = "a-secret-for-measurements-only";

/// Longest wait for a server to listen.
const START: Duration = Duration::from_secs(15);

/// What is measured, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Subject {
    /// The plain axum server in this package.
    Baseline,
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
            Self::Floor => "floor",
            Self::Before => "headcount before",
            Self::Headcount => "headcount",
        }
    }

    /// Whether it knows which tabs are open and where they are.
    pub(crate) fn counts(self) -> bool {
        match self {
            Self::Baseline | Self::Before | Self::Headcount => true,
            Self::Floor => false,
        }
    }

    /// Whether it asks an app over a bridge.
    pub(crate) fn has_bridge(self) -> bool {
        matches!(self, Self::Before | Self::Headcount)
    }

    fn command(self, headcount: &Path, setup: Setup) -> io::Result<Command> {
        let this = std::env::current_exe()?;
        let mut command = Command::new(&this);
        command.arg("guarded");
        match self {
            Self::Baseline => command
                .arg(this)
                .args(["baseline", "--listen", LISTEN, "--release", RELEASE]),
            Self::Floor => command.arg(this).args(["floor", "--listen", LISTEN]),
            Self::Before | Self::Headcount => command
                .arg(headcount)
                .args(["serve", "--listen", LISTEN, "--release", RELEASE, "--ephemeral"])
                .args(match setup {
                    Setup::Plain | Setup::Tabs => &["--authorize", "anyone"][..],
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
    name: &'static str,
    pub(crate) address: SocketAddr,
    said: Receiver<String>,
}

/// Memory of a process that is its own, bytes: its share of every page (PSS), and the anonymous part of that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) total: u64,
    pub(crate) anonymous: u64,
}

impl Server {
    /// Starts a server and waits until it says where it listens. `headcount` is the binary that runs as
    /// [`Subject::Headcount`] or [`Subject::Before`].
    pub(crate) fn start(subject: Subject, headcount: &Path, setup: Setup) -> Result<Self, Failure> {
        let command = subject
            .command(headcount, setup)
            .map_err(Failure::to("find this program"))?;
        Self::run(subject.name(), command)
    }

    /// Runs a command that becomes a server, and waits until it says where it listens.
    pub(crate) fn run(name: &'static str, mut command: Command) -> Result<Self, Failure> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(Failure::to(format!("start {name}")))?;
        let said = child
            .stderr
            .take()
            .map(listen_to)
            .ok_or_else(|| ended(name, String::new()))?;
        let mut server = Self {
            child,
            name,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            said,
        };
        server.address = server.await_address()?;
        Ok(server)
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

    /// CPU time used since the start.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        clock::cpu_of(self.child.id()).ok_or_else(|| {
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

    /// Memory held now.
    pub(crate) fn memory(&self) -> Result<Memory, Failure> {
        memory_of(Path::new(&format!("/proc/{}/smaps_rollup", self.child.id())))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
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

/// Runs `program` in place of this process. The kernel ends it when the caller's parent ends.
pub(crate) fn become_guarded(program: &Path, arguments: &[String]) -> io::Error {
    if let Err(error) = end_with_parent() {
        return error;
    }
    Command::new(program).args(arguments).exec()
}

/// Asks the kernel to end this process when its parent ends.
pub(crate) fn end_with_parent() -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(io::Error::from)
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
