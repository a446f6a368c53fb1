//! Forward-auth: the app is asked whether a browser may see stats, as nginx `auth_request` does.
//!
//! One `GET` to a URL of the app, with the browser's own `cookie`, `authorization`, `user-agent` and `accept-language`, and
//! `x-forwarded-for` where the address is known. The status is the answer: `2xx` admits, `401`, `403` and any redirect
//! refuse (apps redirect unknown visitors to their login page; a redirect is never followed), and everything else, also no
//! answer, is [`Verdict::Unavailable`].
//!
//! Invariants: the app is asked once at a time for the same headers, however many tabs ask; at most 1,000 answers are
//! remembered, the oldest forgotten first; at most 128 requests are under way, which is what the hub asks at once. A
//! browser that sends neither cookie nor `authorization` is refused without asking, because the app could not recognise
//! it. headcount's own cookies are not sent to the app, and a browser that has no others counts as one without cookies.
//!
//! Deliberately absent: reading the body for an answer, and passing on any header but those named.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use headcount_shard::Credentials;
use http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HeaderName, HeaderValue, USER_AGENT};
use http::uri::InvalidUri;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, Semaphore};

use super::authorizer::{ASKED_AT_ONCE, AuthorizeRequest, Authorizer, Verdict, VerdictFuture};
use super::credentials::{Reads, is_own};
use crate::config::ForwardAuthConfig;

use super::forward_error::ForwardAuthError;
use crate::head::without_cookies;

/// Answers remembered.
const QUESTIONS_MAX: usize = 1_000;
/// Requests to the app under way; further ones wait, within their timeout.
const ASKING_MAX: usize = 2 * ASKED_AT_ONCE;
/// Least time the app's admission holds, milliseconds; longer where the cache is longer, and never longer than
/// `limits.admission_ms`.
const ADMISSION_MS_MIN: u64 = 30_000;
/// Most time a failure is remembered, milliseconds: an app that is back is noticed soon, one that is down is not hammered.
const FAILURE_MS_MAX: u64 = 1_000;
/// An idle connection is closed before Node.js would (its `keepAliveTimeout` is 5 s), so that few requests meet a closed one.
const IDLE: Duration = Duration::from_secs(4);
/// A body is read so that its connection can be used again, up to this many bytes and this long.
const DRAIN_BYTES_MAX: usize = 16_384;
const DRAIN: Duration = Duration::from_millis(100);
/// A failing app is named in the log at most this often, milliseconds.
const WARNING_MS: u64 = 10_000;
/// The headers by which the app recognises a browser. A browser without them is unknown.
const KNOWN_BY: [HeaderName; 2] = [COOKIE, AUTHORIZATION];
/// What the app is told of the browser.
const PASSED_ON: [HeaderName; 4] = [COOKIE, AUTHORIZATION, USER_AGENT, ACCEPT_LANGUAGE];

/// Asks an endpoint of the app.
#[derive(Debug)]
pub struct ForwardAuth {
    url: Uri,
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    cache_ms: u64,
    timeout: Duration,
    /// By a hash of what is sent. Never more than [`QUESTIONS_MAX`].
    questions: Mutex<HashMap<Key, RecentAnswer>>,
    asking: Semaphore,
    warned_ms: AtomicU64,
}

/// Why the app gave no answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("it cannot be reached")]
    Request(#[from] hyper_util::client::legacy::Error),
    #[error("it answered {0}")]
    Status(StatusCode),
}

type Key = [u8; 32];

/// Something asked before. The cell is empty while the app is thinking.
#[derive(Debug)]
struct RecentAnswer {
    since_ms: u64,
    answer: Arc<OnceCell<Answer>>,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    verdict: Verdict,
    asked_ms: u64,
}

impl ForwardAuth {
    /// Checks the URL and, for `https`, reads the system's root certificates. Asks nothing yet.
    ///
    /// ```
    /// use headcount_server::authorize::ForwardAuthError;
    /// use headcount_server::authorize::forward::ForwardAuth;
    /// use headcount_server::config::ForwardAuthConfig;
    ///
    /// let endpoint = ForwardAuthConfig::new("http://127.0.0.1:3000/api/may-see-stats");
    /// assert!(ForwardAuth::new(&endpoint).is_ok());
    ///
    /// let relative = ForwardAuthConfig::new("/api/may-see-stats");
    /// assert!(matches!(ForwardAuth::new(&relative), Err(ForwardAuthError::Form(_))));
    /// ```
    pub fn new(config: &ForwardAuthConfig) -> Result<Self, ForwardAuthError> {
        let invalid = |error: InvalidUri| ForwardAuthError::Url {
            url: config.url.clone(),
            source: error.into(),
        };
        let url: Uri = config.url.parse().map_err(invalid)?;
        match url.authority() {
            Some(authority) if authority.as_str().contains('@') => return Err(ForwardAuthError::UserInfo),
            Some(_) if matches!(url.scheme_str(), Some("http" | "https")) => {}
            _ => return Err(ForwardAuthError::Form(config.url.clone())),
        }
        let timeout = Duration::from_millis(config.timeout_ms.into());
        let connector = connector(&url, timeout)?;
        Ok(Self {
            client: Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(8)
                .build(connector),
            url,
            cache_ms: config.cache_ms.into(),
            timeout,
            questions: Mutex::default(),
            asking: Semaphore::new(ASKING_MAX),
            warned_ms: AtomicU64::new(0),
        })
    }

    async fn verdict(&self, request: &AuthorizeRequest) -> Verdict {
        let passed_on = passed_on(request);
        let known = KNOWN_BY
            .iter()
            .any(|known| passed_on.iter().any(|(name, _)| name == known));
        if !known {
            return Verdict::Refused;
        }
        let question = self.question(key(&passed_on), request.now_ms);
        // The first one asks; if it is dropped, the next one does.
        let ask = || self.ask(&passed_on, request.now_ms);
        question.get_or_init(ask).await.verdict
    }

    /// The question with this key: the earlier one while its answer is valid, else a new one.
    fn question(&self, key: Key, now_ms: u64) -> Arc<OnceCell<Answer>> {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(question) = questions.get(&key)
            && question
                .answer
                .get()
                .is_none_or(|answer| self.holds(*answer, now_ms))
        {
            return Arc::clone(&question.answer);
        }
        if questions.len() >= QUESTIONS_MAX
            && let Some(oldest) = questions
                .iter()
                .min_by_key(|(_, question)| question.since_ms)
                .map(|(key, _)| *key)
        {
            questions.remove(&oldest);
        }
        let answer = Arc::new(OnceCell::new());
        let question = RecentAnswer {
            since_ms: now_ms,
            answer: Arc::clone(&answer),
        };
        questions.insert(key, question);
        answer
    }

    fn holds(&self, answer: Answer, now_ms: u64) -> bool {
        let hold_ms = match answer.verdict {
            Verdict::Unavailable => self.cache_ms.min(FAILURE_MS_MAX),
            Verdict::Admitted { .. } | Verdict::Refused => self.cache_ms,
        };
        now_ms.abs_diff(answer.asked_ms) < hold_ms
    }

    async fn ask(&self, passed_on: &[(HeaderName, HeaderValue)], now_ms: u64) -> Answer {
        let status = tokio::time::timeout(self.timeout, self.status(passed_on))
            .await
            .unwrap_or(Err(AskError::Slow(self.timeout)));
        let verdict = match status {
            Ok(status) if status.is_success() => Verdict::Admitted {
                until_ms: now_ms.saturating_add(self.cache_ms.max(ADMISSION_MS_MIN)),
            },
            Ok(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Verdict::Refused,
            Ok(status) if status.is_redirection() => Verdict::Refused,
            Ok(status) => self.unavailable(&AskError::Status(status), now_ms),
            Err(error) => self.unavailable(&error, now_ms),
        };
        Answer {
            verdict,
            asked_ms: now_ms,
        }
    }

    async fn status(&self, passed_on: &[(HeaderName, HeaderValue)]) -> Result<StatusCode, AskError> {
        // The semaphore is never closed, so the permit is only missing if it were: then nothing is limited.
        let _permit = self.asking.acquire().await.ok();
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.url.clone();
        request.headers_mut().extend(passed_on.iter().cloned());
        let response = self.client.request(request).await?;
        let status = response.status();
        drain(response.into_body()).await;
        Ok(status)
    }

    fn unavailable(&self, error: &AskError, now_ms: u64) -> Verdict {
        let warned_ms = self.warned_ms.load(Ordering::Relaxed);
        if now_ms.abs_diff(warned_ms) >= WARNING_MS {
            self.warned_ms.store(now_ms, Ordering::Relaxed);
            let cause = std::error::Error::source(error).map(tracing::field::display);
            // Without the query, which may hold a token.
            let (app, path) = (self.url.authority().map(tracing::field::display), self.url.path());
            tracing::warn!(app, path, %error, cause, "forward-auth cannot tell who may see stats");
        }
        Verdict::Unavailable
    }
}

impl Authorizer for ForwardAuth {
    fn reads(&self) -> Reads {
        let known = KNOWN_BY.iter().map(|name| Reads::header(name.as_str()));
        let beside = [USER_AGENT, ACCEPT_LANGUAGE].map(|name| Reads::beside(name.as_str()));
        known.chain(beside).fold(Reads::default(), Reads::and)
    }

    fn ignores_connection(&self) -> bool {
        true
    }

    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a> {
        Box::pin(self.verdict(request))
    }
}

/// Connects over plain TCP or TLS as the URL says. The TLS library is named here and not installed for the process, which
/// belongs to the embedder.
fn connector(url: &Uri, timeout: Duration) -> Result<HttpsConnector<HttpConnector>, ForwardAuthError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(timeout));
    let provider = Arc::new(ring::default_provider());
    let builder = HttpsConnectorBuilder::new();
    let connects = if url.scheme_str() == Some("https") {
        builder
            .with_provider_and_native_roots(provider)
            .map_err(ForwardAuthError::Roots)?
            .https_only()
    } else {
        let no_roots = without_roots(provider).map_err(|error| ForwardAuthError::Tls(error.into()))?;
        builder.with_tls_config(no_roots).https_or_http()
    };
    Ok(connects.enable_http1().wrap_connector(tcp))
}

/// For `http` URLs: the type asks for TLS settings that nothing uses, and no certificate files are needed to make them.
fn without_roots(provider: Arc<CryptoProvider>) -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// The headers the app is sent. Several cookie headers, as HTTP/2 browsers send them, become the one that HTTP/1.1 allows
/// (RFC 9113, section 8.2.3); of the others the first counts.
fn passed_on(request: &AuthorizeRequest) -> Vec<(HeaderName, HeaderValue)> {
    let value = |name: &HeaderName| {
        let mut values = values(&request.credentials, name);
        let text = if *name == COOKIE {
            without_cookies(&values.collect::<Vec<_>>().join("; "), |name, _| is_own(name))
        } else {
            values.next().unwrap_or_default().to_owned()
        };
        (!text.is_empty()).then(|| HeaderValue::from_bytes(text.as_bytes()).ok())?
    };
    let mut headers: Vec<(HeaderName, HeaderValue)> = PASSED_ON
        .into_iter()
        .filter_map(|name| value(&name).map(|value| (name, value)))
        .collect();
    let address = request
        .ip
        .and_then(|ip| HeaderValue::from_str(&ip.to_string()).ok());
    headers.extend(address.map(|value| (HeaderName::from_static("x-forwarded-for"), value)));
    headers
}

fn values<'a>(credentials: &'a Credentials, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
    credentials
        .headers()
        .filter(move |(key, _)| *key == name.as_str())
        .map(|(_, value)| value)
}

/// Two requests have one key only if they send the same: lengths go before values.
fn key(passed_on: &[(HeaderName, HeaderValue)]) -> Key {
    let mut hash = Sha256::new();
    for (name, value) in passed_on {
        for bytes in [name.as_str().as_bytes(), value.as_bytes()] {
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        }
    }
    hash.finalize().into()
}

/// Reads a short body to its end. A longer or slower one is dropped, and its connection with it.
async fn drain(body: Incoming) {
    let read = Limited::new(body, DRAIN_BYTES_MAX).collect();
    drop(tokio::time::timeout(DRAIN, read).await);
}

#[cfg(test)]
mod tests;
