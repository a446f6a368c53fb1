//! The broker, as this server reaches it.
//!
//! One connection carries the bus and the log. It is made again by itself whenever it is lost; [`Link`] says whether it is there. A broker that
//! holds the socket and says nothing is given up after three pings, so within about three seconds.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectErrorKind, ConnectOptions, Event};
use headcount_core::backoff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::denials::Denials;
use crate::error::ConnectError;
use crate::files;
use crate::options::{Addresses, Login, NatsOptions};
use crate::subjects::Subjects;

/// The oldest broker that works.
const OLDEST: (u32, u32, u32) = (2, 9, 10);
/// How often the broker is asked for a sign of life.
const PING: Duration = Duration::from_secs(1);
/// How long one attempt to connect may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a server waits at most between two attempts, milliseconds.
const PAUSE_MS_MAX: u32 = 1_000;
/// Messages of one subscription that wait to be read.
const SUBSCRIPTION_MESSAGES_MAX: usize = 4_096;
/// How often the client of NATS is asked whether it is connected: an event may be lost where many come at once.
const LOOK: Duration = Duration::from_millis(500);

/// The broker of a cluster, connected. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NatsBroker {
    pub(crate) client: Client,
    pub(crate) subjects: Subjects,
    pub(crate) link: watch::Receiver<Link>,
    pub(crate) replicas: usize,
    pub(crate) append: Duration,
    pub(crate) denials: Denials,
    /// Messages that the client of NATS dropped, because nobody read them in time.
    pub(crate) slow_consumer: Arc<AtomicU64>,
}

/// Whether the connection is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) up: bool,
    /// How often it was made.
    pub(crate) times: u64,
    /// Since when it is so.
    pub(crate) since: Instant,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            up: false,
            times: 0,
            since: Instant::now(),
        }
    }
}

impl NatsBroker {
    /// Connects to the broker. From then on the connection is made again whenever it is lost, until every clone of it, and every bus and log
    /// on it, is gone.
    pub async fn connect(options: &NatsOptions) -> Result<Self, ConnectError> {
        let subjects =
            Subjects::of(&options.cluster).ok_or_else(|| ConnectError::Cluster(options.cluster.clone()))?;
        let addresses = Addresses::parse(&options.addresses)?;
        let shown = addresses
            .servers
            .iter()
            .map(|server| format!("{}:{}", server.host(), server.port()))
            .collect::<Vec<_>>()
            .join(", ");
        let (link, seen) = watch::channel(Link::default());
        let link = Arc::new(link);
        let slow_consumer = Arc::<AtomicU64>::default();
        let denials = Denials::default();
        let client = settings(options, addresses.login)
            .await?
            .event_callback({
                let (link, slow_consumer) = (Arc::clone(&link), Arc::clone(&slow_consumer));
                let denials = denials.clone();
                move |event| {
                    match &event {
                        Event::SlowConsumer(_) => {
                            slow_consumer.fetch_add(1, Ordering::Relaxed);
                        }
                        Event::ServerError(error) => denials.note(error),
                        Event::ClientError(error) => denials.note_attempt(error),
                        Event::Connected => denials.forget(),
                        _ => {}
                    }
                    note(&link, &event);
                    std::future::ready(())
                }
            })
            .connect(addresses.servers)
            .await
            .map_err(|source| refused(shown, source))?;
        let version = client.server_info().version;
        if !is_new_enough(&version) {
            return Err(ConnectError::TooOld { version });
        }
        note(&link, &Event::Connected);
        tokio::spawn(look(client.clone(), link));
        Ok(Self {
            client,
            subjects,
            link: seen,
            replicas: options.replicas,
            append: Duration::from_millis(options.append_ms.into()),
            slow_consumer,
            denials,
        })
    }
}

async fn settings(options: &NatsOptions, of_address: Login) -> Result<ConnectOptions, ConnectError> {
    let login = match &options.login {
        Login::OfAddress => &of_address,
        login => login,
    };
    let mut settings = ConnectOptions::new()
        .name("headcount")
        .no_echo()
        .ping_interval(PING)
        .connection_timeout(CONNECT)
        .subscription_capacity(SUBSCRIPTION_MESSAGES_MAX)
        .require_tls(options.tls.required)
        .reconnect_delay_callback(pause);
    settings = match login {
        Login::OfAddress => settings,
        Login::CredentialsFile(path) => settings
            .credentials(&files::text(path).await?)
            .map_err(|source| files::unusable(path, source))?,
        Login::SeedFile(path) => settings.nkey(files::seed(path).await?),
        Login::Password { user, password } => settings.user_and_password(user.clone(), password.clone()),
        Login::Token(token) => settings.token(token.clone()),
    };
    if let Some(path) = &options.tls.authorities {
        files::look_for_certificates(path).await?;
        settings = settings.add_root_certificates(path.clone());
    }
    if let Some(own) = &options.tls.certificate {
        files::look_for_own(own).await?;
        settings = settings.add_client_certificate(own.certificate.clone(), own.key.clone());
    }
    Ok(settings)
}

fn refused(addresses: String, source: async_nats::ConnectError) -> ConnectError {
    match source.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            ConnectError::Refused { addresses, source }
        }
        ConnectErrorKind::Tls => ConnectError::Tls { addresses, source },
        ConnectErrorKind::Io if is_of_tls(&source) => ConnectError::Tls { addresses, source },
        _ => ConnectError::NoBroker { addresses, source },
    }
}

/// Whether the cause is one of TLS, which the client of NATS hands on as one of the socket.
fn is_of_tls(error: &async_nats::ConnectError) -> bool {
    let cause = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .and_then(std::io::Error::get_ref);
    cause
        .and_then(|inner| inner.downcast_ref::<async_nats::rustls::Error>())
        .is_some()
}

/// How long to wait before this attempt: as long as chance says, so that many servers do not come back together.
fn pause(attempt: usize) -> Duration {
    let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
    // Without chance, the longest wait.
    let random_unit = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    Duration::from_millis(backoff::delay_ms(attempt, 25, PAUSE_MS_MAX, random_unit).into())
}

fn note(link: &watch::Sender<Link>, event: &Event) {
    match event {
        Event::Connected => become_up(link, true),
        Event::Disconnected | Event::Closed => become_up(link, false),
        Event::ServerError(_)
        | Event::LameDuckMode
        | Event::Draining
        | Event::SlowConsumer(_)
        | Event::ClientError(_) => {}
    }
}

fn become_up(link: &watch::Sender<Link>, up: bool) {
    let changed = link.send_if_modified(|link| {
        let differs = link.up != up;
        if differs {
            link.up = up;
            link.since = Instant::now();
            link.times += u64::from(up);
        }
        differs
    });
    if !changed {
        return;
    }
    if up {
        tracing::info!("the broker is connected");
    } else {
        tracing::warn!("the connection to the broker is lost: commands are refused until it is back");
    }
}

/// Corrects the link by what the client of NATS says, until nobody asks for it any more.
async fn look(client: Client, link: Arc<watch::Sender<Link>>) {
    loop {
        tokio::select! {
            () = link.closed() => return,
            () = tokio::time::sleep(LOOK) => {
                become_up(&link, client.connection_state() == State::Connected);
            }
        }
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split(['.', '-', '+']).map(str::parse);
    let mut part = || parts.next().and_then(Result::ok);
    match (part(), part(), part()) {
        (Some(major), Some(minor), Some(patch)) => (major, minor, patch) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_from_2_9_10_on_are_new_enough() {
        for version in [
            "2.9.10",
            "2.9.11",
            "2.10.0",
            "2.15.1",
            "3.0.0-beta.1",
            "2.12.0-RC.2",
        ] {
            assert!(is_new_enough(version), "{version}");
        }
        for version in ["2.9.9", "2.8.40", "1.10.11", "", "2.9", "two"] {
            assert!(!is_new_enough(version), "{version}");
        }
    }

    #[test]
    fn a_link_counts_how_often_it_was_made() {
        let (link, seen) = watch::channel(Link::default());
        for event in [Event::Connected, Event::Connected, Event::Disconnected] {
            note(&link, &event);
        }
        assert_eq!((seen.borrow().up, seen.borrow().times), (false, 1));
        note(&link, &Event::Connected);
        assert_eq!((seen.borrow().up, seen.borrow().times), (true, 2));
    }
}
