//! `headcount demo`: a small shop, simulated visitors over real sockets, releases that roll out, and the board, in one
//! process that stores nothing. With several nodes, a broker runs beside it.

use std::fmt::Write;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use headcount_server::{Config, Secret};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::oneshot;

use crate::arguments::DemoArguments;
use crate::config;
use crate::config::LogSettings;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::serve::announce;
use crate::signals::Signals;
use crate::{assets, descriptors, logs, output};
use broker::Broker;
use nodes::Nodes;
use random::random;
use visitors::Shop;

mod broker;
mod chance;
mod nodes;
mod random;
mod rollout;
mod site;
mod socket;
mod visitors;
mod walk;

/// The release the shop starts with; some visitors still have the one before it.
const RELEASE: &str = "v2";

/// What the demo's log has. Servers that stop leave their broker, and no line is wanted for that; servers that lose it say so themselves.
const LOG: &str = "warn,headcount_nats=error";

pub(crate) async fn run(arguments: &DemoArguments, environment: &Environment) -> Result<(), Failure> {
    let address =
        config::address(&arguments.listen).map_err(|reason| Failure::Usage(format!("--listen: {reason}")))?;
    if !address.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "--listen: the demo shows its stats to everybody, so it listens on loopback only, not on {address}"
        )));
    }
    let quiet = LogSettings {
        filter: environment.log().unwrap_or(LOG).to_owned(),
        ..LogSettings::default()
    };
    let signals = Signals::install()?;
    // It ends last, after the servers and the log.
    let broker = match arguments.nodes {
        0 | 1 => None,
        _ => Some(Broker::start().await?),
    };
    let _logs = logs::install(&quiet);
    descriptors::raise();
    let config = config(environment)?;
    let cluster = broker.as_ref().map(nodes::cluster).transpose()?;
    let nodes = Nodes::start(arguments.nodes, address, &config, cluster, environment).await?;
    let addresses = nodes.addresses.clone();
    let (Some(headcount), Some(&address)) = (nodes.first().cloned(), addresses.first()) else {
        return Ok(());
    };
    announce(address);
    output::talk(&welcome(&addresses, &config, arguments.visitors));
    let shop = Shop::of(&addresses, {
        let headcount = headcount.clone();
        Arc::new(move || headcount.current_release().to_string())
    });
    let rollout = (arguments.roll > 0).then(|| Duration::from_secs(arguments.roll.into()));
    let site = site::router(shop.clone());
    let run = |stop: oneshot::Receiver<()>| async move {
        let mut visitors = visitors::invite(arguments.visitors, &shop, random()?);
        if let Some(period) = rollout {
            visitors.spawn(rollout::run(headcount, period));
        }
        let stopped = async {
            drop(stop.await);
            // Their sockets close at once: a server that drains has real tabs to care for.
            drop(visitors);
        };
        nodes.serve(&site, stopped).await
    };
    // Its terminal is gone, so there is no reader.
    signals.until_stopped(run, async || ControlFlow::Break(())).await
}

fn config(environment: &Environment) -> Result<Config, Failure> {
    let secret = match environment.admin_secret() {
        Some(secret) if !secret.is_empty() => secret.to_owned(),
        _ => format!("{:016x}{:016x}", random()?, random()?),
    };
    Ok(Config::default().with(|config| {
        config.release = Some(RELEASE.to_owned());
        config.admin_secret = Some(Secret::new(secret));
        config.authorize_anyone = true;
    }))
}

fn welcome(addresses: &[SocketAddr], config: &Config, visitors: u16) -> String {
    let Some((address, others)) = addresses.split_first() else {
        return String::new();
    };
    let secret = config.admin_secret.as_ref().map_or("", Secret::expose);
    let board_path = config.board_path.as_deref().unwrap_or_default();
    let board = if assets::has_board() {
        format!(
            "http://{address}{board_path}/#secret={}",
            utf8_percent_encode(secret, NON_ALPHANUMERIC)
        )
    } else {
        "not in this binary: build it with `cargo xtask build`, which needs Node 20 or newer".to_owned()
    };
    let (on, nodes, list) = match others {
        [] => (String::new(), String::new(), ""),
        others => {
            let urls: Vec<_> = others
                .iter()
                .map(|address| format!("http://{address}/"))
                .collect();
            (
                format!(" on {} nodes", addresses.len()),
                format!("  and at     {}\n", urls.join(" ")),
                "nodes",
            )
        }
    };
    let mut text = format!(
        "\nheadcount demo: {visitors} simulated visitors{on}, nothing is kept, everybody may see the counts\n\n  \
         the shop   http://{address}/\n{nodes}  the board  {board}\n\nadmin secret: {secret}\n\n\
         Open some tabs of the shop, put one on /checkout, and refresh everybody there:\n\n  \
         curl -X POST http://{address}/api/admin/invalidate-route \\\n    -H 'Content-Type: application/json' \\\n    \
         -d {}\n\nOr with this program:\n\n",
        quoted(&serde_json::json!({ "route": "/checkout", "secret": secret }).to_string())
    );
    let (program, quoted_secret) = (program(), quoted(secret));
    // Writing into a String cannot fail.
    let _ = writeln!(
        text,
        "  export HEADCOUNT_URL=http://{address} HEADCOUNT_ADMIN_SECRET={quoted_secret}"
    );
    let commands = ["stats", list, "invalidate /checkout --dry-run", "release v3"];
    for command in commands.iter().filter(|command| !command.is_empty()) {
        let _ = writeln!(text, "  {program} {command}");
    }
    text.push_str("\nCtrl-C stops it.\n");
    text
}

/// As a word of a POSIX shell: bare where that means the same, and between quotes otherwise.
fn quoted(text: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !text.is_empty() && text.chars().all(bare) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// What this program was called as, so that the lines above can be copied: `headcount` where it is installed, a path where it was built.
fn program() -> String {
    let called = std::env::args_os()
        .next()
        .and_then(|name| name.into_string().ok());
    called
        .filter(|name| !name.is_empty())
        .map_or_else(|| "headcount".to_owned(), |name| quoted(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell_stay_one_word() {
        assert_eq!(quoted("target/debug/headcount"), "target/debug/headcount");
        assert_eq!(quoted("a'b\"c d"), "'a'\\''b\"c d'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
        assert_eq!(quoted(""), "''");
    }
}
