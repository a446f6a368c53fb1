//! `headcount man-pages`: a manual page for each command. Packages bring these along, so the command is left out of the help.

use clap::CommandFactory;

use crate::arguments::{Arguments, ManPagesArguments};
use crate::failure::Failure;

pub(crate) fn write(arguments: &ManPagesArguments) -> Result<(), Failure> {
    let folder = &arguments.folder;
    clap_mangen::generate_to(Arguments::command(), folder).map_err(|source| Failure::Write {
        path: folder.clone(),
        source,
    })
}
