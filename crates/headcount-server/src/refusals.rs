//! Pages that were refused for their origin, for an operator to see.
//!
//! Behind a proxy that rewrites `Host` the site's own pages look foreign, and nothing else would show that: their
//! streams open, and their messages are refused. So each pair of an origin and a requested host is logged once, with
//! the remedy, and kept for the board.
//!
//! Strangers can make up pairs. Few are kept, and a new one takes the place of the rarest: a site that is refused is refused often, so its
//! pair stays. New pairs are logged up to a bound per hour; one that was not is logged once it was seen often.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use headcount_core::protocol::admin::RefusedEntry;

use crate::clock;
use crate::head::Head;

/// Pairs that are kept.
const PAIRS_MAX: usize = 32;

/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 256;

/// The time in which the lines below are counted, milliseconds.
const WINDOW_MS: u64 = 3_600_000;

/// Lines in a window for pairs that are new.
const LINES_MAX: u32 = 32;

/// A pair that was seen so often is a refused site, or someone who repeats requests: it has as many lines as new ones.
const OFTEN: u64 = 20;

/// The refusals of late.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The pair that was refused first is first.
    pairs: VecDeque<Pair>,
    window_began_ms: u64,
    /// Lines in this window: for new pairs, and for those seen often.
    lines: [u32; 2],
}

#[derive(Debug)]
struct Pair {
    entry: RefusedEntry,
    is_logged: bool,
}

impl Refusals {
    /// Takes in that a request with this head was refused.
    pub(crate) fn note(&self, head: &dyn Head) {
        let origin = shortened(head.header("origin").unwrap_or_default());
        let host = shortened(head.host().unwrap_or_default());
        if self.is_news(&origin, &host, clock::unix_ms()) {
            tracing::warn!(
                ?origin,
                ?host,
                "a page was refused, because its request has another host than its origin. If it is the site's own page, let the proxy pass `Host` on (nginx: `proxy_set_header Host $http_host;`), or start the server with `--allowed-origin` and \
                 this origin"
            );
        }
    }

    /// Counts a refusal. Returns whether its pair must be logged now.
    fn is_news(&self, origin: &str, host: &str, now_ms: u64) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept {
            pairs,
            window_began_ms,
            lines,
        } = &mut *kept;
        if now_ms.saturating_sub(*window_began_ms) >= WINDOW_MS {
            (*window_began_ms, *lines) = (now_ms, [0; 2]);
        }
        let pair = counted(pairs, origin, host, now_ms);
        let lines = &mut lines[usize::from(pair.entry.count >= OFTEN)];
        if pair.is_logged || *lines >= LINES_MAX {
            return false;
        }
        *lines += 1;
        pair.is_logged = true;
        true
    }

    /// The refusals of late.
    pub(crate) fn list(&self) -> Vec<RefusedEntry> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.pairs.iter().map(|pair| pair.entry.clone()).collect()
    }
}

/// The pair of these names, with one refusal more.
fn counted<'pairs>(
    pairs: &'pairs mut VecDeque<Pair>,
    origin: &str,
    host: &str,
    now_ms: u64,
) -> &'pairs mut Pair {
    let known = pairs
        .iter()
        .position(|Pair { entry, .. }| entry.origin == origin && entry.host == host);
    let place = known.unwrap_or_else(|| {
        if pairs.len() >= PAIRS_MAX {
            let rarest = pairs
                .iter()
                .enumerate()
                .min_by_key(|(_, Pair { entry, .. })| (entry.count, entry.last_at));
            let place = rarest.map_or(0, |(place, _)| place);
            pairs.remove(place);
        }
        pairs.push_back(Pair {
            entry: RefusedEntry::new(origin, host, now_ms),
            is_logged: false,
        });
        pairs.len() - 1
    });
    let pair = &mut pairs[place];
    pair.entry.count += 1;
    pair.entry.last_at = now_ms;
    pair
}

/// The beginning of a name that a visitor chose.
fn shortened(name: &str) -> String {
    let end = name.floor_char_boundary(NAME_BYTES_MAX.min(name.len()));
    name[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_is_news_once() {
        let refusals = Refusals::default();
        assert!(refusals.is_news("https://shop.example", "backend:8080", 1));
        assert!(!refusals.is_news("https://shop.example", "backend:8080", 2));
        assert!(refusals.is_news("https://shop.example", "other:8080", 2));
        let list = refusals.list();
        assert_eq!(
            (&*list[0].host, list[0].count, list[0].last_at),
            ("backend:8080", 2, 2)
        );
    }

    #[test]
    fn a_site_that_is_refused_among_made_up_pairs_is_kept_and_logged() {
        let refusals = Refusals::default();
        let mut logged = Vec::new();
        let mut now_ms = 1;
        for number in 0..1_000 {
            now_ms += 1;
            if refusals.is_news(&format!("https://{number}.example"), "x", now_ms) {
                logged.push(number.to_string());
            }
            if number > 500
                && number % 10 == 0
                && refusals.is_news("https://shop.example", "backend:8080", now_ms)
            {
                logged.push("shop".to_owned());
            }
        }
        assert_eq!(logged.len(), LINES_MAX as usize + 1);
        assert_eq!(logged.last().map(String::as_str), Some("shop"));
        let list = refusals.list();
        assert_eq!(list.len(), PAIRS_MAX);
        let shop = list.iter().find(|entry| entry.host == "backend:8080");
        assert_eq!(shop.map(|entry| entry.count), Some(49));
        assert!(refusals.is_news("https://late.example", "x", WINDOW_MS + now_ms));
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(shortened(&"é".repeat(1_000)).len(), NAME_BYTES_MAX);
        assert_eq!(shortened("https://a"), "https://a");
    }
}
