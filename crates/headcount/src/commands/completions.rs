//! `headcount completions`: what a shell needs to complete this command line.

use clap::CommandFactory;

use crate::arguments::{Arguments, CompletionsArguments};
use crate::failure::Failure;
use crate::output;

pub(crate) fn print(arguments: &CompletionsArguments) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Arguments::command(),
        "headcount",
        &mut script,
    );
    output::script(&script)
}
