//! What a tab's browser sends as cookies.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::net::SocketAddr;

use super::command::Setup;

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What every browser has.
pub(super) const VERSION: &str = "__nkpv=v2";

/// The parts of a session of some hundred bytes, sealed as h3 does: salt, nonce, what is sealed, when it ends, salt, seal.
const SEALED: [usize; 6] = [64, 22, 240, 13, 64, 43];

/// A ticket has as many letters.
const TICKET: usize = 43;

/// What scripts for consent, statistics and support leave behind in a browser, with the letters of each.
const OTHERS: [(&str, usize); 12] = [
    ("_ga", 26),
    ("_ga_7QJ4M2X9TB", 48),
    ("_gid", 26),
    ("_gcl_au", 24),
    ("_fbp", 29),
    ("_hjSessionUser_3141592", 140),
    ("_hjSession_3141592", 140),
    ("CookieConsent", 240),
    ("ajs_anonymous_id", 36),
    ("intercom-session-k2x9q7", 88),
    ("mp_5f0c1d7e_mixpanel", 280),
    ("i18n_redirected", 2),
];

/// The value of the `Cookie` header of the tab at this address: the same for the same address, another for every other.
pub(super) fn cookies(setup: Setup, tab: SocketAddr) -> String {
    let mut text = VERSION.to_owned();
    if setup == Setup::Nuxt {
        let mut letters = Letters::of(tab);
        text += "; nuxt-session=Fe26.2*1";
        for length in SEALED {
            text.push('*');
            letters.write(length, &mut text);
        }
        text += "~2; headcount_ticket=";
        letters.write(TICKET, &mut text);
        for (name, length) in OTHERS {
            let _infallible = write!(text, "; {name}=");
            letters.write(length, &mut text);
        }
    }
    text
}

/// Letters without a pattern.
struct Letters {
    tab: SocketAddr,
    written: u64,
}

impl Letters {
    fn of(tab: SocketAddr) -> Self {
        Self { tab, written: 0 }
    }

    fn write(&mut self, length: usize, text: &mut String) {
        let hashes = BuildHasherDefault::<DefaultHasher>::default();
        for index in 0..length {
            let bits = hashes.hash_one((self.tab, self.written, index / 8)).to_le_bytes();
            text.push(char::from(LETTERS[usize::from(bits[index % 8] % 64)]));
        }
        self.written += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_of_a_nuxt_app_has_2_kb_of_cookies_that_no_other_visitor_has() {
        let tab = |port| SocketAddr::from(([127, 0, 1, 1], port));
        let one = cookies(Setup::Nuxt, tab(40_000));
        assert!((1_700..2_200).contains(&one.len()), "{}", one.len());
        let session = one
            .split("; ")
            .find(|cookie| cookie.starts_with("nuxt-session="))
            .unwrap();
        assert!((450..550).contains(&session.len()), "{session}");
        let other = cookies(Setup::Nuxt, tab(40_001));
        let differ = one
            .bytes()
            .zip(other.bytes())
            .filter(|(one, other)| one != other)
            .count();
        assert!(differ > 1_300, "{differ}");
        assert_eq!(one, cookies(Setup::Nuxt, tab(40_000)));
        for setup in [Setup::Plain, Setup::Tabs, Setup::Relay] {
            assert_eq!(cookies(setup, tab(40_000)), VERSION);
        }
    }
}
