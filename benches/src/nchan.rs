//! nginx with nchan: the relay that operators know. It passes messages on over SSE and WebSocket, and knows of a tab only which channel it hears.
//!
//! Every tab hears one channel, and a release is published there. A navigation is published to a channel without subscribers. There is
//! no access log, a keepalive as often as headcount's, and the defaults of nginx and nchan for the rest. What nginx sets aside at its
//! start, some 430 bytes for each connection to come, is not in its memory a tab.
//!
//! One worker has all tabs, so nothing is said between workers; more of them might reach the last tab sooner. With two, nchan 1.3.6 left 1 to 29 of 600 subscribers without an answer in five of nine runs, when many came back to a
//! channel that all had left.
//!
//! nginx cannot choose a free port. So one is bound here, and nginx takes the socket over, as it takes those of an old nginx
//! during an upgrade (`NGINX`, <https://nginx.org/en/docs/control.html#upgrade>).

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::failure::Failure;

/// Where Debian has nginx. The folder is not on the PATH of every user.
pub(crate) const NGINX: &str = "/usr/sbin/nginx";

/// What to do where it cannot run.
pub(crate) const MISSING: &str = "nginx with nchan is not installed: measuring without it. On Debian: apt-get install nginx libnginx-mod-nchan";

/// The file of nchan, in the folder that `nginx -V` names.
const MODULE: &str = "ngx_nchan_module.so";

/// Worker processes beside the master.
pub(crate) const WORKERS: usize = 1;

/// Connections that a worker may hold, under the limit of 20,000 files that the loaders have as well.
const CONNECTIONS: usize = 20_000;

/// Seconds between two keepalives or pings, as headcount's.
const KEEPALIVE_S: u32 = 30;

/// Requests on one connection. Six carry the navigations of thousands of tabs here, and nginx ends one after 1,000 by default.
const REQUESTS: u32 = 1_000_000_000;

/// Folders for bodies of requests and responses, of which there are none.
const BODIES: [&str; 5] = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/// nginx as it is configured here. Its folder is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    _home: TempDir,
}

impl Relay {
    /// Binds a free port and has `command`, which runs `nginx`, listen there.
    ///
    /// # Errors
    ///
    /// nchan is not installed; no port is free; the configuration cannot be written.
    pub(crate) fn configure(nginx: &Path, command: &mut Command) -> Result<Self, Failure> {
        let module = module(nginx).ok_or_else(|| Failure::Ended {
            who: "nginx + nchan".to_owned(),
            last_words: MISSING.to_owned(),
        })?;
        let failed = || Failure::to("configure nginx");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let home = TempDir::new().map_err(failed())?;
        let file = home.path().join("nginx.conf");
        let text = configuration(&module, home.path(), address);
        std::fs::write(&file, text).map_err(failed())?;
        command
            .arg("-c")
            .arg(&file)
            .env("NGINX", "0;")
            .stdin(Stdio::from(OwnedFd::from(listener)));
        Ok(Self { address, _home: home })
    }
}

/// Whether this nginx is there, and nchan among its modules.
pub(crate) fn is_installed(nginx: &Path) -> bool {
    module(nginx).is_some()
}

fn module(nginx: &Path) -> Option<PathBuf> {
    let said = Command::new(nginx).arg("-V").output().ok()?.stderr;
    let said = String::from_utf8_lossy(&said);
    let folder = said
        .split_whitespace()
        .find_map(|argument| argument.strip_prefix("--modules-path="))?;
    Some(Path::new(folder).join(MODULE)).filter(|module| module.is_file())
}

/// The process id of the worker that a line of nginx' log says has started.
pub(crate) fn started_worker(line: &str) -> Option<u32> {
    line.split_once(": start worker process ")?.1.parse().ok()
}

fn configuration(module: &Path, home: &Path, address: SocketAddr) -> String {
    let (module, home) = (module.display(), home.display());
    let bodies = BODIES
        .map(|body| format!("  {body}_temp_path {home}/{body};\n"))
        .concat();
    // Workers of another user than this program's may hide their memory from it.
    format!(
        "load_module {module};\nuser root;\ndaemon off;\nworker_processes {WORKERS};\npid {home}/pid;\n\
         error_log stderr notice;\nevents {{ worker_connections {CONNECTIONS}; }}\n\
         http {{\n  access_log off;\n  keepalive_requests {REQUESTS};\n{bodies}  server {{\n    listen {address};\n    nchan_subscriber_first_message newest;\n\
         \x20   location = /__skew/sse {{ nchan_subscriber eventsource; nchan_channel_id site; nchan_eventsource_ping_interval {KEEPALIVE_S}; }}\n\
         \x20   location = /__skew/ws {{\n      nchan_pubsub websocket; nchan_subscriber_channel_id site; nchan_publisher_channel_id navigations;\n\
         \x20     nchan_store_messages off; nchan_websocket_ping_interval {KEEPALIVE_S};\n    }}\n\
         \x20   location = /__skew/route {{ nchan_publisher http; nchan_channel_id navigations; nchan_store_messages off; }}\n\
         \x20   location = /api/admin/releases {{ nchan_publisher http; nchan_channel_id site; }}\n  }}\n}}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_the_workers() {
        let line = |text: &str| format!("2026/11/30 06:17:49 [notice] 25107#25107: {text}");
        assert_eq!(started_worker(&line("start worker process 25109")), Some(25_109));
        assert_eq!(started_worker(&line("start worker processes")), None);
        assert_eq!(
            started_worker(&line("worker process 25109 exited with code 0")),
            None
        );
    }

    #[test]
    fn what_is_no_nginx_has_no_nchan() {
        for program in ["/nonexistent/nginx", "/bin/true"] {
            assert!(!is_installed(Path::new(program)), "{program}");
        }
    }
}
