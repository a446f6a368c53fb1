//! By which names a server that shows stats to anyone may be asked.
//!
//! Such a server listens on loopback, which other machines cannot reach. But a page of any site can: its owner points
//! the site's name at 127.0.0.1 once the page is loaded (DNS rebinding), and then the browser's requests look like
//! those of the page's own origin. The name shows it: `Host` is the name in the page's address. So if stats are open to
//! anyone, requests with other names than loopback's and those of the allowed origins are refused, before any other
//! check.
//!
//! Other servers check secrets, tickets and sessions, which such a page does not have: a cookie belongs to the name
//! that it was set under. There a proxy may pass on any name.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::config::Config;
use crate::head::Head;
use crate::origin::{Scheme, host_and_port, web_host};

/// The names by which the server may be asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    /// Whether the name matters.
    matters: bool,
    /// Hosts of the allowed origins, in one form.
    allowed: Vec<String>,
}

impl Hosts {
    pub(crate) fn new(config: &Config) -> Self {
        // The host in an app's origin is not a DNS name: another site may have the same name.
        let hosts = config
            .allowed_origins
            .iter()
            .filter_map(|origin| web_host(origin));
        Self {
            matters: config.authorize_anyone,
            allowed: hosts.collect(),
        }
    }

    /// Whether this request may be answered. One without any host comes from no browser.
    pub(crate) fn admit(&self, head: &dyn Head) -> bool {
        if !self.matters {
            return true;
        }
        match head.host() {
            Some(authority) => {
                host_of(authority).is_some_and(|host| is_loopback(&host) || self.allowed.contains(&host))
            }
            None => head.count("host") == 0,
        }
    }
}

/// The host in its normal form, without the port.
fn host_of(authority: &str) -> Option<String> {
    Some(host_and_port(authority, Scheme::Http)?.0)
}

/// Whether a host is this machine's own: `localhost`, names below it (RFC 6761), and addresses of loopback.
fn is_loopback(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address
            .parse::<Ipv6Addr>()
            .is_ok_and(|address| address.to_canonical().is_loopback());
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    name == "localhost"
        || name.ends_with(".localhost")
        || name
            .parse::<Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(config: &Config, hosts: &[&str]) -> bool {
        let mut request = http::Request::builder().uri("/__skew/sse");
        for host in hosts {
            request = request.header("host", *host);
        }
        let head = request.body(()).unwrap().into_parts().0;
        Hosts::new(config).admit(&head)
    }

    #[test]
    fn open_to_anyone_it_answers_under_names_of_loopback_and_of_the_allowed_origins() {
        let config = Config::default().with(|config| {
            config.authorize_anyone = true;
            config.allowed_origins = vec![
                "https://Site.example:8443".to_owned(),
                "app://evil.example".to_owned(),
            ];
        });
        for host in [
            "localhost",
            "LOCALHOST:4477",
            "localhost.",
            "shop.localhost:1",
            "127.0.0.1",
            "127.8.9.10:80",
            "[::1]:4477",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "site.example",
            "SITE.example:1",
        ] {
            assert!(admits(&config, &[host]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "localhost@evil.example",
            "203.0.113.7",
            "0.0.0.0",
            "192.168.0.1",
            "[::2]",
            "[::ffff:203.0.113.7]",
            "sub.site.example",
            "127.0.0.1:x",
            "127.1",
        ] {
            assert!(!admits(&config, &[host]), "{host}");
        }
        assert!(admits(&config, &[]));
        assert!(!admits(&config, &["localhost", "localhost"]));
        assert!(!admits(&config, &["localhost", "evil.example"]));
    }

    #[test]
    fn elsewhere_any_name_will_do() {
        let config = Config::default();
        assert!(admits(&config, &["evil.example"]) && admits(&config, &[]));
    }
}
