//! Client addresses: a visitor cannot choose its address, whatever it sends.

use std::net::{IpAddr, Ipv6Addr};

use super::{Input, cases, head};
use crate::client_address::{AddressHeader, Trust, client_address, limited_as};

const WORDS: &[&str] = &[
    ",",
    ", ",
    " ",
    "\"",
    "[",
    "]",
    ":",
    "::ffff:",
    "10.9.8.7",
    "203.0.113.9",
    "9.9.9.9",
    "[2001:db8::7]:4711",
    "2001:db8::7",
    "unknown",
    "_hidden",
    ":80",
    "::1",
    "127.0.0.1",
    "é",
    "\t",
];

#[test]
fn a_visitor_cannot_name_its_address() {
    let proxies = ["10.0.0.0/8", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
    bolero::check!(name = "addresses")
        .with_iterations(3_000)
        .with_generator(cases(256))
        .for_each(|bytes| {
            let mut input = Input::new(bytes);
            let forged: Vec<Vec<u8>> = (0..input.below(4)).map(|_| input.raw(40, WORDS)).collect();
            let (single, hops) = (input.raw(30, WORDS), input.below(20));
            let visitor = IpAddr::V6(Ipv6Addr::from_bits(u128::from(input.u32()) << 96 | 7));
            let visitor = if input.flag() {
                visitor
            } else {
                IpAddr::from([203, 0, 113, input.byte()])
            };
            let headers: Vec<AddressHeader> = AddressHeader::ALL
                .iter()
                .copied()
                .filter(|_| input.flag())
                .collect();
            let trust = Trust {
                proxies: &proxies,
                headers: &headers,
            };
            // The visitor's lines, then what its proxies append to the last of them.
            let mut lines = forged;
            let appended = format!("{visitor}{}", ", 10.2.3.4".repeat(hops));
            match lines.last_mut().filter(|_| input.flag()) {
                Some(last) => last.extend([b", ", appended.as_bytes()].concat()),
                None => lines.push(appended.into_bytes()),
            }
            let mut sent: Vec<(&str, &[u8])> = lines
                .iter()
                .map(|line| ("x-forwarded-for", line.as_slice()))
                .collect();
            sent.extend([("cf-connecting-ip", &*single), ("x-real-ip", &single)]);
            let Some(parts) = head("/", &sent) else { return };

            let stranger = IpAddr::from([198, 51, 100, 1]);
            assert_eq!(client_address(&parts, stranger, trust), Some(stranger));
            if !trust.trusts(visitor) {
                let forwarded = Trust {
                    headers: &[AddressHeader::XForwardedFor],
                    ..trust
                };
                for proxy in ["10.1.1.1", "::ffff:10.1.1.1", "2001:db8:1::5"] {
                    let seen = client_address(&parts, proxy.parse().unwrap(), forwarded);
                    assert_eq!(seen, Some(visitor), "{lines:?}");
                }
            }
            let named: Vec<_> = sent
                .iter()
                .copied()
                .filter(|(name, _)| headers.iter().any(|header| header.name() == *name))
                .collect();
            let proxy = IpAddr::from([10, 1, 1, 1]);
            assert_eq!(
                client_address(&parts, proxy, trust),
                client_address(&head("/", &named).unwrap(), proxy, trust),
                "a header that is not named was read"
            );
            assert_eq!(limited_as(limited_as(visitor)), limited_as(visitor));
        });
}
