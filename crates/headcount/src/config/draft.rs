//! The configuration while it is put together, and the contradictions that no single value shows.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use headcount_server::Secret;
use headcount_server::claims::ClaimRule;
use headcount_server::config::{Config, ForwardAuthConfig, SealedSessionConfig};

use super::cluster::ClusterDraft;
use super::location::Locations;
use super::settings::{LogSettings, Settings};

/// Everything that can be set, with its default where it has one.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) listen: SocketAddr,
    pub(super) admin_listen: Option<SocketAddr>,
    pub(super) data_dir: PathBuf,
    pub(super) ephemeral: bool,
    pub(super) log: LogSettings,
    pub(super) server: Config,
    pub(super) session: SessionDraft,
    pub(super) forward: ForwardDraft,
    pub(super) cluster: ClusterDraft,
}

/// `sealed_session`: takes part once it has a password.
#[derive(Debug, Default)]
pub(super) struct SessionDraft {
    pub(super) password: Option<Secret>,
    pub(super) cookie: Option<String>,
    pub(super) rule: Option<ClaimRule>,
}

/// `forward_auth`: takes part once it has a URL.
#[derive(Debug, Default)]
pub(super) struct ForwardDraft {
    pub(super) url: Option<String>,
    pub(super) cache_ms: Option<u32>,
    pub(super) timeout_ms: Option<u32>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 4_477).into(),
            admin_listen: None,
            data_dir: "./headcount-data".into(),
            ephemeral: false,
            log: LogSettings::default(),
            server: Config::default(),
            session: SessionDraft::default(),
            forward: ForwardDraft::default(),
            cluster: ClusterDraft::default(),
        }
    }
}

impl Draft {
    /// The configuration, and every contradiction in it.
    pub(super) fn finish(mut self, places: &Locations, problems: &mut Vec<String>) -> Option<Settings> {
        let data_dir = self.kept_in(places, problems);
        self.check_needs(places, problems);
        self.check_anyone(places, problems);
        self.check_admin_listen(places, problems);
        self.server.sealed_session = self.session.finish();
        self.server.forward_auth = self.forward.finish();
        self.server.admin_apart = self.admin_listen.is_some();
        problems.extend(
            self.server
                .problems()
                .into_iter()
                .map(|problem| places.locate(problem)),
        );
        let cluster = self.cluster.finish(places, problems);
        problems.is_empty().then_some(Settings {
            listen: self.listen,
            admin_listen: self.admin_listen,
            data_dir,
            log: self.log,
            server: self.server,
            cluster,
        })
    }

    /// Where things are kept: of `ephemeral` and `data_dir` the stronger wins, and one source cannot say both.
    fn kept_in(&self, places: &Locations, problems: &mut Vec<String>) -> Option<PathBuf> {
        if !self.ephemeral {
            return Some(self.data_dir.clone());
        }
        let (ephemeral, data_dir) = (places.of("ephemeral")?, places.of("data_dir")?);
        if ephemeral.strength() == data_dir.strength() {
            problems.push(format!(
                "{ephemeral} and {data_dir} contradict each other: keep one"
            ));
        }
        (data_dir.strength() > ephemeral.strength()).then(|| self.data_dir.clone())
    }

    /// Settings that mean nothing without another one.
    fn check_needs(&self, places: &Locations, problems: &mut Vec<String>) {
        let session = "the session password: set HEADCOUNT_SESSION_PASSWORD or its _FILE twin";
        let forward = "a URL to ask: set `forward_auth.url`, HEADCOUNT_FORWARD_AUTH_URL or --forward-auth";
        let needs = [
            ("sealed_session.cookie", self.session.password.is_some(), session),
            ("sealed_session.rule", self.session.password.is_some(), session),
            ("forward_auth.cache_ms", self.forward.url.is_some(), forward),
            ("forward_auth.timeout_ms", self.forward.url.is_some(), forward),
        ];
        for (key, met, what) in needs {
            if let Some(place) = places.of(key).filter(|_| !met) {
                problems.push(format!("{place}: needs {what}"));
            }
        }
    }

    /// The admin address must differ from `listen`.
    fn check_admin_listen(&self, places: &Locations, problems: &mut Vec<String>) {
        if let Some(place) = places.of("admin_listen")
            && self.admin_listen == Some(self.listen)
            && self.listen.port() != 0
        {
            problems.push(format!(
                "{place}: `listen` has this address already: choose another port, or leave it out"
            ));
        }
    }

    /// Stats that anyone sees are for trials on this machine.
    fn check_anyone(&self, places: &Locations, problems: &mut Vec<String>) {
        let Some(place) = places.of("authorize") else {
            return;
        };
        for (name, address) in [("listen", Some(self.listen)), ("admin_listen", self.admin_listen)] {
            if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
                problems.push(format!(
                    "{place}: `anyone` is for loopback only, and `{name}` is {address}: listen on 127.0.0.1, or configure \
                     who may see stats"
                ));
            }
        }
    }
}

impl SessionDraft {
    fn finish(self) -> Option<SealedSessionConfig> {
        let mut config = SealedSessionConfig::new(self.password?);
        config.cookie = self.cookie.unwrap_or(config.cookie);
        config.rule = self.rule.unwrap_or(config.rule);
        Some(config)
    }
}

impl ForwardDraft {
    fn finish(self) -> Option<ForwardAuthConfig> {
        let mut config = ForwardAuthConfig::new(self.url?);
        config.cache_ms = self.cache_ms.unwrap_or(config.cache_ms);
        config.timeout_ms = self.timeout_ms.unwrap_or(config.timeout_ms);
        Some(config)
    }
}
