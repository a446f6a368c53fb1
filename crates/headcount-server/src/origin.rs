//! Which web pages may talk to us from a browser.
//!
//! With every WebSocket handshake, every POST and every cross-origin read a browser sends the origin of the page
//! (`Origin`), and no page can change that. This is how a page of another site is recognised that tries to read stats,
//! or to change something, with the visitor's cookies. Other programs send no `Origin`; they have no visitor's cookies
//! either, and the usual checks on secrets apply to them.
//!
//! For streams and for requests that change something or read stats. Not for pages that people navigate to: a link from
//! another site to such a page looks foreign.
//!
//! Deliberately absent: wildcards. An origin is listed whole or is not allowed; `*` would hand stats to every site an
//! admin visits.

use std::net::Ipv6Addr;

use crate::head::{Head, only};

/// The origins whose pages may connect, besides the server's own.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    allowed: Vec<Origin>,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestOrigin<'head> {
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
enum Origin {
    /// A site's.
    Web {
        scheme: Scheme,
        host: String,
        port: Option<u16>,
    },
    /// The origin of an app or a browser extension with its own scheme, as in `capacitor://localhost`.
    App(String),
    /// One that has no name: `null`, or `file://`, of files, sandboxed frames and `data:` pages.
    Nameless,
}

/// Schemes that no origin has, so that listing one is a mistake.
const NO_ORIGINS: [&str; 10] = [
    "ws",
    "wss",
    "ftp",
    "blob",
    "data",
    "about",
    "javascript",
    "mailto",
    "view-source",
    "filesystem",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Origins {
    /// Allows these, each as in `https://app.example.com`, `http://localhost:3000`, `capacitor://localhost` or `null`.
    /// An item that is not an origin ([`is_origin`]) allows nothing; the configuration is checked for it at start.
    ///
    /// ```
    /// use headcount_server::origin::Origins;
    ///
    /// let origins = Origins::new(&["https://app.example.com".to_owned()]);
    /// # drop(origins);
    /// ```
    pub fn new(allowed: &[String]) -> Self {
        Self {
            allowed: allowed
                .iter()
                .filter_map(|text| Origin::parse(text).ok())
                .collect(),
        }
    }

    /// Where the request with this head comes from.
    ///
    /// Same origin: the browser itself says so, with `Sec-Fetch-Site: same-origin`, which no page can set or change. Then it
    /// does not matter how a proxy changes `Host`. Browsers send it over HTTPS and to loopback. Elsewhere, and for WebSocket
    /// handshakes, host and port of `Origin` must equal those the request was sent to ([`Head::host`]), where `:80` and
    /// `:443` are optional. The server's own scheme is not known behind a proxy that ends TLS, so it is not compared. But if
    /// the browser says `Sec-Fetch-Site: cross-site`, only the list of allowed origins helps. With a proxy that rewrites
    /// `Host` the site's own pages look foreign: let it keep the header, or list the site's origin. `Origin: null`
    /// (sandboxed frames, files) is foreign unless listed, and more than one `Origin` always is.
    ///
    /// Without `Origin`, `Sec-Fetch-Site` decides, for every method: `same-origin` is the same origin; `none` (typed by
    /// the user), or no such header, is not a page; everything else is foreign, such as an `<img>` on another site.
    ///
    /// ```
    /// use axum::http::Request;
    /// use headcount_server::origin::{Origins, RequestOrigin};
    ///
    /// let origins = Origins::new(&["https://app.example.com".to_owned()]);
    /// for (origin, is) in [
    ///     ("https://shop.example", RequestOrigin::SameOrigin),
    ///     ("https://app.example.com", RequestOrigin::Allowed("https://app.example.com")),
    ///     ("https://elsewhere.example", RequestOrigin::Foreign),
    /// ] {
    ///     let request = Request::post("/").header("host", "shop.example").header("origin", origin).body(())?;
    ///     assert_eq!(origins.classify(&request.into_parts().0), is);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn classify<'head>(&self, head: &'head dyn Head) -> RequestOrigin<'head> {
        let mut sent = Vec::new();
        head.each_value("origin", &mut |value| sent.push(value));
        let site = match head.count("sec-fetch-site") {
            0 => None,
            // No browser sends two.
            _ => Some(only(head, "sec-fetch-site").unwrap_or("cross-site")),
        };
        if sent.len() != head.count("origin") {
            // An unreadable one is foreign: it must not count as missing.
            return RequestOrigin::Foreign;
        }
        match *sent {
            [] => match site {
                None | Some("none") => RequestOrigin::NotABrowser,
                Some("same-origin") => RequestOrigin::SameOrigin,
                Some(_) => RequestOrigin::Foreign,
            },
            [text] => match Origin::parse(text) {
                Ok(origin) if self.allowed.contains(&origin) => RequestOrigin::Allowed(text),
                Ok(Origin::Web { .. } | Origin::Nameless) if site == Some("same-origin") => {
                    RequestOrigin::SameOrigin
                }
                Ok(origin) if site != Some("cross-site") && origin.is_host_of(head) => {
                    RequestOrigin::SameOrigin
                }
                _ => RequestOrigin::Foreign,
            },
            _ => RequestOrigin::Foreign,
        }
    }
}

impl Origin {
    /// Scheme, host and optional port (RFC 6454, section 7), nothing behind; else what is wrong.
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('*') {
            return Err("wildcards are not supported: list each origin");
        }
        if text.eq_ignore_ascii_case("null") || text.eq_ignore_ascii_case("file://") {
            return Ok(Self::Nameless);
        }
        let (scheme, authority) = text
            .split_once("://")
            .ok_or("the scheme is missing: write it as in `https://app.example.com`")?;
        let scheme = scheme.to_ascii_lowercase();
        if NO_ORIGINS.contains(&&*scheme) {
            return Err(
                "no page has an origin of this scheme: write the scheme that the page's address begins with",
            );
        }
        if authority.contains(['/', '?', '#', '@', '\\']) {
            return Err("leave out everything before the host and after the port, also a slash at the end");
        }
        let web = match &*scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Self::of_app(&scheme, authority),
        };
        let (host, port) = host_and_port(authority, web).ok_or(NO_HOST)?;
        Ok(Self::Web {
            scheme: web,
            host,
            port,
        })
    }

    fn of_app(scheme: &str, authority: &str) -> Result<Self, &'static str> {
        let is_scheme = scheme.starts_with(|letter: char| letter.is_ascii_lowercase())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !is_scheme {
            return Err(
                "the scheme is not valid: write it as in `https://app.example.com` or `capacitor://localhost`",
            );
        }
        let (host, port) = named_host_and_port(authority).ok_or(NO_HOST)?;
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self::App(format!("{scheme}://{host}{port}")))
    }

    /// Whether it is that of the host which a request was sent to. An app's never is.
    fn is_host_of(&self, head: &dyn Head) -> bool {
        let Self::Web { scheme, host, port } = self else {
            return false;
        };
        head.host()
            .and_then(|authority| host_and_port(authority, *scheme))
            .is_some_and(|asked| asked == (host.clone(), *port))
    }
}

const NO_HOST: &str =
    "write a host (a name in ASCII or an address, IPv6 in brackets), and behind it at most a port";

/// What is wrong with an origin in `allowed_origins`; `None`: nothing.
///
/// ```
/// use headcount_server::origin::problem;
///
/// assert_eq!(problem("https://app.example.com"), None);
/// assert_eq!(problem("https://*.example.com"), Some("wildcards are not supported: list each origin"));
/// ```
pub fn problem(text: &str) -> Option<&'static str> {
    Origin::parse(text).err()
}

/// Whether anyone's page can have this origin: that of sandboxed frames and files.
pub(crate) fn is_nameless(text: &str) -> bool {
    Origin::parse(text) == Ok(Origin::Nameless)
}

/// The host of a site's origin; `None` for an app's.
pub(crate) fn web_host(text: &str) -> Option<String> {
    match Origin::parse(text) {
        Ok(Origin::Web { host, .. }) => Some(host),
        _ => None,
    }
}

/// Whether `text` is an origin that can be allowed: a scheme (`http`, `https`, or an app's own), a host (a name in ASCII, an IPv4
/// address, an IPv6 address in brackets) and an optional port, or `null`; no path, not even a slash, no user name, no wildcard.
/// [`problem`] says what is wrong.
///
/// ```
/// use headcount_server::origin::is_origin;
///
/// assert!(is_origin("http://localhost:3000") && is_origin("capacitor://localhost"));
/// assert!(!is_origin("https://app.example.com/"));
/// ```
pub fn is_origin(text: &str) -> bool {
    Origin::parse(text).is_ok()
}

/// The host in one form, and the port where it is not the scheme's own.
pub(crate) fn host_and_port(authority: &str, scheme: Scheme) -> Option<(String, Option<u16>)> {
    let own = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let (host, port) = named_host_and_port(authority)?;
    Some((host, port.filter(|port| *port != own)))
}

/// The host in one form, and the port where it is written.
fn named_host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let colon = authority[host_end..].find(':').map(|colon| host_end + colon);
    let (host, port) = match colon {
        Some(colon) => (&authority[..colon], Some(port(&authority[colon + 1..])?)),
        None => (authority, None),
    };
    Some((self::host(host)?, port))
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
mod tests;
