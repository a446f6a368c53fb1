//! What we read of a request head, wherever it was parsed.
//!
//! The lean door parses with `httparse`, the generic door hands over an `http::request::Parts`. Admission, authorization
//! and client addresses read both through [`Head`], so each of those rules is written once.

use http::request::Parts;
use http::uri::Authority;

/// A parsed HTTP request head.
///
/// ```
/// use axum::http::Request;
/// use headcount_server::head::Head;
///
/// let request = Request::get("/checkout?step=2").header("host", "shop.example").body(())?;
/// let (head, ()) = request.into_parts();
/// assert_eq!(head.path(), "/checkout");
/// assert_eq!(head.query(), Some("step=2"));
/// assert_eq!(head.header("host"), Some("shop.example"));
/// assert_eq!(head.count("cookie"), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Head {
    /// The path of the request target, as sent (still percent-encoded), without the query.
    fn path(&self) -> &str;

    /// The query of the request target, as sent, without the question mark.
    fn query(&self) -> Option<&str>;

    /// Calls `each` with every value of the header `name` (given in lower case), in the order they were sent, also if
    /// they are not text. For headers whose presence or length matters.
    fn each_bytes<'head>(&'head self, name: &str, each: &mut dyn FnMut(&'head [u8]));

    /// As [`Head::each_bytes`], as text. Values that are not UTF-8 are skipped.
    fn each_value<'head>(&'head self, name: &str, each: &mut dyn FnMut(&'head str)) {
        self.each_bytes(name, &mut |value| {
            if let Ok(text) = std::str::from_utf8(value) {
                each(text);
            }
        });
    }

    /// How often the header `name` (given in lower case) was sent.
    fn count(&self, name: &str) -> usize {
        let mut count = 0;
        self.each_bytes(name, &mut |_| count += 1);
        count
    }

    /// The first value of the header `name` (given in lower case).
    fn header<'head>(&'head self, name: &str) -> Option<&'head str> {
        let mut first = None;
        self.each_value(name, &mut |value| {
            first.get_or_insert(value);
        });
        first
    }

    /// Host and port the request was sent to: `Host`, or the authority of the target, which HTTP/2 has in its place and
    /// HTTP/1.1 prefers (RFC 9112, section 3.2.2). `None` where it was not sent, or `Host` was sent twice.
    fn host(&self) -> Option<&str> {
        only(self, "host")
    }
}

impl Head for Parts {
    fn path(&self) -> &str {
        self.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    fn host(&self) -> Option<&str> {
        match self.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => only(self, "host"),
        }
    }

    fn each_bytes<'head>(&'head self, name: &str, each: &mut dyn FnMut(&'head [u8])) {
        self.headers
            .get_all(name)
            .iter()
            .for_each(|value| each(value.as_bytes()));
    }
}

impl Head for httparse::Request<'_, '_> {
    fn path(&self) -> &str {
        let target = self.path.unwrap_or_default();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    fn query(&self) -> Option<&str> {
        self.path
            .unwrap_or_default()
            .split_once('?')
            .map(|(_, query)| query)
    }

    fn each_bytes<'head>(&'head self, name: &str, each: &mut dyn FnMut(&'head [u8])) {
        self.headers
            .iter()
            .filter(|header| header.name.eq_ignore_ascii_case(name))
            .for_each(|header| each(header.value));
    }
}

/// The value of the header `name`, given in lower case, where it was sent exactly once and is text.
pub(crate) fn only<'head, H: Head + ?Sized>(head: &'head H, name: &str) -> Option<&'head str> {
    let (mut last, mut count) = (None, 0);
    head.each_bytes(name, &mut |value| {
        last = std::str::from_utf8(value).ok();
        count += 1;
    });
    last.filter(|_| count == 1)
}

/// Whether the value of `Host` names a host (RFC 9112, section 3.2): an authority without user information, or nothing.
pub(crate) fn names_host(value: &[u8]) -> bool {
    value.is_empty() || (!value.contains(&b'@') && Authority::try_from(value).is_ok())
}

/// The value of the cookie `name` in any `cookie` header of `head`, as sent (still percent-encoded). The first one wins.
///
/// ```
/// use axum::http::Request;
/// use headcount_server::head::cookie;
///
/// let request = Request::get("/").header("cookie", "theme=dark; sid=s3ss10n").body(())?;
/// assert_eq!(cookie(&request.into_parts().0, "sid"), Some("s3ss10n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn cookie<'head>(head: &'head dyn Head, name: &str) -> Option<&'head str> {
    let mut found = None;
    head.each_value("cookie", &mut |header| {
        if found.is_none() {
            found = header
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='))
                .find_map(|(key, value)| (key == name).then_some(value.trim_matches('"')));
        }
    });
    found
}

/// Calls `each` with the name of every cookie of `head`, in the order in which they were sent.
pub(crate) fn each_cookie_name<'head>(head: &'head dyn Head, each: &mut dyn FnMut(&'head str)) {
    head.each_value("cookie", &mut |header| {
        let pairs = header.split(';').filter_map(|pair| pair.split_once('='));
        pairs.for_each(|(name, _)| each(name.trim()));
    });
}

/// The value of a `cookie` header without the cookies that are `unwanted`, by name and value. Empty where nothing else is in it.
pub(crate) fn without_cookies(header: &str, unwanted: impl Fn(&str, &str) -> bool) -> String {
    let is_wanted = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or_default();
        !pair.is_empty() && !unwanted(name.trim(), value.trim())
    };
    let wanted: Vec<_> = header.split(';').map(str::trim).filter(is_wanted).collect();
    wanted.join("; ")
}

/// The value of the query parameter `name`, form-decoded: `+` is a space, `%XX` a byte. Invalid UTF-8 is replaced. The
/// first one wins.
///
/// ```
/// use axum::http::Request;
/// use headcount_server::head::query_parameter;
///
/// let request = Request::get("/search?q=red+shoes").body(())?;
/// assert_eq!(query_parameter(&request.into_parts().0, "q").as_deref(), Some("red shoes"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn query_parameter(head: &dyn Head, name: &str) -> Option<String> {
    head.query()?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| {
            let spaced = value.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced)
                .decode_utf8_lossy()
                .into_owned()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, cookies: &[&str]) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        for cookie in cookies {
            request = request.header("Cookie", *cookie);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let head = parts("/", &["x__nkpv=no; __nkpv=build-7; __nkpv=late", "other=1"]);
        assert_eq!(cookie(&head, "__nkpv"), Some("build-7"));
        assert_eq!(cookie(&head, "other"), Some("1"));
        assert_eq!(cookie(&head, "nkpv"), None);
    }

    #[test]
    fn a_query_parameter_is_form_decoded() {
        let head = parts("/sse?x=1&route=%2Fcaf%C3%A9+au+lait&route=/late", &[]);
        assert_eq!(query_parameter(&head, "route").as_deref(), Some("/café au lait"));
        assert_eq!(query_parameter(&head, "rout"), None);
    }
}
