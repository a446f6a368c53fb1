//! Cookies that are no longer valid, because the app ended them.
//!
//! A WebSocket is judged by the cookies of its handshake, and a sealed session cookie stays valid after its user has
//! signed out. So the app says which cookies it has ended (`POST bridge/ended`), and from then on they are left out of
//! every question: an authorizer decides by the remaining ones. They are left out instead of refused, so that a visitor
//! who makes the app delete `theme=dark` does not affect an admin with the same cookie.
//!
//! Apps and authorizers decode cookies. So two spellings of one cookie, percent-encoded or in quotes, are the same cookie here ([`normal`]).
//!
//! Invariant: cookies that admitted a subscriber are remembered apart from all others, and those of them that have ended apart again. So cookies
//! that visitors make the app delete cause no new questions, and only the sign-outs of subscribers push out the sign-out of a subscriber.
//!
//! In a cluster a cookie may be ended at one server and have admitted a subscriber at another, and the first one cannot know. So each server
//! tells all others of every cookie that it was told of, as a hash under a key that all of them have. One at which the cookie admitted a subscriber
//! says that to all, and from then on all remember it apart: the invariant holds for admissions at any server.

use headcount_core::cluster::EndedCookie;
use headcount_shard::Credentials;
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::head::without_cookies;
use crate::keys::Hashes;

/// Cookies remembered that admit a subscriber, as many that did until they were ended, and as many others that were ended. 24 bytes each.
const COOKIES_MAX: usize = 16_384;

/// The cookies that were taken back.
#[derive(Debug)]
pub(crate) struct Ended {
    hashes: Hashes,
    /// Whether there are any at all.
    has_any: AtomicBool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Cookies that admit a subscriber.
    admitting: Newest,
    /// Cookies that admitted a subscriber, and were taken back.
    ended: Newest,
    /// Other cookies that were taken back: one of them may be in a question that is under way.
    others: Newest,
}

/// Hashes of cookies, the newest [`COOKIES_MAX`].
#[derive(Debug, Default)]
struct Newest {
    hashes: HashSet<u64>,
    /// With some that were removed.
    order: VecDeque<u64>,
}

/// What is known of a cookie that is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// It admitted a subscriber here, and held until now.
    Admits,
    /// It admitted a subscriber, here or at another server, and was ended before.
    Admitted,
    /// It admitted nobody, as far as is known.
    Nothing,
}

impl Default for Ended {
    fn default() -> Self {
        Self::new(Hashes::random())
    }
}

impl Ended {
    /// None yet. Cookies are known by these hashes.
    pub(crate) fn new(hashes: Hashes) -> Self {
        Self {
            hashes,
            has_any: AtomicBool::new(false),
            known: Mutex::default(),
        }
    }

    /// Remembers the cookies that admitted a subscriber.
    pub(crate) fn note_admitted(&self, credentials: &Credentials) {
        let mut known = self.known();
        for pair in pairs(credentials) {
            known.note_admitting(self.hash(pair));
        }
    }

    /// Remembers that a cookie, `name=value`, was ended: its hash, and what it was.
    pub(crate) fn end(&self, pair: &str) -> (u64, Before) {
        let hash = self.hash(pair);
        self.has_any.store(true, Ordering::Release);
        (hash, self.known().end(hash))
    }

    /// Remembers that a cookie was ended at another server, and what it was here.
    pub(crate) fn end_too(&self, cookie: EndedCookie) -> Before {
        self.has_any.store(true, Ordering::Release);
        let mut known = self.known();
        let before = known.end(cookie.hash);
        if cookie.admitted && before == Before::Nothing {
            // From now on only admissions push it out.
            known.note_admitting(cookie.hash);
        }
        before
    }

    /// How many of the cookies shown were taken back.
    pub(crate) fn count_in(&self, credentials: &Credentials) -> usize {
        if !self.has_any.load(Ordering::Acquire) {
            return 0;
        }
        let known = self.known();
        pairs(credentials)
            .filter(|pair| known.is_ended(self.hash(pair)))
            .count()
    }

    /// What was shown without the cookies that were taken back; `None` where none was.
    pub(crate) fn without(&self, credentials: &Credentials) -> Option<Credentials> {
        if self.count_in(credentials) == 0 {
            return None;
        }
        let known = self.known();
        let is_ended = |name: &str, value: &str| known.is_ended(self.hash(&format!("{name}={value}")));
        let left = credentials.headers().filter_map(|(name, value)| {
            if name != "cookie" {
                return Some((name.into(), value.into()));
            }
            let cookies = without_cookies(value, is_ended);
            (!cookies.is_empty()).then(|| (name.into(), cookies.into()))
        });
        Some(Credentials::from_headers(left.collect()))
    }

    fn hash(&self, pair: &str) -> u64 {
        self.hashes.of(&*normal(pair))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cookies shown, `name=value` each.
fn pairs(credentials: &Credentials) -> impl Iterator<Item = &str> {
    let cookies = credentials.headers().filter(|(name, _)| *name == "cookie");
    cookies
        .flat_map(|(_, value)| value.split(';').map(str::trim))
        .filter(|pair| !pair.is_empty())
}

/// What all spellings of a cookie have in common: no spaces or quotes around its value, and its percent-encoded bytes decoded.
fn normal(pair: &str) -> Cow<'_, str> {
    let pair = pair.trim();
    let Some((name, value)) = pair.split_once('=') else {
        return Cow::Borrowed(pair);
    };
    let is_plain = |text: &str| !text.contains(['%', '"', ' ', '\t']);
    if is_plain(pair) {
        return Cow::Borrowed(pair);
    }
    let value = percent_decode_str(value.trim().trim_matches('"')).decode_utf8_lossy();
    Cow::Owned(format!("{}={value}", name.trim()))
}

impl Known {
    fn is_ended(&self, hash: u64) -> bool {
        self.ended.contains(hash) || self.others.contains(hash)
    }

    fn note_admitting(&mut self, hash: u64) {
        if self.is_ended(hash) {
            // It stays so, and from now on only sign-outs of subscribers push it out.
            self.ended.add(hash);
        } else {
            self.admitting.add(hash);
        }
    }

    fn end(&mut self, hash: u64) -> Before {
        if self.ended.contains(hash) {
            return Before::Admitted;
        }
        if self.admitting.remove(hash) {
            self.ended.add(hash);
            return Before::Admits;
        }
        self.others.add(hash);
        Before::Nothing
    }
}

impl Newest {
    fn contains(&self, hash: u64) -> bool {
        self.hashes.contains(&hash)
    }

    fn add(&mut self, hash: u64) {
        if !self.hashes.insert(hash) {
            return;
        }
        self.order.push_back(hash);
        if self.order.len() > COOKIES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
    }

    /// Whether it was there.
    fn remove(&mut self, hash: u64) -> bool {
        self.hashes.remove(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cookies: &str) -> Credentials {
        Credentials::of(&[("cookie", cookies), ("user-agent", "Firefox")])
    }

    fn left(ended: &Ended, cookies: &str) -> Option<String> {
        let left = ended.without(&shown(cookies))?;
        let headers = left.headers().map(|(name, value)| format!("{name}: {value}"));
        Some(headers.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn what_was_taken_back_is_left_out_and_the_rest_is_not() {
        let ended = Ended::default();
        assert_eq!(left(&ended, "sid=1"), None);
        ended.end("sid=1");
        assert_eq!(left(&ended, "theme=dark; sid=12; xsid=1"), None);
        assert_eq!(
            left(&ended, "theme=dark; sid=1; a=b=c").unwrap(),
            "cookie: theme=dark; a=b=c, user-agent: Firefox"
        );
        assert_eq!(left(&ended, "sid=1").unwrap(), "user-agent: Firefox");
    }

    #[test]
    fn a_cookie_is_the_same_in_every_spelling() {
        let spellings = ["sid=a*b c", "sid=a%2Ab%20c", "sid = \"a%2ab c\"", " sid=%61*b c "];
        for told in spellings {
            let ended = Ended::default();
            ended.end(told);
            for other in spellings {
                assert_eq!(
                    left(&ended, other).unwrap(),
                    "user-agent: Firefox",
                    "{told}, {other}"
                );
            }
            for another in ["sid=a*b", "%73id=a*b c", "sid=a%252Ab c", "sid=a*b c%FF"] {
                assert_eq!(left(&ended, another), None, "{told}, {another}");
            }
        }
    }

    #[test]
    fn only_a_cookie_that_admitted_somebody_concerns_anybody_and_only_once() {
        let ended = Ended::default();
        ended.note_admitted(&shown("sid=1; theme=dark"));
        assert_eq!(ended.end("sid=2").1, Before::Nothing);
        assert_eq!(ended.end("sid=1").1, Before::Admits);
        assert_eq!(ended.end("sid=1").1, Before::Admitted);
        ended.note_admitted(&shown("sid=1; sid=2"));
        for number in 0..2 * COOKIES_MAX {
            ended.end(&format!("a={number}"));
        }
        assert_eq!(ended.count_in(&shown("sid=1; sid=2")), 2, "they stay taken back");
    }

    #[test]
    fn junk_does_not_push_out_a_sign_out() {
        let ended = Ended::default();
        ended.note_admitted(&shown("sid=admin"));
        ended.end("sid=admin");
        for number in 0..3 * COOKIES_MAX {
            assert_eq!(ended.end(&format!("sid={number}")).1, Before::Nothing);
        }
        assert_eq!(ended.count_in(&shown("sid=admin")), 1);
        assert_eq!(
            ended.count_in(&shown("sid=0")),
            0,
            "the oldest of the others went"
        );
        let known = ended.known();
        assert!(known.others.hashes.len() <= COOKIES_MAX && known.others.order.len() <= COOKIES_MAX);
    }

    #[test]
    fn admissions_do_not_push_out_a_sign_out() {
        let ended = Ended::default();
        ended.note_admitted(&shown("sid=1"));
        ended.end("sid=1");
        for number in 0..2 * COOKIES_MAX {
            ended.note_admitted(&shown(&format!("theme={number}")));
        }
        assert_eq!(ended.count_in(&shown("sid=1")), 1);
        assert_eq!(ended.end("sid=1").1, Before::Admitted);
    }

    /// Three servers of a cluster: one is told, one admitted the subscriber, and one has only heard of it.
    #[test]
    fn junk_does_not_push_out_a_sign_out_of_another_server() {
        let hashes = Hashes::random();
        let [told, admitting, other] = [(); 3].map(|()| Ended::new(hashes.clone()));
        admitting.note_admitted(&shown("sid=admin"));
        let (hash, before) = told.end("sid=admin");
        assert_eq!(before, Before::Nothing);
        let mut cookie = EndedCookie {
            hash,
            ended_ms: 1,
            admitted: false,
        };
        assert_eq!(admitting.end_too(cookie), Before::Admits);
        assert_eq!(other.end_too(cookie), Before::Nothing);
        cookie.admitted = true;
        assert_eq!(told.end_too(cookie), Before::Nothing);
        assert_eq!(other.end_too(cookie), Before::Nothing);
        assert_eq!(other.end_too(cookie), Before::Admitted);
        for number in 0..2 * COOKIES_MAX {
            for ended in [&told, &admitting, &other] {
                ended.end(&format!("sid={number}"));
            }
        }
        for ended in [&told, &admitting, &other] {
            assert_eq!(ended.count_in(&shown("sid=admin")), 1);
        }
    }
}
