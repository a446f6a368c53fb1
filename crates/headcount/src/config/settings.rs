//! What the sources lead to.

use std::net::SocketAddr;
use std::path::PathBuf;

use headcount_server::ClusterOptions;
use headcount_server::config::Config;

/// The settings of `serve`.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where to listen. Default `127.0.0.1:4477`.
    pub(crate) listen: SocketAddr,
    /// Where the admin API and the board listen. Default `None`: beside everything else.
    pub(crate) admin_listen: Option<SocketAddr>,
    /// Where releases, rules and the history are kept; `None` keeps nothing. Default `./headcount-data`.
    pub(crate) data_dir: Option<PathBuf>,
    /// How to log.
    pub(crate) log: LogSettings,
    /// The configuration of the server itself.
    pub(crate) server: Config,
    /// The cluster that the server belongs to. Default `None`: it is alone.
    pub(crate) cluster: Option<ClusterOptions>,
}

/// How to log, on stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// A filter as `tracing` writes it: `info`, `headcount_server=debug`. Default `info`.
    pub(crate) filter: String,
    /// The format of a line. Default text.
    pub(crate) format: LogFormat,
}

/// The format of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::default(),
        }
    }
}
