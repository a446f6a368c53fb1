//! A nats-server for one test.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headcount_nats::NatsOptions;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::time::Instant;

/// How long anything may take.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// Which nats-server.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Version {
    /// Debian's, 2.9.10.
    Oldest,
    /// Of the Python package index, as `crates/headcount-nats/tests/brokers.txt` names it.
    Current,
}

impl Version {
    fn program(self) -> PathBuf {
        let path = match self {
            Self::Oldest => PathBuf::from("/usr/sbin/nats-server"),
            Self::Current => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/nats/bin/nats-server"),
        };
        let what = "the brokers of the tests are not installed: run `cargo xtask brokers`";
        assert!(path.is_file(), "{}: {what}", path.display());
        path
    }
}

/// One that runs, or ran. It is killed at the end, and its store is removed.
#[derive(Debug)]
pub(crate) struct Broker {
    version: Version,
    home: TempDir,
    /// More of its configuration.
    more: String,
    jetstream: bool,
    port: u16,
    child: Option<Child>,
}

impl Broker {
    pub(crate) async fn start(version: Version) -> Self {
        Self::start_with(version, "", true).await
    }

    pub(crate) async fn start_with(version: Version, more: &str, jetstream: bool) -> Self {
        let mut broker = Self::new(version, more, jetstream);
        broker.run().await;
        broker
    }

    pub(crate) fn new(version: Version, more: &str, jetstream: bool) -> Self {
        Self {
            version,
            home: tempfile::tempdir().unwrap(),
            more: more.to_owned(),
            jetstream,
            port: 0,
            child: None,
        }
    }

    /// Starts it, where it was before if it ran. Waits until clients can connect.
    pub(crate) async fn run(&mut self) {
        let ports = self.home.path().join("ports");
        let _not_there = fs::remove_dir_all(&ports);
        fs::create_dir(&ports).unwrap();
        let port = if self.port == 0 {
            "-1".to_owned()
        } else {
            self.port.to_string()
        };
        let mut config = format!(
            "listen: \"127.0.0.1:{port}\"\nports_file_dir: \"{}\"\n",
            ports.display()
        );
        if self.jetstream {
            writeln!(
                config,
                "jetstream {{ store_dir: \"{}\" }}",
                self.store().display()
            )
            .unwrap();
        }
        config.push_str(&self.more);
        let file = self.home.path().join("broker.conf");
        fs::write(&file, config).unwrap();
        let log = fs::File::create(self.home.path().join("log")).unwrap();
        let child = Command::new(self.version.program())
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let written = ports.join(format!("nats-server_{}.ports", child.id()));
        self.child = Some(child);
        until("the broker listens", || {
            let ports: serde_json::Value = serde_json::from_slice(&fs::read(&written).ok()?).ok()?;
            let url = ports["nats"][0].as_str()?;
            self.port = url.rsplit(':').next()?.parse().ok()?;
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        })
        .await;
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.more.contains(&format!("server_name: {name}\n"))
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.home.path().join("store")
    }

    /// The number of its process, which runs.
    #[allow(dead_code, reason = "the tests of headcount-server use it")]
    pub(crate) fn process(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Where its files are.
    #[allow(dead_code, reason = "the tests of headcount-server use it")]
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// How to reach it.
    pub(crate) fn options(&self) -> NatsOptions {
        options(self.port)
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().unwrap();
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// It holds its sockets and does nothing. Its threads stop one after the other.
    pub(crate) async fn freeze(&self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.child.as_ref().unwrap().id());
        let is_stopped = |task: fs::DirEntry| {
            fs::read_to_string(task.path().join("stat")).is_ok_and(|stat| {
                stat.rsplit(") ")
                    .next()
                    .is_some_and(|state| state.starts_with('T'))
            })
        };
        until("every thread has stopped", || {
            fs::read_dir(&tasks)
                .unwrap()
                .all(|task| is_stopped(task.unwrap()))
                .then_some(())
        })
        .await;
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Saves what is on its disk. It is away for that moment.
    pub(crate) async fn save(&mut self) -> TempDir {
        self.kill();
        let saved = tempfile::tempdir().unwrap();
        copy(&self.store(), saved.path());
        self.run().await;
        saved
    }

    /// It comes back with what was saved, and has lost the rest.
    pub(crate) async fn restore(&mut self, saved: &TempDir) {
        self.kill();
        fs::remove_dir_all(self.store()).unwrap();
        copy(saved.path(), &self.store());
        self.run().await;
    }

    /// As a power cut would, but for what the kernel has still to write.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

pub(crate) fn options(port: u16) -> NatsOptions {
    NatsOptions {
        addresses: vec![format!("nats://127.0.0.1:{port}")],
        cluster: "test".to_owned(),
        ..NatsOptions::default()
    }
}

/// Waits until there is a value.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + BOUND;
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the future leads to, in time.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(BOUND, future).await {
        Ok(value) => value,
        Err(late) => panic!("not in time: {what}: {late}"),
    }
}
