//! The command line: commands, arguments and flags, with their help.
//!
//! Values that can also come from a variable or the file stay text here. [`crate::config`] parses them all, so that every
//! problem is reported at once. Secrets have no flag: a command line is visible to everyone on the machine. A test holds
//! every `[default: …]` in the help of `serve` against the default of its setting.

#![expect(
    clippy::doc_markdown,
    reason = "these comments are help texts, shown by a terminal as they stand"
)]

mod help;
mod numbers;
mod packaged;
mod server;
mod wait;
mod waves;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use help::{COMPLETIONS_HELP, INVALIDATE_HELP, INVALIDATIONS_HELP, NODES_HELP, WAIT_HELP};
use numbers::whole;
pub(crate) use packaged::{CompletionsArguments, ManPagesArguments};
pub(crate) use server::ServerArguments;
pub(crate) use wait::WaitArguments;
pub(crate) use waves::WavesArguments;

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failure: the server answered with an error, or ended because of one
  2  usage: an argument or the configuration is wrong
  3  unreachable: no server answered at --url
  4  unauthorized: the admin secret is missing, wrong, or not set on the server
`headcount wait` ends with further ones: 5 timed out, 6 stalled, 7 gone back, 8 partial.

Variables:
  HEADCOUNT_URL           where the client commands look for a server
  HEADCOUNT_ADMIN_SECRET  the admin secret; HEADCOUNT_ADMIN_SECRET_FILE names a file that holds it

Start with `headcount demo`.";

/// Shows which browser tabs are open on a site, which build each one runs and which page it shows, and refreshes exactly
/// those that need it.
#[derive(Debug, Parser)]
#[command(name = "headcount", version, after_help = AFTER_HELP, arg_required_else_help = true)]
#[command(max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One variant a command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server
    Serve(Box<ServeArguments>),
    /// Try headcount: a demo shop with simulated visitors and a live board, all in this process
    Demo(DemoArguments),
    /// Show how many tabs are open, by version and by route
    Stats(StatsArguments),
    /// List the open tabs one by one
    Connections(ConnectionsArguments),
    /// List the servers of the cluster that this server belongs to
    #[command(after_help = NODES_HELP)]
    Nodes(ServerArguments),
    /// Announce a release: it becomes the current one, and every open tab is told
    Release(ReleaseArguments),
    /// List the releases announced so far
    Releases(ServerArguments),
    /// Wait until enough open tabs run a release
    #[command(after_help = WAIT_HELP)]
    Wait(WaitArguments),
    /// Refresh the tabs on a route and below it
    Invalidate(Box<InvalidateArguments>),
    /// List the invalidations that stand
    #[command(after_help = INVALIDATIONS_HELP)]
    Invalidations(ServerArguments),
    /// End an invalidation that stands
    Lift(LiftArguments),
    /// Pause an invalidation in waves: it tells no further tabs
    Pause(LiftArguments),
    /// Let an invalidation in waves go on that was paused, or that stopped by itself
    Resume(LiftArguments),
    /// End an invalidation in waves, and show how far it came
    Abort(LiftArguments),
    /// Let an invalidation that stands ask for more, or be for more tabs
    Change(ChangeArguments),
    /// Print what completes this command line in a shell
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(CompletionsArguments),
    /// Write a manual page for each command into a folder
    #[command(hide = true)]
    ManPages(ManPagesArguments),
}

const SERVE_HELP: &str = "\
Every option is also a variable and a key of the TOML file: `--base-path` is HEADCOUNT_BASE_PATH and `base_path`, \
`--limit tick_ms=200` is HEADCOUNT_LIMITS_TICK_MS and `tick_ms` under `[limits]`; sessions are HEADCOUNT_SESSION_… and \
`[sealed_session]`, forward authorization is HEADCOUNT_FORWARD_AUTH_URL and `[forward_auth]`. Flags override variables, and \
variables override the file. The variable and the key of a repeatable option are in the plural, and the variable has commas \
between its items: `--allowed-origin` is HEADCOUNT_ALLOWED_ORIGINS and `allowed_origins`.

Secrets come from variables or files, never from a flag:
  HEADCOUNT_ADMIN_SECRET      opens the admin API, which is shut without it
  HEADCOUNT_BRIDGE_SECRET     opens the bridge for app servers, and nothing else
  HEADCOUNT_SESSION_PASSWORD  opens the app's sealed session cookies
  HEADCOUNT_CLUSTER_SECRET    makes the keys of all servers of a cluster
For each, a variable that ends in _FILE names a file with the secret instead. HEADCOUNT_LOG filters the log, as in debug.

To change the admin secret without closing a tab: put the old one into the file of --admin-secret-previous-file, the new \
one into that of --admin-secret-file, and send SIGHUP. From then on both open the admin API. When every client has the new \
one, empty the first file and send SIGHUP again. On SIGHUP the server reads the secrets again from the configuration file and \
the secrets' files. If anything is wrong, it keeps the old secrets and logs why. The bridge secret changes the same way. Other \
settings change at a restart.

Exit codes:
  0         stopped when asked to
  1         failure
  2         wrong usage or configuration
  130, 143  ended by a second signal

Limits and their defaults:
";

fn serve_help() -> String {
    format!("{SERVE_HELP}  {}", crate::config::limits::defaults().join("\n  "))
}

/// `headcount serve`.
#[derive(Args, Debug, Default)]
#[command(after_help = serve_help())]
pub(crate) struct ServeArguments {
    /// Where to listen [default: 127.0.0.1:4477]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// A second address, for the admin API and the board, which are no longer at --listen then. `/healthz`, `/readyz` and
    /// `/metrics` answer at both [default: everything is at --listen]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) admin_listen: Option<String>,
    /// A release to announce at start, unless it was announced before. An earlier release changes nothing: use `headcount
    /// release` to go back to it [default: the last one announced stays current]
    #[arg(long, value_name = "VERSION")]
    pub(crate) release: Option<String>,
    /// The directory for releases, invalidations and the history of counts [default: ./headcount-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// Keep nothing on disk: a restart forgets releases, invalidations and the history of counts
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Threads that serve connections; 0 means one per core [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) shards: Option<String>,

    /// Where browsers connect [default: /__skew]
    #[arg(long, value_name = "PATH", help_heading = "Paths and names")]
    pub(crate) base_path: Option<String>,
    /// Where the admin API is [default: /api/admin]
    #[arg(long, value_name = "PATH", help_heading = "Paths and names")]
    pub(crate) admin_path: Option<String>,
    /// Where the board is, at the address of the admin API; `off` turns it off [default: /headcount]
    #[arg(long, value_name = "PATH", help_heading = "Paths and names")]
    pub(crate) board_path: Option<String>,
    /// The cookie with a tab's version [default: __nkpv]
    #[arg(long, value_name = "NAME", help_heading = "Paths and names")]
    pub(crate) cookie_name: Option<String>,

    /// Count open tabs [default: true]
    #[arg(long, value_name = "BOOL", help_heading = "Tracking", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) connection_tracking: Option<String>,
    /// Count tabs by page [default: true]
    #[arg(long, value_name = "BOOL", help_heading = "Tracking", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) route_tracking: Option<String>,
    /// Read client addresses, keep them in memory and show them [default: false]
    #[arg(long, value_name = "BOOL", help_heading = "Tracking", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) ip_tracking: Option<String>,

    /// Another origin whose pages may connect, such as https://app.example.com or capacitor://localhost; repeatable
    #[arg(long, value_name = "ORIGIN", help_heading = "Who may connect")]
    pub(crate) allowed_origin: Vec<String>,
    /// A file with user agents that are bots, or that are wrongly recognised as bots: one regular expression a line, after
    /// the word `bot` or `person`
    #[arg(long, value_name = "FILE", help_heading = "Who may connect")]
    pub(crate) bots: Option<String>,
    /// A network of proxies whose forwarding headers are trusted, such as 10.0.0.0/8; repeatable
    #[arg(long, value_name = "NETWORK", help_heading = "Who may connect")]
    pub(crate) trusted_proxy: Vec<String>,
    /// A header in which those proxies send a browser's address: x-forwarded-for, cf-connecting-ip
    /// or x-real-ip; repeatable. Choose only headers that every trusted proxy sets: visitors can
    /// set the others [default: x-forwarded-for]
    #[arg(long, value_name = "HEADER", help_heading = "Who may connect")]
    pub(crate) address_header: Vec<String>,

    /// A file that holds the secret of the admin API
    #[arg(long, value_name = "FILE", help_heading = "Who may see and command")]
    pub(crate) admin_secret_file: Option<String>,
    /// A file that holds the previous admin secret, which also opens the admin API until clients have changed over
    #[arg(long, value_name = "FILE", help_heading = "Who may see and command")]
    pub(crate) admin_secret_previous_file: Option<String>,
    /// A file that holds a secret for the bridge alone; if it is set, only an app with this secret decides who sees stats
    #[arg(long, value_name = "FILE", help_heading = "Who may see and command")]
    pub(crate) bridge_secret_file: Option<String>,
    /// A file that holds the previous bridge secret
    #[arg(long, value_name = "FILE", help_heading = "Who may see and command")]
    pub(crate) bridge_secret_previous_file: Option<String>,
    /// A file that holds the password of the app's sealed session cookies
    #[arg(long, value_name = "FILE", help_heading = "Who may see and command")]
    pub(crate) session_password_file: Option<String>,
    /// The app's session cookie [default: nuxt-session]
    #[arg(long, value_name = "NAME", help_heading = "Who may see and command")]
    pub(crate) session_cookie: Option<String>,
    /// Which sessions may see stats [default: user.role == "admin"]
    #[arg(long, value_name = "RULE", help_heading = "Who may see and command")]
    pub(crate) session_rule: Option<String>,
    /// Ask this URL of the app, with the browser's headers, whether a browser may see stats
    #[arg(long, value_name = "URL", help_heading = "Who may see and command")]
    pub(crate) forward_auth: Option<String>,
    /// Ask the app over its bridge whether a browser may see stats
    #[arg(long, help_heading = "Who may see and command")]
    pub(crate) authorize_bridge: bool,
    /// `anyone` shows stats to anyone: for trials, on loopback only
    #[arg(long, value_name = "WHOM", help_heading = "Who may see and command")]
    pub(crate) authorize: Option<String>,

    /// The NATS broker of the cluster that this server belongs to, as in nats://host:4222; several with commas. Needs a cluster secret
    /// [default: the server is alone]
    #[arg(long, value_name = "ADDRESSES", help_heading = "Cluster")]
    pub(crate) cluster: Option<String>,
    /// The name of the cluster: 1 to 32 letters, digits, `-` and `_` [default: headcount]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) cluster_name: Option<String>,
    /// A file that holds the secret that all servers of the cluster have, at least 16 characters
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) cluster_secret_file: Option<String>,
    /// A file with the JWT and the seed with which this server logs in at the broker, as `nsc` writes it
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) cluster_credentials: Option<String>,
    /// A file with the seed of the NKEY with which this server logs in at the broker
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) cluster_nkey: Option<String>,
    /// A PEM file with the authorities that sign the broker's certificate [default: those of the system]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) cluster_ca: Option<String>,
    /// A PEM file with the certificate that this server shows to the broker; needs --cluster-key
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) cluster_certificate: Option<String>,
    /// A PEM file with the key of that certificate
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) cluster_key: Option<String>,
    /// On how many brokers the log of commands is kept, 1 to 5, where this server is the first of its cluster; with 3, one of them may be
    /// lost [default: 1]
    #[arg(long, value_name = "NUMBER", help_heading = "Cluster")]
    pub(crate) cluster_replicas: Option<String>,
    /// What this server is called among those of its cluster [default: the name of its host]
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) node_name: Option<String>,

    /// Set one limit, as in tick_ms=200; repeatable
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Limits and log")]
    pub(crate) limit: Vec<String>,
    /// The format of log lines on stderr: text or json [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Limits and log")]
    pub(crate) log_format: Option<String>,
}

/// `headcount demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArguments {
    /// Where to listen: a loopback address, because the demo shows its stats to anyone
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4477")]
    pub(crate) listen: String,
    /// How many visitors to simulate, each with its own connection: 0 to 5000
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = |text: &str| whole(text, 0, 5_000_u16))]
    pub(crate) visitors: u16,
    /// Announce a release every so many seconds, at most 3600, to show a rollout; 0 turns this off
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = |text: &str| whole(text, 0, 3_600_u16))]
    pub(crate) roll: u16,
    /// How many servers of one cluster count the visitors together: 1 to 9. More than one needs nats-server
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = |text: &str| whole(text, 1, 9_u16))]
    pub(crate) nodes: u16,
}

/// `headcount stats`.
#[derive(Args, Debug)]
pub(crate) struct StatsArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// Rows of each table; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = |text: &str| whole(text, 0, usize::MAX))]
    pub(crate) top: usize,
}

/// `headcount connections`.
#[derive(Args, Debug)]
pub(crate) struct ConnectionsArguments {
    #[command(flatten)]
    pub(crate) server: ServerArguments,
    /// Only tabs on this route
    #[arg(long)]
    pub(crate) route: Option<String>,
    /// Only tabs that run this version
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// How many to list
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = |text: &str| whole(text, 1, u32::MAX))]
    pub(crate) limit: u32,
    /// List all tabs; with --json one line for each page of answers
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

/// `headcount release`.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArguments {
    /// The build that becomes current
    pub(crate) version: String,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `headcount invalidate`.
#[derive(Args, Debug)]
#[command(after_help = INVALIDATE_HELP)]
pub(crate) struct InvalidateArguments {
    /// The route, or a pattern with --prefix, --glob or --regex
    pub(crate) route: String,
    /// This route only
    #[arg(long, group = "how", help_heading = "Which routes")]
    pub(crate) exact: bool,
    /// Every route that begins with this text
    #[arg(long, group = "how", help_heading = "Which routes")]
    pub(crate) prefix: bool,
    /// `*` is any text without a slash, `**` any text, `?` one character
    #[arg(long, group = "how", help_heading = "Which routes")]
    pub(crate) glob: bool,
    /// A regular expression, searched in the route
    #[arg(long, group = "how", help_heading = "Which routes")]
    pub(crate) regex: bool,
    /// Show how many tabs would be told, and tell none
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Also tabs on the current release
    #[arg(long)]
    pub(crate) all_tabs: bool,
    /// Offer the refresh to the tab's user instead of reloading
    #[arg(long)]
    pub(crate) prompt: bool,
    /// How long the rule stands, as in 90s, 30m, 12h or 7d; a number alone is seconds [default: the server's `rule_seconds`]
    #[arg(long, value_name = "DURATION", value_parser = crate::date::seconds)]
    pub(crate) expires: Option<u32>,
    /// How long to spread telling the tabs, as in 500ms, 30s or 10m, at most 1h; a number alone is seconds, and 0 tells all at once
    /// [default: longer for more tabs, at most the server's `spread_ms`]
    #[arg(long, value_name = "DURATION", group = "pace", value_parser = crate::date::spread)]
    pub(crate) spread: Option<u32>,
    #[command(flatten)]
    pub(crate) waves: WavesArguments,
    /// Only tabs that run this version; repeatable
    #[arg(long, action = ArgAction::Append)]
    pub(crate) version: Vec<String>,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `headcount lift`, `pause`, `resume` and `abort`.
#[derive(Args, Debug)]
pub(crate) struct LiftArguments {
    /// The invalidation's number, as `headcount invalidations` lists it
    #[arg(value_parser = |text: &str| whole(text, 1, u32::MAX))]
    pub(crate) id: u32,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `headcount change`.
#[derive(Args, Debug)]
pub(crate) struct ChangeArguments {
    /// The invalidation's number, as `headcount invalidations` lists it
    #[arg(value_parser = |text: &str| whole(text, 1, u32::MAX))]
    pub(crate) id: u32,
    /// Reload the tabs, also those that have asked their user
    #[arg(long, required_unless_present = "all_tabs")]
    pub(crate) force: bool,
    /// Also tabs on the current release
    #[arg(long)]
    pub(crate) all_tabs: bool,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn numbers_out_of_their_range_are_said_in_words() {
        for (words, said) in [
            (&["connections", "--limit", "0"][..], "write 1 or more"),
            (
                &["connections", "--limit", "all"],
                "write a whole number, such as 17",
            ),
            (
                &["connections", "--limit", "9999999999"],
                "write at most 4294967295",
            ),
            (&["demo", "--visitors", "5001"], "write at most 5000"),
            (&["demo", "--visitors", "70000"], "write at most 5000"),
            (&["demo", "--roll", "3601"], "write at most 3600"),
            (&["demo", "--nodes", "10"], "write at most 9"),
            (&["lift", "0"], "write 1 or more"),
            (&["lift", "-3"], "unexpected argument '-3'"),
            (&["stats", "--top", ""], "write a whole number, such as 17"),
        ] {
            let error = Arguments::try_parse_from([&["headcount"], words].concat()).unwrap_err();
            assert!(error.to_string().contains(said), "{words:?}: {error}");
        }
    }

    #[test]
    fn a_switch_may_stand_alone_or_with_its_value() {
        let serve =
            |words: &[&str]| match Arguments::try_parse_from([&["headcount", "serve"], words].concat()) {
                Ok(Arguments {
                    command: Command::Serve(serve),
                }) => serve.ip_tracking.clone(),
                other => panic!("{other:?}"),
            };
        assert_eq!(serve(&[]), None);
        assert_eq!(serve(&["--ip-tracking"]).as_deref(), Some("true"));
        assert_eq!(serve(&["--ip-tracking=false"]).as_deref(), Some("false"));
        assert_eq!(serve(&["--ip-tracking", "false"]).as_deref(), Some("false"));
    }
}
