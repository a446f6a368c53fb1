//! Which web pages may talk to us from a browser.
//!
//! A browser says with every WebSocket handshake, every POST and every cross-origin read which page's origin it comes from
//! (`Origin`), and no page can change that. So a page of another site that tries to read stats or change something with the
//! visitor's cookies is told apart here. Tools that are no browsers send no `Origin`; they hold no visitor's cookies either,
//! and the usual checks on secrets apply to them.
//!
//! For streams and for requests that change something or read stats. Not for pages that people navigate to: a link from
//! another site to such a page looks foreign.
//!
//! Deliberately absent: wildcards. An origin is listed whole or is not allowed; `*` would hand stats to every site an
//! admin visits.

use std::net::Ipv6Addr;

use crate::head::Head;

/// The origins other than our own whose pages may connect.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    allowed: Vec<Origin>,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission<'head> {
    /// No browser's page: no `Origin`, and nothing says that a page caused it.
    NotABrowser,
    /// A page of the origin that the request goes to.
    SameOrigin,
    /// A page of a listed origin, given as sent: answer it in `Access-Control-Allow-Origin`.
    Allowed(&'head str),
    /// A page of any other origin, or one that cannot be told. Refuse with `403`.
    Foreign,
}

/// An origin in one form: lower case, IPv6 in its shortest form, the scheme's own port left out.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Origins {
    /// Allows these, each as in `https://app.example.com` or `http://localhost:3000`. What is no origin ([`is_origin`])
    /// allows nothing; the configuration is checked for it at start.
    pub fn new(allowed: &[String]) -> Self {
        Self {
            allowed: allowed.iter().filter_map(|text| Origin::parse(text)).collect(),
        }
    }

    /// Where the request with this head comes from.
    ///
    /// Same origin: host and port of `Origin` equal those the request was sent to ([`Head::host`]), where `:80` and `:443`
    /// go without saying. Our own scheme is not known behind a proxy that ends TLS, so it is not compared; but where the
    /// browser itself says `Sec-Fetch-Site: cross-site`, only the list helps. A proxy that rewrites `Host` makes the site's
    /// own pages foreign: let it keep the header, or list the site's origin. `Origin: null` (sandboxed frames, files) and
    /// more than one `Origin` are foreign.
    ///
    /// Without `Origin`, `Sec-Fetch-Site` decides, whatever the method: `same-origin` is that, `none` (typed by the user) and
    /// no such header are no page, and the rest is foreign: it is how a foreign `<img>` shows itself.
    pub fn admits<'head>(&self, head: &'head dyn Head) -> Admission<'head> {
        let mut sent = Vec::new();
        head.each_value("origin", &mut |value| sent.push(value));
        let site = head.header("sec-fetch-site");
        if sent.len() != head.count("origin") {
            // One that cannot be read is no reason to go by another, or by none.
            return Admission::Foreign;
        }
        match *sent {
            [] => match site {
                None | Some("none") => Admission::NotABrowser,
                Some("same-origin") => Admission::SameOrigin,
                Some(_) => Admission::Foreign,
            },
            [text] => match Origin::parse(text) {
                Some(origin) if self.allowed.contains(&origin) => Admission::Allowed(text),
                Some(origin) if site != Some("cross-site") && origin.is_host_of(head) => {
                    Admission::SameOrigin
                }
                _ => Admission::Foreign,
            },
            _ => Admission::Foreign,
        }
    }
}

impl Origin {
    /// Scheme, host and optional port (RFC 6454, section 7), nothing behind.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let (host, port) = host_and_port(authority, scheme)?;
        Some(Self { scheme, host, port })
    }

    fn is_host_of(&self, head: &dyn Head) -> bool {
        head.host()
            .and_then(|authority| host_and_port(authority, self.scheme))
            .is_some_and(|(host, port)| host == self.host && port == self.port)
    }
}

/// Whether `text` is an origin that can be allowed: `http` or `https`, a host (a name in ASCII, an IPv4 address, an IPv6
/// address in brackets) and an optional port; no path, not even a slash, no user name, no wildcard.
pub fn is_origin(text: &str) -> bool {
    Origin::parse(text).is_some()
}

/// The host in one form, and the port where it is not the scheme's own.
pub(crate) fn host_and_port(authority: &str, scheme: Scheme) -> Option<(String, Option<u16>)> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let colon = authority[host_end..].find(':').map(|colon| host_end + colon);
    let (host, port) = match colon {
        Some(colon) => (&authority[..colon], Some(port(&authority[colon + 1..])?)),
        None => (authority, None),
    };
    let own = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    Some((self::host(host)?, port.filter(|port| *port != own)))
}

fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|port| *port != 0)
}

fn host(text: &str) -> Option<String> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let address: Ipv6Addr = bracketed.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let whole = !text.is_empty() && text.len() <= 255 && text.bytes().all(named);
    whole.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> http::request::Parts {
        let mut request = http::Request::builder().uri("/__skew/ws");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn origins() -> Origins {
        Origins::new(&[
            "https://app.example.com".to_owned(),
            "http://localhost:3000".to_owned(),
        ])
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: Admission<'_>) {
        assert_eq!(origins().admits(&head(headers)), expected, "{headers:?}");
    }

    #[test]
    fn the_pages_of_the_host_itself_are_same_origin() {
        for (origin, host) in [
            ("https://site.example", "site.example"),
            ("https://site.example", "site.example:443"),
            ("https://site.example:443", "site.example"),
            ("http://site.example", "site.example:80"),
            ("http://Site.Example", "SITE.example"),
            ("http://127.0.0.1:4477", "127.0.0.1:4477"),
            ("http://[::1]:4477", "[0:0:0:0:0:0:0:1]:4477"),
            ("https://[::1]", "[::1]:443"),
        ] {
            check(&[("origin", origin), ("host", host)], Admission::SameOrigin);
        }
    }

    #[test]
    fn other_pages_are_foreign() {
        for (origin, host) in [
            ("https://evil.example", "site.example"),
            ("https://site.example.evil.example", "site.example"),
            ("https://sub.site.example", "site.example"),
            ("https://site.example:8443", "site.example"),
            ("https://site.example", "site.example:8443"),
            ("http://site.example", "site.example:443"),
            ("https://site.example", "site.example:80"),
            ("http://localhost:3001", "localhost:4477"),
            ("null", "null"),
            ("", ""),
            ("*", "*"),
            ("site.example", "site.example"),
            ("https://site.example/", "site.example"),
            ("https://user@site.example", "site.example"),
            ("https://site.example https://evil.example", "site.example"),
            ("chrome-extension://site.example", "site.example"),
            ("file://", "site.example"),
            ("https://site.example.", "site.example"),
        ] {
            check(&[("origin", origin), ("host", host)], Admission::Foreign);
        }
        check(&[("origin", "https://site.example")], Admission::Foreign);
    }

    #[test]
    fn a_listed_origin_is_allowed_whatever_the_host() {
        for origin in [
            "https://app.example.com",
            "https://APP.example.com:443",
            "http://localhost:3000",
        ] {
            let site = ("sec-fetch-site", "cross-site");
            check(
                &[("origin", origin), ("host", "api.example"), site],
                Admission::Allowed(origin),
            );
        }
        for origin in [
            "http://app.example.com",
            "https://app.example.com:444",
            "https://x.app.example.com",
        ] {
            check(&[("origin", origin), ("host", "api.example")], Admission::Foreign);
        }
    }

    #[test]
    fn several_origins_are_foreign_even_where_each_is_fine() {
        let host = ("host", "site.example");
        let own = ("origin", "https://site.example");
        check(&[own, own, host], Admission::Foreign);
        check(
            &[own, ("origin", "https://app.example.com"), host],
            Admission::Foreign,
        );
    }

    #[test]
    fn the_browsers_own_word_on_the_site_counts() {
        let host = ("host", "site.example");
        let own = ("origin", "http://site.example");
        check(&[own, host, ("sec-fetch-site", "cross-site")], Admission::Foreign);
        check(
            &[own, host, ("sec-fetch-site", "same-origin")],
            Admission::SameOrigin,
        );
        for (site, expected) in [
            ("same-origin", Admission::SameOrigin),
            ("none", Admission::NotABrowser),
            ("same-site", Admission::Foreign),
            ("cross-site", Admission::Foreign),
            ("elsewhere", Admission::Foreign),
        ] {
            check(&[host, ("sec-fetch-site", site)], expected);
        }
    }

    #[test]
    fn a_tool_sends_no_origin() {
        check(&[("host", "site.example")], Admission::NotABrowser);
    }

    #[test]
    fn http2_names_its_host_in_the_target() {
        let mut head = head(&[("origin", "https://site.example")]);
        head.uri = "https://site.example/__skew/route".parse().unwrap();
        assert_eq!(origins().admits(&head), Admission::SameOrigin);
    }

    #[test]
    fn what_can_be_listed() {
        for text in [
            "https://a",
            "http://a-b.c_d:1",
            "https://127.0.0.1",
            "http://[::1]:65535",
            "https://xn--bcher-kva.de",
        ] {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "",
            "*",
            "null",
            "a",
            "//a",
            "https://",
            "https://*",
            "https://*.a",
            "https://a/",
            "https://a?b",
            "https://a#b",
            "https://a b",
            "https://u@a",
            "https://a:",
            "https://a:0",
            "https://a:+1",
            "https://a:65536",
            "https://a:1:2",
            "https://::1",
            "https://[::1",
            "https://[a]",
            "https://[::1]a",
            "https://bücher.de",
            "HTTPS://a",
            "ws://a",
        ] {
            assert!(!is_origin(text), "{text}");
        }
        assert_eq!(Origins::new(&["https://*.example".to_owned()]).allowed, []);
    }
}
