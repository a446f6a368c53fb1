//! Who may see stats.
//!
//! A connection that subscribes is put before the configured authorizers with what its browser showed: for SSE the
//! headers of the subscribing POST, for WebSocket those of the handshake. One that admits is enough; with none configured
//! nobody is admitted. An admission holds for a while and is asked for again.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::head::Head;

pub mod rule;

/// What authorizers want to read of a request head. Only that is kept of a WebSocket handshake, so that a visitor costs
/// no memory for cookies that nobody looks at.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Names of single cookies. Ignored where `headers` holds `cookie`.
    pub cookies: Vec<String>,
    /// Names of whole headers, in lower case.
    pub headers: Vec<String>,
}

/// What a browser showed of itself, cut down to what the authorizers read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Header names in lower case, with their values. Single cookies stand as `cookie` headers of their own.
    headers: Box<[(Box<str>, Box<str>)]>,
}

/// One question to an authorizer.
#[derive(Clone, Debug)]
pub struct AuthorizeRequest {
    /// What the browser showed. Never empty.
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
    /// May see stats until this time at the latest (milliseconds since the Unix epoch); asked again before or then.
    Admitted {
        /// When the admission ends, milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// May not.
    Refused,
    /// The authorizer could not tell (its app did not answer). Treated as a refusal, counted apart.
    Unavailable,
}

/// The future of a [`Verdict`].
pub type VerdictFuture<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Decides who may see stats.
pub trait Authorizer: Send + Sync + fmt::Debug + 'static {
    /// What it reads of a request head.
    fn reads(&self) -> Reads;

    /// Whether the browser that showed these credentials may see stats. Runs on the control plane: it may take its time,
    /// and is dropped after ten seconds.
    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a>;
}

impl Reads {
    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (mine, theirs) in [
            (&mut self.cookies, other.cookies),
            (&mut self.headers, other.headers),
        ] {
            mine.extend(theirs);
            mine.sort_unstable();
            mine.dedup();
        }
        self
    }

    /// What `head` shows of it; `None` where it shows nothing.
    pub fn collect(&self, head: &dyn Head) -> Option<Credentials> {
        let mut headers: Vec<(Box<str>, Box<str>)> = Vec::new();
        for name in &self.headers {
            head.each_value(name, &mut |value| {
                headers.push((name.as_str().into(), value.into()))
            });
        }
        if !self.headers.iter().any(|name| name == "cookie") {
            for name in &self.cookies {
                if let Some(value) = crate::head::cookie(head, name) {
                    headers.push(("cookie".into(), format!("{name}={value}").into()));
                }
            }
        }
        (!headers.is_empty()).then(|| Credentials {
            headers: headers.into(),
        })
    }
}

impl Credentials {
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
