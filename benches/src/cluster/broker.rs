//! The broker of the cluster under test: a nats-server with a temporary store.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Sub;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tempfile::TempDir;

use crate::failure::Failure;
use crate::{admin, clock};

/// Longest wait for it to listen.
const START: Duration = Duration::from_secs(15);

const WHO: &str = "nats-server";

pub(super) struct Broker {
    child: Child,
    port: u16,
    monitor: SocketAddr,
    /// Removed when dropped, after the broker has ended.
    home: TempDir,
}

/// What it carried so far: to it from its clients, and from it to them.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) in_msgs: u64,
    pub(super) out_msgs: u64,
    pub(super) in_bytes: u64,
    pub(super) out_bytes: u64,
}

impl Sub for Traffic {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            in_msgs: self.in_msgs - earlier.in_msgs,
            out_msgs: self.out_msgs - earlier.out_msgs,
            in_bytes: self.in_bytes - earlier.in_bytes,
            out_bytes: self.out_bytes - earlier.out_bytes,
        }
    }
}

/// Where it listens, as it writes it down.
#[derive(Debug, Deserialize)]
struct Ports {
    nats: Vec<String>,
    monitoring: Vec<String>,
}

impl Broker {
    /// Starts one on free ports and waits until it listens.
    pub(super) fn start(program: &Path) -> Result<Self, Failure> {
        let home = TempDir::new().map_err(Failure::to("make a folder for the broker"))?;
        let path = home.path().display();
        let config = format!(
            "listen: \"127.0.0.1:-1\"\nhttp: \"127.0.0.1:-1\"\nports_file_dir: \"{path}\"\njetstream {{ store_dir: \"{path}/store\" }}\n"
        );
        let file = home.path().join("broker.conf");
        fs::write(&file, config).map_err(Failure::to("configure the broker"))?;
        let log =
            File::create(home.path().join("log")).map_err(Failure::to("write the log of the broker"))?;
        let this = std::env::current_exe().map_err(Failure::to("find this program"))?;
        let child = Command::new(this)
            .arg("guarded")
            .arg(program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(Failure::to("start the broker"))?;
        let mut broker = Self {
            child,
            port: 0,
            monitor: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            home,
        };
        let written = broker
            .home
            .path()
            .join(format!("nats-server_{}.ports", broker.child.id()));
        let end = clock::now() + START;
        while clock::now() < end {
            if let Some((port, monitor)) = ports(&written) {
                broker.port = port;
                broker.monitor.set_port(monitor);
                return Ok(broker);
            }
            clock::pause(Duration::from_millis(20));
        }
        Err(Failure::Ended {
            who: format!("{WHO}, or the patience with it,"),
            last_words: fs::read_to_string(broker.home.path().join("log")).unwrap_or_default(),
        })
    }

    /// Its address, as headcount is given it.
    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// What it carried so far.
    pub(super) fn traffic(&self) -> Result<Traffic, Failure> {
        let body = admin::page(self.monitor, "/varz")?;
        serde_json::from_str(&body).map_err(|_| Failure::Refused {
            who: WHO.to_owned(),
            answer: body.chars().take(300).collect(),
        })
    }

    /// CPU time used so far.
    pub(super) fn cpu(&self) -> Duration {
        clock::cpu_of(self.child.id()).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The port for clients and that of the monitor, once both are written down.
fn ports(file: &Path) -> Option<(u16, u16)> {
    let written: Ports = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let port = |urls: &[String]| urls.first()?.rsplit(':').next()?.parse().ok();
    Some((port(&written.nats)?, port(&written.monitoring)?))
}
