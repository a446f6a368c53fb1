//! What decides who may see stats: one question, one answer.

use headcount_shard::Credentials;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use super::credentials::Reads;

/// Questions of one kind that are asked about at once: renewals are one kind, newcomers the other. Further ones wait.
pub(crate) const ASKED_AT_ONCE: usize = 64;

/// One question to an authorizer.
#[derive(Clone, Debug)]
#[non_exhaustive]
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

impl AuthorizeRequest {
    /// The question about a browser that showed this, for tests of an authorizer. Its connection id is empty, its address is not known, and it is
    /// put at the beginning of 1970; the fields can be changed.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// use headcount_server::authorize::closure::closure;
    /// use headcount_server::authorize::{AuthorizeRequest, Authorizer, Credentials, Reads, Verdict};
    /// use headcount_server::head::cookie;
    ///
    /// let admins = closure(Reads::cookie("sid"), |asked: AuthorizeRequest| async move {
    ///     cookie(&*asked.credentials, "sid") == Some("s3ss10n")
    /// });
    /// let mut asked = AuthorizeRequest::new(Credentials::of(&[("cookie", "sid=s3ss10n")]));
    /// asked.ip = Some("192.0.2.7".parse()?);
    /// assert_eq!(admins.authorize(&asked).await, Verdict::ADMITTED);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// # }).unwrap();
    /// ```
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials: Arc::new(credentials),
            connection_id: String::new(),
            ip: None,
            now_ms: 0,
        }
    }
}

/// An authorizer's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// May see stats. Asked again at this time, and after `limits.admission_ms` at the latest.
    Admitted {
        /// When the admission ends, milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// May not.
    Refused,
    /// The authorizer could not decide (its app did not answer). No new subscriber is admitted; one that this
    /// authorizer admitted stays admitted for `limits.admission_grace_ms`.
    Unavailable,
}

impl Verdict {
    /// Admitted for as long as an admission holds.
    pub const ADMITTED: Self = Self::Admitted { until_ms: u64::MAX };
}

/// The future of a [`Verdict`].
pub type VerdictFuture<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Decides who may see stats.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use headcount_server::authorize::{AuthorizeRequest, Authorizer, Credentials, Reads, Verdict, VerdictFuture};
/// use headcount_server::head::Head;
///
/// /// Admits until the time that a proxy sends.
/// #[derive(Debug)]
/// struct Until;
///
/// impl Authorizer for Until {
///     fn reads(&self) -> Reads {
///         Reads::header("x-staff-until-ms")
///     }
///
///     fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a> {
///         let sent = request.credentials.header("x-staff-until-ms");
///         let until_ms = sent.and_then(|text| text.parse().ok());
///         let verdict = until_ms.map_or(Verdict::Refused, |until_ms| Verdict::Admitted { until_ms });
///         Box::pin(std::future::ready(verdict))
///     }
/// }
///
/// let staff = AuthorizeRequest::new(Credentials::of(&[("x-staff-until-ms", "1000")]));
/// assert_eq!(Until.authorize(&staff).await, Verdict::Admitted { until_ms: 1_000 });
/// # });
/// ```
pub trait Authorizer: Send + Sync + fmt::Debug + 'static {
    /// What it reads of a request head.
    fn reads(&self) -> Reads;

    /// The answer, where that takes microseconds and no waiting. Asked before all that must be waited for, on the thread that
    /// holds the connection. Default `None`: [`authorize`](Self::authorize) must be asked. One that ever gives an answer here gives
    /// one to every request.
    fn at_once(&self, _request: &AuthorizeRequest) -> Option<Verdict> {
        None
    }

    /// Whether its answer depends on what a browser showed and on its address alone. Then connections that show the same at the
    /// same time are one question. Default false.
    fn ignores_connection(&self) -> bool {
        false
    }

    /// Whether the browser that showed these credentials may see stats. Runs on the control plane: it may take its time,
    /// and is dropped after ten seconds. Dropping it at any point must be harmless.
    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a>;
}
