//! The commands that write what a package brings beside the binary.

use std::path::PathBuf;

use clap::Args;

/// `headcount completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell that reads them
    pub(crate) shell: clap_complete::Shell,
}

/// `headcount man-pages`.
#[derive(Args, Debug)]
pub(crate) struct ManPagesArguments {
    /// Where they are written; it must be there
    pub(crate) folder: PathBuf,
}
