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
use crate::head::Head;

pub mod anyone;
pub(crate) mod bridge;
pub mod closure;
pub mod forward;
pub mod rule;
pub mod sealed_session;
pub mod ticket;

/// How long all authorizers together may take over one question.
const AUTHORIZE_TIME_MAX: Duration = Duration::from_secs(10);

/// The cookie that tells apart two browsers that subscribe to stats by POST. Random, for the browser session only, and set
/// only where stats can be had at all. It says nothing of who may see them, so no authorizer is shown it.
pub(crate) const BROWSER_COOKIE: &str = "headcount_browser";

/// What authorizers want to read of a request head. Only that is kept of a WebSocket handshake, so that a visitor costs
/// no memory for cookies that nobody looks at.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Names of single cookies. Ignored where `headers` holds `cookie`.
    pub cookies: Vec<String>,
    /// Names of whole headers, in lower case. Of `cookie`, headcount's own cookies are left out unless `cookies` names them.
    pub headers: Vec<String>,
    /// Names of headers, in lower case, that do not tell who somebody is (`user-agent`). Kept beside the others, never alone.
    pub beside: Vec<String>,
    /// Whether a browser that shows none of these is put before the authorizers too. Default false: it is refused unasked.
    pub needs_nothing: bool,
    /// Whether somebody may sign in or out while a stream is open. Then a stream of either transport can be asked for anew by a
    /// POST of the browser that opened it, and browsers that show nothing are put before the authorizers too. Default false.
    pub anew: bool,
}

/// What a browser showed of itself, cut down to what the authorizers read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Header names in lower case, with their values. Single cookies stand as `cookie` headers of their own.
    headers: Box<[(Box<str>, Box<str>)]>,
}

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

impl Reads {
    /// The cookie `name` alone.
    pub fn cookie(name: impl Into<String>) -> Self {
        Self {
            cookies: vec![name.into()],
            ..Self::default()
        }
    }

    /// The header `name`, given in lower case.
    pub fn header(name: impl Into<String>) -> Self {
        Self {
            headers: vec![name.into()],
            ..Self::default()
        }
    }

    /// The header `name`, given in lower case, where the browser shows something that others read too.
    pub fn beside(name: impl Into<String>) -> Self {
        Self {
            beside: vec![name.into()],
            ..Self::default()
        }
    }

    /// Nothing: for an authorizer that decides without looking at the request, or by the address alone.
    pub fn nothing() -> Self {
        Self {
            needs_nothing: true,
            ..Self::default()
        }
    }

    /// Nothing so far, but what a browser shows may change while its stream is open; see [`Reads::anew`](Self#structfield.anew).
    pub fn anew() -> Self {
        Self {
            anew: true,
            ..Self::default()
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (mine, theirs) in [
            (&mut self.cookies, other.cookies),
            (&mut self.headers, other.headers),
            (&mut self.beside, other.beside),
        ] {
            mine.extend(theirs);
            mine.sort_unstable();
            mine.dedup();
        }
        self.needs_nothing |= other.needs_nothing;
        self.anew |= other.anew;
        self
    }

    /// What `head` shows of it; `None` where it shows nothing and something is needed: such a browser is refused.
    pub fn collect(&self, head: &dyn Head) -> Option<Credentials> {
        let mut headers: Vec<(Box<str>, Box<str>)> = Vec::new();
        for name in &self.headers {
            head.each_value(name, &mut |value| headers.extend(self.kept(name, value)));
        }
        if !self.headers.iter().any(|name| name == "cookie") {
            for name in &self.cookies {
                if let Some(value) = crate::head::cookie(head, name) {
                    headers.push(("cookie".into(), format!("{name}={value}").into()));
                }
            }
        }
        if !headers.is_empty() {
            for name in self.beside.iter().filter(|name| !self.headers.contains(name)) {
                head.each_value(name, &mut |value| headers.extend(self.kept(name, value)));
            }
        }
        (self.needs_nothing || !headers.is_empty()).then(|| Credentials {
            headers: headers.into(),
        })
    }

    /// What is kept of one header; `None` where that is nothing.
    fn kept(&self, name: &str, value: &str) -> Option<(Box<str>, Box<str>)> {
        if name != "cookie" {
            return Some((name.into(), value.into()));
        }
        let own = |cookie: &str| is_own(cookie) && !self.cookies.iter().any(|named| named == cookie);
        let cookies = crate::head::without_cookies(value, own);
        (!cookies.is_empty()).then(|| (name.into(), cookies.into()))
    }
}

/// Whether headcount itself sets this cookie. The site need not learn of it.
fn is_own(cookie: &str) -> bool {
    [BROWSER_COOKIE, ticket::TICKET_COOKIE].contains(&cookie)
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
    /// admission that is over already refuses; one that would hold longer than `limits.admission_ms` is cut to that. Ten seconds for all together; what is not answered then is
    /// [`Verdict::Unavailable`]. Needs a tokio runtime with its timer on.
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

impl Credentials {
    /// Whether nothing was shown.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Every header kept, in lower case, with its value.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl Head for Credentials {
    fn path(&self) -> &'static str {
        ""
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn each_value<'head>(&'head self, name: &str, each: &mut dyn FnMut(&'head str)) {
        self.headers()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .for_each(|(_, value)| each(value));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::anyone::Anyone;
    use super::closure::closure;
    use super::*;

    /// A question of a browser that showed these headers.
    pub(crate) fn request(headers: &[(&str, &str)], now_ms: u64) -> AuthorizeRequest {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        AuthorizeRequest {
            credentials: Arc::new(Credentials {
                headers: headers.collect(),
            }),
            connection_id: "c1".to_owned(),
            ip: None,
            now_ms,
        }
    }

    fn head(headers: &[(&str, &str)]) -> http::request::Parts {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
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

    #[test]
    fn only_what_is_read_is_kept() {
        let head = head(&[
            ("cookie", "sid=1; theme=dark"),
            ("cookie", "late=2"),
            ("authorization", "x"),
        ]);
        let kept = |reads: &Reads| {
            let credentials = reads.collect(&head).unwrap();
            credentials
                .headers()
                .map(|(name, value)| format!("{name}: {value}"))
                .collect::<Vec<_>>()
        };
        let cookies = Reads::cookie("late").and(Reads::cookie("sid"));
        assert_eq!(kept(&cookies), ["cookie: late=2", "cookie: sid=1"]);
        let whole = cookies.and(Reads::header("cookie"));
        assert_eq!(kept(&whole), ["cookie: sid=1; theme=dark", "cookie: late=2"]);
    }

    #[test]
    fn our_own_cookies_and_what_anybody_shows_tell_nothing() {
        let reads = Reads::header("cookie").and(Reads::beside("user-agent"));
        let kept = |reads: &Reads, cookie| {
            let head = head(&[("cookie", cookie), ("user-agent", "Firefox")]);
            let headers = |credentials: &Credentials| {
                let lines = credentials
                    .headers()
                    .map(|(name, value)| format!("{name}: {value}"));
                lines.collect::<Vec<_>>().join(", ")
            };
            reads.collect(&head).as_ref().map(headers)
        };
        let own = "headcount_browser=1; headcount_ticket=2";
        assert_eq!(kept(&reads, own), None);
        assert_eq!(
            kept(&reads, "headcount_browser=1; sid=a=b;c").unwrap(),
            "cookie: sid=a=b; c, user-agent: Firefox"
        );
        let reads = reads.and(ticket::Tickets::default().reads());
        assert_eq!(
            kept(&reads, own).unwrap(),
            "cookie: headcount_ticket=2, user-agent: Firefox"
        );
    }

    #[test]
    fn a_browser_that_shows_nothing_is_asked_about_only_where_nothing_is_needed() {
        let reads = Reads::cookie("sid");
        assert_eq!(reads.collect(&head(&[("cookie", "theme=dark")])), None);
        let reads = reads.and(Anyone.reads());
        let credentials = reads.collect(&head(&[])).unwrap();
        assert_eq!(credentials.headers().count(), 0);
        assert!(
            Authorizers::default()
                .reads()
                .collect(&head(&[("cookie", "sid=1")]))
                .is_none()
        );
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
