//! Admits everybody, for trials on loopback.
//!
//! Whoever can open a stream then sees the counts, the routes and, with `ip_tracking`, the addresses of all visitors. Start
//! it only where the network lets nobody else in; the binary says so loudly.

use super::{AuthorizeRequest, Authorizer, Reads, Verdict, VerdictFuture};

/// Admits everybody, also a browser that shows no cookie at all.
#[derive(Clone, Copy, Debug)]
pub struct Anyone;

impl Authorizer for Anyone {
    fn reads(&self) -> Reads {
        Reads::nothing()
    }

    fn at_once(&self, _request: &AuthorizeRequest) -> Option<Verdict> {
        Some(Verdict::ADMITTED)
    }

    fn ignores_connection(&self) -> bool {
        true
    }

    fn authorize<'a>(&'a self, _request: &'a AuthorizeRequest) -> VerdictFuture<'a> {
        Box::pin(std::future::ready(Verdict::ADMITTED))
    }
}
