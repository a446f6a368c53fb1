//! Why a command failed, and its exit code.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Everything that ends a command early. `Display` is what its user reads: what happened, and what to do next.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// An argument is wrong. Exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong, in one place or several. Exit code 2.
    #[error("the configuration is not valid:\n  - {}", .0.join("\n  - "))]
    Config(Vec<String>),
    /// Nothing that answers at the address. Exit code 3.
    #[error(
        "no server answers at {url}: {reason}\n  Start one with `headcount serve`, or say where it is with --url or HEADCOUNT_URL."
    )]
    Unreachable {
        /// Where we looked.
        url: String,
        /// What the attempt came to.
        reason: String,
    },
    /// The server does not take our secret, or has none. Exit code 4.
    #[error("{0}")]
    Unauthorized(String),
    /// The server answered an error. Exit code 1.
    #[error("the server answered {status} ({code}): {message}")]
    Refused {
        /// Status line.
        status: String,
        /// The code of the answer, by which the runbook lists answers.
        code: String,
        /// What the server says about it.
        message: String,
    },
    /// The answer is not one of headcount. Exit code 1.
    #[error("{url} does not answer like headcount: {reason}\n  Check --url and --admin-path.")]
    Strange {
        /// What was asked for.
        url: String,
        /// What is strange about the answer.
        reason: String,
    },
    /// An error that headcount does not give. Exit code 1.
    #[error("{url} answered {status}, but not as headcount would\n  Check --url and --admin-path.")]
    Foreign {
        /// What was asked for.
        url: String,
        /// Status line.
        status: String,
    },
    /// A headcount, at an address or path without its admin API. Exit code 1.
    #[error(
        "{url}: this address has no admin API\n  If the server was started with --admin-listen or --admin-path, use that address \
         or that path."
    )]
    NoAdminApi {
        /// What was asked for.
        url: String,
    },
    /// The address cannot be listened on. Exit code 1.
    #[error("cannot listen on {address}: {source}\n  {}", listen_hint(.source, .flag))]
    Listen {
        /// The configured address.
        address: String,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The server did not start, or ended with an error. Exit code 1.
    #[error("{0}")]
    Server(String),
    /// The runtime or its signal handlers did not start. Exit code 1.
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
    /// A second signal came while stopping. Exit code 128 and its number, as a shell reports it.
    #[error("stopped at once by a second signal")]
    Signal(u8),
    /// `headcount wait` ended without what it waited for. Its exit code says how.
    #[error("{text}")]
    Gate {
        /// The exit code.
        code: u8,
        /// How it ended, and what can be done.
        text: String,
    },
    /// A signal ended a command that waits. Exit code 128 and its number.
    #[error("interrupted")]
    Interrupted(u8),
    /// Our reader went away, as in `headcount connections | head`. It has all it wanted: exit code 0, and not a word.
    #[error("the reader of our output went away")]
    ReaderGone,
    /// Output failed in another way. Exit code 1.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
    /// A file that was asked for cannot be written. Exit code 1.
    #[error("cannot write {}: {source}", .path.display())]
    Write {
        /// Where it was to be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn listen_hint(source: &io::Error, flag: &str) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => format!(
            "Another program listens there, perhaps another headcount. Stop it, or choose another address with {flag}."
        ),
        io::ErrorKind::PermissionDenied => {
            format!(
                "Ports below 1024 need a privilege. Choose a higher port with {flag} and put a proxy in front."
            )
        }
        _ => format!("Choose an address of this machine with {flag}, such as 127.0.0.1:4477."),
    }
}

impl Failure {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::ReaderGone => 0,
            Self::Usage(_) | Self::Config(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Unauthorized(_) => 4,
            Self::Signal(number) | Self::Interrupted(number) => 128 + number,
            Self::Gate { code, .. } => *code,
            Self::Refused { .. }
            | Self::Strange { .. }
            | Self::Foreign { .. }
            | Self::NoAdminApi { .. }
            | Self::Listen { .. }
            | Self::Server(_)
            | Self::Runtime(_)
            | Self::Output(_)
            | Self::Write { .. } => 1,
        })
    }
}
