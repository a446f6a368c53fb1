//! The server of a client command.

use std::path::PathBuf;

use clap::Args;

/// Which server a client command talks to, and how it prints.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServerArguments {
    /// The server [default: HEADCOUNT_URL, else http://127.0.0.1:4477]
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub(crate) url: Option<String>,
    /// Where its admin API is [default: HEADCOUNT_ADMIN_PATH, else /api/admin]
    #[arg(long, value_name = "PATH", help_heading = "Server")]
    pub(crate) admin_path: Option<String>,
    /// A file that holds the admin secret [default: HEADCOUNT_ADMIN_SECRET, HEADCOUNT_ADMIN_SECRET_FILE]
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    pub(crate) admin_secret_file: Option<PathBuf>,
    /// Print the server's answer as it is
    #[arg(long)]
    pub(crate) json: bool,
}
