//! `cargo xtask`: one command for every check of this repository.
//!
//! The build server runs `cargo xtask test` and nothing else, so a change that passes here passes there. No dependency but
//! a parser of Rust: this builds in seconds, and a fresh clone can run it before anything else is there. What it needs to know it reads
//! from the tree itself (`cargo tree`, `deny.toml`, the sources), never from a second list.

mod arrows;
mod artefacts;
mod autobahn;
mod bench;
mod brokers;
mod browser;
mod canary;
mod chart;
mod check;
mod circles;
mod demo;
mod dependencies;
mod dist;
mod documents;
mod faults;
mod fuzz;
mod licence;
mod names;
mod needs;
mod packages;
mod phrases;
mod reference;
mod release;
mod repeat;
mod report;
mod rooms;
mod run;
mod rust;
mod sizes;
mod source;
mod test;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask <command>

  build         the binary for use, in target/release, with the browser client and the board in it
  check         formatting, lints, arrows between crates, rules on sources and documents, dependencies, unit tests
  test          installs what is missing, then everything: check, all Rust tests, conformance, the browser tests
  generate      writes what is generated from the code: docs/reference/, types of the admin API, manifests for Kubernetes
  dist          what is handed out, in target/dist: [--profile release|dev] [--out FOLDER] [--only NAME,…]
  release       <version> [--dry-run]: version, changelog, commit, what is handed out, tag; publishes nothing
  faults        the fault campaign with what needs root or minutes: disks, clocks, links, kill -9; says what it saw
  conformance   the Autobahn test suite against our WebSocket framing; needs a Python 2.7
  brokers       installs the two NATS servers that the tests of headcount-nats start; `test` does that too
  canary        the example app on the newest Nuxt that npm has today; what `test` uses is pinned
  demo          starts a demo site with visitors, and says how to try it; further arguments go to `headcount demo`
  fuzz          runs the fuzz targets, each for a minute: [target] [--seconds N]; guided by libFuzzer where c++ is there
  bench         runs the measurements; further arguments go to them. `bench cluster` measures six servers with a broker: [--quick]
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let outcome = match (command.as_deref(), rest.as_slice()) {
        (None | Some("help" | "--help" | "-h"), _) => {
            report::say(USAGE);
            return ExitCode::SUCCESS;
        }
        (Some("build"), []) => packages::build(),
        (Some("check"), []) => check::check(),
        (Some("test"), []) => test::test(),
        (Some("generate"), []) => reference::generate(),
        (Some("dist"), rest) => dist::dist(rest),
        (Some("release"), rest) => release::release(rest),
        (Some("faults"), []) => faults::faults(),
        (Some("conformance"), []) => autobahn::conformance(),
        (Some("brokers"), []) => brokers::brokers(),
        (Some("canary"), []) => canary::canary(),
        (Some("demo"), rest) => demo::demo(rest),
        (Some("fuzz"), rest) => fuzz::fuzz(rest),
        (Some("bench"), rest) => bench::bench(rest),
        (Some(_), _) => {
            report::say(USAGE);
            return ExitCode::from(2);
        }
    };
    report::conclude(outcome)
}
