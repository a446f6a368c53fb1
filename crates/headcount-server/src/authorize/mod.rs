//! Who may see stats.
//!
//! A connection that subscribes is put before the configured authorizers with what its browser showed: for SSE the
//! headers of the subscribing POST, for WebSocket those of the handshake. One that admits is enough; with none configured
//! nobody is admitted. An admission holds for `limits.admission_ms`, or shorter where its authorizer says so, and is asked for
//! again.
//!
//! | authorizer | asks |
//! |---|---|
//! | [`ticket::Tickets`] | the tickets handed out for the admin secret |
//! | [`sealed_session::SealedSession`] | the app's session cookie, opened here |
//! | [`forward::ForwardAuth`] | the app, over HTTP, with the browser's own headers |
//! | `bridge` | the app, over its bridge ([`Config::authorize_bridge`]), with the browser's own headers |
//! | [`closure::closure`] | the embedder's code |
//! | [`anyone::Anyone`] | nobody: admits all |
//!
//! Deliberately absent: telling a browser why it was refused. It gets `stats-unauthorized`; reasons go to the log.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use headcount_core::limits::Limits;

use crate::config::Config;

pub mod anyone;
pub(crate) mod bridge;
pub mod closure;
mod credentials;
pub mod forward;
pub mod rule;
pub mod sealed_session;
pub mod ticket;

pub(crate) use credentials::BROWSER_COOKIE;
pub use credentials::{Credentials, Reads};

/// How long all authorizers together may take over one question.
const AUTHORIZE_TIME_MAX: Duration = Duration::from_secs(10);

/// One question to an authorizer.
#[derive(Clone, Debug)]
pub struct AuthorizeRequest {
    /// What the browser showed. Empty only where an authorizer needs nothing ([`Reads::nothing`]).
    pub credentials: Arc<Credentials>,
    /// The connection that wants stats, as its tab knows it.
    pub connection_id: String,
    /// The client address, where `ip_tracking` is on and it is known.
    pub ip: Option<IpAddr>,
    /// Now, milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// An authorizer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// May see stats. Asked again at this time, and after `limits.admission_ms` at the latest.
    Admitted {
        /// When the admission ends, milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// May not.
    Refused,
    /// The authorizer could not tell (its app did not answer). Treated as a refusal, counted apart.
    Unavailable,
}

impl Verdict {
    /// Admitted for as long as an admission holds.
    pub const ADMITTED: Self = Self::Admitted { until_ms: u64::MAX };
}

/// The future of a [`Verdict`].
pub type VerdictFuture<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Decides who may see stats.
pub trait Authorizer: Send + Sync + fmt::Debug + 'static {
    /// What it reads of a request head.
    fn reads(&self) -> Reads;

    /// Whether the browser that showed these credentials may see stats. Runs on the control plane: it may take its time,
    /// and is dropped after ten seconds. Dropping it at any point must be harmless.
    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a>;
}

/// The authorizers of one server, in order. Put those first that answer at once.
#[derive(Clone, Debug)]
pub struct Authorizers {
    list: Vec<Arc<dyn Authorizer>>,
    /// How long an admission holds at most, milliseconds.
    admission_ms: u32,
}

impl Default for Authorizers {
    /// None: nobody is admitted.
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

impl Authorizers {
    /// None: nobody is admitted. Those that are pushed admit for `limits.admission_ms` at most.
    pub fn new(limits: &Limits) -> Self {
        Self {
            list: Vec::new(),
            admission_ms: limits.admission_ms,
        }
    }

    /// Those that `config` names: sealed sessions, forward-auth, anyone. Tickets and authorizers of one's own are pushed.
    pub fn configured(config: &Config) -> Result<Self, forward::ForwardAuthError> {
        let mut authorizers = Self::new(&config.limits);
        if let Some(sealed) = &config.sealed_session {
            authorizers.push(Arc::new(sealed_session::SealedSession::new(sealed)));
        }
        if let Some(forward) = &config.forward_auth {
            authorizers.push(Arc::new(forward::ForwardAuth::new(forward)?));
        }
        if config.authorize_anyone {
            authorizers.push(Arc::new(anyone::Anyone));
        }
        Ok(authorizers)
    }

    /// Adds one, to be asked after the others.
    pub fn push(&mut self, authorizer: Arc<dyn Authorizer>) {
        self.list.push(authorizer);
    }

    /// Whether nobody can be admitted.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What they read of a request head, together.
    pub fn reads(&self) -> Reads {
        self.list.iter().fold(Reads::default(), |reads, authorizer| {
            reads.and(authorizer.reads())
        })
    }

    /// Asks one after the other; the first that admits decides, and the rest is not asked. Where none admits the answer is
    /// [`Verdict::Unavailable`] if any could not tell, for that one might have admitted, else [`Verdict::Refused`]. An
    /// admission that is over already refuses; one that would hold longer than `limits.admission_ms` is cut to that. Ten
    /// seconds for all together; what is not answered then is [`Verdict::Unavailable`]. Needs a tokio runtime with its timer on.
    pub async fn authorize(&self, request: &AuthorizeRequest) -> Verdict {
        self.authorize_within(AUTHORIZE_TIME_MAX, request).await
    }

    async fn authorize_within(&self, time: Duration, request: &AuthorizeRequest) -> Verdict {
        tokio::time::timeout(time, self.first_admission(request))
            .await
            .unwrap_or(Verdict::Unavailable)
    }

    async fn first_admission(&self, request: &AuthorizeRequest) -> Verdict {
        let mut verdict = Verdict::Refused;
        for authorizer in &self.list {
            match authorizer.authorize(request).await {
                Verdict::Admitted { until_ms } if until_ms > request.now_ms => {
                    let latest_ms = request.now_ms.saturating_add(self.admission_ms.into());
                    return Verdict::Admitted {
                        until_ms: until_ms.min(latest_ms),
                    };
                }
                Verdict::Unavailable => verdict = Verdict::Unavailable,
                Verdict::Admitted { .. } | Verdict::Refused => {}
            }
        }
        verdict
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::anyone::Anyone;
    use super::closure::closure;
    use super::*;

    /// A question of a browser that showed these headers.
    pub(crate) fn request(headers: &[(&str, &str)], now_ms: u64) -> AuthorizeRequest {
        AuthorizeRequest {
            credentials: Arc::new(Credentials::of(headers)),
            connection_id: "c1".to_owned(),
            ip: None,
            now_ms,
        }
    }

    fn answering(verdicts: &[Verdict]) -> Authorizers {
        let mut authorizers = Authorizers::default();
        for &verdict in verdicts {
            authorizers.push(Arc::new(closure(
                Reads::nothing(),
                move |_| async move { verdict },
            )));
        }
        authorizers
    }

    const ADMITTED: Verdict = Verdict::Admitted { until_ms: 100 };

    #[tokio::test]
    async fn the_first_admission_decides() {
        use Verdict::{Refused, Unavailable};
        let over = Verdict::Admitted { until_ms: 50 };
        for (verdicts, expected) in [
            (&[][..], Refused),
            (&[Refused, ADMITTED], ADMITTED),
            (&[Unavailable, ADMITTED], ADMITTED),
            (&[ADMITTED, Verdict::Admitted { until_ms: 200 }], ADMITTED),
            (&[Refused, Refused], Refused),
            (&[Unavailable, Refused], Unavailable),
            (&[Refused, Unavailable], Unavailable),
            (&[over], Refused),
            (&[over, ADMITTED], ADMITTED),
        ] {
            let verdict = answering(verdicts).authorize(&request(&[], 50)).await;
            assert_eq!(verdict, expected, "{verdicts:?}");
        }
    }

    #[tokio::test]
    async fn whoever_does_not_answer_in_time_could_not_tell() {
        let mut authorizers = Authorizers::default();
        authorizers.push(Arc::new(closure(Reads::nothing(), |_| {
            std::future::pending::<bool>()
        })));
        authorizers.push(Arc::new(Anyone));
        let verdict = authorizers
            .authorize_within(Duration::from_millis(5), &request(&[], 50))
            .await;
        assert_eq!(verdict, Verdict::Unavailable);
    }

    #[tokio::test]
    async fn what_is_configured_is_asked() {
        let none = Authorizers::configured(&Config::default()).unwrap();
        assert!(none.is_empty());
        let anyone = Authorizers::configured(&Config {
            authorize_anyone: true,
            limits: Limits {
                admission_ms: 700,
                ..Limits::default()
            },
            ..Config::default()
        });
        let verdict = anyone.unwrap().authorize(&request(&[], 50)).await;
        assert_eq!(verdict, Verdict::Admitted { until_ms: 750 });
    }
}
