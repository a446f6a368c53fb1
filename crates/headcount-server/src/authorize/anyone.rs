//! Admits anyone, for trials on loopback.
//!
//! Anyone who can open a stream then sees the counts, the routes and, with `ip_tracking`, the addresses of all
//! visitors. Use it only in a network without other people; the binary warns about it.

use super::authorizer::{AuthorizeRequest, Authorizer, Verdict, VerdictFuture};
use super::credentials::Reads;

/// Admits every browser, also one without any cookie.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use headcount_server::authorize::anyone::Anyone;
/// use headcount_server::authorize::{AuthorizeRequest, Authorizer, Credentials, Verdict};
///
/// let unknown = AuthorizeRequest::new(Credentials::default());
/// assert_eq!(Anyone.authorize(&unknown).await, Verdict::ADMITTED);
/// # });
/// ```
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
