//! The credentials that a browser sends, and the part of them that is kept for the authorizers.
//!
//! Authorizers name what they read; everything else is dropped with the request. headcount's own cookies go only to
//! authorizers that name them.

use headcount_shard::Credentials;

use super::ticket_cookie::is_ticket_cookie;
use crate::head::Head;

/// The cookie that tells apart two browsers that subscribe to stats by POST. Random, for the browser session only, and set
/// only where stats can be had at all. It does not say who may see them, so authorizers do not get it.
pub(crate) const BROWSER_COOKIE: &str = "headcount_browser";

/// The parts of a request head that authorizers read. Only these are kept of a WebSocket handshake, so that unused cookies
/// of visitors cost no memory.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Reads {
    /// Single cookies. Where `headers` holds `cookie` this matters for headcount's own cookies alone.
    pub cookies: Vec<CookieRead>,
    /// Names of whole headers, in lower case. Of `cookie`, headcount's own cookies are left out unless `cookies` names them.
    pub headers: Vec<String>,
    /// Names of headers, in lower case, that do not identify a person (`user-agent`). Kept beside the others, never alone.
    pub beside: Vec<String>,
    /// Whether a browser that shows none of these is put before the authorizers too. Default false: it is refused unasked.
    pub needs_nothing: bool,
    /// Whether users may sign in or out while a stream is open. Then the authorizers are also asked about a browser
    /// that sends nothing now, and it may ask again by POST. Default false.
    pub changing: bool,
}

/// A single cookie that is read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CookieRead {
    /// Its name.
    pub name: String,
    /// Whether a text, as sent, can be its value at all; `None`: any text can. Other texts are not kept, so that visitors
    /// cannot fill memory with them.
    pub form: Option<fn(&str) -> bool>,
}

impl Reads {
    /// The cookie `name` alone.
    ///
    /// ```
    /// use axum::http::Request;
    /// use headcount_server::authorize::Reads;
    ///
    /// let request = Request::get("/").header("cookie", "theme=dark; sid=s3ss10n").body(())?;
    /// let kept = Reads::cookie("sid").collect(&request.into_parts().0).unwrap_or_default();
    /// assert_eq!(kept.headers().collect::<Vec<_>>(), [("cookie", "sid=s3ss10n")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cookie(name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            cookies: vec![CookieRead { name, form: None }],
            ..Self::default()
        }
    }

    /// The cookie `name` alone, and only where `form` says that its value, as sent, can be one.
    ///
    /// ```
    /// use axum::http::Request;
    /// use headcount_server::authorize::Reads;
    ///
    /// let reads = Reads::cookie_like("sid", |value| value.len() == 32);
    /// let request = Request::get("/").header("cookie", "sid=too-short").body(())?;
    /// assert!(reads.collect(&request.into_parts().0).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cookie_like(name: impl Into<String>, form: fn(&str) -> bool) -> Self {
        let (name, form) = (name.into(), Some(form));
        Self {
            cookies: vec![CookieRead { name, form }],
            ..Self::default()
        }
    }

    /// The header `name`, given in lower case.
    ///
    /// ```
    /// use axum::http::Request;
    /// use headcount_server::authorize::Reads;
    ///
    /// let request = Request::get("/").header("x-user", "ada").body(())?;
    /// let kept = Reads::header("x-user").collect(&request.into_parts().0).unwrap_or_default();
    /// assert_eq!(kept.headers().collect::<Vec<_>>(), [("x-user", "ada")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn header(name: impl Into<String>) -> Self {
        Self {
            headers: vec![name.into()],
            ..Self::default()
        }
    }

    /// The header `name`, given in lower case, where the browser shows something that others read too.
    ///
    /// ```
    /// use axum::http::Request;
    /// use headcount_server::authorize::Reads;
    ///
    /// let reads = Reads::cookie("sid").and(Reads::beside("user-agent"));
    /// let request = Request::get("/").header("user-agent", "Firefox").body(())?;
    /// // Without the cookie, nothing is kept.
    /// assert!(reads.collect(&request.into_parts().0).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn beside(name: impl Into<String>) -> Self {
        Self {
            beside: vec![name.into()],
            ..Self::default()
        }
    }

    /// Nothing: for an authorizer that decides without looking at the request, or by the address alone.
    ///
    /// ```
    /// use axum::http::Request;
    /// use headcount_server::authorize::Reads;
    ///
    /// let request = Request::get("/").header("cookie", "sid=s3ss10n").body(())?;
    /// let kept = Reads::nothing().collect(&request.into_parts().0);
    /// assert!(kept.is_some_and(|kept| kept.is_empty()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn nothing() -> Self {
        Self {
            needs_nothing: true,
            ..Self::default()
        }
    }

    /// Nothing so far, but what a browser sends may change while its stream is open; see the field of the same
    /// name.
    ///
    /// ```
    /// use headcount_server::authorize::Reads;
    ///
    /// let reads = Reads::cookie("sid").and(Reads::changing());
    /// assert!(reads.changing);
    /// ```
    pub fn changing() -> Self {
        Self {
            changing: true,
            ..Self::default()
        }
    }

    /// Both together.
    ///
    /// ```
    /// use headcount_server::authorize::Reads;
    ///
    /// let reads = Reads::cookie("sid").and(Reads::header("x-user"));
    /// assert_eq!((reads.cookies.len(), reads.headers.len()), (1, 1));
    /// ```
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.cookies.extend(other.cookies);
        self.cookies.sort_by(|one, other| one.name.cmp(&other.name));
        for (mine, theirs) in [
            (&mut self.headers, other.headers),
            (&mut self.beside, other.beside),
        ] {
            mine.extend(theirs);
            mine.sort_unstable();
            mine.dedup();
        }
        self.needs_nothing |= other.needs_nothing;
        self.changing |= other.changing;
        self
    }

    /// What `head` shows of it; `None` where it shows nothing and something is needed: such a browser is refused.
    ///
    /// ```
    /// use axum::http::Request;
    /// use headcount_server::authorize::Reads;
    ///
    /// let reads = Reads::cookie("sid").and(Reads::beside("user-agent"));
    /// let request = Request::get("/")
    ///     .header("cookie", "theme=dark; sid=s3ss10n")
    ///     .header("user-agent", "Firefox")
    ///     .body(())?;
    /// let kept = reads.collect(&request.into_parts().0).unwrap_or_default();
    /// assert_eq!(kept.headers().collect::<Vec<_>>(), [("cookie", "sid=s3ss10n"), ("user-agent", "Firefox")]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn collect(&self, head: &dyn Head) -> Option<Credentials> {
        let mut headers: Vec<(Box<str>, Box<str>)> = Vec::new();
        for name in &self.headers {
            head.each_value(name, &mut |value| headers.extend(self.kept(name, value)));
        }
        if !self.headers.iter().any(|name| name == "cookie") {
            for names in self.cookies.chunk_by(|one, other| one.name == other.name) {
                let name = names.first().map_or("", |cookie| &cookie.name);
                if let Some(value) = crate::head::cookie(head, name)
                    && names.iter().any(|cookie| cookie.fits(value))
                {
                    headers.push(("cookie".into(), format!("{name}={value}").into()));
                }
            }
        }
        if !headers.is_empty() {
            for name in self.beside.iter().filter(|name| !self.headers.contains(name)) {
                head.each_value(name, &mut |value| headers.extend(self.kept(name, value)));
            }
        }
        (self.needs_nothing || !headers.is_empty()).then(|| Credentials::from_headers(headers.into()))
    }

    /// What is kept of one header; `None` where that is nothing.
    fn kept(&self, name: &str, value: &str) -> Option<(Box<str>, Box<str>)> {
        if name != "cookie" {
            return Some((name.into(), value.into()));
        }
        let is_unread = |name: &str, value: &str| {
            let is_read = |cookie: &CookieRead| cookie.name == name && cookie.fits(value.trim_matches('"'));
            is_own(name) && !self.cookies.iter().any(is_read)
        };
        let cookies = crate::head::without_cookies(value, is_unread);
        (!cookies.is_empty()).then(|| (name.into(), cookies.into()))
    }
}

impl CookieRead {
    fn fits(&self, value: &str) -> bool {
        self.form.is_none_or(|form| form(value))
    }
}

/// Whether headcount itself sets this cookie, here or on another server of the host. The site need not learn of it.
pub(crate) fn is_own(cookie: &str) -> bool {
    cookie == BROWSER_COOKIE || is_ticket_cookie(cookie)
}

impl Head for Credentials {
    fn path(&self) -> &'static str {
        ""
    }

    fn query(&self) -> Option<&str> {
        None
    }

    fn each_bytes<'head>(&'head self, name: &str, each: &mut dyn FnMut(&'head [u8])) {
        self.headers()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .for_each(|(_, value)| each(value.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::anyone::Anyone;
    use super::super::{Authorizer as _, Authorizers};
    use super::*;

    fn head(headers: &[(&str, &str)]) -> http::request::Parts {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
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
        let ticket = format!("headcount_ticket={}", "t".repeat(80));
        let own = &*format!("headcount_browser=1; {ticket}");
        assert_eq!(kept(&reads, own), None);
        assert_eq!(
            kept(&reads, "headcount_browser=1; sid=a=b;c").unwrap(),
            "cookie: sid=a=b; c, user-agent: Firefox"
        );
        let reads = reads.and(crate::authorize::ticket::Tickets::default().reads());
        assert_eq!(
            kept(&reads, own).unwrap(),
            format!("cookie: {ticket}, user-agent: Firefox")
        );
        let starred = format!("headcount_ticket={}", "*".repeat(80));
        for made_up in [
            "headcount_ticket=",
            "headcount_ticket_0123abcd=1",
            "headcount_ticket=1",
            &format!("{ticket}t"),
            &starred,
        ] {
            assert_eq!(kept(&reads, made_up), None, "{made_up}");
        }
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
}
