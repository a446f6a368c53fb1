//! Admits everybody, for trials on loopback.
//!
//! Whoever can open a stream then sees the counts, the routes and, with `ip_tracking`, the addresses of all visitors. Start
//! it only where the network lets nobody else in; the binary says so loudly.

use super::{ADMISSION_MS, AuthorizeRequest, Authorizer, Reads, Verdict, VerdictFuture};

/// Admits everybody, also a browser that shows no cookie at all.
#[derive(Clone, Copy, Debug)]
pub struct Anyone;

impl Authorizer for Anyone {
    fn reads(&self) -> Reads {
        Reads::nothing()
    }

    fn authorize<'a>(&'a self, request: &'a AuthorizeRequest) -> VerdictFuture<'a> {
        let until_ms = request.now_ms.saturating_add(ADMISSION_MS);
        Box::pin(std::future::ready(Verdict::Admitted { until_ms }))
    }
}
