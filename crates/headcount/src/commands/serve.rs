//! `headcount serve`: a server until a signal stops it.

use axum::Router;

use crate::arguments::ServeArguments;
use crate::config;
use crate::config::environment::Environment;
use crate::failure::Failure;
use crate::serve::{Server, listen};
use crate::signals::Signals;
use crate::{logs, output};

pub(crate) async fn run(arguments: &ServeArguments, environment: &Environment) -> Result<(), Failure> {
    let settings = config::load(arguments, environment)?;
    logs::install(&settings.log);
    let signals = Signals::install()?;
    for warning in warnings(&settings.server) {
        output::talk(&format!("warning: {warning}"));
    }
    let paths = (
        settings.server.base_path.clone(),
        settings.server.admin_path.clone(),
    );
    let server = Server::start(settings.server, settings.data_dir).await?;
    let (listener, _) = listen(settings.listen)?;
    output::talk(&format!(
        "  browsers connect at {}, the admin API is at {}",
        paths.0, paths.1
    ));
    signals
        .until_stopped(|stop| {
            server.serve(listener, Router::new(), async {
                drop(stop.await);
            })
        })
        .await
}

/// What its operator should know before the first visitor comes.
fn warnings(config: &headcount_server::config::Config) -> Vec<&'static str> {
    let mut warnings = Vec::new();
    if config.authorize_anyone {
        warnings.push(
            "--authorize anyone: EVERYBODY who reaches this server sees who is on which page. For trials only.",
        );
    }
    if config.admin_secret.is_none() {
        warnings.push("no admin secret: the admin API is shut. Set HEADCOUNT_ADMIN_SECRET to open it.");
    }
    if !config.authorize_anyone
        && config.sealed_session.is_none()
        && config.forward_auth.is_none()
        && config.admin_secret.is_none()
    {
        warnings.push(
            "nobody may see live stats. Set HEADCOUNT_SESSION_PASSWORD or --forward-auth to say who may.",
        );
    }
    warnings
}
