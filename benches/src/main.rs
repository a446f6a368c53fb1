//! headcount beside a plain axum server that speaks the same wire protocol, beside nginx with nchan, and above what the kernel alone
//! costs, measured in one run.
//!
//! ```text
//! cargo build --release -p headcount
//! cargo run --release -p headcount-bench -- all
//! cargo run --release -p headcount-bench -- cluster --quick
//! ```
//!
//! The servers run one after the other, each in its own process; tabs are real sockets of loader processes on
//! 127.0.0.0/8. Data goes to stdout, messages to stderr. Deliberately absent: TLS, and a network other than loopback.

mod admin;
mod baseline;
mod client;
mod clock;
mod cluster;
mod failure;
mod figure;
mod floor;
mod loader;
mod machine;
mod measure;
mod nchan;
mod progress;
mod readme;
mod rows;
mod server;
mod table;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use nix::sys::signal::Signal;

use measure::{Part, Plan};
use progress::say;
use server::Subject;

/// Measures headcount beside a plain axum server and nginx with nchan, and above what the kernel alone costs.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    /// What to measure.
    #[arg(value_enum, default_values_t = [Part::All])]
    parts: Vec<Part>,
    /// Tabs at most. A process that may open 20,000 files holds about 19,000.
    #[arg(long, default_value_t = 15_000)]
    connections: usize,
    /// Write the numbers to this file as well, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The headcount binary. Default: beside this program.
    #[arg(long)]
    headcount: Option<PathBuf>,
    /// A headcount binary of another revision, which is measured in the same run and shown beside this one.
    #[arg(long)]
    before: Option<PathBuf>,
    /// The nginx that runs with nchan. Without the module, it is left out.
    #[arg(long, default_value = nchan::NGINX)]
    nginx: PathBuf,
    /// Measure only these servers.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Subject>,
    /// How to print the results.
    #[arg(long, value_enum, default_value_t = Form::Full)]
    form: Form,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// Every row, with its target.
    Full,
    /// What `docs/measured.md` shows between its `bench` markers.
    Readme,
}

/// What this program is when a run starts it again.
#[derive(Debug, Subcommand)]
enum Role {
    /// The plain axum server.
    Baseline {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long, default_value = "v2")]
        release: String,
    },
    /// The bare server that says what the kernel costs.
    Floor {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// A loader, commanded over stdin.
    #[command(hide = true)]
    Client {
        #[arg(long, required = true, value_delimiter = ',')]
        servers: Vec<SocketAddr>,
        #[arg(long)]
        source: Ipv4Addr,
    },
    /// Measures a cluster of six servers beside one server alone.
    Cluster(cluster::Plan),
    /// Another program, ended together with this run.
    #[command(hide = true)]
    Guarded {
        /// Have it end by SIGTERM, so that it can end its workers.
        #[arg(long)]
        gently: bool,
        program: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.role {
        Some(Role::Baseline { listen, release }) => baseline::run(listen, release),
        Some(Role::Floor { listen }) => floor::run(listen),
        Some(Role::Client { servers, source }) => client::run(servers, source),
        Some(Role::Guarded {
            gently,
            program,
            arguments,
        }) => {
            let ending = if gently { Signal::SIGTERM } else { Signal::SIGKILL };
            Err(server::become_guarded(&program, &arguments, ending))
        }
        Some(Role::Cluster(plan)) => cluster::run(&plan),
        None => run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let plan = plan(arguments)?;
    let machine = machine::describe();
    let noise = machine::noise();
    if let Some(noise) = &noise {
        say(noise);
    }
    let mut results = measure::run(&plan);
    results.notes.extend(noise);
    if let Some(file) = &arguments.json {
        std::fs::write(file, table::json(&results, plan.stages(), &machine))?;
    }
    progress::print(&match arguments.form {
        Form::Full => table::markdown(&results, plan.stages(), &machine),
        Form::Readme => readme::markdown(&results, plan.stages(), &machine),
    })
}

fn plan(arguments: &Arguments) -> io::Result<Plan> {
    let beside = std::env::current_exe()?.with_file_name("headcount");
    let headcount = arguments.headcount.clone().unwrap_or(beside);
    let mut subjects = Subject::value_variants().to_vec();
    subjects.retain(|subject| arguments.only.is_empty() || arguments.only.contains(subject));
    if arguments.before.is_none() {
        subjects.retain(|subject| *subject != Subject::Before);
    }
    let mut left_out = Vec::new();
    let mut leave_out = |missing: Subject, why: &str| {
        if subjects.contains(&missing) {
            say(why);
            left_out.push(why.to_owned());
            subjects.retain(|subject| *subject != missing);
        }
    };
    if !headcount.exists() {
        let why = format!(
            "{} is not there: measuring without it. Build it first: cargo build --release -p headcount",
            headcount.display()
        );
        leave_out(Subject::Headcount, &why);
    }
    if !nchan::is_installed(&arguments.nginx) {
        leave_out(Subject::Nchan, nchan::MISSING);
    }
    Ok(Plan {
        parts: arguments.parts.clone(),
        connections: arguments.connections.max(300),
        headcount,
        before: arguments.before.clone(),
        nginx: arguments.nginx.clone(),
        subjects,
        left_out,
    })
}
