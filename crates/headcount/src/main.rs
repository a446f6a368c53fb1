//! The headcount server and command line.
//!
//! `serve` and `demo` run a server in this process; `completions` and `man-pages`
//! describe this program; every other command is a client of a running server's admin API. The
//! rooms: [`arguments`] says what can be typed, [`config`] turns flags, variables and a file into one configuration,
//! [`client`] talks to a server, [`commands`] holds one file a command, [`output`] is the only place that writes to the
//! terminal, and [`failure`] is the one place that knows the exit codes.

use std::process::ExitCode;

use clap::Parser;
use headcount_core::protocol::admin::StateBody;

use crate::arguments::{Arguments, Command};
use crate::config::environment::Environment;
use crate::failure::Failure;

mod arguments;
mod assets;
mod client;
mod commands;
mod config;
mod date;
mod demo;
mod descriptors;
mod escape;
mod failure;
#[cfg(test)]
mod fuzz;
mod logs;
mod output;
mod serve;
mod signals;
mod table;

/// Tens of thousands of small, long-lived allocations of a few sizes: jemalloc keeps them dense and gives memory back.
/// It does so on its own thread, because an idle server allocates too little to trigger it.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error),
    };
    match run(arguments.command, &Environment::of_the_process()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure);
            failure.exit_code()
        }
    }
}

fn run(command: Command, environment: &Environment) -> Result<(), Failure> {
    let mut runtime = match command {
        Command::Serve(_) | Command::Demo(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build().map_err(Failure::Runtime)?;
    let outcome = runtime.block_on(dispatch(command, environment));
    // Nothing may hold up the exit: a name lookup that hangs in the blocking pool is left behind.
    runtime.shutdown_background();
    outcome
}

async fn dispatch(command: Command, environment: &Environment) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => commands::serve::run(&arguments, environment).await,
        Command::Demo(arguments) => demo::run(&arguments, environment).await,
        Command::Stats(arguments) => commands::stats::run(&arguments, environment).await,
        Command::Connections(arguments) => commands::connections::run(&arguments, environment).await,
        Command::Nodes(arguments) => commands::nodes::list(&arguments, environment).await,
        Command::Release(arguments) => commands::release::announce(&arguments, environment).await,
        Command::Releases(arguments) => commands::release::list(&arguments, environment).await,
        Command::Wait(arguments) => commands::wait::run(&arguments, environment).await,
        Command::Invalidate(arguments) => commands::invalidate::run(&arguments, environment).await,
        Command::Invalidations(arguments) => commands::invalidations::list(&arguments, environment).await,
        Command::Lift(arguments) => commands::invalidations::lift(&arguments, environment).await,
        Command::Pause(arguments) => commands::waves::turn(&arguments, StateBody::Paused, environment).await,
        Command::Resume(arguments) => {
            commands::waves::turn(&arguments, StateBody::Running, environment).await
        }
        Command::Abort(arguments) => commands::waves::turn(&arguments, StateBody::Aborted, environment).await,
        Command::Change(arguments) => commands::waves::change(&arguments, environment).await,
        Command::Completions(arguments) => commands::completions::print(&arguments),
        Command::ManPages(arguments) => commands::man_pages::write(&arguments),
    }
}
