//! Pages that were turned away for their origin, for an operator to see.
//!
//! Behind a proxy that rewrites `Host` the site's own pages look foreign, and nothing else would say so: their streams open, and what they
//! say is refused. So each pair of an origin and the host that was asked is said once in the log, with what mends it, and kept for the
//! board. Strangers can make up pairs, so few are kept, and one gives its place away once it was not seen for an hour.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use headcount_core::protocol::admin::RefusedEntry;

use crate::clock;
use crate::head::Head;

/// Pairs that are kept.
const PAIRS_MAX: usize = 32;

/// Bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 256;

/// After how long without a refusal a pair gives its place away, milliseconds.
const FORGOTTEN_MS: u64 = 3_600_000;

/// The refusals of late, the oldest pair first.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<VecDeque<RefusedEntry>>);

impl Refusals {
    /// Takes in that a request with this head was refused.
    pub(crate) fn note(&self, head: &dyn Head) {
        let origin = shortened(head.header("origin").unwrap_or_default());
        let host = shortened(head.host().unwrap_or_default());
        if self.is_news(&origin, &host, clock::unix_ms()) {
            tracing::warn!(
                ?origin,
                ?host,
                "a page was refused, because the host that was asked for is not the one of its origin. If it is the site's own page, let \
                 the proxy pass on `Host` (nginx: `proxy_set_header Host $http_host;`), or start the server with `--allowed-origin` and \
                 this origin"
            );
        }
    }

    /// Counts a refusal. Whether it is the first of its pair.
    fn is_news(&self, origin: &str, host: &str, now_ms: u64) -> bool {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |pair: &&mut RefusedEntry| pair.origin == origin && pair.host == host;
        if let Some(pair) = pairs.iter_mut().find(is_it) {
            pair.count += 1;
            pair.last_at = now_ms;
            return false;
        }
        if pairs.len() >= PAIRS_MAX {
            let forgotten = |pair: &RefusedEntry| pair.last_at.saturating_add(FORGOTTEN_MS) <= now_ms;
            let Some(place) = pairs.iter().position(forgotten) else {
                return false;
            };
            pairs.remove(place);
        }
        pairs.push_back(RefusedEntry {
            origin: origin.to_owned(),
            host: host.to_owned(),
            count: 1,
            last_at: now_ms,
        });
        true
    }

    /// The refusals of late.
    pub(crate) fn list(&self) -> Vec<RefusedEntry> {
        let pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.iter().cloned().collect()
    }
}

/// The beginning of a name that a stranger chose.
fn shortened(name: &str) -> String {
    let end = name.floor_char_boundary(NAME_BYTES_MAX.min(name.len()));
    name[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pair_is_news_once_and_strangers_push_none_out() {
        let refusals = Refusals::default();
        assert!(refusals.is_news("https://shop.example", "backend:8080", 1));
        assert!(!refusals.is_news("https://shop.example", "backend:8080", 2));
        assert!(refusals.is_news("https://shop.example", "other:8080", 2));
        for number in 0..1_000 {
            refusals.is_news(&format!("https://{number}.example"), "x", 3);
        }
        let list = refusals.list();
        assert_eq!(list.len(), PAIRS_MAX);
        assert_eq!(
            (&*list[0].host, list[0].count, list[0].last_at),
            ("backend:8080", 2, 2)
        );
        assert!(refusals.is_news("https://late.example", "x", FORGOTTEN_MS + 2));
        assert_eq!(refusals.list().len(), PAIRS_MAX);
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(shortened(&"é".repeat(1_000)).len(), NAME_BYTES_MAX);
        assert_eq!(shortened("https://a"), "https://a");
    }
}
