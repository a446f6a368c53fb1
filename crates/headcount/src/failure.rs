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
    #[error("the server answered {status}: {message}")]
    Refused {
        /// Status line.
        status: String,
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
    /// The address cannot be listened on. Exit code 1.
    #[error("cannot listen on {address}: {source}\n  {}", listen_hint(.source))]
    Listen {
        /// The configured address.
        address: String,
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

fn listen_hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "Another program listens there, perhaps another headcount. Stop it, or choose another address with --listen or \
             --admin-listen."
        }
        io::ErrorKind::PermissionDenied => {
            "Ports below 1024 need a privilege. Choose a higher port with --listen and put a proxy in front."
        }
        _ => "Choose an address of this machine with --listen, such as 127.0.0.1:4477.",
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
            Self::Signal(number) => 128 + number,
            Self::Refused { .. }
            | Self::Strange { .. }
            | Self::Listen { .. }
            | Self::Server(_)
            | Self::Runtime(_)
            | Self::Output(_)
            | Self::Write { .. } => 1,
        })
    }
}
