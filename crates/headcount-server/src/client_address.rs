//! The address of the browser behind however many proxies.
//!
//! Called only where addresses are shown (`ip_tracking`) or limited (`connections_per_address_max`). Otherwise nothing here
//! runs, and no forwarding header is read.
//!
//! Anyone can write a forwarding header, so a header counts only where two things hold: the socket's peer is a trusted
//! proxy, and the header is one that this proxy sets ([`AddressHeader`], `Config::address_headers`). A header that the proxy
//! does not set comes through from the visitor unchanged. Even then `x-forwarded-for` cannot be trusted from its left end: a
//! proxy *appends* the address it saw, so a visitor who sends `x-forwarded-for: 10.9.8.7` arrives as `10.9.8.7, <visitor's
//! real address>`. The addresses that trusted proxies appended are on the right. The walk goes from there past the trusted
//! ones; the first address that is not a trusted proxy is the one that the last trusted proxy saw.
//!
//! The walk reads bytes, not text: a visitor's part that is not UTF-8 must not make the proxy's part unreadable.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::head::Head;

/// Entries of `x-forwarded-for` looked at, from the right. A longer chain of our own proxies does not exist.
const HOPS_MAX: usize = 32;

/// A header in which a proxy says the address of the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressHeader {
    /// `cf-connecting-ip`: one address, set by Cloudflare. Name it only where every trusted proxy is Cloudflare, or removes the
    /// header from what visitors send.
    CfConnectingIp,
    /// `x-forwarded-for`: a list to which each proxy appends the address it saw.
    XForwardedFor,
    /// `x-real-ip`: one address. Name it only where every trusted proxy sets it.
    XRealIp,
}

impl AddressHeader {
    /// All, in the order in which they are read; the first that holds an address counts.
    pub const ALL: &'static [Self] = &[Self::CfConnectingIp, Self::XForwardedFor, Self::XRealIp];

    /// The header's name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CfConnectingIp => "cf-connecting-ip",
            Self::XForwardedFor => "x-forwarded-for",
            Self::XRealIp => "x-real-ip",
        }
    }
}

/// A network of proxies, or one proxy: an address with the length of its prefix, or an address alone.
///
/// ```
/// use headcount_server::client_address::Network;
///
/// let network: Network = "10.0.0.0/8".parse()?;
/// assert!(network.contains([10, 1, 2, 3].into()));
/// let proxy: Network = "::1".parse()?;
/// assert_eq!(proxy.to_string(), "::1/128");
/// assert!("10.0.0.0/33".parse::<Network>().is_err());
/// # Ok::<(), headcount_server::client_address::NetworkError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

/// A text that is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a network: write an address and its prefix length, as in 10.0.0.0/8")]
#[non_exhaustive]
pub struct NetworkError {
    /// The text.
    pub text: String,
}

impl Network {
    /// Whether the address is in it. An IPv4 address is in no IPv6 network.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl From<IpAddr> for Network {
    /// This address alone.
    fn from(address: IpAddr) -> Self {
        Self(address.into())
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let alone = || text.parse().map(|address: IpAddr| address.into());
        let network = text.parse().or_else(|_| alone());
        network.map(Self).map_err(|_| NetworkError {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which forwarding headers are read, and from whom.
///
/// ```
/// use headcount_server::client_address::{AddressHeader, Trust};
///
/// let proxies = ["10.0.0.0/8".parse()?];
/// let trust = Trust::new(&proxies, &[AddressHeader::XForwardedFor]);
/// assert!(trust.trusts([10, 1, 2, 3].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trust<'a> {
    /// The networks of our own proxies.
    pub proxies: &'a [Network],
    /// The headers that those proxies set. Their order here does not matter: see [`AddressHeader::ALL`].
    pub headers: &'a [AddressHeader],
}

impl<'a> Trust<'a> {
    /// These proxies are trusted with these headers.
    pub fn new(proxies: &'a [Network], headers: &'a [AddressHeader]) -> Self {
        Self { proxies, headers }
    }

    /// Whether `address` is a trusted proxy. An IPv4 address is the same one in its IPv6 form (`::ffff:127.0.0.1`), in which a
    /// listener on `[::]` sees it.
    pub fn trusts(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|network| {
            network.contains(address)
                || matches!(address, IpAddr::V4(v4) if network.contains(IpAddr::V6(v4.to_ipv6_mapped())))
        })
    }
}

/// The browser's address, IPv4 also where it came in its IPv6 form (`::ffff:203.0.113.7`).
///
/// The peer itself, unless it is a trusted proxy; then the first of the named headers that holds an address, and the peer
/// where none of them was sent. `None`: a trusted proxy sent such headers, and no address can be read from them; that says
/// nothing about the browser, and the proxy's own address would be wrong.
///
/// ```
/// use axum::http::Request;
/// use headcount_server::client_address::{AddressHeader, Trust, client_address};
///
/// let proxies = ["10.0.0.0/8".parse()?];
/// let trust = Trust::new(&proxies, &[AddressHeader::XForwardedFor]);
/// let request = Request::get("/").header("x-forwarded-for", "192.0.2.1, 203.0.113.7").body(())?;
/// let (head, ()) = request.into_parts();
/// assert_eq!(client_address(&head, [10, 0, 0, 1].into(), trust), Some([203, 0, 113, 7].into()));
/// // The header of somebody else counts for nothing.
/// assert_eq!(client_address(&head, [198, 51, 100, 2].into(), trust), Some([198, 51, 100, 2].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn client_address(head: &dyn Head, peer: IpAddr, trust: Trust<'_>) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    if !trust.trusts(peer) {
        return Some(peer);
    }
    let mut sent = false;
    for &header in AddressHeader::ALL {
        if !trust.headers.contains(&header) {
            continue;
        }
        let mut values = Vec::new();
        head.each_bytes(header.name(), &mut |value| values.push(value));
        sent |= values.iter().any(|value| !value.trim_ascii().is_empty());
        let address = match (header, &*values) {
            (AddressHeader::XForwardedFor, _) => forwarded_for(&values, trust),
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

/// What an address counts as where addresses are limited: an IPv4 address is itself, an IPv6 address is its `/64`, because
/// that is the least that one customer of a provider has.
///
/// ```
/// use headcount_server::client_address::limited_as;
///
/// assert_eq!(limited_as("2001:db8:1:2:3:4:5:6".parse()?), "2001:db8:1:2::".parse::<std::net::IpAddr>()?);
/// assert_eq!(limited_as([203, 0, 113, 7].into()), std::net::IpAddr::from([203, 0, 113, 7]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn limited_as(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = !0 << 64;
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
        address @ IpAddr::V4(_) => address,
    }
}

/// The first address from the right that is not a trusted proxy; if all are, the leftmost: a client inside the own
/// network. An entry that is not an address (`unknown`, garbage) ends the walk, because the entries left of it came
/// from there.
fn forwarded_for(values: &[&[u8]], trust: Trust<'_>) -> Option<IpAddr> {
    let entries = values
        .iter()
        .rev()
        .flat_map(|value| value.rsplit(|byte| *byte == b','));
    let mut innermost = None;
    // Empty entries mean nothing (RFC 9110, section 5.6.1).
    for entry in entries
        .filter(|entry| !entry.trim_ascii().is_empty())
        .take(HOPS_MAX)
    {
        let address = address(entry)?;
        if !trust.trusts(address) {
            return Some(address);
        }
        innermost = Some(address);
    }
    innermost
}

/// An address as proxies write it: plain, in quotes, in brackets, with a port.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
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

    fn read(peer: &str, headers: &[(&str, &[u8])], named: &[AddressHeader]) -> Option<String> {
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        let proxies = ["10.0.0.0/8", "2001:db8:1::/48", "::ffff:172.16.0.0/108"];
        let trust = Trust {
            proxies: &proxies.map(|network| network.parse().unwrap()),
            headers: named,
        };
        client_address(&head, peer.parse().unwrap(), trust).map(|address| address.to_string())
    }

    fn seen_from(peer: &str, headers: &[(&str, &str)]) -> Option<String> {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        read(peer, &headers, AddressHeader::ALL)
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
    fn a_header_counts_only_where_it_was_named() {
        use AddressHeader::{CfConnectingIp, XForwardedFor, XRealIp};
        let headers: [(&str, &[u8]); 3] = [
            ("cf-connecting-ip", b"1.1.1.1"),
            ("x-forwarded-for", b"2.2.2.2"),
            ("x-real-ip", b"3.3.3.3"),
        ];
        for (named, expected) in [
            (&[][..], PROXY),
            (&[XForwardedFor][..], "2.2.2.2"),
            (&[XRealIp], "3.3.3.3"),
            (&[CfConnectingIp], "1.1.1.1"),
            (&[XRealIp, XForwardedFor], "2.2.2.2"),
        ] {
            assert_eq!(
                read(PROXY, &headers, named).as_deref(),
                Some(expected),
                "{named:?}"
            );
        }
        // What is not named is not even a reason to know no address.
        let garbage: [(&str, &[u8]); 2] = [("cf-connecting-ip", b"\xff"), ("x-forwarded-for", b"2.2.2.2")];
        assert_eq!(
            read(PROXY, &garbage, &[XForwardedFor]).as_deref(),
            Some("2.2.2.2")
        );
    }

    #[test]
    fn bytes_that_are_no_text_hide_nothing_that_a_proxy_appended() {
        let forwarded = |value: &[u8]| {
            read(
                PROXY,
                &[("x-forwarded-for", value)],
                &[AddressHeader::XForwardedFor],
            )
        };
        assert_eq!(
            forwarded(b"\xff\xfe, 203.0.113.7").as_deref(),
            Some("203.0.113.7")
        );
        assert_eq!(forwarded(b"203.0.113.7, \xff"), None);
    }

    #[test]
    fn a_network_in_ipv6_form_trusts_the_same_proxies() {
        let headers = [("x-forwarded-for", "203.0.113.7")];
        for peer in ["172.16.3.4", "::ffff:172.16.3.4"] {
            assert_eq!(
                seen_from(peer, &headers).as_deref(),
                Some("203.0.113.7"),
                "{peer}"
            );
        }
        assert_eq!(seen_from("172.32.0.1", &headers).as_deref(), Some("172.32.0.1"));
    }

    #[test]
    fn addresses_are_limited_by_what_one_customer_has() {
        let limited = |text: &str| limited_as(text.parse().unwrap()).to_string();
        assert_eq!(limited("203.0.113.7"), "203.0.113.7");
        assert_eq!(limited("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(limited("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(limited("2001:db8:1:2:ffff::"), "2001:db8:1:2::");
        assert_ne!(limited("2001:db8:1:3::1"), limited("2001:db8:1:2::1"));
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
            assert_eq!(address(text.as_bytes()), None, "{text}");
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
