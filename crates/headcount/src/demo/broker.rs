//! The broker of a demo with several nodes: a `nats-server` with JetStream, which keeps what it stores in a temporary folder.
//!
//! It is killed, and its folder removed, when the value is dropped, or by a shell that waits for the end of this process, where that was
//! killed. It has a separate process group, so that Ctrl-C in a terminal reaches the demo alone, and its nodes still have a broker while they
//! stop.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headcount_server::clock;

use super::random::random;
use crate::failure::Failure;

/// Where it is looked for: on PATH, and where Debian's package has it, which is on the PATH of root alone.
const PROGRAMS: [&str; 2] = ["nats-server", "/usr/sbin/nats-server"];
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// Reads until this process ends, as it is never written to. Then it kills the broker, `$0`, and removes its folder, `$1`.
const GUARD: &str = "read -r _; kill -9 \"$0\"; rm -rf \"$1\"";

/// One that runs.
#[derive(Debug)]
pub(super) struct Broker {
    child: Child,
    guard: Child,
    /// Removed after the child has ended: fields are dropped in this order, after [`Drop::drop`].
    home: Home,
    port: u16,
}

/// A folder of our own, which is removed with all that is in it.
#[derive(Debug)]
struct Home(PathBuf);

impl Broker {
    /// Starts one on a free port of loopback, and waits until it listens.
    pub(super) async fn start() -> Result<Self, Failure> {
        Self::of(&PROGRAMS).await
    }

    async fn of(programs: &[&str]) -> Result<Self, Failure> {
        let home = Home::new()?;
        let config = home.0.join("broker.conf");
        let settings = format!(
            "listen: \"127.0.0.1:-1\"\nports_file_dir: {}\njetstream {{ store_dir: {} }}\nlogfile: {}\n",
            text(&home.0),
            text(&home.0.join("store")),
            text(&home.log())
        );
        fs::write(&config, settings).map_err(|error| cannot_start(&error))?;
        let mut child = spawn(programs, &config)?;
        let guard = guard(&child, &home).inspect_err(|_| drop(child.kill()))?;
        let mut broker = Self {
            child,
            guard,
            home,
            port: 0,
        };
        broker.port = broker.listens().await?;
        Ok(broker)
    }

    /// Where servers reach it.
    pub(super) fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its port, as soon as it listens there.
    async fn listens(&mut self) -> Result<u16, Failure> {
        let until = clock::now() + PATIENCE;
        loop {
            if let Some(port) = self.home.port() {
                return Ok(port);
            }
            if let Some(status) = self.child.try_wait().map_err(|error| cannot_start(&error))? {
                let log = fs::read_to_string(self.home.log()).unwrap_or_default();
                let last = log.lines().last().unwrap_or("it said nothing");
                return Err(Failure::Server(format!(
                    "nats-server ended with {status}: {last}"
                )));
            }
            if clock::now() > until {
                let seconds = PATIENCE.as_secs();
                return Err(Failure::Server(format!(
                    "nats-server did not listen within {seconds} seconds"
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // The guard first: it would kill whatever has the process id of a broker that has ended.
        for child in [&mut self.guard, &mut self.child] {
            let _ended_already = child.kill();
            let _reaped_already = child.wait();
        }
    }
}

impl Home {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("headcount-demo-{:016x}", random()?));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .map_err(|error| cannot_start(&error))?;
        Ok(Self(path))
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// The port of the file that a broker writes when it listens. Its name has the broker's process id.
    fn port(&self) -> Option<u16> {
        let mut files = fs::read_dir(&self.0).ok()?.filter_map(Result::ok);
        let file = files.find(|file| file.path().extension().is_some_and(|end| end == "ports"))?;
        let ports: serde_json::Value = serde_json::from_slice(&fs::read(file.path()).ok()?).ok()?;
        let url = ports.get("nats")?.get(0)?.as_str()?;
        url.rsplit(':').next()?.parse().ok()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _gone_already = fs::remove_dir_all(&self.0);
    }
}

/// A path as a text of the broker's configuration.
fn text(path: &Path) -> String {
    serde_json::Value::from(path.display().to_string()).to_string()
}

fn spawn(programs: &[&str], config: &Path) -> Result<Child, Failure> {
    for program in programs {
        let spawned = Command::new(program)
            .arg("-c")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match spawned {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            spawned => return spawned.map_err(|error| cannot_start(&error)),
        }
    }
    Err(Failure::Server(
        "--nodes needs nats-server, the broker of the cluster, which is not installed\n  Install it: `apt install nats-server` on \
         Debian and Ubuntu, `brew install nats-server` on macOS, or from https://github.com/nats-io/nats-server/releases"
            .to_owned(),
    ))
}

/// The shell that ends the broker of a process that is killed. The other end of its stdin closes with this process.
fn guard(broker: &Child, home: &Home) -> Result<Child, Failure> {
    let spawned = Command::new("sh")
        .args(["-c", GUARD])
        .arg(broker.id().to_string())
        .arg(&home.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    spawned.map_err(|error| cannot_start(&error))
}

fn cannot_start(error: &io::Error) -> Failure {
    Failure::Server(format!("cannot start nats-server: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_nats_server_it_says_how_to_get_one() {
        let refused = Broker::of(&["nats-server-that-is-not-here"]).await;
        assert!(
            matches!(&refused, Err(Failure::Server(text)) if text.contains("apt install nats-server")),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn one_that_ends_at_once_says_why() {
        let refused = Broker::of(&["false"]).await;
        assert!(
            matches!(&refused, Err(Failure::Server(text)) if text.contains("nats-server ended with")),
            "{refused:?}"
        );
    }
}
