//! The address of the browser behind however many proxies.
//!
//! Called only with `ip_tracking` on. Otherwise nothing here runs, and no forwarding header is read.
//!
//! Anyone can write a forwarding header, so headers are read only where the socket's peer is a trusted proxy. Even then
//! `x-forwarded-for` is not to be believed from its left end: a proxy *appends* the address it saw, so a visitor who sends
//! `x-forwarded-for: 10.9.8.7` arrives as `10.9.8.7, <visitor's real address>`. What our own proxies appended stands on the
//! right; we walk from there past the trusted ones, and the first address that is not a trusted proxy is the one that the
//! last trusted proxy saw with its own eyes.
//!
//! The single-address headers have no such history. Whoever trusts a proxy that is not Cloudflare's has it remove
//! `cf-connecting-ip` from what visitors send, and whoever uses `x-real-ip` has the proxy set it; otherwise visitors name
//! their own address.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

use crate::head::Head;

/// Entries of `x-forwarded-for` looked at, from the right. A longer chain of our own proxies does not exist.
const HOPS_MAX: usize = 32;

/// The browser's address, IPv4 where it is one in IPv6 clothes (`::ffff:203.0.113.7`).
///
/// The peer itself, unless it is in `trusted`; then the first of `cf-connecting-ip`, `x-forwarded-for` and `x-real-ip` that
/// holds an address, and the peer where none of them was sent. `None`: a trusted proxy sent such headers, and no address
/// can be read from them; that says nothing about the browser, and the proxy's own address would be wrong.
pub fn client_address(head: &dyn Head, peer: IpAddr, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return Some(peer);
    }
    let mut sent = false;
    for name in ["cf-connecting-ip", "x-forwarded-for", "x-real-ip"] {
        let mut values = Vec::new();
        head.each_value(name, &mut |value| values.push(value));
        sent |= values.iter().any(|value| !value.trim().is_empty());
        let address = match (name, &*values) {
            ("x-forwarded-for", _) => forwarded_for(&values, trusted),
            (_, [value]) => address(value),
            // Twice the header: one of them is not the proxy's, and which one cannot be told.
            _ => None,
        };
        if address.is_some() {
            return address;
        }
    }
    (!sent).then_some(peer)
}

/// Whether `address` is in a network whose forwarding headers are believed.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// The first address from the right that is no trusted proxy; where all are, the leftmost: a client inside our own network.
/// An entry that is no address (`unknown`, garbage) ends the walk, for what stands left of it came from there.
fn forwarded_for(values: &[&str], trusted: &[IpNet]) -> Option<IpAddr> {
    let entries = values.iter().rev().flat_map(|value| value.rsplit(','));
    let mut innermost = None;
    // Empty entries mean nothing (RFC 9110, section 5.6.1).
    for entry in entries.filter(|entry| !entry.trim().is_empty()).take(HOPS_MAX) {
        let address = address(entry)?;
        if !is_trusted(address, trusted) {
            return Some(address);
        }
        innermost = Some(address);
    }
    innermost
}

/// An address as proxies write it: plain, in quotes, in brackets, with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text
        .strip_prefix('"')
        .and_then(|quoted| quoted.strip_suffix('"'))
        .unwrap_or(text);
    let bracketed = || {
        text.strip_prefix('[')?
            .strip_suffix(']')?
            .parse::<Ipv6Addr>()
            .ok()
    };
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| bracketed().map(IpAddr::V6))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn seen_from(peer: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        let trusted = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
        client_address(&head, peer.parse().unwrap(), &trusted).map(|address| address.to_string())
    }

    fn check(headers: &[(&str, &str)], expected: Option<&str>) {
        assert_eq!(seen_from(PROXY, headers).as_deref(), expected, "{headers:?}");
    }

    #[test]
    fn a_peer_that_is_no_trusted_proxy_is_itself_whatever_it_sends() {
        let headers = [
            ("cf-connecting-ip", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2"),
            ("x-real-ip", "3.3.3.3"),
        ];
        for peer in ["203.0.113.7", "11.0.0.1", "2001:db8:2::1", "::1"] {
            assert_eq!(seen_from(peer, &headers).as_deref(), Some(peer));
        }
    }

    #[test]
    fn a_peer_in_ipv6_clothes_is_the_same_peer() {
        let headers = [("x-real-ip", "3.3.3.3")];
        assert_eq!(
            seen_from("::ffff:203.0.113.7", &headers).as_deref(),
            Some("203.0.113.7")
        );
        assert_eq!(seen_from("::ffff:10.0.0.1", &headers).as_deref(), Some("3.3.3.3"));
        assert_eq!(seen_from("2001:db8:1::5", &headers).as_deref(), Some("3.3.3.3"));
    }

    #[test]
    fn the_headers_have_an_order() {
        let cloudflare = ("cf-connecting-ip", "1.1.1.1");
        let forwarded = ("x-forwarded-for", "2.2.2.2");
        let real = ("x-real-ip", "3.3.3.3");
        check(&[real, forwarded, cloudflare], Some("1.1.1.1"));
        check(&[real, forwarded], Some("2.2.2.2"));
        check(&[real], Some("3.3.3.3"));
        check(&[("cf-connecting-ip", "none"), forwarded], Some("2.2.2.2"));
        check(&[cloudflare, cloudflare, forwarded], Some("2.2.2.2"));
        check(&[("x-forwarded-for", "unknown"), real], Some("3.3.3.3"));
    }

    #[test]
    fn a_proxy_that_forwards_nothing_speaks_for_itself() {
        check(&[], Some(PROXY));
        check(&[("x-forwarded-for", " ")], Some(PROXY));
        check(&[("x-forwarded-for", "unknown")], None);
        check(&[("x-real-ip", "3.3.3")], None);
    }

    #[test]
    fn a_forged_entry_on_the_left_is_not_believed() {
        check(
            &[("x-forwarded-for", "9.9.9.9, 203.0.113.7")],
            Some("203.0.113.7"),
        );
        check(
            &[("x-forwarded-for", "9.9.9.9, 203.0.113.7, 10.1.1.1")],
            Some("203.0.113.7"),
        );
        check(
            &[
                ("x-forwarded-for", "9.9.9.9"),
                ("x-forwarded-for", "203.0.113.7, 10.1.1.1"),
            ],
            Some("203.0.113.7"),
        );
        check(&[("x-forwarded-for", "9.9.9.9, unknown, 10.1.1.1")], None);
        check(&[("x-forwarded-for", "10.9.9.9, 10.1.1.1")], Some("10.9.9.9"));
        let deep = format!("203.0.113.7{}", ", 10.1.1.1".repeat(HOPS_MAX));
        check(&[("x-forwarded-for", &deep)], Some("10.1.1.1"));
    }

    #[test]
    fn every_form_that_proxies_write_is_read() {
        for (text, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("  203.0.113.7\t", "203.0.113.7"),
            ("203.0.113.7:41000", "203.0.113.7"),
            ("\"203.0.113.7\"", "203.0.113.7"),
            ("203.0.113.7,, ,", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
            ("2001:DB8::0:7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("\"[2001:db8::7]:4711\"", "2001:db8::7"),
        ] {
            check(&[("x-forwarded-for", text)], Some(expected));
        }
    }

    #[test]
    fn garbage_is_no_address() {
        for text in [
            "unknown",
            "_hidden",
            "localhost",
            "203.0.113",
            "203.0.113.256",
            "203.0.113.7:99999",
            "0x7f.1",
            "\"",
            "\"203.0.113.7",
            "[203.0.113.7]",
            "[2001:db8::7",
            "2001:db8::7]:80",
            "203.0.113.7 203.0.113.8",
            "<script>",
            "é",
            "203.0.113.7/24",
            "-1",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_rightmost_stranger_is_found_behind_any_forgery(
            forged in "[0-9a-f:., \"]{0,60}",
            proxies in 0..20_usize,
        ) {
            let value = format!("{forged}, 203.0.113.7{}", ", 10.2.3.4".repeat(proxies));
            let seen = seen_from(PROXY, &[("x-forwarded-for", &value)]);
            prop_assert_eq!(seen.as_deref(), Some("203.0.113.7"));
        }
    }
}
