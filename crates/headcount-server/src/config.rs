//! The configuration of a server: one plain struct, checked as a whole.

mod left_out;

use headcount_core::limits::Limits;

use crate::bots::BotLists;
use crate::claims::ClaimRule;
use crate::client_address::{AddressHeader, Network};
use crate::secrets::{Secret, Secrets};

/// All configuration that is data. Behaviour (hooks, your own authorizers) goes through the builder.
///
/// It begins as the default, and its fields can be written. More fields come with new versions.
///
/// ```
/// use headcount_server::{Config, Secret};
///
/// let config = Config::default().with(|config| {
///     config.release = Some("v2".to_owned());
///     config.admin_secret = Some(Secret::new("correct horse battery staple"));
///     config.limits.rule_seconds = 3_600;
/// });
/// assert!(config.problems().is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the client endpoints are: begins with `/`, does not end with one. Default `/__skew`.
    pub base_path: String,
    /// Where the admin API is, in the same form. Default `/api/admin`.
    pub admin_path: String,
    /// Whether the admin API and the board are left out of `router` and `serve`, because `admin_router` and
    /// `board_router` are served on another address. Default false.
    pub admin_apart: bool,
    /// Where the board is, in the same form, for a server that is given [`assets`](crate::Builder::assets). `None`: nowhere.
    /// Default `/headcount`.
    pub board_path: Option<String>,
    /// The cookie with a tab's version. `None`: `__nkpv`, or `__nkpv_<mount>` where `base_path` has a mount.
    pub cookie_name: Option<String>,
    /// Whether open tabs are counted at all. Default true. Without it releases and messages still reach every tab.
    pub connection_tracking: bool,
    /// Whether the page of each tab is known. Needs `connection_tracking`. Default true.
    pub route_tracking: bool,
    /// Whether client addresses are read, kept in memory, and shown to subscribers of stats. Needs
    /// `connection_tracking`. Default false: addresses are not read, not kept and not shown.
    pub ip_tracking: bool,
    /// A release that is announced at start if it is new: not in the log, and not the one of the last start. So a
    /// restart with the configuration of an earlier deploy changes nothing; to go back to an earlier release, announce
    /// it. The log says what happened. `None`: the last one announced stays current, else `unreleased`.
    pub release: Option<String>,
    /// Origins other than the server's own whose pages may connect, for instance `https://app.example.com`; also those
    /// of apps and extensions, such as `capacitor://localhost`. `null` is the origin of files, and of sandboxed frames
    /// on any site. Default none.
    pub allowed_origins: Vec<String>,
    /// User agents that are bots on this site, and people that the built-in list recognises as bots. Default none.
    pub bots: BotLists,
    /// Networks of proxies whose forwarding headers are trusted. Default none.
    pub trusted_proxies: Vec<Network>,
    /// The headers in which those proxies send a browser's address. Choose only headers that every trusted proxy sets:
    /// visitors can set the others. Default `x-forwarded-for` alone.
    pub address_headers: Vec<AddressHeader>,
    /// The secret of the admin API, 16 random characters or more: a shorter one can be guessed and gets a warning in the log. Without a
    /// secret the admin API answers `503` to everything.
    pub admin_secret: Option<Secret>,
    /// The previous admin secret, which is also valid while clients change over. Default none.
    pub admin_secret_previous: Option<Secret>,
    /// A secret that opens the bridge (`protocol/BRIDGE.md`) and nothing else. If it is set, only this secret opens a
    /// bridge that decides who may see stats; otherwise the admin secret does. Default none.
    pub bridge_secret: Option<Secret>,
    /// The previous bridge secret, which is also valid while apps change over. Default none.
    pub bridge_secret_previous: Option<Secret>,
    /// Sealed session cookies (h3, nuxt-auth-utils) that admit to stats. Default none.
    pub sealed_session: Option<SealedSessionConfig>,
    /// An endpoint of the app that says whether a browser may see stats. Default none.
    pub forward_auth: Option<ForwardAuthConfig>,
    /// Whether the server asks the app over its bridge (`protocol/BRIDGE.md`) who may see stats. Needs `bridge_secret` or
    /// `admin_secret`. Default false.
    pub authorize_bridge: bool,
    /// Shows stats to anyone. For trials on loopback only. Default false.
    pub authorize_anyone: bool,
    /// Threads that serve connections; `0` means one per core. Default 0.
    pub shards: usize,
    /// Every bound.
    pub limits: Limits,
}

/// Sealed session cookies, as `useSession` of h3 and `nuxt-auth-utils` write them (`Fe26.2*…`).
///
/// ```
/// use headcount_server::Secret;
/// use headcount_server::config::SealedSessionConfig;
///
/// let password = Secret::new("the password of the app, of at least 32 bytes");
/// let mut sessions = SealedSessionConfig::new(password);
/// sessions.rule = "user.role in [\"admin\", \"support\"]".parse()?;
/// # Ok::<(), headcount_server::claims::ClaimRuleError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SealedSessionConfig {
    /// The password the app seals with (`NUXT_SESSION_PASSWORD`), at least 32 bytes.
    pub password: Secret,
    /// The cookie's name. Default `nuxt-session`.
    pub cookie: String,
    /// Which sessions admit. Default: `user.role` equals `admin`.
    pub rule: ClaimRule,
}

/// An endpoint of the app that says, by the browser's own headers, whether that browser may see stats.
///
/// ```
/// use headcount_server::config::ForwardAuthConfig;
///
/// let mut endpoint = ForwardAuthConfig::new("http://127.0.0.1:3000/api/may-see-stats");
/// endpoint.timeout_ms = 1_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ForwardAuthConfig {
    /// An absolute `http` or `https` URL. `2xx` admits, `401`, `403` and redirects refuse, anything else counts as
    /// unavailable.
    pub url: String,
    /// How long an answer is used for the same headers, milliseconds. A subscriber that lost the right is refused that
    /// much later than `limits.admission_ms` at most. Default 5,000.
    pub cache_ms: u32,
    /// How long the app may take, milliseconds. Default 3,000.
    pub timeout_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_path: "/__skew".to_owned(),
            admin_path: "/api/admin".to_owned(),
            admin_apart: false,
            board_path: Some("/headcount".to_owned()),
            cookie_name: None,
            connection_tracking: true,
            route_tracking: true,
            ip_tracking: false,
            release: None,
            allowed_origins: Vec::new(),
            bots: BotLists::default(),
            trusted_proxies: Vec::new(),
            address_headers: vec![AddressHeader::XForwardedFor],
            admin_secret: None,
            admin_secret_previous: None,
            bridge_secret: None,
            bridge_secret_previous: None,
            sealed_session: None,
            forward_auth: None,
            authorize_bridge: false,
            authorize_anyone: false,
            shards: 0,
            limits: Limits::default(),
        }
    }
}

impl SealedSessionConfig {
    /// Sessions that are sealed with this password: the cookie `nuxt-session`, and the default rule.
    pub fn new(password: Secret) -> Self {
        Self {
            password,
            cookie: "nuxt-session".to_owned(),
            rule: ClaimRule::default(),
        }
    }
}

impl ForwardAuthConfig {
    /// This endpoint, with the default times.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            cache_ms: 5_000,
            timeout_ms: 3_000,
        }
    }
}

impl Config {
    /// The same with some fields written, as one expression.
    #[must_use]
    pub fn with(mut self, write: impl FnOnce(&mut Self)) -> Self {
        write(&mut self);
        self
    }

    /// The cookie that carries a tab's version: the one set, else `__nkpv` with the mount of the base path behind it
    /// (`/pro/__skew` → `__nkpv_pro`, `/a/b/__skew` → `__nkpv_a_b`).
    ///
    /// ```
    /// use headcount_server::Config;
    ///
    /// let config = Config::default().with(|config| config.base_path = "/pro/__skew".to_owned());
    /// assert_eq!(config.version_cookie(), "__nkpv_pro");
    /// ```
    pub fn version_cookie(&self) -> String {
        if let Some(name) = &self.cookie_name {
            return name.clone();
        }
        let mount = self
            .base_path
            .rsplit_once('/')
            .map_or("", |(mount, _)| mount)
            .trim_matches('/');
        if mount.is_empty() {
            "__nkpv".to_owned()
        } else {
            format!("__nkpv_{}", mount.replace('/', "_"))
        }
    }

    /// The secrets of the admin API.
    pub fn secrets(&self) -> Secrets {
        Secrets {
            admin: self.admin_secret.clone(),
            admin_previous: self.admin_secret_previous.clone(),
            bridge: self.bridge_secret.clone(),
            bridge_previous: self.bridge_secret_previous.clone(),
        }
    }

    /// Whether counts by version are kept over time.
    pub(crate) fn keeps_history(&self) -> bool {
        self.limits.history_seconds > 0 && self.connection_tracking
    }

    /// How many threads hold connections: `shards`, or one per core.
    ///
    /// ```
    /// use headcount_server::Config;
    ///
    /// assert!(Config::default().shards_count() >= 1);
    /// assert_eq!(Config::default().with(|config| config.shards = 4).shards_count(), 4);
    /// ```
    pub fn shards_count(&self) -> usize {
        match self.shards {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            count => count,
        }
    }

    /// Every contradiction, as sentences that name the key and say what to do. Empty when sound.
    ///
    /// ```
    /// use headcount_server::Config;
    ///
    /// let config = Config::default().with(|config| config.connection_tracking = false);
    /// assert_eq!(
    ///     config.problems(),
    ///     ["`route_tracking` needs `connection_tracking`: turn that on, or turn `route_tracking` off"]
    /// );
    /// ```
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        self.problems_of_paths(&mut problems);
        self.problems_of_tracking(&mut problems);
        self.problems_of_origins(&mut problems);
        self.problems_of_bots(&mut problems);
        self.problems_of_secrets(&mut problems);
        self.problems_of_features(&mut problems);
        problems.extend(self.limits.problems());
        problems
    }

    fn problems_of_paths(&self, problems: &mut Vec<String>) {
        let paths = [("base_path", &self.base_path), ("admin_path", &self.admin_path)];
        let board = self.board_path.iter().map(|path| ("board_path", path));
        for (key, path) in paths.into_iter().chain(board) {
            let plain = path
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"?#%{}\\\"<>".contains(&byte));
            if !path.starts_with('/')
                || path.len() < 2
                || path.ends_with('/')
                || path.contains("//")
                || !plain
            {
                problems.push(format!(
                    "`{key}` is `{path}`: write a plain path such as `/__skew`, without a slash at its end"
                ));
            }
        }
        if self.base_path == self.admin_path {
            problems.push(format!(
                "`base_path` and `admin_path` are both `{}`: choose another for one of them",
                self.base_path
            ));
        }
        if let Some(path) = &self.board_path {
            self.problems_of_board(path, problems);
        }
        if let Some(name) = &self.cookie_name
            && (name.is_empty()
                || name
                    .bytes()
                    .any(|byte| !byte.is_ascii_graphic() || b"=;,\"".contains(&byte)))
        {
            problems.push(format!("`cookie_name` is `{name}`, which is not a valid cookie name: use letters, digits and `-`, `_`, `.`"));
        }
    }

    /// The board's path must not be, or be below, another path of this server.
    fn problems_of_board(&self, path: &str, problems: &mut Vec<String>) {
        let others = [
            ("`base_path`", &*self.base_path),
            ("`admin_path`", &*self.admin_path),
            ("an endpoint for operators", "/healthz"),
            ("an endpoint for operators", "/readyz"),
            ("an endpoint for operators", "/metrics"),
        ];
        let is_in = |other: &str| {
            path.strip_prefix(other)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        for (what, _) in others.iter().filter(|(_, other)| is_in(other)) {
            problems.push(format!(
                "`board_path` is `{path}`, which is {what} or below it: choose another"
            ));
        }
    }

    fn problems_of_tracking(&self, problems: &mut Vec<String>) {
        for (key, on) in [
            ("route_tracking", self.route_tracking),
            ("ip_tracking", self.ip_tracking),
        ] {
            if on && !self.connection_tracking {
                problems.push(format!(
                    "`{key}` needs `connection_tracking`: turn that on, or turn `{key}` off"
                ));
            }
        }
        if let Some(release) = &self.release
            && let Err(error) =
                headcount_core::version::check_release(release, self.limits.version_bytes_max.into())
        {
            problems.push(format!("`release` is `{release}`: {error}"));
        }
    }

    fn problems_of_origins(&self, problems: &mut Vec<String>) {
        for origin in &self.allowed_origins {
            if let Some(problem) = crate::origin::problem(origin) {
                problems.push(format!(
                    "`allowed_origins` has `{origin}`: {problem}; scheme, host and port make an origin, as in \
                     `https://app.example.com` or `capacitor://localhost`"
                ));
            } else if self.authorize_anyone && crate::origin::is_nameless(origin) {
                problems.push(format!(
                    "`allowed_origins` has `{origin}`, which pages of any site can have, and `authorize` shows stats to anyone: leave one of the two out"
                ));
            }
        }
    }

    fn problems_of_bots(&self, problems: &mut Vec<String>) {
        problems.extend(
            self.bots
                .problems()
                .into_iter()
                .map(|problem| format!("`bots`: {problem}")),
        );
    }

    fn problems_of_secrets(&self, problems: &mut Vec<String>) {
        problems.extend(self.secrets().problems());
        if self.authorize_bridge && self.admin_secret.is_none() && self.bridge_secret.is_none() {
            problems.push(
                "`authorize_bridge` needs `bridge_secret` or `admin_secret`, which the app shows to open its bridge: set one"
                    .to_owned(),
            );
        }
        if self
            .sealed_session
            .as_ref()
            .is_some_and(|sealed| sealed.password.expose().len() < 32)
        {
            problems
                .push("`sealed_session.password` must have at least 32 bytes, as the app's own".to_owned());
        }
        if let Some(forward) = &self.forward_auth
            && !(forward.url.starts_with("http://") || forward.url.starts_with("https://"))
        {
            problems.push(format!(
                "`forward_auth.url` is `{}`: write an absolute http or https URL",
                forward.url
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_sound() {
        assert_eq!(Config::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn the_path_of_the_board_overlaps_no_other() {
        let problems = |path: &str| {
            let config = Config::default().with(|config| config.board_path = Some(path.to_owned()));
            config.problems().len()
        };
        for path in ["/board", "/__skewed", "/api", "/api/administration", "/healthz2"] {
            assert_eq!(problems(path), 0, "{path}");
        }
        for path in [
            "",
            "/",
            "board",
            "/board/",
            "/__skew",
            "/__skew/ws",
            "/api/admin/x",
            "/metrics",
        ] {
            assert_eq!(problems(path), 1, "{path}");
        }
    }

    #[test]
    fn route_tracking_without_connection_tracking_is_said_clearly() {
        let config = Config::default().with(|config| config.connection_tracking = false);
        assert_eq!(
            config.problems(),
            ["`route_tracking` needs `connection_tracking`: turn that on, or turn `route_tracking` off"]
        );
    }

    #[test]
    fn the_version_cookie_is_named_after_the_mount() {
        let named = |base: &str| {
            Config::default()
                .with(|config| config.base_path = base.to_owned())
                .version_cookie()
        };
        assert_eq!(named("/__skew"), "__nkpv");
        assert_eq!(named("/pro/__skew"), "__nkpv_pro");
        assert_eq!(named("/a/b/__skew"), "__nkpv_a_b");
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert!(secret.matches("hunter2") && !secret.matches("hunter") && !secret.matches(""));
    }
}
