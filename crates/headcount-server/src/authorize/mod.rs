//! Who may see stats.
//!
//! When a connection subscribes, the configured authorizers decide by the headers of its browser: for SSE those of the
//! subscribing POST, for WebSocket those of the handshake. One that admits is enough; without an authorizer no
//! subscriber is admitted. An admission holds for `limits.admission_ms`, or shorter if its authorizer says so, and then
//! the authorizer is asked again. If it cannot answer then, the admission stands for another
//! `limits.admission_grace_ms`, so that a restart of the app ends no admission. A refusal ends it at once.
//!
//! Authorizers that answer without waiting are asked first, by the thread that holds the connection, and no queue is involved.
//!
//! | authorizer | asks |
//! |---|---|
//! | [`ticket::Tickets`] | the tickets handed out for the admin secret |
//! | `sealed_session::SealedSession` (feature `sealed-session`) | the app's session cookie, opened here |
//! | `forward::ForwardAuth` (feature `forward-auth`) | the app, over HTTP, with the browser's own headers |
//! | `BridgeAuthorizer` (of the bridge) | the app, over its bridge ([`Config::authorize_bridge`]), with the browser's own headers |
//! | [`closure::closure`] | the embedder's code |
//! | [`anyone::Anyone`] | nothing: admits anyone |
//!
//! Deliberately absent: telling a browser why it was refused. It gets `stats-unauthorized`; reasons go to the log.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use headcount_core::limits::Limits;

use crate::config::Config;
use crate::keys::{Keys, Purpose};

pub mod anyone;
mod authorizer;
pub mod closure;
mod credentials;
pub(crate) mod ended;
#[cfg(feature = "forward-auth")]
pub mod forward;
mod forward_error;
#[cfg(feature = "sealed-session")]
pub mod sealed_session;
pub mod ticket;
mod ticket_cookie;
mod ticket_ends;
mod ticket_seal;

pub(crate) use authorizer::ASKED_AT_ONCE;
pub use authorizer::{AuthorizeRequest, Authorizer, Verdict, VerdictFuture};
pub(crate) use credentials::{BROWSER_COOKIE, is_own};
pub use credentials::{CookieRead, Reads};
use ended::Ended;
pub use forward_error::ForwardAuthError;
pub use headcount_shard::Credentials;
pub(crate) use headcount_shard::Decision;

/// How long all authorizers together may take over one question.
const AUTHORIZE_TIME_MAX: Duration = Duration::from_secs(10);

/// The authorizers of one server, in order.
#[derive(Clone, Debug)]
pub struct Authorizers {
    list: Vec<Arc<dyn Authorizer>>,
    /// How long an admission holds at most, milliseconds.
    admission_ms: u32,
    ended: Arc<Ended>,
}

impl Default for Authorizers {
    /// None: no subscriber is admitted.
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

impl Authorizers {
    /// None: no subscriber is admitted. Authorizers that are pushed admit for `limits.admission_ms` at most.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::Limits;
    /// use headcount_server::authorize::{AuthorizeRequest, Authorizers, Credentials, Verdict};
    ///
    /// let nobody = Authorizers::new(&Limits::default());
    /// let request = AuthorizeRequest::new(Credentials::default());
    /// assert_eq!(nobody.authorize(&request).await, Verdict::Refused);
    /// # });
    /// ```
    pub fn new(limits: &Limits) -> Self {
        Self {
            list: Vec::new(),
            admission_ms: limits.admission_ms,
            ended: Arc::default(),
        }
    }

    /// Knows ended cookies by hashes under one of these keys, so that other servers with the same keys know them, too.
    #[must_use]
    pub(crate) fn keyed(mut self, keys: &Keys) -> Self {
        self.ended = Arc::new(Ended::new(keys.hashes(Purpose::EndedCookies)));
        self
    }

    /// Those that `config` names: sealed sessions, forward-auth, anyone. Tickets and the embedder's authorizers are pushed.
    ///
    /// ```
    /// use headcount_server::Config;
    /// use headcount_server::authorize::Authorizers;
    ///
    /// assert!(Authorizers::configured(&Config::default())?.is_empty());
    /// let trial = Config::default().with(|config| config.authorize_anyone = true);
    /// assert!(!Authorizers::configured(&trial)?.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn configured(config: &Config) -> Result<Self, ForwardAuthError> {
        let mut authorizers = Self::new(&config.limits);
        #[cfg(feature = "sealed-session")]
        if let Some(sealed) = &config.sealed_session {
            authorizers.push(Arc::new(sealed_session::SealedSession::new(sealed)));
        }
        #[cfg(feature = "forward-auth")]
        if let Some(forward) = &config.forward_auth {
            authorizers.push(Arc::new(forward::ForwardAuth::new(forward)?));
        }
        if config.authorize_anyone {
            authorizers.push(Arc::new(anyone::Anyone));
        }
        Ok(authorizers)
    }

    /// Adds one, to be asked after the others of its kind: those that answer at once come before those that do not.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use headcount_server::authorize::Authorizers;
    /// use headcount_server::authorize::anyone::Anyone;
    ///
    /// let mut authorizers = Authorizers::default();
    /// authorizers.push(Arc::new(Anyone));
    /// assert!(!authorizers.is_empty());
    /// ```
    pub fn push(&mut self, authorizer: Arc<dyn Authorizer>) {
        self.list.push(authorizer);
    }

    /// Whether no subscriber can be admitted.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What they read of a request head, together.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use headcount_server::authorize::Authorizers;
    /// use headcount_server::authorize::ticket::Tickets;
    ///
    /// let mut authorizers = Authorizers::default();
    /// authorizers.push(Arc::new(Tickets::default()));
    /// assert_eq!(authorizers.reads().cookies[0].name, "headcount_ticket");
    /// ```
    pub fn reads(&self) -> Reads {
        self.list.iter().fold(Reads::default(), |reads, authorizer| {
            reads.and(authorizer.reads())
        })
    }

    /// The cookies that the app took back: no authorizer is shown them.
    pub(crate) fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Whether all that must be waited for answer alike to connections that show the same.
    pub(crate) fn ignore_connection(&self) -> bool {
        self.list.iter().all(|authorizer| authorizer.ignores_connection())
    }

    /// Whether the one with this number answers at once.
    pub(crate) fn is_instant(&self, number: usize, request: &AuthorizeRequest) -> bool {
        self.list
            .get(number)
            .is_some_and(|authorizer| authorizer.at_once(request).is_some())
    }

    /// Asks those that answer at once, then one after the other those that do not; the first that admits decides, and the rest
    /// is not asked. Where none admits the answer is
    /// [`Verdict::Unavailable`] if any could not tell, for that one might have admitted, else [`Verdict::Refused`]. An
    /// admission that is over already refuses; one that would hold longer than `limits.admission_ms` is cut to that. Ten
    /// seconds for all together; what is not answered then is [`Verdict::Unavailable`]. Needs a tokio runtime with its timer on.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use std::sync::Arc;
    ///
    /// use headcount_server::Limits;
    /// use headcount_server::authorize::anyone::Anyone;
    /// use headcount_server::authorize::{AuthorizeRequest, Authorizers, Credentials, Verdict};
    ///
    /// let limits = Limits::default().with(|limits| limits.admission_ms = 60_000);
    /// let mut authorizers = Authorizers::new(&limits);
    /// authorizers.push(Arc::new(Anyone));
    /// let request = AuthorizeRequest::new(Credentials::default());
    /// assert_eq!(authorizers.authorize(&request).await, Verdict::Admitted { until_ms: 60_000 });
    /// # });
    /// ```
    pub async fn authorize(&self, request: &AuthorizeRequest) -> Verdict {
        let decision = match self.at_once(request) {
            Some(decision) => decision,
            None => self.ask(request, None).await,
        };
        match decision {
            Decision::Admitted { until_ms, .. } => Verdict::Admitted { until_ms },
            Decision::Refused => Verdict::Refused,
            Decision::Unavailable => Verdict::Unavailable,
        }
    }

    /// What can be decided without waiting: an admission, or any verdict if there is no authorizer to wait for.
    pub(crate) fn at_once(&self, request: &AuthorizeRequest) -> Option<Decision> {
        let Some(request) = self.presented(request) else {
            return Some(Decision::Refused);
        };
        let mut decision = Some(Decision::Refused);
        for (by, authorizer) in self.list.iter().enumerate() {
            match authorizer
                .at_once(&request)
                .map(|verdict| self.weighed(verdict, &request))
            {
                Some(Verdict::Admitted { until_ms }) => return Some(Decision::Admitted { until_ms, by }),
                Some(Verdict::Refused) => {}
                Some(Verdict::Unavailable) => decision = decision.map(|_| Decision::Unavailable),
                None => decision = None,
            }
        }
        decision
    }

    /// Asks the authorizers that answer later, first the one that admitted before, if any. If that one refuses and no
    /// other admits, the result is a refusal, even if others could not decide.
    pub(crate) async fn ask(&self, request: &AuthorizeRequest, before: Option<usize>) -> Decision {
        self.ask_within(AUTHORIZE_TIME_MAX, request, before).await
    }

    async fn ask_within(
        &self,
        time: Duration,
        request: &AuthorizeRequest,
        before: Option<usize>,
    ) -> Decision {
        let Some(request) = self.presented(request) else {
            return Decision::Refused;
        };
        let mut others = Decision::Refused;
        // What the one that admitted before says now; until it has answered it could not tell.
        let mut admitting = before.map(|_| Decision::Unavailable);
        let asked = self.first_admission(&request, before, &mut admitting, &mut others);
        match tokio::time::timeout(time, asked).await {
            Ok(Some(admitted)) => admitted,
            Ok(None) => admitting.unwrap_or(others),
            Err(_) => admitting.unwrap_or(Decision::Unavailable),
        }
    }

    async fn first_admission(
        &self,
        request: &AuthorizeRequest,
        before: Option<usize>,
        admitting: &mut Option<Decision>,
        others: &mut Decision,
    ) -> Option<Decision> {
        let rest = (0..self.list.len()).filter(|by| Some(*by) != before);
        for by in before.into_iter().chain(rest) {
            let Some(authorizer) = self.list.get(by) else {
                continue;
            };
            let verdict = match authorizer.at_once(request) {
                Some(verdict) => verdict,
                None => authorizer.authorize(request).await,
            };
            let decision = match self.weighed(verdict, request) {
                Verdict::Admitted { until_ms } => return Some(Decision::Admitted { until_ms, by }),
                Verdict::Refused => Decision::Refused,
                Verdict::Unavailable => Decision::Unavailable,
            };
            if Some(by) == before {
                *admitting = Some(decision);
            } else if decision == Decision::Unavailable {
                *others = decision;
            }
        }
        None
    }

    /// The question without cookies that were ended; `None` if nothing else identifies the browser, as after a sign-out:
    /// then no authorizer is asked.
    fn presented<'a>(&self, request: &'a AuthorizeRequest) -> Option<Cow<'a, AuthorizeRequest>> {
        let Some(left) = self.ended.without(&request.credentials) else {
            return Some(Cow::Borrowed(request));
        };
        let reads = self.reads();
        let tells = |name: &str| !reads.beside.iter().any(|beside| beside == name);
        let is_known = left.headers().any(|(name, _)| tells(name)) || reads.needs_nothing;
        is_known.then(|| {
            Cow::Owned(AuthorizeRequest {
                credentials: Arc::new(left),
                ..request.clone()
            })
        })
    }

    fn weighed(&self, verdict: Verdict, request: &AuthorizeRequest) -> Verdict {
        match verdict {
            Verdict::Admitted { until_ms } if until_ms > request.now_ms => Verdict::Admitted {
                until_ms: until_ms.min(request.now_ms.saturating_add(self.admission_ms.into())),
            },
            Verdict::Admitted { .. } => Verdict::Refused,
            Verdict::Refused | Verdict::Unavailable => verdict,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
