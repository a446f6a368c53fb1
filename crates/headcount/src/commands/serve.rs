//! `headcount serve`: a server until a signal stops it.

use std::ops::ControlFlow;

use headcount_server::Headcount;
use headcount_server::config::Config;
use tokio::sync::oneshot;

use crate::arguments::ServeArguments;
use crate::config;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::serve::{
    AdminAddress, Server, announce, announce_admin, announce_board, announce_paths, listen, listen_admin,
};
use crate::signals::Signals;
use crate::table::count;
use crate::{descriptors, logs, output};

pub(crate) async fn run(arguments: &ServeArguments, environment: &Environment) -> Result<(), Failure> {
    let settings = config::load(arguments, environment)?;
    let _logs = logs::install(&settings.log);
    let signals = Signals::install()?;
    descriptors::raise();
    let (listeners, address) = listen(settings.listen, &settings.server).await?;
    for warning in warnings(&settings.server) {
        output::warning(&warning, &[]);
    }
    let admin = listen_admin(settings.admin_listen, &settings.server).await?;
    let (base_path, admin_path) = (
        settings.server.base_path.clone(),
        settings.server.admin_path.clone(),
    );
    let board_path = settings.server.board_path.clone();
    let config = settings.server.clone();
    let server = Server::start(settings.server, settings.data_dir, settings.cluster, environment).await?;
    let room = server.headcount().connections_max();
    if room < config.limits.connections_max {
        output::warning(
            &format!(
                "room for {} connections: the system limits open files (`ulimit -Hn`, `LimitNOFILE` of systemd)",
                count(room.into())
            ),
            &[("connections", room.into())],
        );
    }
    let with_board = board_path.is_some();
    let is_apart = !matches!(admin, AdminAddress::None);
    let admin_address = match admin {
        AdminAddress::None => address,
        AdminAddress::Taken(listener, address) => {
            server.serve_admin(listener, with_board);
            announce_admin(address, "");
            address
        }
        AdminAddress::Awaited(address) => {
            server.serve_admin_later(address, config, with_board);
            announce_admin(address, ", as soon as the server that drains there has ended");
            address
        }
    };
    announce_board(admin_address, board_path.as_deref());
    announce(address);
    announce_paths(&base_path, (!is_apart).then_some(&*admin_path));
    let run = |stop: oneshot::Receiver<()>| {
        server.serve(listeners, Headcount::no_site(), async {
            drop(stop.await);
        })
    };
    signals
        .until_stopped(run, async || {
            reload(&server, arguments, environment).await;
            ControlFlow::Continue(())
        })
        .await
}

/// Reads the configuration again and takes its secrets. Says in the log what came of it.
async fn reload(server: &Server, arguments: &ServeArguments, environment: &Environment) {
    let changed = match config::load(arguments, environment) {
        Ok(settings) => {
            let secrets = settings.server.secrets();
            server.headcount().change_secrets(secrets).await
        }
        Err(failure) => Err(vec![failure.to_string()]),
    };
    match changed {
        Ok(()) => tracing::info!("SIGHUP: the secrets were read again; other settings change at a restart"),
        Err(problems) => {
            let problems = problems.join("; ");
            tracing::error!("SIGHUP: the secrets were not changed and the old ones stay valid: {problems}");
        }
    }
}

/// What its operator should know before the first visitor comes.
fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.authorize_anyone {
        warnings.push(
            "ANYONE who reaches this server can see which tabs are open on which page: --authorize anyone is for trials only"
                .to_owned(),
        );
    }
    if config.admin_secret.is_none() {
        warnings.push("no admin secret, so the admin API is off: set HEADCOUNT_ADMIN_SECRET".to_owned());
        if !config.authorize_anyone && config.sealed_session.is_none() && config.forward_auth.is_none() {
            warnings.push(
                "live stats are off, because no authorizer is configured: set HEADCOUNT_SESSION_PASSWORD or --forward-auth".to_owned(),
            );
        }
    }
    warnings
}
